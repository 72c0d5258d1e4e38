"""The key store: durable, shared by processes and threads, and one sentence where its file cannot be used."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from pilotage.agent.errors import KeyStoreUnusable, UnknownKey, UsageError
from pilotage.agent.serve.keys import key_file, key_store
from pilotage.agent.serve.keys.key_file import STORE_FORMAT
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.keys.limits import Limits
from tests.memory.test_ledger import in_bubblewrap


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "serve.sqlite"


@pytest.fixture
def store(path):
    with KeyStore(path) as store:
        yield store


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


def run(code, *arguments, **options):
    """Starts Python with the code and its arguments."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, **options)


def test_a_key_is_found_by_its_secret_as_it_was_made(store):
    limits = Limits(requests_per_minute=60, tokens_per_minute=10_000, concurrent_requests=4, request_bytes=1 << 20)
    scopes = ("chat", "concepts:read")
    key, secret = store.create("app", namespace="tenant", scopes=scopes, learn=True, per_user=True, limits=limits)
    assert (key.name, key.namespace, key.scopes, key.learn, key.per_user) == ("app", "tenant", scopes, True, True)
    assert key.limits == limits and key.created.tzinfo is not None and key.last_used is key.revoked is None
    assert store.find(secret) == key
    store.close()
    assert KeyStore(store.path).find(secret).limits == limits


def test_a_plain_key_may_little_and_has_no_limits(store):
    key = store.create("app").key
    assert (key.namespace, key.scopes, key.learn, key.per_user) == (key.id, ("chat", "feedback"), False, False)
    assert key.limits == Limits()


def test_what_is_no_secret_finds_nothing(store):
    key, secret = store.create("app")
    for wrong in (
        "",
        key.id,
        secret[:-1],
        secret + "x",
        secret.swapcase(),
        "\ud800",
        "x" * 1_000_000,
        "\0",
        "' OR 1=1",
    ):
        assert store.find(wrong) is None


def test_secrets_have_256_bits_and_are_nowhere_in_the_file(store, path):
    made = [store.create("app").secret for _ in range(20)]
    assert len(set(made)) == 20 and all(one.startswith("pk-") and len(one) == 3 + 43 for one in made)
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"app" in files and not any(secret[3:].encode() in files for secret in made)


def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(store):
    clock = store._clock = Clock()
    (key, secret), other = store.create("app"), store.create("other")
    revoked = store.revoke(key.id)
    assert store.find(secret) is None and store.find(other.secret) == other.key
    clock.now += 100
    assert store.revoke(key.id) == revoked  # when it was revoked first
    assert [one.revoked for one in store.list()] == [revoked.revoked, None]
    with pytest.raises(UnknownKey, match=r"no key 'x\\x1b' in .*serve.sqlite: `pilotage keys list`"):
        store.revoke("x\x1b")
    with pytest.raises(UnknownKey):
        store.revoke("\ud800")


def test_a_key_that_may_not_be_made_leaves_no_file(store, path):
    for wrong in ({"name": "\x1b"}, {"name": "a", "scopes": ["b"]}, {"name": "a", "namespace": ""}):
        with pytest.raises(UsageError):
            store.create(**wrong)
    assert not path.exists()


