"""Events of a namespace, and its concepts at an earlier moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL


@pytest.fixture
def numbers(store):
    """Six events: two runs, one by nobody's run."""
    first = store.add(COST, run="a", cause="t1")
    second = store.add(GRID, run="b")
    store.record_outcome([first, second], "recalled", run="b")
    store.revise(first, {"title": "Another title"}, run="a")
    store.forget(second)
    return [event.seq for event in store.events(None)]


def seqs(events):
    return [event.seq for event in events]


def test_events_are_listed_oldest_first_by_number_run_and_page(store, numbers):
    assert numbers == sorted(numbers) and len(numbers) == 6
    assert seqs(store.events(2)) == numbers[-2:]
    assert seqs(store.events(run="a")) == [numbers[0], numbers[4]]
    assert seqs(store.events(1, run="b")) == [numbers[3]]
    assert seqs(store.events(2, since=numbers[1])) == numbers[2:4]
    assert seqs(store.events(None, since=0)) == numbers
    assert store.events(since=numbers[-1]) == [] == store.events(run="nobody") == store.events(0)


def test_an_event_tells_what_it_changed(store, numbers):
    added, _, counted, _, revised, retired = store.events(None)
    assert (added.changes, added.body["title"], added.run, added.cause) == ({}, COST.title, "a", "t1")
    assert counted.changes == {"outcomes.recalled": [0, 1]}
    assert revised.changes == {"title": [COST.title, "Another title"], "version": [1, 2]}
    assert retired.changes == {"status": ["provisional", "retired"]}
    assert [event.undoes for event in store.events(None)] == [None] * 6


def test_concepts_are_seen_as_they_were_after_an_event(store, numbers):
    def told(moment, **options):
        return [(concept.title, concept.outcomes.recalled) for concept in store.at(moment, **options)]

    assert told(numbers[0]) == [(COST.title, 0)]
    assert told(numbers[3]) == [(COST.title, 1), (GRID.title, 1)]
    assert told(numbers[4]) == [("Another title", 1), (GRID.title, 1)]
    assert told(numbers[5]) == [("Another title", 1)]
    assert told(numbers[5], retired=True) == [("Another title", 1), (GRID.title, 1)]
    assert told(0) == [] and told(10_000) == told(numbers[5])


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_time_may_have_any_zone_or_none(backend, folder, request):
    target = request.getfixturevalue("postgres_url") if backend == "postgresql" else folder
    with ConceptStore.open(target, embedder="hash") as store:
        for draft in (COST, GRID, SPELL):
            store.add(draft)
        times = [datetime.fromisoformat(event.at) for event in store.events()]
        for count, time in enumerate(times, start=1):
            just_before = time - timedelta(microseconds=1)
            for zone in (UTC, timezone(timedelta(hours=5, minutes=30))):
                assert len(store.at(time.astimezone(zone))) == count
                assert len(store.at(just_before.astimezone(zone))) == count - 1
            assert len(store.at(time.astimezone().replace(tzinfo=None))) == count
        whole = times[-1].replace(microsecond=0) + timedelta(seconds=1)
        assert len(store.at(whole)) == 3
        assert store.at(datetime(2000, 1, 1, tzinfo=UTC)) == []


def test_the_past_of_another_namespace_is_not_seen(store, folder, numbers):
    with ConceptStore.open(folder, embedder="hash", namespace="other") as other:
        id = other.add(COST)
        assert [concept.id for concept in other.at(datetime.now(UTC))] == [id]
        assert other.at(numbers[-1]) == []
        assert len(other.events()) == 1 and seqs(store.events(None)) == numbers
