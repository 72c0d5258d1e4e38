"""Opening a ledger that cannot be used gives one sentence and changes nothing."""

import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from pilotage.agent.sandbox.bubblewrap import find_bwrap
from pilotage.memory.errors import LedgerError, LedgerLocked, LedgerReadOnly, NewerSchema
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, SPELL
from tests.servers import free_port


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


OTHER_PLACES = (
    "mysql://me:secret@h/db",
    "mariadb+pymysql://me:secret@h/db",
    "http://localhost:8000",
    "sqlite://",
    "sqlite:///:memory:",
)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://me:secret@x/y", "'nonsense://me:\\*\\*\\*@x/y' is no place for a memory: give a folder"),
        ("sqlite+nothing://x/y", "not a database URL"),
        ("postgresql+nodriver://h/db", "not a database URL"),
        ("postgresql://me:secret@h:port/db", "cannot be read: write it as postgresql"),
        *((url, "is no place for a memory: give a folder, .* or postgresql://") for url in OTHER_PLACES),
    ],
)
def test_a_url_that_cannot_be_opened_is_a_sentence(url, said):
    with pytest.raises(LedgerError, match=said) as caught:
        ConceptStore.open(url, embedder="hash")
    assert "secret" not in str(caught.value)


def test_history_says_who_did_what_and_why(store):
    id = store.add(COST, actor="agent", cause="task 7")
    store.forget(id, actor="anna", cause="misleading")
    added, retired = store.history(id)
    assert (added.actor, added.cause, added.action, added.body["title"]) == ("agent", "task 7", "added", COST.title)
    assert (retired.actor, retired.cause, retired.action) == ("anna", "misleading", "retired")
    assert added.seq < retired.seq and added.at <= retired.at


def in_bubblewrap(code, *options):
    """Runs Python where the file system is as `options` of bubblewrap say; returns what it printed."""
    bwrap = find_bwrap()[0]
    root = Path(__file__).parents[2]
    command = [
        str(bwrap),
        "--dev-bind",
        "/",
        "/",
        *options,
        "--die-with-parent",
        "--chdir",
        str(root),
        sys.executable,
        "-c",
    ]
    done = subprocess.run([*command, textwrap.dedent(code)], capture_output=True, text=True, timeout=300)
    if "bwrap:" in done.stderr:
        pytest.skip(f"bubblewrap does not work here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout


FILL = """
from pilotage.memory.errors import LedgerError
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST
with ConceptStore.open({target!r}, embedder="hash") as store:
    kept = []
    try:
        for n in range(5000):
            kept.append(store.add(COST.model_copy(update={{"title": f"Method {{n}}", "description": "x " * 400}})))
    except LedgerError as error:
        print(error)
    assert kept and store.count() == len(kept), (store.count(), len(kept))
    assert {{concept.id for concept in store.all()}} == set(kept)
    assert len(store.events(None)) == len(kept)
    assert len(store.search("method", limit=6000)) == len(kept)
    {make_room}
    kept.append(store.add(COST))
    assert store.search("total cost of a purchase", limit=1)[0].concept.id == kept[-1]
    assert len(store.search("method", limit=6000)) == len(kept)
"""


def test_a_full_file_system_is_a_sentence_and_what_was_acknowledged_stays(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    ballast = f"open({str(mount / 'ballast')!r}, 'wb')"
    code = f"{ballast}.write(bytes(1 << 20))\n" + FILL.format(target=str(mount / "memory"), make_room=ballast)
    said = in_bubblewrap(code, "--size", str(4 << 20), "--tmpfs", str(mount))
    assert "is full: nothing was written; free some space" in said


def test_a_limit_on_file_sizes_is_a_sentence_and_what_was_acknowledged_stays(folder, python):
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.RLIM_INFINITY))"
    code = FILL.format(target=f"sqlite:///{folder}-ledger.sqlite", make_room=limit.format("resource.RLIM_INFINITY"))
    said = python(f"import resource\n{limit.format(1 << 20)}\n{code}")
    assert "nothing was written" in said and ("is full" in said or "limit on the size of files" in said)


