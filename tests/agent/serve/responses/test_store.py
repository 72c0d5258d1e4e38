"""The store: whose a response is, how long it is there, and what survives."""

import json
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from pilotage.agent.errors import ResponseStoreUnusable
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.responses import file
from pilotage.agent.serve.responses.file import BUSY_SECONDS
from pilotage.agent.serve.responses.store import DAY, ConversationTooLong, ResponseStore
from pilotage.memory.ledger.erasures import Erased, digest


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "responses.sqlite"


@pytest.fixture
def store(path, clock):
    with ResponseStore(path, days=30, most=5, clock=clock) as store:
        yield store


def message(id, text):
    return {"type": "message", "id": id, "role": "user", "content": [{"type": "input_text", "text": text}]}


def body(id, previous=None):
    return {
        "id": id,
        "previous_response_id": previous,
        "status": "completed",
        "output": [message(f"out_{id}", "ä\x00")],
    }


def kept(store, id, namespace="a", previous=None):
    assert store.keep(body(id, previous), [message(f"in_{id}", id)], namespace, store.now)
    return store.find(id, namespace)


def ids(items):
    return None if items is None else [item["id"] for item in items]


def test_a_response_comes_back_as_it_was(store):
    found = kept(store, "1")
    assert (found.body, ids(found.input), found.namespace) == (body("1"), ["in_1"], "a")
    store.close()
    assert store.find("1", "a") == found
    assert store.item("in_1", "a") == message("in_1", "1") and store.item("out_1", "a") == body("1")["output"][0]
    assert store.item("1", "a") is None
    assert store.path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) == 0


def test_a_conversation_is_all_that_a_response_continues(store):
    kept(store, "1")
    kept(store, "2", previous="1")
    kept(store, "other", previous="1")
    assert ids(store.conversation("2", "a")) == ["in_1", "out_1", "in_2", "out_2"]
    assert ids(store.conversation("1", "a")) == ["in_1", "out_1"]
    assert store.delete("1", "a")
    assert store.conversation("2", "a") is None and store.find("2", "a") is not None
    assert store.item("in_1", "a") is None
    assert not store.delete("1", "a")


def test_a_tenant_sees_its_own_and_its_users_and_a_user_only_theirs(store):
    kept(store, "1", "a/bob")
    kept(store, "2", "ab")
    kept(store, "3", "a")
    for id, namespace in (
        ("1", "b"),
        ("1", "ab"),
        ("1", "a/b"),
        ("1", "a/bob/x"),
        ("2", "a"),
        ("3", "a/bob"),
        ("1", "%"),
    ):
        assert store.find(id, namespace) is None
        assert not store.delete(id, namespace)
        assert store.conversation(id, namespace) is None
        assert store.item(f"in_{id}", namespace) is None
    assert store.find("1", "a").namespace == "a/bob"
    assert store.conversation("1", "a") is None  # a conversation goes on where it began
    kept(store, "4", "b", previous="1")
    assert store.conversation("4", "b") is None
    assert store.delete("1", "a")


def test_a_namespace_is_erased_with_its_users_and_nothing_else(store, path):
    for id, namespace in (("1", "a"), ("2", "a/bob"), ("3", "a/eve"), ("4", "ab"), ("5", "b")):
        store.keep(body(id), [message(f"in_{id}", f"secret of {id}")], namespace, store.now)
    store.erase("a/bob")
    assert [store.find(id, "a") is not None for id in "123"] == [True, False, True]
    store.erase("a")
    assert not any(store.find(id, "a") for id in "123")
    assert store.find("4", "ab") and store.find("5", "b")
    store.close()
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"secret of 4" in content
    assert not any(f"secret of {id}".encode() in content for id in "123")


def test_what_is_under_way_brings_no_erased_namespace_back(store, clock):
    begun = store.now
    store.erase("a")
    for namespace in ("a", "a/bob"):
        assert not store.keep(body("1"), [message("in_1", "x")], namespace, begun)
        assert store.find("1", namespace) is None
    assert store.keep(body("1"), [], "ab", begun)
    clock.now += 0.01
    assert store.keep(body("2"), [], "a", store.now)


