"""`pilotage cache`: what is there is counted truly, what is pruned is what was said, and nothing in use goes."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import partial

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.graph import checkpoints
from pilotage.agent.models.cache import ENTRIES, ResponseCache
from pilotage.agent.models.reply import Reply
from pilotage.agent.models.scripted import Fault
from pilotage.agent.serve.memory.records import Records
from pilotage.agent.serve.responses.entries import ENTRIES as KEPT
from pilotage.agent.serve.responses.store import ResponseStore
from pilotage.common.retention import DAY, Retention, count, file_bytes, prune
from pilotage.common.sqlite import explained
from pilotage.memory import ConceptStore
from tests.agent.serve.responses.test_store import body, message
from tests.agent.serve.test_records import table_of_before
from tests.agent.test_cli_keys import one_sentence
from tests.servers import process_of


@pytest.fixture
def cache(command_line):
    return partial(command_line, "cache")


def reply(text="Answer: 4", model="m"):
    return Reply(text=text, model=model, finish_reason="stop", usage={"llm_calls": 1, "completion_tokens": 3})


def replies(path, ages, size=10):
    """A cache with a reply for each age in days."""
    with ResponseCache(path) as kept:
        for number, _ in enumerate(ages):
            kept.put(f"{number:064}", reply("x" * size, "old" if number % 2 else "new"))
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, age in enumerate(ages):
            at = time.time() - age * DAY
            connection.execute("UPDATE responses SET created = ? WHERE key = ?", (at, f"{number:064}"))


def agent(path, **more):
    model = ScriptedChatModel(lambda messages: "Answer: 42", keeps_calls=False)
    return ReasoningAgent(model, policy="fixed:reason,plan,answer", sandbox="none", checkpoints=path, **more)


def told(said):
    assert said.code == 0, said
    return {one["what"]: one for one in json.loads(said.out)["places"]}


def test_nothing_is_made_where_nothing_is(cache, tmp_path):
    assert {one["entries"] for one in told(cache("info", "--json")).values()} == {0}
    said = cache("prune", "--older-than", "1d", "--yes")
    assert said.code == 0 and said.out == "nothing is too old or too much\n"
    assert not (tmp_path / "home").exists() and not (tmp_path / "cache").exists()


def test_everything_is_counted(cache, tmp_path):
    replies(tmp_path / "cache" / "pilotage" / "responses.sqlite", [40, 1, 2])
    with agent(tmp_path / "home" / "checkpoints.sqlite") as solver:
        solver.solve("6*7", thread_id="a")
        solver.solve("6*7", thread_id="b")
    with ResponseStore(tmp_path / "home" / "responses.sqlite") as store:
        store.keep(body("resp_1"), [message("m", "hi")], "default", time.time())
    with ConceptStore.open(tmp_path / "home" / "memory", embedder="hash") as memory:
        run = ReasoningAgent(ScriptedChatModel(lambda messages: "4"), sandbox="none").solve("2+2")
        Records(30, 100).put(memory, "chatcmpl-1", "k", [run])
    weights = tmp_path / "home" / "models" / "some"
    weights.mkdir(parents=True)
    (weights / "w.gguf").write_bytes(b"x" * 5000)
    found = told(cache("info", "--json"))
    counts = {name: one["entries"] for name, one in found.items()}
    assert counts == {"replies": 3, "checkpoints": 2, "responses": 1, "completions": 1, "weights": 1}
    assert found["replies"]["kinds"] == {"new": 2, "old": 1} and found["weights"]["bytes"] == 5000
    assert found["replies"]["oldest"] < found["replies"]["newest"]
    assert all(one["file_bytes"] >= one["bytes"] > 0 for one in found.values())
    shown = cache("info").out
    assert all(name in shown for name in (*counts, "ledger.sqlite", "replies of", "memory"))
    said = cache("prune", "--older-than", "30d", "--yes")
    assert said.out.startswith("deleted replies: 1 ") and len(said.out.splitlines()) == 1
    everything = "replies,checkpoints,responses,completions"
    assert cache("prune", "--older-than", "0h", "--yes", "--what", everything).code == 0
    counts = {name: one["entries"] for name, one in told(cache("info", "--json")).items()}
    assert counts == {"replies": 0, "checkpoints": 0, "responses": 0, "completions": 0, "weights": 1}
    assert cache("prune", "--older-than", "0h", "--yes", "--what", "weights").out.startswith(
        "deleted weights: 1 (5.0 kB)"
    )
    assert not weights.exists()
    with ConceptStore.open(tmp_path / "home" / "memory", embedder="hash") as memory:
        assert memory.count() == 0  # it is a memory still


def test_the_oldest_go_until_the_rest_is_small_enough_and_the_file_is_smaller(cache, tmp_path):
    path = tmp_path / "cache" / "pilotage" / "responses.sqlite"
    replies(path, range(100, 0, -1), 20_000)
    before = file_bytes(path)
    dry = json.loads(cache("prune", "--max-size", "1MB", "--dry-run", "--json").out)
    assert dry["dry_run"] and file_bytes(path) == before
    assert cache("prune", "--max-size", "1MB", "--yes").code == 0
    assert 500_000 < file_bytes(path) < 1_100_000 < before
    with ResponseCache(path) as kept:
        assert kept.get(f"{99:064}") and not kept.get(f"{0:064}")
        assert kept.stats().entries == 100 - dry["deleted"][0]["entries"]


def test_it_asks_before_it_deletes(cache, tmp_path):
    path = tmp_path / "cache" / "pilotage" / "responses.sqlite"
    replies(path, [40])
    one_sentence(cache("prune", "--older-than", "30d"), "replies: 1 ", "say --yes to do it")
    assert told(cache("info", "--json"))["replies"]["entries"] == 1


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("prune",), "--older-than 30d"),
        (("prune", "--older-than", "soon"), "write 30d, 12h or 8w"),
        (("prune", "--older-than", "-1d"), "write 30d, 12h or 8w"),
        (("prune", "--max-size", "big"), "write 500MB, 1GB or 2GiB"),
        (("prune", "--older-than", "1d", "--what", "everything"), "--what takes replies"),
        (("prune", "--older-than", "1d", "--what", ","), "--what is empty"),
        (("info", "--config", "none.toml"), "none.toml"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(cache, words, part):
    one_sentence(cache(*words), part)


@pytest.mark.parametrize("content", [b"no database at all, but text " * 40, b"\0" * 4096])
def test_a_file_that_is_no_database_is_one_sentence(cache, tmp_path, content):
    path = tmp_path / "home" / "checkpoints.sqlite"
    path.parent.mkdir()
    path.write_bytes(content)
    one_sentence(cache("info"), "checkpoints.sqlite, with the checkpoints, is corrupt", code=1)
    assert path.read_bytes() == content


@pytest.mark.parametrize("what", ["replies", "responses", "completions"])
def test_a_newer_file_is_left_alone_and_told_as_such(cache, tmp_path, what):
    home = tmp_path / "home"
    newer = "PRAGMA user_version = 99"
    if what == "replies":
        path = tmp_path / "cache" / "pilotage" / "responses.sqlite"
        replies(path, [40])
    elif what == "responses":
        path = home / "responses.sqlite"
        with ResponseStore(path) as store:
            store.keep(body("resp_1"), [message("m", "hi")], "default", time.time())
    else:
        path, newer = home / "memory" / "ledger.sqlite", "UPDATE meta SET value = 99 WHERE key = 'schema_version'"
        with ConceptStore.open(path.parent, embedder="hash") as memory, memory.ledger.write() as connection:
            table_of_before(connection)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(newer)
        before = list(connection.iterdump())
    for words in (("info",), ("prune", "--older-than", "1d", "--yes")):
        said = cache(*words)
        one_sentence(said, f"{path}, with the {what}, was written by a newer pilotage: upgrade", code=said.code)
        assert said.code and "corrupt" not in said.err and "delete" not in said.err
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


def test_completions_of_a_table_of_before_are_counted_and_pruned(cache, tmp_path):
    with (
        ConceptStore.open(tmp_path / "home" / "memory", embedder="hash") as memory,
        memory.ledger.write() as connection,
    ):
        table_of_before(connection)
    assert told(cache("info", "--json"))["completions"]["entries"] == 1
    for gone in ("deleted completions: 1 ", "nothing is too old"):
        assert cache("prune", "--older-than", "30d", "--yes").out.startswith(gone)


def test_a_thread_at_work_stays_and_the_others_go(cache, tmp_path):
    path = tmp_path / "home" / "checkpoints.sqlite"
    with agent(path) as solver:
        for name in "abc":
            solver.solve("6*7", thread_id=name)
        with solver._durable.holding("b"):
            assert cache("prune", "--older-than", "0h", "--yes").code == 0
            assert told(cache("info", "--json"))["checkpoints"]["entries"] == 1
    assert cache("prune", "--older-than", "0h", "--yes").code == 0
    assert told(cache("info", "--json"))["checkpoints"]["entries"] == 0


def test_a_run_keeps_its_newest_checkpoint_alone_and_goes_on_from_it(tmp_path):
    """It fails at its third call; what it had is one row, and the run that goes on makes no call twice."""
    path, calls = tmp_path / "c.sqlite", iter(["1. Multiply.", "Answer: 42", Fault(status=401)])

    def solver_of(line):
        model = ScriptedChatModel(line, identity="same")
        return ReasoningAgent(model, policy="fixed:plan,reason,debate,answer", sandbox="none", checkpoints=path)

    with solver_of(lambda messages: next(calls)) as solver, pytest.raises(ModelUnavailable):
        solver.solve("6*7", thread_id="a")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
    with solver_of(lambda messages: "Answer: 42") as solver:
        run = solver.solve("6*7", thread_id="a")
    assert run.route[:3] == ("plan", "reason", "debate") and run.trace.steps[0].text == "1. Multiply."
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT count(*), sum(length(checkpoint)) FROM checkpoints").fetchone()
        assert rows[0] == 1 and rows[1] < 60_000
        assert connection.execute("SELECT count(*) FROM writes").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (0,)


def test_threads_of_long_ago_are_forgotten_when_the_file_is_opened(tmp_path, monkeypatch):
    path = tmp_path / "c.sqlite"
    with agent(path) as solver:
        solver.solve("6*7", thread_id="old")
    entries = checkpoints.entries_of(path)
    found = count(path, entries)
    assert abs(found.newest - time.time()) < 600  # LangGraph's ids say when
    later = time.time() + 31 * DAY
    with monkeypatch.context() as patch:
        patch.setattr("pilotage.common.retention.time.time", lambda: later)
        for days, left in ((40.0, 1), (None, 1), (30.0, 0)):
            with agent(path, keep_checkpoints=Retention(days)) as solver:
                asyncio.run(_open(solver))
            assert count(path, entries).entries == left


@pytest.mark.parametrize("keep", [Retention(30.0), Retention(most_bytes=1)])
def test_threads_that_others_wrote_into_the_file_stay(tmp_path, monkeypatch, keep):
    """Those of another graph, those of which it wrote a part, and those of earlier versions, which said nothing."""
    path = tmp_path / "app.sqlite"

    async def other_graph(*threads):
        graph = StateGraph(dict)
        graph.add_node("n", lambda state: {"x": 1})
        graph.add_edge(START, "n")
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            for name in threads:
                await graph.compile(saver).ainvoke({"x": 0}, {"configurable": {"thread_id": name}})

    asyncio.run(other_graph("customer-7"))
    with agent(path) as solver:
        for name in ("ours", "both", "earlier"):
            solver.solve("6*7", thread_id=name)
        with pytest.raises(UsageError, match="thread 'customer-7' in that file of checkpoints is another graph's"):
            solver.solve("6*7", thread_id="customer-7")
    asyncio.run(other_graph("both"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 7")  # its owner's own
        connection.execute("""UPDATE checkpoints SET metadata = '{"step": 1}' WHERE thread_id = 'earlier'""")
    later = time.time() + 31 * DAY
    monkeypatch.setattr("pilotage.common.retention.time.time", lambda: later)
    with agent(path, keep_checkpoints=keep) as solver:
        asyncio.run(_open(solver))
    with closing(sqlite3.connect(path)) as connection:
        left = {name for (name,) in connection.execute("SELECT DISTINCT thread_id FROM checkpoints")}
        assert left == {"customer-7", "both", "earlier"}
        others = connection.execute("SELECT count(*) FROM checkpoints WHERE thread_id = 'customer-7'").fetchone()
        assert others == (3,)  # all that there was
    with agent(path) as solver:
        assert solver.solve("6*7", thread_id="earlier").answer == "42"
    assert prune(path, checkpoints.entries_of(path, shared=False), Retention(30.0)).entries == 3  # of a file of ours


async def _open(solver):
    await solver._durable.here()
    await solver._durable.aclose()


def test_the_cache_stays_within_its_size_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("pilotage.agent.models.cache._PUTS_BETWEEN_SWEEPS", 10)
    path = tmp_path / "r.sqlite"
    with ResponseCache(path, keep=Retention(most_bytes=1_000_000)) as kept:
        for number in range(200):
            kept.put(f"{number:064}", reply("x" * 20_000))
            assert kept.get(f"{number:064}")
        assert 20 < kept.stats().entries < 80
    assert file_bytes(path) < 8_000_000


def test_a_response_that_was_continued_is_as_new_as_what_continues_it(tmp_path):
    class Clock:
        now = time.time() - 50 * DAY

        def __call__(self):
            return self.now

    clock, path = Clock(), tmp_path / "responses.sqlite"
    with ResponseStore(path, days=100, clock=clock) as store:
        store.keep(body("one"), [message("m", "hi")], "default", clock.now)
        store.keep(body("alone"), [message("n", "hi")], "default", clock.now)
        clock.now = time.time()
        store.keep(body("two", "one"), [message("o", "hi")], "default", clock.now)
        assert prune(path, KEPT, Retention(days=30)).entries == 1
        assert store.find("alone", "default") is None
        assert len(store.conversation("two", "default")) == 4


def test_conversations_are_pruned_whole_and_the_one_that_goes_on_last(tmp_path):
    path = tmp_path / "responses.sqlite"
    with ResponseStore(path) as store:
        for turn in range(20):
            for name in "abcd":  # which take turns, so that none lies alone in the file
                previous = f"{name}{turn - 1}" if turn else None
                store.keep(body(f"{name}{turn}", previous), [message("m", "x" * 5_000)], "default", time.time())
    assert count(path, KEPT).entries == 4
    assert prune(path, KEPT, Retention(most_bytes=file_bytes(path) * 6 // 10)).entries == 2
    with ResponseStore(path) as store:
        left = {name: [store.find(f"{name}{turn}", "default") is not None for turn in range(20)] for name in "abcd"}
        assert left == {"a": [False] * 20, "b": [False] * 20, "c": [True] * 20, "d": [True] * 20}
        assert len(store.conversation("c19", "default")) == len(store.conversation("d19", "default")) == 40


WRITER = """
import sys
from pilotage.agent.models.cache import ResponseCache
from tests.agent.test_cli_cache import reply
with ResponseCache(sys.argv[1]) as kept:
    for number in range(100_000):
        kept.put(f"w{number:063}", reply())
        print(number, flush=True)
