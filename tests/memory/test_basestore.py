"""The LangGraph store on both databases: what it keeps, and the faults of other stores that it does not have."""

import asyncio
import json
import subprocess
import sys
import threading
from datetime import datetime

import pytest
import sqlalchemy
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.store.base import GetOp, InvalidNamespaceError, PutOp, SearchOp
from sqlalchemy.engine import Engine

from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.errors import InvalidConcept, InvalidItem
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL, keys

ADA = ("users", "ada")
BOB = ("users", "bob")


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now

    def wait(self, minutes):
        self.now += minutes * 60


@pytest.fixture
def store(place):
    with PilotageStore.open(place, embedder="hash", fields=["text"]) as store:
        yield store


@pytest.fixture
def clock():
    return Clock()


def test_what_was_put_is_read_back_by_a_store_opened_later(place):
    value = {"text": "naïve \u0000 \ud800 text", "list": [1, 2.5, None, True, {"x": []}], "": "empty key"}
    with PilotageStore.open(place, embedder="hash") as store:
        store.put(ADA, "likes", value)
    with PilotageStore.open(place, embedder="hash") as store:
        item = store.get(ADA, "likes")
        assert item.value == value
        assert (item.namespace, item.key) == (ADA, "likes")
        assert item.created_at.tzinfo is not None


def test_a_path_matches_by_segment_and_not_by_spelling(store):
    for path in [("a",), ("a", "b"), ("ab",), ("a", "bc"), ("a,", "b"), ('a"', "b")]:
        store.put(path, "k", {"path": list(path)})
    assert [item.value["path"] for item in store.search(("a",))] == [["a"], ["a", "b"], ["a", "bc"]]
    assert [item.value["path"] for item in store.search(("a", "b"))] == [["a", "b"]]
    assert store.list_namespaces(suffix=("b",)) == [("a", "b"), ('a"', "b"), ("a,", "b")]
    assert store.list_namespaces(prefix=("a", "*")) == [("a", "b"), ("a", "bc")]


def test_the_first_put_of_an_overwritten_item_stays_known(store):
    store.put(ADA, "k", {"text": "one"})
    first = store.get(ADA, "k")
    store.put(ADA, "k", {"text": "two"})
    second = store.get(ADA, "k")
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


@pytest.mark.parametrize("index", [False, ["other"]])
def test_an_overwrite_with_another_index_leaves_no_old_vector(store, index):
    store.put(ADA, "k", {"text": "red apples"})
    store.put(ADA, "k", {"text": "red apples"}, index=index)
    assert [item.score for item in store.search(ADA, query="red apples")] == [None]


def test_every_page_of_a_search_follows_on_the_last(store):
    for number in range(25):
        store.put(ADA, f"seen {number}", {"text": f"apples {number}"})
        store.put(ADA, f"unseen {number}", {"text": f"apples {number}"}, index=False)
    for query in (None, "apples"):
        pages = [keys(store.search(ADA, query=query, limit=10, offset=start)) for start in range(0, 60, 10)]
        assert [len(page) for page in pages] == [10, 10, 10, 10, 10, 0]
        assert sum(pages, []) == keys(store.search(ADA, query=query, limit=100))
        assert len(set(sum(pages, []))) == 50


def test_equal_texts_in_one_batch_and_in_one_item_are_all_found(store):
    store.batch([PutOp(ADA, f"k{number}", {"text": "red apples"}) for number in range(3)])
    store.put(ADA, "twice", {"text": "red apples", "note": "red apples"}, index=["text", "note"])
    hits = store.search(ADA, query="red apples")
    assert sorted(keys(hits)) == ["k0", "k1", "k2", "twice"]
    assert all(item.score == pytest.approx(1.0) for item in hits)


def test_of_several_texts_the_nearest_counts(store):
    store.put(ADA, "many", {"notes": [{"text": "green pears"}, {"text": "old ships"}]}, index=["notes[*].text"])
    store.put(ADA, "whole", {"text": "ships and pears and apples"})
    best = store.search(ADA, query="old ships")[0]
    assert best.key == "many" and best.score == pytest.approx(1.0)


def test_without_an_embedder_a_query_still_gives_the_items_and_they_are_found_by_meaning_later(place):
    with PilotageStore.open(place, embedder=None, fields=["text"]) as store:
        store.put(ADA, "a", {"text": "red apples"})
        store.put(ADA, "b", {"text": "old ships"})
        store.put(ADA, "c", {"text": "old ships"}, index=False)
        assert [(item.key, item.score) for item in store.search(ADA, query="ships")] == [
            ("a", None),
            ("b", None),
            ("c", None),
        ]
    with PilotageStore.open(place, embedder="hash") as store:
        assert keys(store.search(ADA, query="old ships")) == ["b", "a", "c"]


