"""`pilotage keys`, run as the command line runs it: the secret is shown once, and every mistake is one sentence."""

import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.keys.limits import MOST


@pytest.fixture
def keys(command_line):
    return partial(command_line, "keys")


@pytest.fixture
def usual(tmp_path):
    """Where the command line's store is in these tests."""
    return tmp_path / "home" / "serve.sqlite"


def one_sentence(said, *parts, code=2):
    assert said.code == code and said.out == "" and len(said.err.splitlines()) == 1, said
    assert said.err.startswith("error: ") and all(part in said.err for part in parts), said.err
    return said.err


def test_the_secret_is_printed_alone_and_opens_what_was_asked_for(keys, usual):
    limits = ("--requests", 60, "--tokens", 10_000, "--concurrent", 4, "--request-bytes", 1 << 20)
    said = keys(
        "create",
        "my app",
        "--namespace",
        "tenant",
        "--scope",
        "chat",
        "--scope",
        "erase",
        "--learn",
        "--per-user",
        *limits,
    )
    assert said.code == 0 and said.out.startswith("pk-") and len(said.out.split()) == 1
    with KeyStore(usual) as store:
        key = store.find(said.out.strip())
    assert (key.name, key.namespace, key.scopes, key.learn, key.per_user) == (
        "my app",
        "tenant",
        ("chat", "erase"),
        True,
        True,
    )
    assert tuple(key.limits.model_dump().values()) == (60, 10_000, 4, 1 << 20)
    assert said.err == (
        f"the secret of key {key.id} is shown only now: keep it where nobody but its user can read it\n"
    )
    assert stat.S_IMODE(usual.stat().st_mode) == 0o600


def test_the_secret_is_in_the_json_too_and_nowhere_else(keys, usual):
    made = keys("create", "app", "--json")
    data = made.json
    assert data["scopes"] == ["chat", "feedback"] and not data["learn"] and "shown only now" in made.err
    for later in (keys("list"), keys("list", "--json"), keys("revoke", data["id"]), keys("list", "--json")):
        assert later.code == 0 and data["secret"] not in later.out + later.err
    with KeyStore(usual) as store:
        assert store.find(data["secret"]) is None


def test_keys_are_listed_with_what_they_may_and_what_became_of_them(keys, usual):
    one = keys("create", "first", "--learn", "--per-user", "--tokens", 500, "--concurrent", 2, "--json").json
    two = keys("create", "second", "--scope", "concepts:read", "--json").json
    with KeyStore(usual) as store:
        store.find(one["secret"])
    keys("revoke", two["id"])
    first, second = keys("list", "--json").json
    assert first == {key: value for key, value in one.items() if key != "secret"} | {"last_used": first["last_used"]}
    assert first["last_used"] and not first["revoked"] and second["revoked"] and not second["last_used"]
    lines = keys("list").out.splitlines()
    for part in (one["id"], "first", f"{one['id']} (learns, per user)", "chat feedback", "500 tokens/min, 2 at once"):
        assert part in lines[1]
    assert two["id"] in lines[2] and "none" in lines[2] and lines[2].count("UTC") == 2


def test_a_key_is_revoked_once(keys, usual):
    made = keys("create", "app", "--json").json
    first = keys("revoke", made["id"], "--json").json
    assert first["revoked"] and keys("revoke", made["id"], "--json").json == first
    assert f"revoked {made['id']} app, " in keys("revoke", made["id"]).out


def test_a_key_is_changed_where_that_is_said_and_nowhere_else(keys):
    made = keys("create", "app", "--learn", "--requests", 60, "--tokens", 500, "--json").json
    id = made["id"]
    changed = keys("edit", id, "--no-learn", "--scope", "metrics", "--scope", "chat", "--tokens", 0, "--json").json
    limits = made["limits"] | {"tokens_per_minute": None}
    same = {name: value for name, value in made.items() if name != "secret"}
    assert changed == same | {"learn": False, "scopes": ["chat", "metrics"], "limits": limits}
    said = keys("edit", id, "--requests", 5, "--name", "other").out
    assert said == f"{id} other, {id}; chat metrics; limits: 5 requests/min\n"
    one_sentence(keys("edit", id), "nothing was named")
    one_sentence(keys("edit", id, "--scope", "root"), "'root' is no scope")
    one_sentence(keys("edit", id, "--tokens", MOST + 1), f"at most {MOST}")
    one_sentence(keys("edit", "nope", "--learn"), "no key 'nope'")
    keys("revoke", id)
    one_sentence(keys("edit", id, "--learn"), "was revoked")
    (listed,) = keys("list", "--json").json
    assert listed["limits"] == limits | {"requests_per_minute": 5} and listed["name"] == "other"


