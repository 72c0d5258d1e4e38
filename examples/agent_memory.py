"""A concept memory for an agent of LangChain's: what it has on a question is shown, and feedback says what came of it.

python examples/agent_memory.py [MODEL]
"""

import sys

from langchain.agents import create_agent

from pilotage import ConceptDraft, ConceptMemoryMiddleware, ConceptStore, load_model

model = load_model(sys.argv[1] if len(sys.argv) > 1 else "embedded").model  # any chat model of LangChain's

with ConceptStore.temporary() as store:
    told = ("break the smaller number into tens and ones, multiply each part, then add the products",)
    store.add(ConceptDraft(title="Multiplication", cues=("what is a times b?",), implementation=told))
    memory = ConceptMemoryMiddleware(store)
    agent = create_agent(model, middleware=[memory])
    final = agent.invoke({"messages": [("user", "What is 12 times 40?")]})
    print(final["messages"][-1].text)
    credited = memory.feedback(final, helped=True)
    concept = store.all()[0]
    print("recalled", concept.outcomes.recalled, "followed", concept.outcomes.followed, "credited", len(credited))