def test_ids_that_are_taken_are_drawn_again(store, monkeypatch):
    ids = iter(["aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr(key_store.secrets, "token_hex", lambda size: next(ids))
    assert [store.create("app").key.id for _ in range(2)] == ["aaaaaaaa", "bbbbbbbb"]


def test_a_key_shares_a_namespace_only_where_that_is_said(store, monkeypatch):
    one, two, said = store.create("one").key, store.create("two").key, store.create("said", namespace="team").key
    assert len({one.namespace, two.namespace, said.namespace, "default"}) == 4
    assert store.create("other", namespace="team").key.namespace == said.namespace
    assert store.namespaces() == {one.namespace, two.namespace, "team"}
    ids = iter(["cccccccc", "dddddddd"])
    store.create("guest", namespace="cccccccc")
    monkeypatch.setattr(key_store.secrets, "token_hex", lambda size: next(ids))
    assert store.create("late").key.namespace == "dddddddd"  # it does not fall into a namespace that was named before


def test_what_a_key_may_do_is_changed_and_the_rest_of_it_stays(store, path):
    limits = Limits(requests_per_minute=5, tokens_per_minute=9)
    made, secret = store.create("app", namespace="team", limits=limits)
    with KeyStore(path) as elsewhere:
        assert elsewhere.edit(made.id, learn=True).learn
        elsewhere.edit(made.id, limits={"requests_per_minute": None, "concurrent_requests": 2})
        changed = elsewhere.edit(made.id, name="new", scopes=("erase", "metrics"))
    assert store.find(secret) == changed
    assert changed == made.model_copy(
        update={
            "name": "new",
            "scopes": ("erase", "metrics"),
            "learn": True,
            "limits": Limits(tokens_per_minute=9, concurrent_requests=2),
        }
    )
    for wrong in ({}, {"scopes": ("x",)}, {"scopes": ()}, {"name": ""}):
        with pytest.raises(UsageError):
            store.edit(made.id, **wrong)
    with pytest.raises(UnknownKey):
        store.edit("nobody", learn=True)
    store.revoke(made.id)
    with pytest.raises(UsageError, match="was revoked"):
        store.edit(made.id, learn=False)


class TestLastUsed:
    @pytest.fixture
    def clock(self, store):
        store._clock = Clock()
        return store._clock

    def used(self, store):
        (key,) = store.list()
        return key.last_used and key.last_used.timestamp()

    def test_it_is_written_once_a_minute(self, store, clock):
        secret = store.create("app").secret
        begun = clock.now
        assert self.used(store) is None
        for seconds, written in ((0, 0), (59, 0), (60, 60), (100, 60), (120, 120)):
            clock.now = begun + seconds
            assert store.find(secret)
            assert self.used(store) == begun + written

    def test_it_goes_on_after_the_clock_was_set_back(self, store, clock):
        secret = store.create("app").secret
        assert store.find(secret)
        clock.now -= 1_000_000
        assert store.find(secret) and self.used(store) == clock.now

    def test_a_request_neither_waits_for_another_writer_nor_is_refused(self, store, clock, path, monkeypatch):
        monkeypatch.setattr(key_file, "BUSY_SECONDS", 1000.0)  # whoever waited for that would not come back
        secret = store.create("app").secret
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.find(secret) and self.used(store) is None
            other.execute("ROLLBACK")
        assert store.find(secret) and self.used(store) == clock.now

    def test_a_key_that_was_revoked_was_not_used(self, store, clock):
        key, secret = store.create("app")
        store.revoke(key.id)
        assert store.find(secret) is None and self.used(store) is None


TALKING = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
CREATE = """
import sys
from pilotage.agent.serve.keys.key_store import KeyStore
store = KeyStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    key, secret = store.create(f"app {number}")
    if number % 2:
        store.revoke(key.id)
    print(number % 2, secret, flush=True)
"""


def test_processes_make_a_file_and_its_keys_at_once(path):
    processes = [run(CREATE, path, 20, **TALKING) for _ in range(6)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # all are waiting, so that they begin together with a file that is not there
        process.stdin.write("\n")
        process.stdin.flush()
    made = [line.split() for process in processes for line in process.communicate(timeout=120)[0].splitlines()]
    assert [process.returncode for process in processes] == [0] * 6 and len(made) == 120
    with KeyStore(path) as store:
        assert [store.find(secret) is None for _, secret in made] == [revoked == "1" for revoked, _ in made]
        assert len({key.id for key in store.list()}) == 120


def test_threads_share_a_store(store):
    found, errors = [], []

    def work():
        try:
            for _ in range(10):
                key, secret = store.create("app")
                found.append(store.find(secret) == key)
                store.revoke(key.id)
                found.append(store.find(secret) is None)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(found) == 160 and all(found) and len(store.list()) == 80


def test_what_was_acknowledged_survives_kill_9(path):
    process = run(CREATE, path, 1_000_000, **TALKING)
    process.stdin.write("\n")
    process.stdin.flush()
    lines = [process.stdout.readline() for _ in range(26)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    answered = [line.split() for line in lines[1:] if line.endswith("\n")]
    assert len(answered) >= 25
    with KeyStore(path) as store:
        for revoked, secret in answered:
            assert (store.find(secret) is None) == (revoked == "1")
        assert len(answered) <= len(store.list()) <= len(answered) + 1


def test_every_commit_is_on_disk_before_it_is_acknowledged(store):
    store.create("app")
    with store._file.write() as connection:
        asked = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert asked == ["wal", 2]  # FULL: only a loss of power tells it from NORMAL


REVOKE = (
    "import sys; from pilotage.agent.serve.keys.key_store import KeyStore; KeyStore(sys.argv[1]).revoke(sys.argv[2])"
)


def test_a_key_that_another_process_revoked_is_refused_at_once(store, path):
    made = [store.create("app") for _ in range(3)]
    for key, secret in made:
        assert store.find(secret) == key
        assert run(REVOKE, path, key.id).wait(timeout=120) == 0
        assert store.find(secret) is None


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_file_that_is_no_longer_the_one_that_was_opened_opens_nothing(store, path, tmp_path, change):
    old = store.create("old").secret
    assert store.find(old)
    with KeyStore(tmp_path / "new.sqlite") as other:
        new = other.create("new").secret
    if change == "replaced":
        os.replace(tmp_path / "new.sqlite", path)
    else:
        path.unlink()
    for use in (lambda: store.find(old), lambda: store.create("a"), store.list, lambda: store.revoke("x")):
        with pytest.raises(KeyStoreUnusable, match=r"removed or replaced .*delete serve\.sqlite-wal and"):
            use()
    store.close()
    for left in path.parent.glob("*-*"):
        left.unlink()
    if change == "removed":
        store.create("newer")
    assert store.find(old) is None and (change == "removed" or store.find(new).name == "new")


def test_a_store_that_is_gone_or_never_was_opens_nothing(store, path):
    for use in (lambda: store.find("pk-x"), store.list, lambda: store.revoke("x")):
        with pytest.raises(KeyStoreUnusable, match=r"no key store .*serve\.sqlite: `pilotage keys create` makes one"):
            use()
    assert not path.parent.exists()
    secret = store.create("app").secret
    store.close()
    path.unlink()
    with pytest.raises(KeyStoreUnusable, match="no key store"):
        store.find(secret)
    store.create("app")
    assert store.find(secret) is None


def modes(path):
    return {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_may_read_the_files_whatever_the_mask(path, mask):
    before = os.umask(mask)
    try:
        store = KeyStore(path)
        store.create("app")
        assert len(list(path.parent.iterdir())) == 3 and modes(path) == {0o600}  # the log and its index too
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        store.close()
    finally:
        os.umask(before)


def test_a_folder_that_is_there_is_left_as_it_is(path):
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    with KeyStore(path) as store:
        store.create("app")
        assert modes(path) == {0o600} and stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_the_usual_place_is_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path / "data"))
    with KeyStore() as store:
        store.create("app")
    assert (tmp_path / "data" / "serve.sqlite").is_file()


def test_a_store_is_not_used_across_a_fork(store):
    secret = store.create("app").secret
    child = os.fork()
    if not child:
        code = 1
        try:
            store.close()
            store.find(secret)
        except KeyStoreUnusable as error:
            code = 0 if "open the store anew" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.find(secret)


class TestUnusableFiles:
    def refused(self, path, match):
        """Every use is one sentence, and none changes the file."""
        before = path.read_bytes()
        for use in (KeyStore.list, lambda s: s.create("app"), lambda s: s.find("pk-x"), lambda s: s.revoke("x")):
            with KeyStore(path) as store, pytest.raises(KeyStoreUnusable, match=match) as refused:
                use(store)
            assert "\n" not in str(refused.value) and str(path) in str(refused.value)
        assert path.read_bytes() == before

    def test_of_a_newer_version(self, store, path):
        store.create("app")
        store.close()
        with closing(sqlite3.connect(path)) as newer:
            newer.execute(f"PRAGMA user_version = {STORE_FORMAT + 1}")
        self.refused(path, "newer pilotage: upgrade, or name another file")

    def test_that_is_no_database(self, tmp_path):
        (tmp_path / "notes").write_text("precious notes\n" * 100)
        self.refused(tmp_path / "notes", "is corrupt .*restore it from a backup")

    @pytest.mark.parametrize("table", ["keys (door TEXT)", "users (name TEXT)"])
    def test_that_is_another_database(self, tmp_path, table):
        path = tmp_path / "mine.sqlite"
        with closing(sqlite3.connect(path)) as mine:
            mine.execute(f"CREATE TABLE {table}")
        self.refused(path, "some other database, so name another file")

    def test_that_is_damaged(self, store, path):
        for number in range(100):
            store.create(f"app {number}")
        store.close()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (path.stat().st_size - 4096))
        with pytest.raises(KeyStoreUnusable, match="is corrupt .*restore it from a backup"):
            store.list()

    @pytest.mark.parametrize(
        ("change", "field"),
        [("scopes = 'chat root'", "scopes"), ("created = 'x'", "created"), ("tokens_per_minute = -1", "limits.tokens")],
    )
    def test_with_a_damaged_key(self, store, path, change, field):
        secret, other = store.create("app").secret, store.create("other").secret
        with closing(sqlite3.connect(path)) as mine, mine:
            mine.execute(f"UPDATE keys SET {change} WHERE name = 'app'")
        with pytest.raises(KeyStoreUnusable, match=rf"the key \w+ in .* is damaged \(its {field}"):
            store.find(secret)
        assert store.find(other).name == "other"

    def test_with_a_name_that_is_no_text(self, store, path):
        secret = store.create("app").secret
        with closing(sqlite3.connect(path)) as mine, mine:
            mine.execute("UPDATE keys SET name = CAST(x'61ff' AS TEXT)")
        assert store.find(secret).name == "a\ufffd"

    def test_that_is_a_folder_or_below_a_file(self, tmp_path):
        (tmp_path / "file").touch()
        for place in (tmp_path, tmp_path / "file" / "serve.sqlite", tmp_path / "file" / "deep" / "serve.sqlite"):
            with pytest.raises(KeyStoreUnusable, match="cannot be used"):
                KeyStore(place).create("app")

    def test_that_another_process_keeps_locked(self, store, path, monkeypatch):
        secret = store.create("app").secret
        store.close()
        monkeypatch.setattr(key_file, "BUSY_SECONDS", 0.1)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(KeyStoreUnusable, match="locked.*wait for it, or end it"):
                store.create("app")
            assert store.find(secret)
            other.execute("ROLLBACK")
        store.create("app")

    def test_on_a_read_only_file_system(self, store, path):
        store.create("app")
        store.close()
        before = path.read_bytes()
        code = f"""
        from pilotage.agent.errors import KeyStoreUnusable
        from pilotage.agent.serve.keys.key_store import KeyStore
        try:
            KeyStore({str(path)!r}).create("other")
        except KeyStoreUnusable as error:
            print(error)
        """
        said = in_bubblewrap(code, "--ro-bind", str(path.parent), str(path.parent))
        assert len(said.splitlines()) == 1 and "cannot be used" in said and "check that the folder is writable" in said
        assert path.read_bytes() == before
