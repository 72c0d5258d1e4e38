"""The concept store on its own: add, search, recall, forget, and the history of it all.

python examples/remember.py
"""

import tempfile

from pilotage.memory import ConceptDraft, ConceptStore
from pilotage.memory.render import render

with tempfile.TemporaryDirectory() as folder, ConceptStore.open(folder, embedder="hash") as store:
    profit = store.add(
        ConceptDraft(
            kind="routine",
            title="Profit of a sale",
            description="What is left of the takings after the costs.",
            cues=("goods are sold at a price each", "there are costs to subtract"),
            implementation=("takings = count * price, summed over the goods", "profit = takings - costs"),
        ),
        actor="example",
    )
    store.add(ConceptDraft.lesson("a sequence grows by a factor", ["divide neighbours, do not subtract them"]))

    for hit in store.search("How much profit is left of selling goods at a price each, after costs?"):
        print(f"{hit.similarity:.2f}  {hit.concept.title}")

    recollection = store.recall("How much profit is left of selling 480 goods at a price each, after the costs?")
    print(render(recollection.concepts, max_tokens=120).text)

    store.forget(profit, actor="example", cause="no longer needed")
    print([event.action for event in store.history(profit)], store.count(), "left; forgotten ones can be restored")
