"""The compiled graph as a node of your own LangGraph graph: it reads `task` and writes `answer`.

python examples/embed_graph.py [MODEL]
"""

import sys
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from pilotage.agent import ReasoningAgent

model = sys.argv[1] if len(sys.argv) > 1 else "embedded"


class Chat(TypedDict, total=False):
    task: str
    answer: str | None
    reply: str


def speak(state: Chat) -> Chat:
    return {"reply": f"I worked it out: {state['answer']}"}


graph = StateGraph(Chat)
graph.add_node("think", ReasoningAgent(model).graph)
graph.add_node("speak", speak)
graph.add_edge(START, "think")
graph.add_edge("think", "speak")
graph.add_edge("speak", END)

final = graph.compile().invoke({"task": "How many minutes are there in 3 hours and 20 minutes?"})
print(final["reply"])
