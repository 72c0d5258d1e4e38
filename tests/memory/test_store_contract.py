"""What LangGraph's own stores promise, asked of `PilotageStore` on both databases, and each key's independence."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp

from pilotage.memory.adapters.langgraph.filter import passes
from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.errors import InvalidItem
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL, keys

DOCS = ("docs",)
CONCEPTS = ("concepts", "default")


@pytest.fixture
def store(place):
    with PilotageStore.open(place, embedder="hash", fields=["text"]) as store:
        yield store


class TestOperations:
    def test_a_batch_answers_in_the_order_of_its_operations(self, store):
        store.put(("a", "x"), "k1", {"text": "one", "n": 1})
        store.put(("a", "y"), "k2", {"text": "two", "n": 2})
        for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)):
            asked = [
                GetOp(("a", "x"), "k1"),
                PutOp(("a", "x"), "k3", {"text": "three", "n": 3}),
                SearchOp(("a",), {"n": 2}, 10, 0, None),
                ListNamespacesOp((MatchCondition("prefix", ("a",)),), None, 10, 0),
                GetOp(("a", "z"), "k1"),
            ]
            found = store.batch([asked[place] for place in order])
            answers = dict(zip(order, found, strict=True))
            assert answers[0].value == {"text": "one", "n": 1}
            assert answers[1] is None and answers[4] is None
            assert keys(answers[2]) == ["k2"]
            assert answers[3] == [("a", "x"), ("a", "y")]
            store.delete(("a", "x"), "k3")

    def test_put_get_delete_and_put_again(self, store):
        store.put(DOCS, "k", {"text": "first"})
        first = store.get(DOCS, "k")
        assert (first.value, first.key, first.namespace) == ({"text": "first"}, "k", DOCS)
        store.put(DOCS, "k", {"text": "second"})
        second = store.get(DOCS, "k")
        assert second.value == {"text": "second"}
        assert second.updated_at > first.updated_at and second.created_at == first.created_at
        store.delete(DOCS, "k")
        store.delete(DOCS, "k")
        assert store.get(DOCS, "k") is None and store.search(DOCS) == []
        store.put(DOCS, "k", {"text": "third"})
        assert store.get(DOCS, "k").created_at > second.updated_at
        assert store.get(("docs", "below"), "k") is None and store.get((), "k") is None

    def test_paths_are_listed_by_prefix_suffix_wildcard_and_depth_page_by_page(self, store):
        paths = [
            ("a", "b", "c"),
            ("a", "b", "d", "e"),
            ("a", "b", "d", "i"),
            ("a", "b", "f"),
            ("a", "c", "f"),
            ("b", "a", "f"),
            ("users", "123"),
            ("users", "456", "settings"),
            ("admin", "users", "789"),
        ]
        for path in paths:
            store.put(path, "k", {"text": "x"})
        assert store.list_namespaces() == sorted(paths)
        assert store.list_namespaces(prefix=("a", "b")) == paths[:4]
        assert store.list_namespaces(suffix=("f",)) == [("a", "b", "f"), ("a", "c", "f"), ("b", "a", "f")]
        assert store.list_namespaces(prefix=("a",), suffix=("f",)) == [("a", "b", "f"), ("a", "c", "f")]
        assert store.list_namespaces(prefix=("a", "*", "f")) == [("a", "b", "f"), ("a", "c", "f")]
        assert store.list_namespaces(suffix=("*", "f")) == [("a", "b", "f"), ("a", "c", "f"), ("b", "a", "f")]
        assert store.list_namespaces(prefix=("users",), max_depth=2) == [("users", "123"), ("users", "456")]
        assert store.list_namespaces(prefix=("a", "b"), max_depth=3) == [*paths[:1], ("a", "b", "d"), paths[3]]
        assert store.list_namespaces(limit=2, offset=1) == sorted(paths)[1:3]
        assert store.list_namespaces(limit=5, offset=9) == []
        assert store.list_namespaces(prefix=("none",)) == []

    def test_a_search_is_of_a_path_and_what_is_below_it_page_by_page(self, store):
        for number in range(7):
            store.put(("test", "docs" if number < 5 else "other"), f"k{number}", {"text": f"t{number}", "n": number})
        assert len(store.search(("test",))) == 7 and len(store.search(("test", "docs"))) == 5
        assert keys(store.search(("test",), limit=3)) == ["k0", "k1", "k2"]
        assert keys(store.search(("test",), limit=3, offset=3)) == ["k3", "k4", "k5"]
        assert keys(store.search(("test",), filter={"n": {"$gte": 2}}, limit=2, offset=1)) == ["k3", "k4"]
        assert store.search(("tes",)) == []

    def test_scores_fall_and_each_page_goes_on_where_the_last_ended(self, store):
        texts = ["red apples", "red apples and pears", "old ships", "green pears", "quick brown foxes"]
        store.batch([PutOp(DOCS, text, {"text": text, "red": "red" in text}) for text in texts])
        hits = store.search(DOCS, query="red apples")
        assert hits[0].key == "red apples" and hits[0].score == pytest.approx(1.0)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        pages = [store.search(DOCS, query="red apples", limit=2, offset=start) for start in (0, 2, 4)]
        assert sum(map(keys, pages), []) == keys(hits)
        found = store.search(DOCS, query="green pears", filter={"red": True})
        assert set(keys(found)) == {"red apples", "red apples and pears"}

    def test_what_is_searched_can_be_named_for_each_item(self, store):
        value = {"text": "red apples", "title": "old ships", "parts": [{"name": "green pears"}, {"name": "blue sky"}]}
        store.put(DOCS, "default", value)
        store.put(DOCS, "title", value, index=["title"])
        store.put(DOCS, "parts", value, index=["parts[*].name"])
        store.put(DOCS, "last", value, index=["parts[-1].name"])
        store.put(DOCS, "none", value, index=False)
        store.put(DOCS, "nothing there", value, index=["missing"])

        def sure(query):
            hits = store.search(DOCS, query=query)
            assert {hit.key for hit in hits if hit.score is None} == {"none", "nothing there"}
            return {hit.key for hit in hits if hit.score is not None and hit.score > 0.99}

        assert sure("red apples") == {"default"} and sure("old ships") == {"title"}
        assert sure("green pears") == {"parts"} and sure("blue sky") == {"parts", "last"}

    async def test_the_async_operations_do_the_same(self, store):
        await store.abatch([PutOp(DOCS, f"k{number}", {"text": "same text", "n": number}) for number in range(3)])
        found = await asyncio.gather(*(store.asearch(DOCS, query="same text", filter={"n": n}) for n in range(3)))
        assert [keys(hits) for hits in found] == [["k0"], ["k1"], ["k2"]]
        await store.adelete(DOCS, "k1")
        assert await store.aget(DOCS, "k1") is None
        assert keys(await store.asearch(DOCS)) == ["k0", "k2"]

    @pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
    def test_a_time_to_live_that_is_none_is_refused(self, lite, ttl):
        with pytest.raises(InvalidItem, match="time to live"):
            lite.put(DOCS, "k", {"text": "x"}, ttl=ttl)

    def test_values_that_could_not_be_read_back_are_refused_by_a_sentence(self, lite):
        deep = value = {}
        for _ in range(2000):
            deep["x"] = {}
            deep = deep["x"]
        for bad, said in [
            (value, "'k'.*is nested more than 200 deep"),
            ({"n": 10**5000}, "more than 4,000 digits"),
            ([1], "is of type list"),
        ]:
            with pytest.raises(InvalidItem, match=said):
                lite.batch([PutOp(DOCS, "other", {"text": "x"}), PutOp(DOCS, "k", bad)])
        with pytest.raises(InvalidItem, match="filter is nested"):
            lite.search(DOCS, filter=value)
        assert lite.search(()) == []
        lite.put(DOCS, "k", {"n": 10**3999})
        assert lite.get(DOCS, "k").value == {"n": 10**3999}


class TestSearchIsKept:
    """Vectors stay in memory between searches: whatever changes, a search sees it."""

    def test_each_kind_of_change_is_seen_by_the_next_search(self, place):
        with (
            PilotageStore.open(place, embedder="hash", fields=["text"]) as mine,
            PilotageStore.open(place, embedder="hash", fields=["text"]) as theirs,
        ):

            def found(path=DOCS, query="red apples"):
                hits = mine.search(path, query=query, limit=50)
                return [(hit.key, round(hit.score, 3) if hit.score is not None else None) for hit in hits]

            assert found() == []
            theirs.put(DOCS, "a", {"text": "red apples"})
            theirs.put(("docs", "below"), "b", {"text": "old ships"})
            assert found()[0] == ("a", 1.0) and len(found()) == 2 and len(found(("docs", "below"))) == 1
            theirs.put(DOCS, "a", {"text": "quick foxes"})
            assert found()[0][1] < 0.9
            theirs.put(DOCS, "a", {"text": "red apples"}, index=False)
            assert found()[-1] == ("a", None)
            theirs.put(DOCS, "a", {"text": "red apples"})
            theirs.delete(("docs", "below"), "b")
            assert found() == [("a", 1.0)] and found(("docs", "below")) == []
            theirs.batch([PutOp(DOCS, "a", None), PutOp(DOCS, "c", {"text": "red apples"})])
            assert found() == [("c", 1.0)], "one gone and one new: their number is the same"
            for number in range(40):  # more than there is room for, and again
                theirs.put(DOCS, f"n{number % 20}", {"text": f"item {number}"})
            assert len(found()) == 21 and found(query="item 39")[0] == ("n19", 1.0)
            assert found(())[0] == ("c", 1.0)

    def test_nothing_is_read_again_while_nothing_changes(self, lite, monkeypatch):
        lite.batch([PutOp(DOCS, f"k{number}", {"text": f"apples{number}"}) for number in range(20)])
        lite.search(DOCS, query="apples3")
        read = []
        changed = type(lite._table).changed
        monkeypatch.setattr(type(lite._table), "changed", lambda *args: read.append(rows := changed(*args)) or rows)
        assert lite.search(DOCS, query="apples3", limit=1)[0].key == "k3"
        assert read == []
        lite.put(DOCS, "k5", {"text": "apples99"})
        assert lite.search(DOCS, query="apples99", limit=1)[0].key == "k5"
        assert [len(rows) for rows in read] == [1]

    def test_of_many_paths_only_the_last_used_are_kept(self, lite, monkeypatch):
        monkeypatch.setattr("pilotage.memory.adapters.langgraph.search._MOST_VECTORS", 40)
        for number in range(6):
            lite.put(("user", str(number)), "k", {"text": f"item {number}"})
        for number in (0, 1, 2, 3, 4, 5, 0):
            assert keys(lite.search(("user", str(number)), query=f"item {number}")) == ["k"]
        assert len(lite._search._matrices) == 2

    operations = st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "hide", "delete", "search"]),
            st.sampled_from("abcdef"),
            st.sampled_from(["red apples", "old ships", "blue sky"]),
        ),
        min_size=5,
        max_size=40,
    )

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operations)
    def test_a_store_that_searched_all_along_finds_what_a_fresh_one_finds(self, operations):
        with ConceptStore.temporary() as concepts:
            store = PilotageStore(concepts, fields=["text"])
            for kind, key, text in operations:
                if kind == "search":
                    fresh = PilotageStore(concepts, fields=["text"])
                    for path in (DOCS, ()):
                        ours, theirs = (one.search(path, query=text, limit=20) for one in (store, fresh))
                        assert [(hit.key, hit.score) for hit in ours] == [(hit.key, hit.score) for hit in theirs]
                else:
                    value = None if kind == "delete" else {"text": text}
                    index = False if kind == "hide" else None
                    store.batch([PutOp(DOCS, key, value, index)])


class TestFilters:
    BIG = 2**53

    @pytest.mark.parametrize(
        ("value", "wanted", "meets"),
        [
            ({"n": BIG + 1}, {"n": {"$gt": BIG}}, True),
            ({"n": BIG + 1}, {"n": {"$lte": BIG}}, False),
            ({"n": BIG}, {"n": {"$lt": BIG + 1}}, True),
            ({"n": BIG + 1}, {"n": {"$gt": float(BIG)}}, True),
            ({"n": BIG + 1}, {"n": {"$gt": str(BIG)}}, True),
            ({"n": 10**400}, {"n": {"$gt": 1e308}}, True),
            ({"n": 0.1}, {"n": {"$lt": "0.2"}}, True),
            ({"n": "10"}, {"n": {"$gt": "9"}}, True),
            ({"n": "b"}, {"n": {"$gt": "a"}}, True),
            ({"n": "b"}, {"n": {"$gt": 1}}, False),
            ({"n": True}, {"n": {"$gt": 0}}, True),
            ({"n": True}, {"n": True}, True),
            ({"n": None}, {"n": {"$lte": 1}}, False),
            ({"n": [2]}, {"n": {"$gt": 1}}, False),
            ({"n": 1}, {"n": {"$gt": float("nan")}}, False),
            ({"n": 1}, {"n": {"$ne": float("nan")}}, True),
            ({"n": "1"}, {"n": 1}, False),
            ({}, {"n": None}, True),
            ({"a": {"b": {"c": 3}}}, {"a.b.c": 3}, True),
            ({"a": {"b": {"c": 3}}}, {"a.b.c": {"$gte": 3}}, True),
            ({"a": {"b": 3}}, {"a.b.c": 3}, False),
            ({"a": {"b": 3}}, {"a.c": None}, True),
            ({"a.b": 3, "a": {"b": 4}}, {"a.b": 3}, True),
            ({"x": {"a": {"b": 3}}}, {"x": {"a.b": 3}}, True),
        ],
    )
    def test_comparisons_are_exact_and_dots_lead_into_a_value(self, value, wanted, meets):
        assert passes(value, wanted) is meets

    def test_a_store_filters_so(self, store):
        store.put(DOCS, "even", {"text": "red apples", "n": self.BIG, "meta": {"lang": "en"}})
        store.put(DOCS, "odd", {"text": "red apples", "n": self.BIG + 1, "meta": {"lang": "de"}})
        for query in (None, "red apples"):
            assert keys(store.search(DOCS, query=query, filter={"n": {"$gt": self.BIG}})) == ["odd"]
            assert keys(store.search(DOCS, query=query, filter={"meta.lang": "de"})) == ["odd"]


class TestEachConceptKeyIsOnItsOwn:
    NEAR = COST.model_copy(update={"title": COST.title + "."})
    EQUAL = COST.model_copy(update={"keywords": ("price", "sum")})

    @staticmethod
    def content(item):
        return {name: item.value[name] for name in ("title", "description", "cues", "implementation", "keywords")}

    def put(self, store, key, draft):
        store.put(CONCEPTS, key, draft.model_dump(mode="json"))

    def shows(self, store, key, draft):
        wanted = draft.model_dump(mode="json", include={"title", "description", "cues", "implementation", "keywords"})
        return self.content(store.get(CONCEPTS, key)) == wanted

    @pytest.mark.parametrize("second", [COST, NEAR, EQUAL], ids=["equal", "near", "other keywords"])
    def test_two_keys_with_like_values_do_not_touch_each_other(self, store, second):
        self.put(store, "k1", COST)
        self.put(store, "k2", second)
        assert self.shows(store, "k1", COST) and self.shows(store, "k2", second)
        assert sorted(keys(store.search(CONCEPTS))) == ["k1", "k2"]
        assert sorted(keys(store.search(CONCEPTS, query=COST.title, limit=5))) == ["k1", "k2"]
        store.delete(CONCEPTS, "k1")
        assert store.get(CONCEPTS, "k1") is None and self.shows(store, "k2", second)
        assert keys(store.search(CONCEPTS)) == ["k2"]
        self.put(store, "k1", second)
        self.put(store, "k2", GRID)
        assert self.shows(store, "k1", second) and self.shows(store, "k2", GRID)
        store.batch([PutOp(CONCEPTS, "k1", None), PutOp(CONCEPTS, "k2", None)])
        assert store.search(CONCEPTS) == [] and store.concepts.is_empty()

    def test_a_key_and_a_learned_concept_of_the_same_content_do_not_touch_each_other(self, store):
        learned = store.concepts.add(COST)
        store.concepts.record_outcome([learned], "helped")
        self.put(store, "k", COST)
        assert sorted(keys(store.search(CONCEPTS))) == sorted([learned, "k"])
        store.delete(CONCEPTS, "k")
        assert store.concepts.get(learned).status == "trusted" and keys(store.search(CONCEPTS)) == [learned]
        self.put(store, "k", COST)
        self.put(store, learned, SPELL)
        assert self.shows(store, "k", COST) and self.shows(store, learned, SPELL)

    def test_a_key_may_take_over_what_another_one_says(self, store):
        self.put(store, "k1", COST)
        self.put(store, "k2", SPELL)
        self.put(store, "k1", SPELL)
        assert self.shows(store, "k1", SPELL) and self.shows(store, "k2", SPELL)
        assert store.concepts.count() == 1
        store.delete(CONCEPTS, "k2")
        assert self.shows(store, "k1", SPELL)

    def test_a_batch_is_one_transaction_items_and_concepts_alike(self, store, monkeypatch):
        store.put(DOCS, "k", {"text": "before"})

        def fails(*_):
            raise RuntimeError("the power went")

        monkeypatch.setattr(store._table, "put_vectors", fails)
        with pytest.raises(RuntimeError):
            store.batch([PutOp(CONCEPTS, "c", COST.model_dump(mode="json")), PutOp(DOCS, "k", {"text": "after"})])
        assert store.get(DOCS, "k").value == {"text": "before"} and store.concepts.is_empty()

    def test_names_of_earlier_versions_still_lead_to_their_concepts(self, store):
        learned = store.concepts.add(COST)
        with store._ledger.write() as connection:
            from pilotage.memory.adapters.langgraph.items import ItemDraft

            old = ItemDraft(CONCEPTS, "k", f'{{"concept": "{learned}"}}', None, None)
            store._table.put(connection, old, 0.0, 0)
        assert self.shows(store, "k", COST) and self.shows(store, learned, COST)
        store.delete(CONCEPTS, learned)
        assert store.get(CONCEPTS, "k") is None and store.concepts.is_empty()

    drafts = st.sampled_from([None, COST, NEAR, EQUAL, SPELL])
    changes = st.lists(st.tuples(st.sampled_from(["k1", "k2", "k3"]), drafts), min_size=2, max_size=10)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(changes, min_size=1, max_size=3))
    def test_whatever_is_put_and_deleted_each_key_shows_its_last_value(self, batches):
        with ConceptStore.temporary() as concepts:
            store, model = PilotageStore(concepts), {}
            for batch in batches:
                store.batch([PutOp(CONCEPTS, key, draft and draft.model_dump(mode="json")) for key, draft in batch])
                model |= dict(batch)
                there = {key: draft for key, draft in model.items() if draft is not None}
                assert sorted(keys(store.search(CONCEPTS, limit=50))) == sorted(there)
                for key, draft in there.items():
                    assert self.shows(store, key, draft)
            assert concepts.count() == len({draft.content_hash for draft in model.values() if draft is not None})
