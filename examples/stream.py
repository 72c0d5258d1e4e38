"""Watch a run as it happens: what was chosen and why, each token, each step's candidate.

python examples/stream.py [MODEL]
"""

import asyncio
import sys

from pilotage.agent import ReasoningAgent, events

model = sys.argv[1] if len(sys.argv) > 1 else "embedded"


async def main() -> None:
    async with ReasoningAgent(model) as agent:
        async for event in agent.astream("What is the sum of the first 20 odd numbers?"):
            match event:
                case events.Chosen(block, why):
                    print(f"\n[{block}] {why}")
                case events.Token(_, text):
                    print(text, end="", flush=True)
                case events.Stepped(step):
                    print(f"\n  candidate: {step.candidate}")
                case events.Finished(run):
                    print(f"\nanswer: {run.answer}")


asyncio.run(main())