def test_items_move_to_another_embedder(place):
    from pilotage.memory.embedders.embedder import HashEmbedder

    with PilotageStore.open(place, embedder="hash", fields=["text"]) as store:
        store.concepts.add(COST)
        store.put(ADA, "a", {"text": "red apples"})
        assert store.search(ADA, query="red apples")[0].score == pytest.approx(1.0)
        store.concepts.reindex(HashEmbedder(64))
        assert store.search(ADA, query="red apples")[0].score == pytest.approx(1.0)
        assert store.search(ADA, query="xylophone")[0].score < 0.9


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"n": 2}, ["two"]),
        ({"n": {"$eq": 2}}, ["two"]),
        ({"n": {"$ne": 2}}, ["one", "ten", "none"]),
        ({"n": {"$gt": 1}}, ["two", "ten"]),
        ({"n": {"$gte": 2, "$lt": 10}}, ["two"]),
        ({"n": {"$lte": "2"}}, ["one", "two"]),
        ({"day": {"$gte": "2026-02-01"}}, ["two", "ten"]),
        ({"deep": {"x": 1}}, ["ten"]),
        ({"deep": {"x": {"$gt": 0}}}, ["ten"]),
        ({"tags": ["a", "b"]}, ["one"]),
    ],
)
def test_filters(lite, wanted, found):
    lite.put(ADA, "one", {"n": 1, "day": "2026-01-31", "tags": ["a", "b"]})
    lite.put(ADA, "two", {"n": 2, "day": "2026-02-01", "tags": ["b", "a"]})
    lite.put(ADA, "ten", {"n": 10, "day": "2026-11-01", "deep": {"x": 1, "y": 2}})
    lite.put(ADA, "none", {"n": None})
    assert keys(lite.search(ADA, filter=wanted)) == found


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (PutOp(ADA, "k", {"x": {1, 2}}), "the value of 'k'.x is of type set"),
        (PutOp(ADA, "k", {"x": {3: "three"}}), "has the key 3, which is not text"),
        (PutOp(ADA, "k", {"x": [float("nan")]}), r"x\[0\] is nan"),
        (PutOp(ADA, "k", {}, ttl=0), "time to live of 0"),
        (PutOp(("concepts", "other"), "k", {"title": "x"}), "reserved"),
        (SearchOp(ADA, {"n": {"$like": "x"}}), r"unknown filter operator '\$like'"),
        (SearchOp(ADA, limit=-1), "must not be negative"),
        ("get", "unknown operation str"),
    ],
)
def test_what_cannot_be_done_is_refused_by_a_sentence_and_nothing_else_of_its_batch_happens(lite, operation, sentence):
    with pytest.raises(InvalidItem, match=sentence):
        lite.batch([PutOp(ADA, "other", {"text": "x"}), operation])
    assert lite.search(()) == []


def test_a_label_that_reads_as_two_is_refused(lite):
    with pytest.raises(InvalidNamespaceError):
        lite.batch([GetOp(("a.b",), "k")])


def test_reads_of_a_batch_see_the_state_before_its_writes_and_the_last_write_counts(store):
    store.put(ADA, "k", {"text": "old"})
    results = store.batch(
        [PutOp(ADA, "k", {"text": "new"}), GetOp(ADA, "k"), SearchOp(ADA), PutOp(ADA, "k", {"text": "newest"})]
    )
    assert results[1].value == {"text": "old"} and keys(results[2]) == ["k"]
    assert store.get(ADA, "k").value == {"text": "newest"}


def test_a_value_belongs_to_its_reader(lite):
    lite.put(ADA, "k", {"list": [1]})
    lite.get(ADA, "k").value["list"].append(2)
    assert lite.get(ADA, "k").value == {"list": [1]}


def test_items_expire_after_their_last_use(place, clock):
    concepts = ConceptStore.open(place, embedder="hash")
    with PilotageStore(concepts, ttl={"default_ttl": 10}, clock=clock) as store:
        store.put(ADA, "read", {"text": "x"})
        store.put(ADA, "left", {"text": "x"})
        store.put(ADA, "looked at", {"text": "x"})
        store.put(ADA, "for ever", {"text": "x"}, ttl=None)
        clock.wait(9)
        assert store.get(ADA, "read") is not None
        assert store.get(ADA, "looked at", refresh_ttl=False) is not None
        clock.wait(2)
        assert store.get(ADA, "left") is None and store.get(ADA, "looked at") is None
        assert keys(store.search(ADA)) == ["read", "for ever"]
        assert keys(store.search(ADA, query="x", filter={"text": "x"})) == ["read", "for ever"]
        assert store.sweep_ttl() == 2
        clock.wait(11)
        assert keys(store.search(ADA)) == ["for ever"]


