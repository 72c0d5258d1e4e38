"""Odd values mean the same on SQLite and on a real PostgreSQL: the same typed sentence, or the same answer."""

import pytest

from pilotage.memory.adapters.langgraph.items import ItemTable
from pilotage.memory.concept import ConceptDraft, Parameter
from pilotage.memory.errors import InvalidConcept, LedgerError, UnknownConcept
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST


@pytest.fixture
def memory(place):
    with ConceptStore.open(place, embedder="hash") as store:
        yield store


def test_no_draft_with_a_nul_or_an_unseen_title_is_stored_however_it_was_built(memory):
    drafts = (
        ConceptDraft(title="a\0b"),
        ConceptDraft(title="ab", keywords=("a\0b",)),
        ConceptDraft(title="ab", parameters=(Parameter(name="a", description="\0"),)),
        ConceptDraft(title="\u200b\u200b"),
    )
    for draft in drafts:
        with pytest.raises(InvalidConcept, match="field '.*' is not valid: it has .*; nothing was stored"):
            memory.add_many([COST, draft])
    with pytest.raises(InvalidConcept, match="field 'status' is not valid"):
        memory.add(COST, status="splendid")
    assert memory.is_empty()


def test_an_id_with_a_nul_is_the_id_of_no_concept(memory):
    id = memory.add(COST)
    for act in (
        lambda: memory.get("a\0"),
        lambda: memory.find_id("a\0"),
        lambda: memory.history("a\0"),
        lambda: memory.forget("a\0"),
        lambda: memory.merge(id, ["a\0"]),
        lambda: memory.record_outcome([id, "a\0"], "helped"),
    ):
        with pytest.raises(UnknownConcept, match="no concept"):
            act()


def test_a_name_with_a_nul_is_one_sentence_or_is_kept(memory):
    try:
        memory.add(COST, actor="a\0b", cause="c\0", run="r\0")
    except LedgerError as error:
        assert "a text holds a NUL character" in str(error) and "\n" not in str(error)
        assert memory.is_empty()


def test_fewer_than_none_cannot_be_asked_for(memory):
    for act in (
        lambda: memory.browse(limit=-1),
        lambda: memory.browse(offset=-1),
        lambda: memory.browse(limit=-1, sort="title"),
        lambda: memory.events(-3),
    ):
        with pytest.raises(InvalidConcept, match="is -.: give a whole number from 0 on"):
            act()


def test_more_ids_than_a_statement_takes_are_asked_for_in_parts(memory):
    id = memory.add(COST)
    many = [*(str(number) for number in range(70_000)), id]
    with memory._ledger.read() as connection:
        assert set(memory._ledger.get(connection, "default", many)) == {id}
        assert set(memory._ledger.vectors(connection, memory._vectors.identity.key, many)) == {id}
        assert ItemTable("default").load(connection, range(70_000)) == {}


def test_an_unknown_role_or_database_is_one_sentence(postgres, postgres_url):
    with pytest.raises(LedgerError, match='does not know this user.*role "nobody" does not exist.*check the user name'):
        ConceptStore.open(postgres_url.replace("postgres@", "nobody@"), embedder="hash")
    with pytest.raises(LedgerError, match="has no such database.*createdb"):
        ConceptStore.open(postgres.url("nowhere"), embedder="hash")
