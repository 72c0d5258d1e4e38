import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.budget import MIN_COMPLETION, Budget, Meter
from pilotage.agent.errors import BudgetExceeded, UsageError
from pilotage.agent.trace import Usage, total
from pilotage.common.tokens import estimate_tokens


def test_a_call_that_fits_gets_what_it_asks_for():
    assert Meter(Budget(max_tokens=1000)).reserve(100, 200) == 200


def test_a_call_near_the_limit_gets_what_is_left():
    assert Meter(Budget(max_tokens=1000), Usage(prompt_tokens=600)).reserve(100, 400) == 300


@pytest.mark.parametrize(
    ("budget", "spent", "limit"),
    [
        (Budget(max_tokens=1000), Usage(prompt_tokens=950), "max_tokens"),
        (Budget(max_calls=3), Usage(llm_calls=3), "max_calls"),
    ],
)
def test_a_call_that_does_not_fit_names_the_limit(budget, spent, limit):
    with pytest.raises(BudgetExceeded) as caught:
        Meter(budget, spent).reserve(40, 100)
    assert caught.value.limit == limit


def test_time_that_is_used_up_allows_no_call():
    with pytest.raises(BudgetExceeded) as caught:
        Meter(Budget(max_seconds=5), elapsed=6).reserve(1, 100)
    assert caught.value.limit == "max_seconds"


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), max_size=30), st.integers(50, 2000))
def test_reservations_side_by_side_never_exceed_the_budget(calls, limit):
    """Whatever is granted at once fits the budget even if every call uses all it was granted."""
    meter = Meter(Budget(max_tokens=limit, max_calls=1000))
    committed = 0
    for prompt, completion in calls:
        try:
            granted = meter.reserve(prompt, completion)
        except BudgetExceeded:
            continue
        assert granted >= min(MIN_COMPLETION, completion)
        committed += prompt + granted
    assert committed <= limit


def test_settling_charges_what_was_used_and_frees_the_rest():
    meter = Meter(Budget(max_tokens=1000))
    granted = meter.reserve(100, 400)
    meter.settle(100, granted, Usage(prompt_tokens=90, completion_tokens=10, llm_calls=1))
    assert meter.tokens_left == 900
    assert meter.spent.llm_calls == 1


def test_a_budget_too_small_for_one_step_says_how_much_it_needs():
    prompt = "How much is one and one? " * 10
    needed = estimate_tokens(prompt) + MIN_COMPLETION
    with pytest.raises(UsageError, match=f"give --max-tokens {needed} or more"):
        Budget(max_tokens=30).require_room_for(prompt)
    Budget(max_tokens=needed).require_room_for(prompt)


@given(*[st.lists(st.sampled_from(["", "large", "judge"]), max_size=4)] * 2)
def test_what_each_model_spent_adds_up_and_is_taken_off_again(first, second):
    def spent(names):
        return total(Usage(prompt_tokens=3, completion_tokens=2, llm_calls=1).by(name) for name in names)

    both = spent(first) + spent(second)
    assert both == spent([*second, *first]) and both - spent(second) == spent(first)
    calls = {name: part.llm_calls for name, part in both.others.items()} | {"": both.own.llm_calls}
    for name in ("", "large", "judge"):
        assert calls.get(name, 0) == [*first, *second].count(name)
    assert both.llm_calls == len(first) + len(second) and not both.own.others
    assert Usage.model_validate(both.model_dump(mode="json")) == both
    assert total([both.by("small")]).others.get("small", Usage()).llm_calls == calls[""]
    assert "others" not in Usage().model_dump()


@given(
    st.builds(Usage, prompt_tokens=st.integers(0, 99), llm_calls=st.integers(0, 9)),
    st.builds(Usage, completion_tokens=st.integers(0, 99), cached_tokens=st.integers(0, 9)),
)
def test_usages_add_up_in_any_order(a, b):
    assert a + b == b + a
    assert (a + b).total_tokens == a.total_tokens + b.total_tokens
    assert a + Usage() == a
