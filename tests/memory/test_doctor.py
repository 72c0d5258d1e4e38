import sqlite3

import pytest

from pilotage.memory.errors import InvalidConcept, UnknownConcept
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL


def damage(folder, *statements):
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def examined(folder, *, repair=False):
    with ConceptStore.open(folder, embedder="hash") as store:
        return {finding.what: finding for finding in store.doctor(repair=repair)}


@pytest.fixture
def filled(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        store.add_many([COST, SPELL, GRID])
    return folder


def test_a_sound_store_has_nothing_to_mend(filled):
    found = examined(filled)
    assert all(finding.ok for finding in found.values()), found
    assert set(found) == {"database", "concepts", "history", "vectors", "keyword index", "vector index"}


@pytest.mark.parametrize(
    ("statement", "what", "remedy"),
    [
        ("UPDATE concepts SET kind = 'lesson' WHERE added_seq = 1", "concepts", "history ID"),
        ("UPDATE concepts SET body = '{}' WHERE added_seq = 1", "concepts", "history ID"),
        ("DELETE FROM events WHERE seq = 2", "history", "backup"),
        ("DELETE FROM vectors", "vectors", "reindex"),
        ("UPDATE vectors SET data = x'00'", "vectors", "reindex"),
        ("DELETE FROM concept_words", "keyword index", "--repair"),
    ],
)
def test_each_fault_is_found_where_it_is_and_says_what_to_do(filled, statement, what, remedy):
    damage(filled, statement)
    with ConceptStore.open(filled, embedder=None) as store:
        found = {finding.what: finding for finding in store.doctor()}
    assert not found[what].ok
    assert remedy in found[what].remedy


def test_repair_rebuilds_the_keyword_index(filled):
    damage(filled, "DELETE FROM concept_words")
    found = examined(filled, repair=True)
    assert found["keyword index"].ok and found["keyword index"].repaired
    assert examined(filled)["keyword index"].ok
    with ConceptStore.open(filled, embedder="hash") as store:
        assert store.search("rotate a matrix")[0].concept.title == GRID.title


def test_the_doctor_changes_nothing_without_repair(filled):
    damage(filled, "DELETE FROM concept_words")
    assert not examined(filled)["keyword index"].ok
    assert not examined(filled)["keyword index"].ok


def test_stats_count_what_is_there(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        empty = store.stats()
        assert (empty.concepts, empty.events, empty.embedder, empty.last_event) == (0, 0, "", "")
        ids = store.add_many([COST, SPELL, GRID])
        store.forget(ids[0])
        store.record_outcome([ids[1]], "helped")
        found = store.stats()
    assert (found.concepts, found.retired, found.vectors, found.events) == (2, 1, 3, 5)
    assert found.by_kind == {"routine": 2}
    assert found.by_status == {"provisional": 1, "retired": 1, "trusted": 1}
    assert found.embedder == "hash/256/v1"
    assert found.ledger_bytes > 0


def test_stats_are_of_one_namespace(filled):
    with ConceptStore.open(filled, embedder="hash", namespace="tenant") as tenant:
        assert (tenant.stats().concepts, tenant.stats().events, tenant.stats().vectors) == (0, 0, 0)
        tenant.add(COST)
        assert tenant.namespaces() == {"default": 3, "tenant": 1}


def test_concepts_are_listed_by_kind_status_and_figure(store):
    ids = store.add_many([COST, SPELL, GRID.model_copy(update={"kind": "structure"})])
    store.record_outcome([ids[1]], "helped")
    store.revise(ids[0], {"description": "changed last"})
    store.forget(ids[2])
    assert [c.id for c in store.browse()] == ids[:2]
    assert [c.id for c in store.browse(status="retired")] == [ids[2]]
    assert [c.id for c in store.browse(status="trusted")] == [ids[1]]
    assert store.browse(kind="structure") == []
    assert [c.id for c in store.browse(sort="helped", limit=1)] == [ids[1]]
    assert [c.id for c in store.browse(sort="changed", limit=1)] == [ids[0]]
    assert [c.title for c in store.browse(sort="title", offset=1)] == [COST.title]
    with pytest.raises(InvalidConcept, match="'psychic' is no sort: choose from added"):
        store.browse(sort="psychic")


def test_the_start_of_an_id_finds_the_concept_if_it_is_the_only_one(store):
    store.import_(_lines("ab1", "ab2", "c%"), form="jsonl")
    assert store.find_id("ab1") == "ab1"
    assert store.find_id("c") == "c%"
    with pytest.raises(UnknownConcept, match=r"several ids \(ab1, ab2\)"):
        store.find_id("ab")
    for unknown in ("zz", "%", "_", ""):
        with pytest.raises(UnknownConcept, match="no concept"):
            store.find_id(unknown)


def _lines(*ids):
    import io

    lines = [f'{{"id": "{id}", "namespace": "n", "title": "concept {place}"}}' for place, id in enumerate(ids)]
    return io.BytesIO("\n".join(lines).encode())
