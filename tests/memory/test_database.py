"""Databases that fail half way: lost commits, locks, crowds, read-only folders, lost ledgers, closed stores."""

import asyncio
import io
import os
import shutil
import sqlite3
import subprocess
import sys

import psycopg
import pytest
from langgraph.store.base import GetOp, PutOp

from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.aio import AsyncConceptStore
from pilotage.memory.concept import Concept
from pilotage.memory.errors import ConceptStoreError, LedgerError, LedgerLocked, StoreClosed, WriteUnknown
from pilotage.memory.ledger import postgres as database_postgres
from pilotage.memory.search.recall import Hit
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL
from tests.memory.postgres_proxy import Proxy
from tests.memory.test_ledger import in_bubblewrap


def database(url):
    return url.partition("@/")[2].partition("?")[0]


class TestLostCommits:
    @pytest.fixture
    def proxy(self, postgres, postgres_url):
        proxy = Proxy(postgres.socket_folder, database(postgres_url))
        yield proxy
        proxy.close()

    @pytest.fixture
    def far(self, proxy):
        """A store behind the proxy that holds one concept."""
        with ConceptStore.open(proxy.url, embedder="hash", busy_seconds=5) as store:
            store.add(COST)
            yield store

    @pytest.mark.parametrize("how", ["reply lost", "silence"])
    def test_a_commit_whose_answer_is_lost_is_asked_about_and_acknowledged(self, proxy, far, how, monkeypatch):
        monkeypatch.setattr(database_postgres, "_GRACE", -4.5)  # half a second for the silence
        proxy.at_commit = how
        id = far.add(SPELL)
        assert proxy.at_commit is None, "the line broke"
        assert far.get(id).seen == 1 and far.count() == 2
        assert [event.action for event in far.events()] == ["added", "added"]

    def test_a_commit_that_never_arrived_is_said_to_be_undone_and_can_be_repeated(self, proxy, far):
        proxy.at_commit = "not sent"
        with pytest.raises(LedgerError, match="lost while a write was committed.*undone it: try again; nothing was"):
            far.add(SPELL)
        assert far.count() == 1
        far.add(SPELL)
        assert [concept.seen for concept in far.all()] == [1, 1]

    def test_what_nobody_can_be_asked_about_is_said_not_to_be_known(self, proxy):
        with ConceptStore.open(proxy.url, embedder="hash", busy_seconds=0.5) as far:
            far.add(COST)
            proxy.at_commit, proxy.accepts = "reply lost", False
            with pytest.raises(
                WriteUnknown, match="it is not known whether it was written; look at the memory"
            ) as found:
                far.add(SPELL)
            assert "nothing was written" not in str(found.value)
            proxy.accepts = True
            assert far.count() == 2

    def test_a_line_that_breaks_within_a_write_is_not_called_unreachable(self, postgres, postgres_url):
        with ConceptStore.open(postgres_url, embedder="hash") as store:
            cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database(postgres_url)}'"
            with pytest.raises(LedgerError) as found, store._ledger.write() as connection:
                postgres.run(cut)
                store._ledger.set_meta(connection, "x", "y")
            assert "nothing was written" in str(found.value) and "check host and port" not in str(found.value)


