"""The limiter: no minute holds more than the limit, whoever waits as told is admitted, and every debt ends."""

import math
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pilotage.agent.errors import LimitReached
from pilotage.agent.serve.keys.limits import MOST, Limiter, Limits
from pilotage.agent.serve.keys.window import MOST_SECONDS, SECONDS, SlidingWindow


class Clock:
    """A clock that tests move; it begins somewhere within a second."""

    def __init__(self, now=1000.375):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limiter(clock):
    return Limiter(clock)


def use(limiter, limits, tokens=0, used=None, key="key"):
    with limiter.admit(key, limits, tokens) as admission:
        admission.settle(tokens if used is None else used)


def refused(limiter, limits, tokens=0, key="key"):
    with pytest.raises(LimitReached) as caught:
        limiter.admit(key, limits, tokens)
    return caught.value.limit, caught.value.retry_after


def most_in_a_window(charges):
    """The largest sum of amounts whose times lie within 60 s, both ends included."""
    return max((sum(n for at, n in charges if begin <= at <= begin + SECONDS) for begin, _ in charges), default=0)


@pytest.mark.parametrize("limit", Limits.model_fields)
@pytest.mark.parametrize("value", [0, -1, MOST + 1, 1.5, math.nan, "many"])
def test_a_limit_is_a_whole_number_that_limits_something(limit, value):
    with pytest.raises(ValidationError):
        Limits(**{limit: value})


def test_without_limits_everything_is_admitted(limiter):
    for _ in range(1000):
        use(limiter, Limits(), tokens=10**9)


def test_requests_are_refused_until_the_first_of_them_is_a_minute_old(limiter, clock):
    limits = Limits(requests_per_minute=3)
    for _ in range(3):
        use(limiter, limits)
        clock.now += 10
    limit, seconds = refused(limiter, limits)
    assert limit == "requests_per_minute" and 30 <= seconds <= 31
    assert refused(limiter, limits) == (limit, seconds)  # being refused costs nothing
    clock.now += seconds
    use(limiter, limits)
    assert 9 <= refused(limiter, limits)[1] <= 11


def test_the_error_says_what_to_do(limiter):
    use(limiter, Limits(requests_per_minute=1))
    with pytest.raises(LimitReached, match=r"limited to 1 requests a minute: try again in 61 seconds"):
        limiter.admit("key", Limits(requests_per_minute=1))


def test_requests_at_once_are_counted_until_they_end_however_they_end(limiter):
    limits = Limits(concurrent_requests=2)
    first, second = limiter.admit("key", limits), limiter.admit("key", limits)
    assert refused(limiter, limits) == ("concurrent_requests", 1)
    first.close()
    first.close()  # a second time it lets nobody in
    with pytest.raises(ZeroDivisionError), limiter.admit("key", limits):
        assert refused(limiter, limits) == ("concurrent_requests", 1)
        raise ZeroDivisionError
    second.close()
    limiter.admit("key", limits), limiter.admit("key", limits)
    assert refused(limiter, limits) == ("concurrent_requests", 1)


def test_the_limit_that_takes_longest_is_named(limiter, clock):
    limits = Limits(requests_per_minute=2, tokens_per_minute=100, concurrent_requests=1)
    use(limiter, limits, 100)
    clock.now += 30
    running = limiter.admit("other", limits)
    assert refused(limiter, limits, 100, key="other")[0] == "tokens_per_minute"
    running.close()
    clock.now += 31
    limiter.admit("key", limits, 1)
    assert refused(limiter, limits, 1) == ("concurrent_requests", 1)


def test_keys_do_not_share_limits(limiter):
    limits = Limits(requests_per_minute=1, tokens_per_minute=1, concurrent_requests=1)
    admissions = [limiter.admit(key, limits, 1) for key in "abc"]
    for admission in admissions:
        admission.close()
    assert refused(limiter, limits, key="a")


def test_tokens_are_reserved_by_estimate_and_charged_by_use(limiter):
    limits = Limits(tokens_per_minute=100)
    first = limiter.admit("key", limits, 60)
    assert refused(limiter, limits, 50)[0] == "tokens_per_minute"
    first.settle(20)
    first.close()
    second = limiter.admit("key", limits, 80)
    second.close()  # nobody said what it used: the estimate stands
    assert refused(limiter, limits, 1)[0] == "tokens_per_minute"


def test_negative_use_is_refused(limiter):
    with pytest.raises(ValueError, match="-1 tokens"):
        limiter.admit("key", Limits()).settle(-1)


def test_a_request_of_more_than_the_limit_is_admitted_alone_and_paid_afterwards(limiter, clock):
    limits = Limits(tokens_per_minute=100)
    use(limiter, limits, 10)
    _, seconds = refused(limiter, limits, 300)
    clock.now += seconds
    use(limiter, limits, 300)
    _, seconds = refused(limiter, limits, 100)
    assert 180 <= seconds <= 182


def test_requests_that_are_estimated_at_nothing_are_not_admitted_during_a_debt(limiter):
    limits = Limits(tokens_per_minute=100)
    use(limiter, limits, 0, used=1000)
    assert refused(limiter, limits, 0)[0] == "tokens_per_minute"


@pytest.mark.parametrize(("used", "least", "most"), [(100, 60, 61), (101, 60, 62), (500, 300, 301), (10**30, 600, 600)])
def test_a_debt_is_paid_at_the_rate_of_the_limit_for_ten_minutes_at_most(limiter, clock, used, least, most):
    limits = Limits(tokens_per_minute=100)
    use(limiter, limits, 100, used=used)
    _, seconds = refused(limiter, limits, 100)
    assert least <= seconds <= most
    clock.now += seconds
    use(limiter, limits, 100)


