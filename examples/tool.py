"""The agent as a LangChain tool: a question in, the answer out, the whole run as its artifact.

python examples/tool.py [MODEL]

With a model that calls tools: `create_agent("openai:gpt-4o-mini", [agent.as_tool()])`.
"""

import sys

from pilotage.agent import ReasoningAgent

model = sys.argv[1] if len(sys.argv) > 1 else "embedded"

with ReasoningAgent(model) as agent:
    tool = agent.as_tool()
    print(tool.name, tool.args)
    call = {"name": tool.name, "args": {"question": "What is 12 times 40?"}, "id": "1", "type": "tool_call"}
    said = tool.invoke(call)

print("answer", said.content)
print("route", " -> ".join(said.artifact["route"]))