def test_a_response_is_forgotten_after_its_days_unless_it_is_continued(store, clock):
    kept(store, "1")
    kept(store, "2")
    clock.now += 29 * DAY
    kept(store, "3", previous="1")
    clock.now += 2 * DAY
    assert store.find("2", "a") is None and store.item("in_2", "a") is None and store.conversation("2", "a") is None
    assert ids(store.conversation("3", "a")) == ["in_1", "out_1", "in_3", "out_3"]
    clock.now += 29 * DAY
    assert store.conversation("3", "a") is None
    kept(store, "4")
    with store._file.used() as connection:
        assert connection.execute("SELECT count(*) FROM responses").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (3,)


def test_of_too_many_the_ones_not_used_for_longest_go_and_only_of_their_namespace(store, clock):
    kept(store, "other", "b")
    for number in range(5):
        clock.now += 1
        kept(store, str(number))
    clock.now += 1
    kept(store, "5", previous="0")
    assert [store.find(id, "a") is not None for id in "012345"] == [True, False, True, True, True, True]
    assert store.find("other", "b")


def test_two_responses_of_one_id_are_an_error_that_changes_nothing(store):
    before = kept(store, "1")
    with pytest.raises(ResponseStoreUnusable):
        store.keep(body("1"), [message("new", "x")], "b", store.now)
    assert store.find("1", "a") == before and store.item("new", "b") is None


WRITE = """
import sys
from pilotage.agent.serve.responses.store import ResponseStore
from tests.agent.serve.responses.test_store import body, message
with ResponseStore(sys.argv[1]) as store:
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        id = f"{sys.argv[2]}-{number}"
        previous = f"{sys.argv[2]}-{number - 1}" if number else None
        assert store.keep(body(id, previous), [message(f"in_{id}", id)], "a", store.now)
        print(id, flush=True)
"""


