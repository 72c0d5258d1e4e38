"""The pool behind the tenants: a bound on what is open, and nothing closed that somebody uses."""

import random
import threading

import pytest

from pilotage.agent.serve.tenants.holding import hold, holding
from pilotage.agent.serve.tenants.pool import Pool
from tests.together import pool_of


class Thing:
    """What a pool makes."""

    def __init__(self, key):
        self.key, self.closed = key, 0

    def close(self):
        self.closed += 1


@pytest.fixture
def made():
    return []


@pytest.fixture
def pool(made):
    def make(key):
        made.append(Thing(key))
        return made[-1]

    return Pool(2, make, Thing.close)


def test_the_longest_unused_goes_first_and_is_made_anew(pool, made):
    for key in "abac":
        pool.take(key).end()
    assert [thing.key for thing in made if thing.closed] == ["b"]
    pool.take("b").end()
    assert [thing.key for thing in made] == ["a", "b", "c", "b"] and [thing.closed for thing in made] == [1, 1, 0, 0]


def test_what_is_in_use_is_never_closed_and_goes_when_the_last_lease_has_ended(pool, made):
    leases = [pool.take(key) for key in "abcda"]
    assert len(pool) == 4 and not any(thing.closed for thing in made)
    for lease in leases[:4]:
        lease.end()
        lease.end()  # a second time counts for nothing
    assert pool.has_surplus
    pool.trim()
    assert {thing.key: thing.closed for thing in made} == {"a": 0, "b": 1, "c": 1, "d": 0}
    assert not pool.has_surplus
    leases[4].end()
    pool.close()
    assert all(thing.closed == 1 for thing in made)


def test_what_was_dropped_is_nobodys_new_one_and_closes_with_its_last_user(pool, made):
    lease = pool.take("a")
    pool.drop("a", lease.value)
    other = pool.take("a")
    assert other.value is not lease.value and not lease.value.closed
    pool.drop("a", lease.value)  # it is another one by now
    assert pool.take("a").value is other.value
    lease.end()
    pool.trim()
    assert lease.value.closed == 1 and not other.value.closed


def test_what_cannot_be_made_is_told_to_everybody_and_tried_again():
    faults = [OSError("full"), None]

    def make(key):
        if (fault := faults.pop(0)) is not None:
            raise fault
        return Thing(key)

    pool = Pool(2, make, Thing.close)
    with pytest.raises(OSError, match="full"):
        pool.take("a")
    assert len(pool) == 0
    assert pool.take("a").value.key == "a"


def test_a_value_is_made_once_however_many_ask_at_once():
    asked, go, made = threading.Barrier(8), threading.Event(), []

    def make(key):
        assert go.wait(120)
        made.append(key)
        return Thing(key)

    pool = Pool(2, make, Thing.close)

    def take(_):
        asked.wait(120)
        return pool.take("a").value

    with pool_of(8) as threads:
        waiting = [threads.submit(take, number) for number in range(8)]
        go.set()
        assert len({id(one.result(120)) for one in waiting}) == 1
    assert made == ["a"]


def test_threads_at_random_find_nothing_closed_and_the_bound_holds_when_they_have_gone(made):
    pool = Pool(3, Thing, lambda thing: (made.append(thing), thing.close()))

    def work(seed):
        chance = random.Random(seed)
        for _ in range(400):
            with holding():
                lease = pool.take(chance.randrange(8))
                hold(lease)
                if chance.random() < 0.1:
                    pool.drop(lease.key, lease.value)
                assert not lease.value.closed
            pool.trim()

    with pool_of(6) as threads:
        for one in [threads.submit(work, seed) for seed in range(6)]:
            one.result(300)
    assert len(pool) <= 3 and all(thing.closed == 1 for thing in made)
    pool.close()
    assert len(made) > 8


def test_what_a_thread_takes_after_its_request_has_ended_is_not_held_for_ever(pool):
    import contextvars

    with holding():
        within = contextvars.copy_context()
    within.run(lambda: hold(pool.take("a")))
    pool.drop("a")
    assert len(pool) == 0


def test_one_that_cannot_be_closed_leaves_none_of_the_others_open():
    closed = []

    def close(key):
        closed.append(key)
        if key in "bc":
            raise OSError(f"{key} is stuck")

    pool = Pool(5, str, close)
    for key in "abcd":
        pool.take(key).end()
    with pytest.raises(OSError, match="is stuck"):
        pool.close()
    assert sorted(closed) == list("abcd") and len(pool) == 0
