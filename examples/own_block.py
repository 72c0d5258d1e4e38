"""A block of your own. To install one for good, name its class in the entry-point group `pilotage.blocks`.

python examples/own_block.py [MODEL]
"""

import sys

from pilotage.agent import Block, ReasoningAgent, Registry, Step
from pilotage.agent.answers import extract
from pilotage.agent.blocks import BUILT_IN
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Turn

PROMPT = "First estimate the result roughly, then compute it exactly. End with one line 'Answer: ' and the number."


class Estimate(Block):
    """Estimates first, then computes, which catches slips of magnitude. One LLM call."""

    name = "estimate"

    def applicable(self, state: State) -> bool:
        return not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        reply = await kit.ask(state, PROMPT, max_tokens=200)
        candidate = extract(state.task.kind, reply.text, state.task.choices)
        return kit.step(self.name, [reply], turns=[Turn(asked=PROMPT, replied=reply.text)], candidate=candidate)


if __name__ == "__main__":
    model = sys.argv[1] if len(sys.argv) > 1 else "embedded"
    blocks = Registry([*BUILT_IN[:-1], Estimate(), BUILT_IN[-1]])
    with ReasoningAgent(model, registry=blocks, policy="fixed:estimate,verify,answer") as agent:
        run = agent.solve("How much is 49 times 21?")

    print("answer", run.answer)
    print("route", " -> ".join(run.route))
