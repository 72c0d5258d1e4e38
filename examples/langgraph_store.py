"""A LangGraph agent that keeps what it is told, in a PilotageStore; any graph takes one with `store=`.

python examples/langgraph_store.py [MODEL]
"""

import asyncio
import sys
import tempfile

from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph

from pilotage.agent.models import load_model
from pilotage.memory.adapters.langgraph.store import PilotageStore

model = load_model(sys.argv[1] if len(sys.argv) > 1 else "embedded").model
FACTS = ("users", "ada", "facts")


async def answer(state: MessagesState) -> MessagesState:
    question = state["messages"][-1].text
    found = await get_store().asearch(FACTS, query=question, limit=3)
    known = "\n".join(item.value["text"] for item in found)
    reply = await model.ainvoke([SystemMessage(f"What you know:\n{known}"), HumanMessage(question)])
    return {"messages": [reply]}


graph = StateGraph(MessagesState)
graph.add_node("answer", answer)
graph.add_edge(START, "answer")
graph.add_edge("answer", END)

with tempfile.TemporaryDirectory() as folder, PilotageStore.open(folder, embedder="hash", fields=["text"]) as store:
    store.put(FACTS, "box", {"text": "A box holds 8 pens.", "since": 2026})
    store.put(FACTS, "crate", {"text": "A crate holds 12 boxes.", "since": 2026})
    store.put(FACTS, "tea", {"text": "Ada drinks green tea.", "since": 2024})
    question = "How many pens are in 5 crates of boxes?"
    for item in store.search(FACTS, query=question, filter={"since": {"$gte": 2025}}):
        print(f"{item.score:.2f}  {item.value['text']}")
    final = asyncio.run(graph.compile(store=store).ainvoke({"messages": [HumanMessage(question)]}))
    print(final["messages"][-1].text)
