"""A graph that holds nothing but a conversation: each turn's question is worked out and answered as a message.

python examples/chat_graph.py [MODEL]
"""

import sys

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from pilotage.agent import ReasoningAgent

model = sys.argv[1] if len(sys.argv) > 1 else "embedded"

with ReasoningAgent(model) as agent:
    graph = StateGraph(MessagesState)
    graph.add_node("think", agent.graph)
    graph.add_edge(START, "think")
    graph.add_edge("think", END)
    chat = graph.compile(checkpointer=InMemorySaver())

    thread = {"configurable": {"thread_id": "one"}}
    for question in ("A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?", "Write a line about pens."):
        print("\n>", question)
        asked = {"messages": [("user", question)]}
        for _, (message, where) in chat.stream(asked, thread, stream_mode="messages", subgraphs=True):
            if where["langgraph_node"] == "answer":  # the other nodes' messages are its working
                print(message.content, end="", flush=True)
    print()