def writer(path, name, count):
    command = [sys.executable, "-c", WRITE, str(path), name, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_was_acknowledged_survives_kill_9(path):
    with writer(path, "w", 1_000_000) as process:
        process.stdin.write("\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
    told = [line.strip() for line in lines if line.endswith("\n")]
    assert len(told) >= 20
    with ResponseStore(path) as store:
        assert ids(store.conversation(told[-1], "a")) == [f"{part}_{id}" for id in told for part in ("in", "out")]


def test_processes_and_threads_share_a_new_file(path):
    writers = [writer(path, f"p{number}", 20) for number in range(2)]
    with ResponseStore(path) as store:
        threads = [
            threading.Thread(target=lambda name=name: [kept(store, f"{name}-{n}") for n in range(20)]) for name in "tu"
        ]
        for one in writers:
            one.stdin.write("\n")
            one.stdin.flush()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10 * BUSY_SECONDS)
        for one in writers:
            one.communicate(timeout=10 * BUSY_SECONDS)
            assert one.returncode == 0
        for name in ("p0", "p1", "t", "u"):
            assert all(store.find(f"{name}-{number}", "a") for number in range(20))


def test_every_commit_is_on_disk_before_it_is_acknowledged(store):
    kept(store, "1")
    with store._file.used() as connection:
        asked = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert asked == ["wal", 2]  # FULL: only a loss of power tells it from NORMAL


def test_a_file_that_cannot_be_used_is_named_with_what_to_do(tmp_path):
    (tmp_path / "text").write_text("not a database " * 100)
    (tmp_path / "folder").mkdir()
    with KeyStore(tmp_path / "keys.sqlite") as keys:
        keys.create("app")
    with ResponseStore(tmp_path / "newer.sqlite") as newer, newer._file.used() as connection:
        connection.execute("PRAGMA user_version = 99")
    told = {"text": "is corrupt", "folder": "cannot be used", "keys.sqlite": "some other", "newer.sqlite": "upgrade"}
    for name, why in told.items():
        with ResponseStore(tmp_path / name) as store, pytest.raises(ResponseStoreUnusable, match=why) as refused:
            store.find("1", "a")
        assert name in str(refused.value) and "\n" not in str(refused.value)
    with KeyStore(tmp_path / "keys.sqlite") as keys:
        assert len(keys.list()) == 1


def test_a_file_that_was_replaced_in_use_is_told(store, path):
    kept(store, "1")
    path.unlink()
    for _ in range(2):
        with pytest.raises(ResponseStoreUnusable, match="removed or replaced"):
            store.find("1", "a")
    assert not path.exists()


def test_of_too_many_bytes_those_not_used_for_longest_go_but_never_the_newest(path, clock):
    def filled(store, id, size, namespace="a", previous=None):
        clock.now += 1
        store.keep(body(id, previous), [message(f"in_{id}", "x" * size)], namespace, store.now)

    with ResponseStore(path, most_bytes=10_000, clock=clock) as store:
        filled(store, "other", 9_000, "b")
        for id in "123":
            filled(store, id, 2_500)
        filled(store, "4", 2_500, previous="1")  # which uses the first again
        assert [store.find(id, "a") is not None for id in "1234"] == [True, False, True, True]
        filled(store, "5", 50_000)
        assert [store.find(id, "a") is not None for id in "12345"] == [False] * 4 + [True]
        assert store.find("other", "b")


def test_a_conversation_of_too_many_bytes_is_not_read(store):
    kept(store, "1")
    kept(store, "2", previous="1")
    assert store.conversation("2", "a", 10_000)
    assert store.conversation("1", "a", 450)
    with pytest.raises(ConversationTooLong, match="at most 450 are taken: begin a new one"):
        store.conversation("2", "a", 450)


FORMAT_1 = """
CREATE TABLE responses (id TEXT PRIMARY KEY, namespace TEXT NOT NULL, previous TEXT, used REAL NOT NULL);
CREATE INDEX by_use ON responses (namespace, used);
CREATE INDEX by_age ON responses (used);
CREATE TABLE items (
    response TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE, place INTEGER NOT NULL, output INTEGER NOT NULL,
    id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (response, place)
);
CREATE INDEX by_item ON items (id);
CREATE TABLE erasures (namespace TEXT PRIMARY KEY, at REAL NOT NULL);
PRAGMA user_version = 1;
"""


def test_a_file_of_before_is_read_and_goes_on(path, clock):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FORMAT_1)
        told = body("1") | {"created_at": int(clock.now) - 5, "output": []}
        old.execute("INSERT INTO responses VALUES ('1', 'a', NULL, ?)", (clock.now,))
        old.execute("INSERT INTO items VALUES ('1', -1, 0, '1', ?)", (json.dumps(told),))
        old.execute("INSERT INTO items VALUES ('1', 0, 0, 'in_1', ?)", (json.dumps(message("in_1", "x" * 900)),))
        old.commit()
    with ResponseStore(path, most_bytes=1500, clock=clock) as store:
        assert store.find("1", "a").body == told
        assert store.conversation("1", "a", 1400) and store.count("a") == 1
        with pytest.raises(ConversationTooLong):
            store.conversation("1", "a", 900)
        store.follow([Erased(1, digest("a"), True, clock.now - 6)])
        assert store.find("1", "a")
        kept(store, "2", previous="1")
        assert ids(store.conversation("2", "a")) == ["in_1", "in_2", "out_2"]
        store.follow([Erased(2, digest("a"), True, clock.now - 5)])
        assert store.find("1", "a") is None and store.find("2", "a")


def test_what_was_erased_elsewhere_is_followed_once_and_by_its_own_name_alone_where_that_is_said(store, clock):
    for id, namespace in (("1", "a"), ("2", "a/bob"), ("3", "ab"), ("4", "b")):
        kept(store, id, namespace)
    clock.now += 1
    stones = [Erased(1, digest("a"), False, clock.now), Erased(2, digest("b/eve"), True, clock.now)]
    store.follow(stones)
    assert [store.find(id, name) is not None for id, name in (("1", "a"), ("2", "a"), ("3", "ab"), ("4", "b"))] == (
        [False, True, True, True]
    )
    assert not store.keep(body("late"), [], "a", clock.now - 0.5)  # it was under way
    clock.now += 1
    kept(store, "5", "a")
    store.follow(stones)
    assert store.find("5", "a")
    store.follow([Erased(3, digest("a"), True, clock.now + 1)])
    assert not store.find("5", "a") and not store.find("2", "a") and store.find("3", "ab")


def test_a_log_that_cannot_be_cleared_is_told(store, path, monkeypatch):
    monkeypatch.setattr(file, "BUSY_SECONDS", 0.2)
    kept(store, "1")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM responses").fetchall()
        (told,) = store.erase("a").left
        assert f"{path.name}-wal" in told and "erase again" in told
    assert not store.erase("a").left
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0