class TestWaiting:
    def test_a_read_behind_a_lock_ends_by_a_sentence(self, postgres_url):
        with ConceptStore.open(postgres_url, embedder="hash", busy_seconds=0.3) as store:
            store.add(COST)
            with psycopg.connect(postgres_url.replace("+psycopg", "")) as holder:
                holder.execute("LOCK TABLE concepts, meta IN ACCESS EXCLUSIVE MODE")
                for wait in (store.count, lambda: store.search("cost"), lambda: store.export(os.devnull)):
                    with pytest.raises(LedgerLocked, match="locked by another process"):
                        wait()
                with pytest.raises(LedgerLocked):
                    ConceptStore.open(postgres_url, embedder="hash", busy_seconds=0.3)
            assert store.count() == 1

    def test_making_the_tables_waits_no_longer_than_a_write(self, postgres_url):
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", [database_postgres._SETUP_LOCK])
            with pytest.raises(LedgerLocked, match="locked by another process"):
                ConceptStore.open(postgres_url, embedder="hash", busy_seconds=0.3)

    def test_a_statement_without_end_is_ended(self, postgres_url, monkeypatch):
        monkeypatch.setattr(database_postgres, "_LONGEST", 0.3)
        with ConceptStore.open(postgres_url, embedder="hash", busy_seconds=0.05) as store:
            with pytest.raises(LedgerLocked, match="within its time limit"), store._ledger.read() as connection:
                connection.exec_driver_sql("SELECT pg_sleep(60)")
            assert store.count() == 0

    def test_a_server_without_a_free_connection_is_not_called_unreachable(self, postgres, postgres_url):
        ConceptStore.open(postgres_url, embedder="hash").close()
        postgres.run("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
        try:
            with pytest.raises(LedgerError, match="no connection left .*raise its max_connections") as found:
                ConceptStore.open(postgres_url.replace("postgres@", "crowded@"), embedder="hash")
            assert "host and port" not in str(found.value)
        finally:
            postgres.run("DROP ROLE crowded")


class TestReadOnlyFolders:
    READ = """
    import io, sys
    from langgraph.store.base import PutOp
    from pilotage.memory.adapters.langgraph.store import PilotageStore
    from pilotage.memory.errors import LedgerReadOnly
    from tests.memory.conftest import COST, SPELL
    with PilotageStore.open({folder!r}, embedder="hash", fields=["text"]) as store:
        concepts = store.concepts
        assert [hit.concept.draft for hit in concepts.search("total cost")] == [COST]
        assert concepts.recall("total cost of a purchase").ids
        assert concepts.export(io.StringIO()) == concepts.count() == len(concepts.all()) == 1
        assert concepts.stats().concepts == 1 and concepts.history(concepts.all()[0].id)
        assert store.get(("a",), "k").value == {{"text": "red apples"}}
        assert [item.key for item in store.search(("a",), query="red apples")] == ["k", "late"]
        for act in (lambda: concepts.add(SPELL), lambda: store.put(("a",), "k", {{}}), store.sweep_ttl):
            try:
                act()
            except LedgerReadOnly as error:
                assert "cannot be written" in str(error) and chr(10) not in str(error)
            else:
                raise AssertionError("it was written")
    print("read")
    """

    @pytest.fixture
    def filled(self, folder):
        with PilotageStore.open(folder, embedder=None, fields=["text"]) as store:
            store.put(("a",), "late", {"text": "embedded by whoever searches"})
        with PilotageStore.open(folder, embedder="hash", fields=["text"]) as store:
            store.concepts.add(COST)
            store.put(("a",), "k", {"text": "red apples"}, ttl=1000)
        return folder

    def test_everything_can_be_read_and_a_write_is_a_sentence(self, filled):
        code = self.READ.format(folder=str(filled))
        assert in_bubblewrap(code, "--ro-bind", str(filled), str(filled)) == "read\n"

    def test_also_while_another_process_writes_to_it(self, filled):
        with ConceptStore.open(filled, embedder="hash") as writer:
            writer.record_outcome([writer.all()[0].id], "recalled")
            code = self.READ.format(folder=str(filled))
            assert in_bubblewrap(code, "--ro-bind", str(filled), str(filled)) == "read\n"

    def test_what_its_last_writer_left_unmerged_is_never_left_out(self, filled):
        code = (
            "import os, sys; from pilotage.memory.store import ConceptStore; from tests.memory.conftest import SPELL\n"
        )
        code += f"ConceptStore.open({str(filled)!r}, embedder='hash').add(SPELL); os._exit(0)"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
        (filled / "ledger.sqlite-shm").unlink()
        code = f"""
        from pilotage.memory.errors import LedgerReadOnly
        from pilotage.memory.store import ConceptStore
        try:
            with ConceptStore.open({str(filled)!r}, embedder="hash") as store:
                print(store.count())
        except LedgerReadOnly as error:
            print("2", error)
        """
        said = in_bubblewrap(code, "--ro-bind", str(filled), str(filled))
        assert said.startswith("2") and (said == "2\n" or "copy the folder" in said)

    def test_a_folder_that_a_user_may_only_read(self, filled):
        if os.getuid() == 0:
            pytest.skip("root may write everywhere: the tests with bubblewrap show the same")
        filled.chmod(0o555)
        try:
            with ConceptStore.open(filled, embedder="hash") as store:
                assert store.count() == 1
        finally:
            filled.chmod(0o755)


class TestLostLedgers:
    @pytest.fixture
    def indexed(self, folder):
        with ConceptStore.open(folder, embedder="hash") as store:
            store.add(COST)
            assert store.search("cost")
        return folder

    @pytest.mark.parametrize(("lose", "said"), [("empty", "is empty"), ("gone", "is gone")])
    def test_an_index_without_its_ledger_is_not_opened_as_an_empty_memory(self, indexed, lose, said):
        file = indexed / "ledger.sqlite"
        file.write_bytes(b"") if lose == "empty" else file.unlink()
        with pytest.raises(LedgerError, match=f"{said}.*restore it from a backup.*delete .*index"):
            ConceptStore.open(indexed, embedder="hash")

    def test_an_empty_file_alone_is_a_new_memory(self, folder):
        folder.mkdir()
        (folder / "ledger.sqlite").touch()
        with ConceptStore.open(folder, embedder="hash") as store:
            assert store.is_empty()

    def test_an_empty_ledger_of_a_memory_that_was_searched_is_not_opened_as_new_even_without_its_index(self, indexed):
        shutil.rmtree(indexed / "index")
        (indexed / "ledger.sqlite").write_bytes(b"")
        with pytest.raises(LedgerError, match=r"is empty.*delete \S*index\.lock$"):
            ConceptStore.open(indexed, embedder="hash")

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_what_stands_where_the_index_belongs_is_replaced(self, folder, kind):
        folder.mkdir()
        place = folder / "index"
        place.write_text("no index") if kind == "file" else place.symlink_to(folder / "nowhere")
        with ConceptStore.open(folder, embedder="hash") as store:
            id = store.add(COST)
            assert [hit.concept.id for hit in store.search("total cost")] == [id]
        assert place.is_dir() and not place.is_symlink()

    def test_a_home_folder_is_expanded(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        with ConceptStore.open("~/mine", embedder="hash") as store:
            store.add(COST)
        assert (tmp_path / "mine" / "ledger.sqlite").is_file() and not (tmp_path / "~").exists()


@pytest.fixture(scope="module")
def closed():
    store = ConceptStore.temporary()
    store.add(COST)
    store.search("cost")
    store.close()
    store.close()
    return store


TYPED = Concept(**{**dict(COST), "output_typing": "Rotor"}, id="x", namespace="default")


class TestClosedStores:
    CALLS = {
        "add": lambda store: store.add(SPELL),
        "add_many": lambda store: store.add_many([SPELL]),
        "search": lambda store: store.search("cost"),
        "recall": lambda store: store.recall("cost"),
        "count": lambda store: store.count(),
        "is_empty": lambda store: store.is_empty(),
        "get": lambda store: store.get("x"),
        "find_id": lambda store: store.find_id("x"),
        "all": lambda store: store.all(),
        "browse": lambda store: store.browse(),
        "revise": lambda store: store.revise("x", {}),
        "forget": lambda store: store.forget("x"),
        "restore": lambda store: store.restore("x"),
        "history": lambda store: store.history("x"),
        "events": lambda store: store.events(),
        "at": lambda store: store.at(1),
        "undo": lambda store: store.undo(1),
        "undo_run": lambda store: store.undo_run("x"),
        "namespaces": lambda store: store.namespaces(),
        "titles": lambda store: store.titles(["x"]),
        "render": lambda store: store.render([Hit(TYPED, 0.5, 1.0)], 100),
        "types_of": lambda store: store.types_of([TYPED]),
        "repeat": lambda store: store.repeat("x", COST),
        "dispute": lambda store: store.dispute("x", "y"),
        "promote": lambda store: store.promote(["x"]),
        "merge": lambda store: store.merge("x", ["y"]),
        "record_outcome": lambda store: store.record_outcome(["x"], "helped"),
        "record_outcomes": lambda store: store.record_outcomes({"x": ["helped"]}),
        "credit": lambda store: store.credit(),
        "prune": lambda store: store.prune(),
        "export": lambda store: store.export(os.devnull),
        "import_": lambda store: store.import_(io.BytesIO(b'{"title": "a"}'), form="jsonl"),
        "reindex": lambda store: store.reindex(),
        "propose": lambda store: store.propose([COST]),
        "stats": lambda store: store.stats(),
        "vouch": lambda store: store.vouch("a"),
        "doctor": lambda store: store.doctor(),
        "warm": lambda store: store.warm(),
        "is_known": lambda store: store.is_known(),
        "erase": lambda store: store.erase(),
        "is_erased": lambda store: store.is_erased(),
        "tombstones": lambda store: store.tombstones(),
        "finish_erasures": lambda store: store.finish_erasures(),
    }

    @pytest.mark.parametrize("name", CALLS)
    def test_each_method_of_a_closed_store_raises_one_typed_error(self, closed, name):
        with pytest.raises(StoreClosed, match="was closed: open it again"):
            self.CALLS[name](closed)

    def test_none_was_forgotten(self):
        public = {name for name in dir(AsyncConceptStore) if not name.startswith("_")}
        assert public - {"open", "temporary", "close", "namespace"} == self.CALLS.keys()

    async def test_the_asynchronous_store_does_the_same(self, folder):
        async with AsyncConceptStore.open(folder, embedder="hash") as store:
            await store.add(COST)
        for call in self.CALLS.values():
            with pytest.raises(StoreClosed, match="was closed: open it again"):
                await call(store)

    def test_the_langgraph_store_too(self, folder):
        store = PilotageStore.open(folder, embedder="hash")
        store.put(("a",), "k", {"text": "x"})
        store.close()
        for act in (
            lambda: store.get(("a",), "k"),
            lambda: store.search(("a",), query="x"),
            lambda: store.batch([PutOp(("a",), "k", None)]),
            lambda: asyncio.run(store.abatch([GetOp(("a",), "k")])),
            store.list_namespaces,
            store.sweep_ttl,
            store.start_ttl_sweeper,
        ):
            with pytest.raises(StoreClosed, match="was closed"):
                act()


@pytest.mark.parametrize("act", ["get", "history", "forget"])
def test_half_a_character_in_an_id_is_a_typed_error(store, act):
    with pytest.raises(ConceptStoreError):
        getattr(store, act)("x \ud83d")


def test_what_another_process_adds_while_the_index_opens_is_no_difference(folder, caplog, monkeypatch):
    from pilotage.memory.search import chroma as index

    with ConceptStore.open(folder, embedder="hash") as before:
        before.add(COST)
    with ConceptStore.open(folder, embedder="hash") as store:
        assert store._vectors._own()
        with ConceptStore.open(folder, embedder="hash") as other:
            compare, waiting = index.drift, [SPELL, GRID]

            def compared(*arguments, **options):
                if waiting:
                    other.add(waiting.pop())
                return compare(*arguments, **options)

            monkeypatch.setattr(index, "drift", compared)
            store.search("cost")
            assert not waiting and len(store.search("cost")) == 3
    assert "differed from the ledger" not in caplog.text


def test_a_ledger_in_wal_mode_holds_its_header_at_once(folder):
    """What `places` relies on: an empty ledger file is none that a process has just begun."""
    folder.mkdir()
    connection = sqlite3.connect(folder / "x.sqlite")
    connection.execute("PRAGMA journal_mode=WAL")
    assert (folder / "x.sqlite").stat().st_size > 0
    connection.close()
