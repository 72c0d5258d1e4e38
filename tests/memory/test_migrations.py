"""A ledger of schema 1 opens, keeps everything, and can be undone; a step is done once, whoever opens it."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys

import psycopg
import pytest

from pilotage.memory.concept import Concept
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import LedgerReadOnly
from pilotage.memory.ledger import migrations, schema
from pilotage.memory.store import ConceptStore

# The tables as pilotage 0.1.0 made them, written out, so that later changes of the code do not change them.
DDL = """
CREATE TABLE meta (key VARCHAR(40) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key));
CREATE TABLE events (seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, at VARCHAR(40) NOT NULL, actor TEXT NOT NULL,
  cause TEXT NOT NULL, namespace TEXT NOT NULL, concept_id VARCHAR(40) NOT NULL, action VARCHAR(20) NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX ix_events_concept_id ON events (concept_id);
CREATE TABLE concepts (id VARCHAR(40) NOT NULL, namespace TEXT NOT NULL, kind VARCHAR(20) NOT NULL,
  status VARCHAR(20) NOT NULL, content_hash VARCHAR(64) NOT NULL, changed_seq INTEGER NOT NULL,
  added_seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (namespace, content_hash),
  UNIQUE (added_seq));
CREATE INDEX concepts_by_change ON concepts (namespace, changed_seq);
CREATE TABLE vectors (concept_id VARCHAR(40) NOT NULL, embedder VARCHAR(120) NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (concept_id, embedder), FOREIGN KEY(concept_id) REFERENCES concepts (id));
"""
CONTENT = ("kind", "title", "description", "parameters", "output_typing", "cues", "implementation")


def body(title, *, cues=(), keywords=(), version=1, status="provisional", seen=1, **outcomes):
    return {
        "kind": "routine",
        "title": title,
        "description": "",
        "parameters": [],
        "output_typing": "",
        "cues": list(cues),
        "implementation": [f"solve({title!r})"],
        "keywords": list(keywords),
        "id": hashlib.sha256(title[:4].encode()).hexdigest()[:16],
        "namespace": "default",
        "status": status,
        "provenance": {
            "task_id": "t1",
            "trace_id": "",
            "model": "m",
            "verified_by": "examples",
            "created_at": "2026-11-20T10:00:00.000001Z",
        },
        "outcomes": {"recalled": 0, "helped": 0, "harmed": 0, **outcomes},
        "seen": seen,
        "version": version,
        "format": 1,
    }


COST = body(
    "Cost of a purchase", cues=["prices and quantities are given"], status="trusted", seen=2, version=2, helped=1
)
GRID = body("Rotate a matrix", cues=["a square matrix to be rotated"], status="retired")
EVENTS = [
    ("added", body("Cost, first words")),
    ("added", body("Rotate a matrix", cues=["a square matrix to be rotated"])),
    ("merged", {"draft": {"title": "Cost, first words."}, "provenance": {}}),
    ("revised", body("Cost of a purchase", cues=["prices and quantities are given"], version=2, seen=2)),
    ("outcome", {"outcome": "helped"}),
    ("retired", GRID),
]
OF = [COST, GRID, COST, COST, COST, GRID]


def fill(execute, mark):
    """Write the schema-1 ledger through `execute(statement, values)`; `mark` is the driver's placeholder."""

    def insert(table, *values):
        execute(f"INSERT INTO {table} VALUES ({', '.join([mark] * len(values))})", values)

    insert("meta", "schema_version", "1")
    insert("meta", "ledger_id", "0123456789abcdef")
    identity = HashEmbedder().identity
    insert("meta", "embedder", json.dumps(identity.as_dict()))
    for number, ((action, data), concept) in enumerate(zip(EVENTS, OF, strict=True), start=1):
        at = f"2026-11-20T10:00:0{number}.000001+00:00"
        insert("events", number, at, "distil", "t1", "default", concept["id"], action, json.dumps(data))
    for added, changed, concept in ((1, 4, COST), (2, 6, GRID)):
        content = json.dumps({name: concept[name] for name in CONTENT}, sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()
        values = (concept["id"], "default", "routine", concept["status"], digest, changed, added, json.dumps(concept))
        insert("concepts", *values)
        vector = HashEmbedder().embed(["\n".join([concept["title"], *concept["cues"]])])[0]
        insert("vectors", concept["id"], identity.key, vector.tobytes())


@pytest.fixture
def old_ledger(folder):
    folder.mkdir()
    connection = sqlite3.connect(folder / "ledger.sqlite")
    with connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(DDL)
        fill(connection.execute, "?")
    connection.close()
    return folder


def check_kept(store):
    cost, grid = store.all(retired=True)
    assert (cost, grid) == (Concept.model_validate(COST), Concept.model_validate(GRID))
    assert store.search("prices and quantities of a purchase")[0].concept == cost
    assert [(event.action, event.cause, event.run) for event in store.events()] == [
        (action, "t1", "") for action, _ in EVENTS
    ]
    assert [event.body for event in store.events()] == [data for _, data in EVENTS]
    assert store.add(cost.draft) == cost.id


def check_can_be_undone(store):
    first, words = store.at(2), [COST["id"], GRID["id"]]
    assert [concept.id for concept in first] == words
    assert (first[0].title, first[0].seen, first[0].version) == ("Cost, first words", 1, 1)
    assert [concept.status for concept in store.at(4)] == ["provisional", "provisional"]
    for seq in (6, 5, 4, 3):
        store.undo(seq)
    now = store.all()
    assert [concept.model_copy(update={"version": 1}) for concept in now] == first
    assert store.search("rotate a matrix")[0].concept.id == GRID["id"]


def test_a_ledger_of_schema_1_keeps_everything(old_ledger):
    with ConceptStore.open(old_ledger, embedder="hash") as store:
        check_kept(store)
    with ConceptStore.open(old_ledger, embedder="hash") as store:
        assert store.count() == 1 and store.all()[0].seen == 3


def test_the_events_of_a_ledger_of_schema_1_can_be_undone(old_ledger):
    with ConceptStore.open(old_ledger, embedder="hash") as store:
        check_can_be_undone(store)


@pytest.mark.parametrize("check", [check_kept, check_can_be_undone])
def test_a_ledger_of_schema_1_on_postgresql_moves_as_well(postgres_url, check):
    statements = DDL.replace("INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "BIGSERIAL PRIMARY KEY").replace(
        "BLOB", "BYTEA"
    )
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        connection.execute(statements)
        fill(connection.execute, "%s")
        connection.execute("SELECT setval('events_seq_seq', 6)")
    with ConceptStore.open(postgres_url, embedder="hash") as store:
        check(store)


def test_a_migrated_ledger_has_the_tables_of_a_new_one(old_ledger, tmp_path):
    def tables(folder):
        ConceptStore.open(folder, embedder="hash").close()
        connection = sqlite3.connect(folder / "ledger.sqlite")
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        indexes = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        columns = {name: {row[1:4] for row in connection.execute(f"PRAGMA table_info({name})")} for name in names}
        found = columns, {name for (name,) in indexes}
        connection.close()
        return found

    old, new = tables(old_ledger), tables(tmp_path / "new")
    assert old[0].keys() == new[0].keys()
    assert old[1] == new[1]
    assert {name: {column[0] for column in old[0][name]} for name in old[0]} == {
        name: {column[0] for column in new[0][name]} for name in new[0]
    }


def test_a_read_only_ledger_of_schema_1_is_a_sentence_and_stays_as_it_is(old_ledger):
    file = old_ledger / "ledger.sqlite"
    before = file.read_bytes()
    with pytest.raises(LedgerReadOnly, match="has schema 1 and must be brought to schema 3.*make the file"):
        ConceptStore.open(f"sqlite:///file:{file}?mode=ro&uri=true", embedder="hash")
    assert file.read_bytes() == before


def test_a_step_that_fails_leaves_the_ledger_as_it_was(old_ledger, monkeypatch):
    def breaks(connection):
        done = migrations._add_runs_and_changes(connection)
        raise RuntimeError("the power went out") from done

    with monkeypatch.context() as patch:
        patch.setitem(migrations.STEPS, 1, breaks)
        with pytest.raises(RuntimeError, match="power"):
            ConceptStore.open(old_ledger, embedder="hash")
    connection = sqlite3.connect(old_ledger / "ledger.sqlite")
    assert connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == ("1",)
    assert "run" not in [row[1] for row in connection.execute("PRAGMA table_info(events)")]
    connection.close()
    with ConceptStore.open(old_ledger, embedder="hash") as store:
        check_kept(store)


OPENER = """
import sys
from pilotage.memory.store import ConceptStore
sys.stdin.readline()
with ConceptStore.open(sys.argv[1], embedder="hash") as store:
    print(store.count(), len(store.events()), store.search("prices and quantities")[0].concept.title)
"""


def open_at_once(target, number=4):
    command = [sys.executable, "-c", OPENER, str(target)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    openers = [subprocess.Popen(command, env=os.environ, **pipes) for _ in range(number)]
    for opener in openers:
        opener.stdin.write("go\n")
        opener.stdin.flush()
    said = []
    for opener in openers:
        out, errors = opener.communicate(timeout=300)
        assert opener.returncode == 0, errors
        said.append(out.strip())
    return said


def test_processes_that_open_it_at_once_move_it_once(old_ledger):
    assert open_at_once(old_ledger) == ["1 6 Cost of a purchase"] * 4


def test_there_is_a_step_from_every_earlier_schema():
    assert sorted(migrations.STEPS) == list(range(1, schema.SCHEMA_VERSION))


def test_items_of_schema_2_are_kept_and_searched_and_tell_their_changes(folder):
    from pilotage.memory.adapters.langgraph.store import PilotageStore

    with PilotageStore.open(folder, embedder="hash", fields=["text"]) as store:
        store.put(("a",), "k", {"text": "red apples"})
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        connection.execute("DROP INDEX items_by_version")
        connection.execute("ALTER TABLE items DROP COLUMN version")
        connection.execute("DELETE FROM meta WHERE key = 'items_version'")
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")
    connection.close()
    with PilotageStore.open(folder, embedder="hash", fields=["text"]) as store:
        assert store.search(("a",), query="red apples")[0].score == pytest.approx(1.0)
        store.put(("a",), "k", {"text": "old ships"})
        assert store.search(("a",), query="red apples")[0].score < 0.9
