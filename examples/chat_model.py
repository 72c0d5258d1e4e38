"""The agent as a LangChain chat model: it works a question out, tells how as reasoning, and streams its reply.

python examples/chat_model.py [MODEL]

With a model that calls tools: `create_agent(PilotageChatModel("openai:gpt-4o-mini"), tools=[...])`.
"""

import sys

from langchain.agents import create_agent

from pilotage import PilotageChatModel

model = PilotageChatModel(sys.argv[1] if len(sys.argv) > 1 else "embedded")

for chunk in model.stream("What is 12 times 40?"):
    print(chunk.additional_kwargs.get("reasoning_content", chunk.text), end="")
print()

agent = create_agent(model, system_prompt="You are brief.")
reply = agent.invoke({"messages": [("user", "And what is 24 times 20?")]})["messages"][-1]
print("reply", reply.text)
print("route", " -> ".join(reply.response_metadata["route"]), "verified", reply.response_metadata["verified"])
print("tokens", reply.usage_metadata["total_tokens"])
model.agent.close()