def test_many_debts_at_once_also_end_after_ten_minutes(limiter, clock):
    limits = Limits(tokens_per_minute=100)
    running = [limiter.admit("key", limits, 1) for _ in range(50)]
    for admission in running:
        admission.settle(10_000)
        admission.close()
    assert refused(limiter, limits)[1] == MOST_SECONDS
    clock.now += MOST_SECONDS
    use(limiter, limits, 100)


def test_idle_keys_are_forgotten_and_others_are_not(limiter, clock):
    limits = Limits(requests_per_minute=1, tokens_per_minute=1)
    for number in range(1000):
        use(limiter, limits, 1, key=f"key {number}")
    running = limiter.admit("running", limits)
    use(limiter, limits, 1, used=5, key="in debt")
    assert len(limiter) == 1002
    clock.now += 2 * SECONDS + 2
    use(limiter, limits, key="new")
    assert len(limiter) == 3
    assert refused(limiter, limits, 1, key="in debt") and refused(limiter, limits, 1, key="running")
    running.close()
    clock.now += MOST_SECONDS
    use(limiter, Limits(), key="last")
    assert len(limiter) == 1


def test_a_window_does_not_grow_with_what_is_charged(clock):
    window = SlidingWindow()
    for _ in range(20_000):
        window.charge(clock.now, 1, 10**6)
        clock.now += 1 / 64
    assert len(window._charges) <= SECONDS + 2 and window.used(clock.now) >= 64 * SECONDS


def test_threads_are_admitted_no_more_often_than_the_limit(limiter):
    limits = Limits(requests_per_minute=100)
    admitted = []

    def work():
        for _ in range(50):
            try:
                limiter.admit("key", limits).close()
                admitted.append(1)
            except LimitReached:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 100


moments = st.integers(0, 8 * 130).map(lambda eighths: eighths / 8)
pauses = st.one_of(st.just(0.0), moments, st.floats(0, 130))


@given(st.integers(1, 5), st.lists(pauses, max_size=40))
def test_no_minute_sees_more_requests_admitted_than_the_limit(limit, pauses):
    clock, limits, admitted = Clock(), Limits(requests_per_minute=limit), []
    limiter = Limiter(clock)
    for pause in pauses:
        clock.now += pause
        try:
            use(limiter, limits)
            admitted.append((clock.now, 1))
        except LimitReached as error:
            assert 1 <= error.retry_after <= SECONDS + 1
    assert most_in_a_window(admitted) <= limit


steps = st.tuples(pauses, st.integers(0, 120), st.floats(0, 1), st.integers(0, 3))


@given(st.integers(1, 100), st.lists(steps, max_size=40))
def test_no_minute_sees_more_tokens_used_than_the_limit_where_no_estimate_is_too_low(limit, steps):
    """By when requests were admitted, and by when they ended; up to four run at the same time."""
    clock, limits, running, admitted, ended = Clock(), Limits(tokens_per_minute=limit), [], [], []
    limiter = Limiter(clock)
    for pause, estimate, share, overlap in steps:
        clock.now += pause
        while len(running) > overlap:
            admission = running.pop(0)
            ended.append((clock.now, admission.tokens))
            admission.close()
        try:
            admission = limiter.admit("key", limits, estimate)
        except LimitReached as error:
            assert 1 <= error.retry_after <= SECONDS + 1
            continue
        admission.settle(math.floor(share * min(estimate, limit)))
        running.append(admission)
        admitted.append((clock.now, admission.tokens))
    assert most_in_a_window(admitted) <= limit and most_in_a_window(ended) <= limit


@given(
    st.integers(1, 4),
    st.integers(1, 100),
    st.lists(st.tuples(moments, st.integers(0, 200), st.integers(0, 2000)), min_size=1, max_size=30),
)
def test_whoever_waits_as_told_is_admitted_within_ten_minutes_whatever_was_used(requests, tokens, steps):
    clock = Clock()
    limiter, limits = Limiter(clock), Limits(requests_per_minute=requests, tokens_per_minute=tokens)
    for pause, estimate, used in steps:
        clock.now += pause
        try:
            use(limiter, limits, estimate, used)
        except LimitReached as error:
            assert 1 <= error.retry_after <= MOST_SECONDS
            clock.now += error.retry_after
            use(limiter, limits, estimate, used)


@given(st.integers(10, 100), st.lists(st.integers(0, 300), min_size=20, max_size=40))
def test_low_estimates_gain_nothing_in_the_long_run(limit, uses):
    """What a client uses that asks all the time is what the limit allows, but for the last uses."""
    clock, limits, admitted = Clock(), Limits(tokens_per_minute=limit), []
    limiter = Limiter(clock)
    for used in uses:
        used = min(used, 5 * limit)  # so that no debt reaches ten minutes
        try:
            limiter.admit("key", limits).close()
        except LimitReached as error:
            clock.now += error.retry_after
        use(limiter, limits, 0, used)
        admitted.append((clock.now, used))
    elapsed = clock.now - admitted[0][0]
    assert sum(used for _, used in admitted[:-1]) <= limit * (elapsed / SECONDS + 1)
    assert all(one <= other for (one, _), (other, _) in pairwise(admitted))