def test_a_read_only_file_system_is_a_sentence(folder, ledger_file):
    code = f"""
    from pilotage.memory.errors import LedgerReadOnly
    from pilotage.memory.store import ConceptStore
    from tests.memory.conftest import SPELL
    try:
        with ConceptStore.open({str(folder)!r}, embedder="hash") as store:
            store.add(SPELL)
    except LedgerReadOnly as error:
        print(error)
    """
    before = ledger_file.read_bytes()
    assert "cannot be written" in in_bubblewrap(code, "--ro-bind", str(folder), str(folder))
    assert ledger_file.read_bytes() == before


# --- PostgreSQL


def refused(url, error=LedgerError):
    with pytest.raises(error) as caught:
        ConceptStore.open(url, embedder="hash", busy_seconds=0.2).close()
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_server_that_is_not_there_is_a_sentence():
    said = refused(f"postgresql+psycopg://me:secret@127.0.0.1:{free_port()}/db")
    assert "cannot be reached" in said and "check host and port" in said
    assert "cannot be reached" in refused("postgresql+psycopg://me:secret@no-such-host.invalid/db")


def test_a_plain_url_of_postgresql_needs_no_driver_name(postgres_url):
    for name in ("postgresql", "postgres"):
        with ConceptStore.open(postgres_url.replace("postgresql+psycopg", name), embedder="hash") as store:
            assert store.is_empty()


def test_a_database_that_is_not_there_is_a_sentence(postgres):
    assert "has no such database" in refused(postgres.url("nowhere", password="secret"))


def test_a_wrong_password_is_a_sentence(postgres, postgres_url):
    rules = postgres.folder / "pg_hba.conf"
    postgres.run("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    before = rules.read_text()
    try:
        rules.write_text("local all guarded scram-sha-256\n" + before)
        postgres.run("SELECT pg_reload_conf()")
        said = refused(postgres_url.replace("postgres@", "guarded:secret@"))
        assert "did not let this user in" in said and "check user name and password" in said
    finally:
        rules.write_text(before)
        postgres.run("SELECT pg_reload_conf()")
        postgres.run("DROP ROLE guarded")


def test_a_user_who_may_only_read_can_search_and_gets_a_sentence_for_a_write(postgres, postgres_url):
    with ConceptStore.open(postgres_url, embedder="hash") as store:
        store.add(COST)
    name = postgres_url.partition("@/")[2].partition("?")[0]
    postgres.run("CREATE ROLE reader LOGIN")
    try:
        postgres.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", name)
        with ConceptStore.open(postgres_url.replace("postgres@", "reader@"), embedder="hash") as store:
            assert store.search("total cost")[0].concept.draft == COST
            with pytest.raises(LedgerReadOnly, match="cannot be written .*ask for the right to write"):
                store.add(SPELL)
            assert store.count() == 1
    finally:
        postgres.run("DROP OWNED BY reader", name)
        postgres.run("DROP ROLE reader")


def test_a_lock_held_for_too_long_on_postgresql_is_a_sentence(postgres_url):
    with ConceptStore.open(postgres_url, embedder="hash", busy_seconds=0.2) as store:
        store.add(COST)
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as holder:
            holder.execute("SELECT * FROM meta FOR UPDATE")
            with pytest.raises(LedgerLocked, match="locked by another process"):
                store.add(SPELL)
            assert store.search("total cost")[0].concept.draft == COST
        store.add(SPELL)
        assert store.count() == 2


def test_a_server_that_was_restarted_is_found_again(postgres, postgres_url):
    name = postgres_url.partition("@/")[2].partition("?")[0]
    with ConceptStore.open(postgres_url, embedder="hash") as store:
        store.add(COST)
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        assert postgres.run(cut)
        store.add(SPELL)
        assert store.count() == 2


def test_a_newer_schema_on_postgresql_is_refused_and_a_writer_that_was_overtaken_stops(postgres_url):
    with ConceptStore.open(postgres_url, embedder="hash") as store:
        store.add(COST)
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as other:
            other.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        with pytest.raises(NewerSchema, match="moved to schema 99"):
            store.add(SPELL)
        assert store.count() == 1
    assert "schema 99" in refused(postgres_url, NewerSchema)