def test_an_id_that_there_is_not_is_one_sentence(keys):
    keys("create", "app")
    one_sentence(keys("revoke", "nope"), "no key 'nope'", "`pilotage keys list`")
    one_sentence(keys("revoke", "a\x1b[2Jb\nc"), r"'a\x1b[2Jb\nc'")


def test_without_a_store_nothing_is_listed_or_revoked_and_none_is_made(keys, usual):
    for words in (("list",), ("revoke", "x")):
        one_sentence(keys(*words), str(usual), "`pilotage keys create` makes one", code=1)
    assert not usual.parent.exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("a\x1b[31mb",), r"a\x1b[31mb"),
        ((" ",), "is empty"),
        (("x" * 101,), "at most 100"),
        (("app", "--namespace", "a/b"), "holds a /"),
        (("app", "--namespace", "a\tb"), r"a\tb"),
        (("app", "--scope", "root"), "'root' is no scope: name some of chat, feedback"),
        (("app", "--requests", "0"), "--requests"),
        (("app", "--tokens", str(MOST + 1)), f"at most {MOST}"),
        (("app", "--store", ""), "--store is empty"),
    ],
    ids=ascii,
)
def test_what_no_key_can_have_is_one_sentence_and_makes_nothing(keys, usual, words, part):
    said = one_sentence(keys("create", *words), part)
    assert "\x1b" not in said and not usual.exists()


def test_another_file_can_be_named(keys, tmp_path, usual):
    made = keys("create", "app", "--store", "deep/keys.sqlite", "--json").json
    (listed,) = keys("list", "--store", tmp_path / "deep" / "keys.sqlite", "--json").json
    assert listed["id"] == made["id"] and not usual.exists()
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    assert keys("revoke", made["id"], "--store", "deep/keys.sqlite", "--json").json["revoked"]


def test_a_file_that_is_no_store_is_one_sentence(keys, tmp_path):
    (tmp_path / "notes").write_text("precious notes\n" * 100)
    for words in (("list",), ("create", "app"), ("revoke", "x")):
        one_sentence(keys(*words, "--store", "notes"), "notes is corrupt", code=1)
    assert (tmp_path / "notes").read_text() == "precious notes\n" * 100


def test_a_name_from_a_file_of_somebody_else_is_shown_and_not_obeyed(keys, usual):
    keys("create", "app")
    with KeyStore(usual) as store, store._file.write() as connection:
        connection.execute("UPDATE keys SET name = ?", ("\x1b[2J[red]a\nb",))
    said = keys("list").out
    assert r"\x1b[2J[red]a\nb" in said and "\x1b" not in said
    assert "\x1b" not in keys("list", "--json").out and keys("list", "--json").json[0]["name"] == "\x1b[2J[red]a\nb"


def test_help_loads_neither_the_store_nor_anything_heavy():
    code = "import sys; from pilotage.agent import cli; cli.app(['keys', 'create', '--help'], standalone_mode=False)"
    code += "; print(*(name for name in ('sqlite3', 'fastapi', 'pilotage.agent.serve') if name in sys.modules))"
    environment = {**os.environ, "COLUMNS": "80"}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment)
    assert said.returncode == 0 and said.stdout.splitlines()[-1] == "", said.stdout + said.stderr


def test_a_key_is_known_to_another_process_at_once(tmp_path):
    command = str(Path(sys.executable).with_name("pilotage"))
    environment = {**os.environ, "PILOTAGE_HOME": str(tmp_path)}

    def run(*words):
        said = subprocess.run(
            [command, "keys", *words], capture_output=True, text=True, timeout=120, env=environment, check=True
        )
        return said.stdout.strip()

    secret = run("create", "app")
    with KeyStore(tmp_path / "serve.sqlite") as store:
        key = store.find(secret)
        assert key.name == "app"
        run("revoke", key.id)
        assert store.find(secret) is None


def test_a_server_that_is_reached_from_elsewhere_does_not_start_without_a_store(command_line, usual):
    started = command_line("serve", "--host", "0.0.0.0", "--memory", "none")
    one_sentence(started, str(usual), "`pilotage keys create` makes one", code=1)