def test_a_search_refreshes_what_it_returns_and_no_more(place, clock):
    with PilotageStore(ConceptStore.open(place, embedder="hash"), clock=clock) as store:
        for key in ("first", "second"):
            store.put(ADA, key, {"text": key}, ttl=10)
        clock.wait(9)
        assert keys(store.search(ADA, limit=1)) == ["first"]
        clock.wait(2)
        assert keys(store.search(ADA)) == ["first"]


def test_refresh_on_read_and_omit_expired_can_be_turned_off(place, clock):
    ttl = {"refresh_on_read": False, "omit_expired": False, "default_ttl": 10}
    with PilotageStore(ConceptStore.open(place, embedder="hash"), ttl=ttl, clock=clock) as store:
        store.put(ADA, "k", {"text": "x"})
        clock.wait(9)
        store.get(ADA, "k")
        clock.wait(2)
        assert store.get(ADA, "k") is not None
        assert store.sweep_ttl() == 1
        assert store.get(ADA, "k") is None and store.list_namespaces() == []


def test_an_item_put_where_one_expired_is_a_new_one(place, clock):
    with PilotageStore(ConceptStore.open(place, embedder="hash"), clock=clock) as store:
        store.put(ADA, "k", {"text": "x"}, ttl=1)
        first = store.get(ADA, "k").created_at
        clock.wait(2)
        store.put(ADA, "k", {"text": "y"})
        assert store.get(ADA, "k").created_at > first


def test_the_sweeper_deletes_in_the_background(tmp_path, clock):
    with PilotageStore(ConceptStore.open(tmp_path, embedder="hash"), ttl={"omit_expired": False}, clock=clock) as store:
        store.put(ADA, "k", {"text": "x"}, ttl=1)
        clock.wait(2)
        store.start_ttl_sweeper(sweep_interval_minutes=0.05 / 60)
        gone = threading.Event()
        for _ in range(100):
            if store.get(ADA, "k", refresh_ttl=False) is None:
                gone.set()
                break
            gone.wait(0.05)
        assert gone.is_set()


WRITER = """
import sys
from pilotage.memory.adapters.langgraph.store import PilotageStore
with PilotageStore.open(sys.argv[1], embedder="hash") as store:
    for number in range(10):
        store.put(("shared",), f"{sys.argv[2]} {number}", {"text": f"{sys.argv[2]} {100 + number}"})
        store.put(("shared",), "last", {"by": sys.argv[2]})
"""


def test_several_processes_write_at_once_and_none_is_lost(place):
    with PilotageStore.open(place, embedder="hash") as store:
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(place), name]) for name in ("one", "two")]
        assert [writer.wait(300) for writer in writers] == [0, 0]
        assert len(store.search(("shared",), limit=100)) == 21
        assert store.search(("shared",), query="one 107", limit=1)[0].key == "one 7"


async def test_the_async_methods_do_the_same(store):
    await asyncio.gather(*(store.aput(ADA, f"k{number}", {"text": f"apples {number}"}) for number in range(5)))
    assert len(await store.asearch(ADA, query="apples")) == 5
    await store.adelete(ADA, "k0")
    assert await store.aget(ADA, "k0") is None
    assert await store.alist_namespaces() == [ADA]


@pytest.fixture
def statements():
    """Every statement that a database is asked from here on."""
    asked = []

    def note(connection, cursor, statement, parameters, context, many):
        asked.append(statement)

    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    yield asked
    sqlalchemy.event.remove(Engine, "before_cursor_execute", note)


