"""Opening a ledger that cannot be used gives one sentence and changes nothing."""

import sqlite3

import pytest

from memory.errors import LedgerError, LedgerLocked, LedgerReadOnly, NewerSchema
from memory.store import ConceptStore
from tests.memory.conftest import COST, SPELL


@pytest.fixture
def ledger_file(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        store.add(COST)
    return folder / "ledger.sqlite"


def edit(file, statement):
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_newer_schema_is_refused(folder, ledger_file):
    edit(ledger_file, "UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(NewerSchema, match="schema 99.*upgrade pilotage"):
        ConceptStore.open(folder, embedder="hash")


def test_a_file_that_is_no_database_is_refused_and_left_alone(folder):
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerError, match="not a readable concept ledger"):
        ConceptStore.open(folder, embedder="hash")
    assert (folder / "ledger.sqlite").read_bytes().startswith(b"not a database")


def test_a_read_only_ledger_can_be_read_and_not_written(ledger_file):
    url = f"sqlite:///file:{ledger_file}?mode=ro&uri=true"
    with ConceptStore.open(url, embedder="hash") as store:
        assert store.search("total cost")[0].concept.draft == COST
        with pytest.raises(LedgerReadOnly, match="cannot be written.*make the file and its folder writable"):
            store.add(SPELL)
        assert store.count() == 1


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LedgerReadOnly, match="cannot be made"):
        ConceptStore.open(tmp_path / "file" / "memory", embedder="hash")


def test_a_ledger_locked_for_too_long_is_a_sentence(folder, ledger_file):
    holder = sqlite3.connect(ledger_file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with ConceptStore.open(folder, embedder="hash", busy_seconds=0.1) as store:
        with pytest.raises(LedgerLocked, match="locked by another process"):
            store.add(SPELL)
        assert store.get(store.all()[0].id).draft == COST
        holder.execute("ROLLBACK")
        store.add(SPELL)
        assert store.count() == 2
    holder.close()


def test_a_full_disk_is_a_sentence_and_writes_nothing(folder, ledger_file):
    with ConceptStore.open(folder, embedder="hash") as store:
        store.search("cost")
        with store._ledger.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        # The same connection is used again: the pool hands out the one that was returned last.
        with store._ledger.read() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        long = SPELL.model_copy(update={"description": "word " * 200, "implementation": ("x" * 300,) * 60})
        with pytest.raises(LedgerError, match="disk .* is full: nothing was written"):
            store.add(long)
        assert store.count() == 1


@pytest.mark.parametrize("url", ["nonsense://x/y", "sqlite+nothing://x", "postgresql+nodriver://h/db"])
def test_a_url_that_cannot_be_opened_is_a_sentence(url):
    with pytest.raises(LedgerError, match="not a database URL|needs the driver"):
        ConceptStore.open(url, embedder="hash")


def test_history_says_who_did_what_and_why(store):
    id = store.add(COST, actor="agent", cause="task 7")
    store.forget(id, actor="anna", cause="misleading")
    added, retired = store.history(id)
    assert (added.actor, added.cause, added.action, added.body["title"]) == ("agent", "task 7", "added", COST.title)
    assert (retired.actor, retired.cause, retired.action) == ("anna", "misleading", "retired")
    assert added.seq < retired.seq and added.at <= retired.at
