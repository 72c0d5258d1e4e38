"""A memory of your own: one asynchronous function that the agent recalls through. It only reads; nothing is learnt.

python examples/own_memory.py [MODEL]
"""

import sys

from pilotage.agent import ReasoningAgent
from pilotage.agent.budget import estimate_tokens
from pilotage.agent.trace import Hint, Recalled

NOTES = {
    "crate": "Boxes in a crate: multiply crates by boxes, and these by what is in one.",
    "train": "Speed is distance over time.",
}


async def notebook(query: str, max_tokens: int, kit=None, *, exclude=(), tried: str = "") -> Recalled:
    """The first note whose word the task has, if it was not shown before and the prompt has room for it."""
    for word, note in NOTES.items():
        if word in query.lower() and word not in exclude and estimate_tokens(note) <= max_tokens:
            return Recalled(
                text=f"A note that may help:\n{note}", hints=(Hint(concept_id=word, title=note, similarity=1),)
            )
    return Recalled()


with ReasoningAgent(sys.argv[1] if len(sys.argv) > 1 else "embedded", memory=notebook) as agent:
    run = agent.solve("A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?")

print("answer", run.answer)
print("recalled", run.recalled)