"""
PRUNER = """
import sys
from pathlib import Path
from pilotage.agent.models.cache import ENTRIES
from pilotage.common.retention import Retention, prune
print("begins", flush=True)
prune(Path(sys.argv[1]), ENTRIES, Retention(days=30))
"""


def test_pruning_beside_a_writer_loses_nothing_that_was_acknowledged_and_may_be_killed(tmp_path):
    path = tmp_path / "r.sqlite"
    replies(path, [40] * 1500)
    with (
        process_of([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer,
        process_of([sys.executable, "-c", PRUNER, str(path)], stdout=subprocess.PIPE, text=True) as pruner,
    ):
        assert pruner.stdout.readline() == "begins\n"
        told_ = [int(writer.stdout.readline()) for _ in range(5)]
        os.kill(pruner.pid, signal.SIGKILL)
        prune(path, ENTRIES, Retention(days=30))  # beside the writer
        told_ += [int(writer.stdout.readline()) for _ in range(5)]
        writer.kill()
    with ResponseCache(path) as kept:
        assert all(kept.get(f"w{number:063}") for number in told_)
        assert not kept.get(f"{3:064}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_of_before_is_written_anew_and_shrinks_in_steps_from_then_on(tmp_path):
    path = tmp_path / "r.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE responses (key TEXT PRIMARY KEY, model TEXT, reply TEXT, created REAL)")
        connection.executemany(
            "INSERT INTO responses VALUES (?, 'm', ?, 5)", [(str(n), "x" * 9000) for n in range(200)]
        )
    before = file_bytes(path)
    assert prune(path, ENTRIES, Retention(days=30)).entries == 200
    assert file_bytes(path) < before / 20
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (sqlite3.OperationalError("no such column"), "X cannot be used (no such column): check"),
        (PermissionError(13, "denied"), "X cannot be used"),
        (sqlite3.DatabaseError("not a database\nreally"), "X is corrupt (not a database): mend it"),
    ],
)
def test_errors_of_sqlite_are_one_sentence(error, part):
    with pytest.raises(UsageError) as told_, explained("X", UsageError, if_corrupt="mend it"):
        raise error
    assert part in str(told_.value) and "\n" not in str(told_.value) and told_.value.__cause__ is error
