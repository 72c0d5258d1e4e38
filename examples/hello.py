"""Solve one question and see how.

python examples/hello.py [MODEL]
"""

import sys

from pilotage.agent import ReasoningAgent

model = sys.argv[1] if len(sys.argv) > 1 else "embedded"

with ReasoningAgent(model) as agent:
    run = agent.solve("A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?")

print("answer", run.answer)
print("route", " -> ".join(run.route))
print("cost", run.usage.total_tokens, "tokens in", run.usage.llm_calls, "calls")
