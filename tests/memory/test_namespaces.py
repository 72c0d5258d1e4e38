"""Two tenants in one ledger: through no door, and by no id, does anything of the one reach the other."""

import io
import json
import subprocess
import sys

import pytest
from langgraph.store.base import PutOp

from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.errors import ConceptStoreError, InvalidItem, UnknownConcept
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

MARK = "Zanzibar"
SECRET = COST.model_copy(update={"title": f"Total cost in {MARK}", "description": f"Known only in {MARK}."})


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    return tmp_path / "memory" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def tenants(place):
    with (
        ConceptStore.open(place, embedder="hash", namespace="a") as a,
        ConceptStore.open(place, embedder="hash", namespace="b") as b,
    ):
        yield a, b


@pytest.fixture
def secret(tenants):
    """Id of tenant A's concept, which A has edited, so that it has a history."""
    a, _ = tenants
    id = a.add(SECRET, run="a's run")
    a.record_outcome([id], "recalled")
    return id


def rows(store):
    """Everything of a store, to see that nothing of it changed."""
    return [concept.model_dump() for concept in store.all(retired=True)], store.events(None)


def test_no_reading_shows_another_tenants_concepts(tenants, secret):
    a, b = tenants
    b.add(SPELL)
    out = io.StringIO()
    b.export(out)
    seen = [
        [hit.concept for hit in b.search(SECRET.search_text, limit=50)],
        [hit.concept for hit in b.recall(SECRET.search_text, limit=10, floor=-1.0).hits],
        [hit.concept for hit in b.recall(SECRET.search_text, limit=10, floor=-1.0).related],
        b.all(retired=True),
        b.browse(limit=None),
        b.at(10**6, retired=True),
        b.events(None),
        b.events(None, run="a's run"),
        b.credit(),
        b.types_of([SECRET]),
        out.getvalue(),
    ]
    assert MARK not in repr(seen) and secret not in repr(seen)
    assert (b.count(), len(b.events(None))) == (1, 1)
    assert len(out.getvalue().splitlines()) < sum(1 for _ in a.events(None)) + 3
    assert [concept.title for concept in a.all()] == [SECRET.title]


def test_no_id_of_another_tenant_can_be_used(tenants, secret):
    a, b = tenants
    own = b.add(SPELL)
    before = rows(a)
    event = a.events(None)[0]
    attempts = {
        "get": lambda: b.get(secret),
        "find_id": lambda: b.find_id(secret[:6]),
        "history": lambda: b.history(secret),
        "revise": lambda: b.revise(secret, {"title": "Mine"}),
        "forget": lambda: b.forget(secret),
        "restore": lambda: b.restore(secret),
        "promote": lambda: b.promote([secret]),
        "dispute": lambda: b.dispute(own, secret),
        "repeat": lambda: b.repeat(secret, SPELL),
        "merge": lambda: b.merge(own, [secret]),
        "merge into": lambda: b.merge(secret, [own]),
        "record_outcomes": lambda: b.record_outcomes({secret: ["helped"]}, run="r"),
        "record_outcome": lambda: b.record_outcome([own, secret], "helped"),
        "undo": lambda: b.undo(event.seq),
        "undo_run": lambda: b.undo_run("a's run"),
    }
    untouched = rows(b)
    for name, attempt in attempts.items():
        with pytest.raises(ConceptStoreError):
            attempt()
            pytest.fail(f"{name} used another tenant's id")
    assert rows(a) == before
    assert rows(b) == untouched


def test_a_duplicate_of_another_tenants_concept_is_a_new_one(tenants, secret):
    a, b = tenants
    own = b.add(SECRET)
    assert own != secret
    assert (a.get(secret).seen, b.get(own).seen) == (1, 1)


def test_prune_undo_and_reindex_of_one_leave_the_other_as_it_is(tenants, secret):
    a, b = tenants
    ids = b.add_many([SPELL, GRID], run="b's run")
    for _ in range(30):
        b.record_outcome([ids[0]], "harmed")
        a.record_outcome([secret], "harmed")
    before = rows(a)
    pruned = b.prune()
    assert [concept.id for concept in pruned] == [ids[0]]
    b.undo_run(b.events(None)[-1].run)
    assert b.get(ids[0]).status != "retired"
    b.doctor(repair=True)
    b.reindex()
    assert rows(a) == before
    assert a.search(SECRET.search_text)[0].concept.id == secret


def test_an_import_of_another_tenants_export_makes_concepts_of_ones_own(tenants, secret, tmp_path):
    a, b = tenants
    file = tmp_path / "a.jsonl"
    a.export(file)
    before = rows(a)
    b.import_(file)
    assert [concept.title for concept in b.all()] == [SECRET.title]
    assert b.all()[0].namespace == "b"
    assert rows(a) == before
    b.forget(b.all()[0].id)
    assert a.get(secret).status != "retired"
    assert rows(a) == before


def test_langgraph_items_and_concepts_are_apart(tenants, secret):
    a, b = (PilotageStore(store) for store in tenants)
    a.put(("users",), "k", {"text": MARK}, ttl=0.0001)
    a.put(("users",), "kept", {"text": MARK})
    assert b.get(("users",), "k") is None
    assert b.search((), query=MARK) == [] and b.search((), filter={"text": MARK}) == []
    assert b.list_namespaces() == []
    assert b.get(("concepts", "a"), secret) is None and b.get(("concepts", "b"), secret) is None
    assert b.search(("concepts",)) == [] and b.search(("concepts", "a"), query=MARK) == []
    b.delete(("users",), "kept")
    b.put(("users",), "kept", {"text": "mine"})
    for path in (("concepts", "a"), ("concepts",)):
        with pytest.raises(InvalidItem, match="reserved"):
            b.batch([PutOp(path, secret, None)])
    b.delete(("concepts", "b"), secret)
    assert b.sweep_ttl() == 0, "another tenant's items are not swept"
    assert a.get(("users",), "kept").value == {"text": MARK}
    assert a.get(("concepts", "a"), secret) is not None


def test_the_command_line_stays_in_its_namespace(tenants, secret, place):
    own = tenants[1].add(SPELL)
    before = rows(tenants[0])

    where = ("--memory", str(place), "--namespace", "b")
    allowed = [("list",), ("search", SECRET.title), ("history", own), ("export", "-"), ("stats",)]
    refused = [("show", secret), ("history", secret), ("forget", secret), ("undo", "1"), ("merge", own, secret)]
    refused.append(("edit", secret, "--set", "title=Mine"))
    calls = json.dumps([[*words, *where] for words in allowed + refused])
    done = subprocess.run([sys.executable, "-c", CALLS, calls], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert MARK not in repr(results)
    for words, (code, text) in zip(allowed, results, strict=False):
        assert code == 0, (words, text)
    for words, (code, text) in zip(refused, results[len(allowed) :], strict=True):
        assert code == 1 and ("no concept" in text or "no event" in text), (words, code, text)
    assert rows(tenants[0]) == before


CALLS = """
import contextlib, io, json, sys
from pilotage.agent.cli import main
results = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["pilotage", "memory", *words]
    out, code = io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    results.append([code or 0, out.getvalue()])
print(json.dumps(results))
"""


def test_unknown_is_all_that_another_tenants_id_gives_away(tenants, secret):
    with pytest.raises(UnknownConcept) as theirs:
        tenants[1].get(secret)
    with pytest.raises(UnknownConcept) as nobodys:
        tenants[1].get("0" * 16)
    assert str(theirs.value).replace(secret, "") == str(nobodys.value).replace("0" * 16, "")
