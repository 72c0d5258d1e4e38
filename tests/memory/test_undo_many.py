"""Undo of many events at once: a few statements, and nobody shut out while it is prepared."""

from contextlib import contextmanager

import pytest
from sqlalchemy.event import listen, remove

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.edits.prune import PruneRule
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import StaleConcept
from pilotage.memory.search.keywords import drift
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST

VOWELS = {"title": "Count vowels", "cues": ["how many vowels a word has"]}


def many(store, number, run):
    drafts = [ConceptDraft(title=f"Method {place}", cues=(f"case {place}",)) for place in range(number)]
    return store.add_many(drafts, run=run)


@contextmanager
def counted(store):
    """How many statements a store sends."""
    sent = []
    engine = store._ledger.database._engine
    listener = lambda *arguments: sent.append(arguments[2])  # noqa: E731  (removed again below)
    listen(engine, "before_cursor_execute", listener)
    yield sent
    remove(engine, "before_cursor_execute", listener)


def test_undoing_and_pruning_many_takes_few_statements(store, tmp_path):
    many(store, 300, "big")
    file = tmp_path / "all.jsonl"
    store.export(file)
    ways = (
        lambda: store.undo_run("big"),
        lambda: store.undo_run("undo:big"),
        lambda: store.undo_run("big"),
        lambda: store.import_(file),  # brings back what was withdrawn
        lambda: store.prune(PruneRule(idle=1)),
    )
    for place, way in enumerate(ways):
        if place == 4:
            store.record_outcomes({concept.id: ["recalled"] for concept in store.all()})
        with counted(store) as sent:
            way()
        others = [statement for statement in sent if not statement.startswith("INSERT INTO events")]
        assert len(others) < 60, f"way {place}"
    assert store.is_empty()


def test_others_write_while_an_undo_embeds_and_what_they_did_counts(folder):
    other = ConceptStore.open(folder, embedder="hash")
    done = []

    class Slow(HashEmbedder):
        def embed(self, texts):
            if armed:
                armed.clear()
                done.append(other.record_outcome([id], "helped"))
            return super().embed(texts)

    armed = []
    with ConceptStore.open(folder, embedder=Slow()) as store, other:
        id = store.add(COST)
        store.revise(id, VOWELS, run="r1")
        armed.append(True)
        store.undo_run("r1")
        assert done == [None], "the other one was let in"
        concept = store.get(id)
        assert (concept.title, concept.outcomes.helped, concept.status) == (COST.title, 1, "trusted")
        assert drift_free(store)


def test_an_undo_is_planned_anew_where_somebody_was_faster(folder):
    other = ConceptStore.open(folder, embedder="hash")
    armed = []

    class Slow(HashEmbedder):
        def embed(self, texts):
            if armed:
                armed.clear()
                other.revise(id, {"title": "Later title"})
            return super().embed(texts)

    with ConceptStore.open(folder, embedder=Slow()) as store, other:
        id = store.add(COST)
        store.revise(id, VOWELS, run="r1")
        armed.append(True)
        with pytest.raises(StaleConcept, match="undo that one first"):
            store.undo_run("r1")
        assert store.get(id).title == "Later title"


def drift_free(store):
    with store._ledger.read() as connection:
        found = drift(connection)
    return not found.missing and not found.surplus
