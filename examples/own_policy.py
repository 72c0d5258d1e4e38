"""A policy of your own: anything with a name and `decide(observation, mask) -> Decision`.

python examples/own_policy.py [MODEL]
"""

import sys

from pilotage.agent import ReasoningAgent
from pilotage.agent.blocks import installed
from pilotage.agent.routing.observation import Observer
from pilotage.navigator import Decision

model = sys.argv[1] if len(sys.argv) > 1 else "embedded"
registry = installed()
spec, actions = Observer(registry).spec, registry.actions


class ThinkTwice:
    """Reasons, has it checked, and answers."""

    name = "think-twice"

    def decide(self, observation, mask) -> Decision:
        for action in ("reason", "verify"):
            unused = spec.value(observation, f"count_{action}") == 0
            if unused and mask[actions.index(action)]:
                return Decision(actions.index(action), f"{action} was not used yet")
        return Decision(actions.index("answer"), "thought twice")


with ReasoningAgent(model, registry=registry, policy=ThinkTwice()) as agent:
    run = agent.solve("A train covers 150 km in 2 hours. How many kilometres does it cover in 5 hours?")

print("answer", run.answer)
print("route", " -> ".join(run.route))