class TestConcepts:
    PATH = ("concepts", "default")

    def test_concepts_show_as_items(self, store):
        cost, spell = (store.concepts.add(draft) for draft in (COST, SPELL))
        assert keys(store.search(("concepts",))) == [cost, spell]
        assert keys(store.search(self.PATH, query="what do they cost in all?", limit=1)) == [cost]
        assert keys(store.search(self.PATH, filter={"kind": "routine", "title": SPELL.title})) == [spell]
        assert store.get(self.PATH, cost).value["title"] == COST.title
        assert store.list_namespaces() == [self.PATH]
        assert store.search(()) == [], "a search of everything else never mixes concepts in"
        json.dumps(store.get(self.PATH, cost).value)

    def test_a_put_adds_under_a_key_of_the_callers_own(self, store):
        store.put(self.PATH, "my key", COST.model_dump(mode="json"))
        item = store.get(self.PATH, "my key")
        assert item.key == "my key"
        concept = store.concepts.get(item.value["id"])
        assert (concept.draft, concept.status) == (COST, "provisional")
        assert store.concepts.history(concept.id)[0].actor == "langgraph"

    def test_a_put_revises_and_the_history_tells(self, store):
        cost = store.concepts.add(COST)
        item = store.get(self.PATH, cost)
        store.put(self.PATH, cost, {**item.value, "description": "What all goods cost together."})
        assert store.concepts.get(cost).description == "What all goods cost together."
        assert [event.action for event in store.concepts.history(cost)] == ["added", "revised"]
        assert store.get(self.PATH, cost).updated_at > item.updated_at
        store.put(self.PATH, cost, store.get(self.PATH, cost).value)
        assert store.concepts.get(cost).version == 2, "nothing new, nothing revised"

    def test_credit_and_provenance_cannot_be_forged(self, store):
        forged = {"status": "trusted", "outcomes": {"helped": 99}, "provenance": {"verified_by": "me"}, "id": "mine"}
        store.put(self.PATH, "k", {**COST.model_dump(mode="json"), **forged})
        concept = store.concepts.all()[0]
        assert concept.status == "provisional" and concept.outcomes.helped == 0
        assert concept.provenance.verified_by == "" and concept.id != "mine"

    def test_a_delete_forgets_and_a_put_brings_back(self, store):
        store.put(self.PATH, "k", COST.model_dump(mode="json"))
        id_ = store.get(self.PATH, "k").value["id"]
        store.delete(self.PATH, "k")
        store.delete(self.PATH, "never there")
        assert store.get(self.PATH, "k") is None and store.search(self.PATH, query="cost") == []
        assert store.concepts.get(id_).status == "retired"
        store.put(self.PATH, "k", COST.model_dump(mode="json"))
        assert store.get(self.PATH, "k").value["id"] == id_

    def test_what_is_no_concept_is_refused_before_anything_of_the_batch_is_written(self, store):
        with pytest.raises(InvalidConcept, match="title"):
            store.batch([PutOp(ADA, "k", {"text": "x"}), PutOp(self.PATH, "k", {"content": "free text"})])
        assert store.search(()) == [] and store.concepts.is_empty()

    def test_the_times_of_a_page_come_from_one_query_and_no_event_is_read_whole(self, store, statements):
        ids = [store.concepts.add(draft) for draft in (COST, SPELL)]
        store.concepts.revise(ids[0], {"description": "What all goods cost together."})
        store.put(self.PATH, "mine", GRID.model_dump(mode="json"))
        for read in ({}, {"query": "cost"}, {"filter": {"kind": "routine"}}):
            statements.clear()
            page = store.search(self.PATH, **read)
            (asked,) = [one for one in statements if "events.concept_id" in one]
            assert len(page) == 3 and "body" not in asked
            for item in page[:2] if not read else ():
                history = store.concepts.history(item.key)
                times = [datetime.fromisoformat(event.at) for event in (history[0], history[-1])]
                assert [item.created_at, item.updated_at] == times
        statements.clear()
        item = store.get(self.PATH, ids[0])
        assert item.created_at < item.updated_at and len([one for one in statements if "events.concept_id" in one]) == 1

    def test_pages_of_concepts_follow_on_each_other(self, store):
        store.concepts.add_many([COST.model_copy(update={"title": f"Cost of {n} goods"}) for n in range(12)])
        for query in (None, "cost of goods"):
            pages = [keys(store.search(self.PATH, query=query, limit=5, offset=start)) for start in (0, 5, 10)]
            assert [len(page) for page in pages] == [5, 5, 2]
            assert len(set(sum(pages, []))) == 12


class Chat(MessagesState):
    user: str


def test_a_langgraph_agent_keeps_and_finds_what_it_was_told(place):
    """A graph with `store=`: one thread tells, another asks, after the store was closed and opened again."""

    def remember(state: Chat):
        get_store().put(("users", state["user"]), str(len(state["messages"])), {"text": state["messages"][-1].content})
        return {"messages": [AIMessage("noted")]}

    async def answer(state: Chat):
        hits = await get_store().asearch(("users", state["user"]), query=state["messages"][-1].content, limit=1)
        return {"messages": [AIMessage(hits[0].value["text"] if hits else "I do not know")]}

    def compiled(store):
        graph = StateGraph(Chat)
        graph.add_node("remember", remember)
        graph.add_node("answer", answer)
        graph.add_conditional_edges(
            START, lambda state: "answer" if "?" in state["messages"][-1].content else "remember"
        )
        graph.add_edge("remember", END)
        graph.add_edge("answer", END)
        return graph.compile(store=store)

    async def say(graph, user, text):
        return (await graph.ainvoke({"user": user, "messages": [HumanMessage(text)]}))["messages"][-1].content

    with PilotageStore.open(place, embedder="hash", fields=["text"]) as store:
        assert asyncio.run(say(compiled(store), "ada", "My ship sails on Monday")) == "noted"
    with PilotageStore.open(place, embedder="hash", fields=["text"]) as store:
        assert asyncio.run(say(compiled(store), "ada", "When does the ship sail?")) == "My ship sails on Monday"
        assert asyncio.run(say(compiled(store), "bob", "When does the ship sail?")) == "I do not know"
