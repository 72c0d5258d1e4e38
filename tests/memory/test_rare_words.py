"""The keyword index sees what was written after an earlier search, also in the words it had not met."""

import pytest

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.search.rare_words import RareWords
from pilotage.memory.store import ConceptStore


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, folder):
    return folder if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def store(where):
    with ConceptStore.open(where, embedder="hash") as store:
        yield store


def concept(topic):
    return ConceptDraft(title=f"Add {topic}", cues=(f"{topic} are counted and more come",))


def found(store, query, limit=3):
    """Titles, best first, as the keyword index alone finds them."""
    with store._ledger.read() as connection:
        ids = store._space.keywords.search(connection, store.namespace, query, limit)
    return [store.get(id).title for id in ids]


def test_a_word_that_a_search_missed_is_found_once_it_is_written(store):
    store.add(concept("apples"))
    assert found(store, "how many candles") == []
    store.add(concept("candles"))
    store.add(concept("bridges"))
    assert found(store, "how many candles and more")[0] == "Add candles"


def test_a_word_that_a_revision_brings_is_found_too(store):
    id = store.add(concept("apples"))
    assert found(store, "candles") == []
    store.revise(id, {"title": "Add candles"})
    assert found(store, "candles") == ["Add candles"]
    store.forget(id)
    assert found(store, "candles") == []


def test_the_rarer_word_decides_also_against_one_that_stands_there_more_often(store):
    store.add_many([concept(f"apples number{n}") for n in range(30)])
    store.add(ConceptDraft(title="Feed a zebra", description="It is fed with what there is at the farm every day"))
    store.add(concept("apples, apples, apples and bridges"))
    assert found(store, "apples for the zebra")[0] == "Feed a zebra"
    assert found(store, "apples on bridges")[0] == "Add apples, apples, apples and bridges"


def test_where_every_word_is_frequent_texts_with_the_two_rarest_are_found(store, monkeypatch):
    monkeypatch.setattr("pilotage.memory.search.rare_words._MOST_TEXTS", 3)
    store.add_many([concept(f"apples number{n}") for n in range(6)] + [concept(f"pears part{n}") for n in range(5)])
    both = "Apples beside pears"
    store.add(ConceptDraft(title=both))
    assert found(store, "apples beside pears", limit=9)[0] == both
    assert found(store, "apples with pears", limit=9) == [both]


def test_another_tenants_texts_never_take_the_place_of_ones_own(store, where):
    mine = store.add_many([concept(f"apples number{n}") for n in range(3)])
    with ConceptStore.open(where, embedder="hash", namespace="theirs") as theirs:
        theirs.add_many([ConceptDraft(title=f"Apples {n}", cues=("apples",)) for n in range(20)])
        assert len(found(theirs, "apples", limit=4)) == 4
    assert sorted(found(store, "apples")) == sorted(store.get(id).title for id in mine)


def test_a_word_is_counted_once_until_something_is_written(store):
    store.add_many([concept("apples"), concept("candles")])
    asked = []

    class Counting:
        def __init__(self, connection):
            self._connection = connection

        def exec_driver_sql(self, statement, parameters=()):
            asked.append(len(parameters))
            return self._connection.exec_driver_sql(statement, parameters)

    rare = store._space.keywords._rare
    with store._ledger.read() as connection:
        for last, due in ((2, 3), (2, 0), (3, 3), (3, 0)):
            asked.clear()
            terms = RareWords.terms(rare, Counting(connection), "apples candles nothing", last)
            assert terms.counts == {"apples": 1, "candles": 1}
            assert sum(asked) == due
        rare.terms(connection, "apples", 100)
        asked.clear()
        rare.terms(Counting(connection), "apples nothing", 110)  # the ledger hardly grew
        assert sum(asked) == 1
