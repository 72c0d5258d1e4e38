"""Strategies that decide how much to spend: caps that are exact, and stops that cost what an oracle's do."""

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.models import (
    Capabilities,
    ModelClient,
    ResponseCache,
    ScriptedChatModel,
    ScriptedReply,
    StochasticChatModel,
)
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.choosing.self_consistency import SelfConsistency
from pilotage.agent.strategies.known.readers import calibrated, knowing, two_classes
from pilotage.agent.strategies.refining.self_refine import SelfRefine
from pilotage.agent.strategies.spending.budget_forcing import BudgetForcing
from pilotage.agent.strategies.spending.capability_aware import CapabilityAware
from pilotage.agent.strategies.spending.difficulty_adaptive import DifficultyAdaptive
from pilotage.agent.strategies.spending.saturation import Saturation, gain, saturated_at
from tests.agent.strategies.skilled import RIGHT, WRONG, accuracy, answer, near, run, task

TASKS = 100
CONTINUES = Capabilities(logprobs=True, prefill=True)

# Budget forcing


def thinker(work="hm " * 3000, said="Answer: 7", **settings):
    """Thinks a text, and answers where it is told to."""
    return ScriptedChatModel(lambda messages: said if "Do not think" in messages[-1].text else work, **settings)


def thought(model):
    """Completion tokens of every call but the one that forces an answer."""
    forced = [call for call in model.calls if "Do not think" in call.text]
    return model.counted.completion_tokens - 2 * len(forced)


@pytest.mark.parametrize("cap", [1, 40, 333])
@pytest.mark.parametrize("waits", [0, 4])
def test_the_cap_is_exact_and_an_answer_is_forced(cap, waits):
    model = thinker()
    step, kit = run(BudgetForcing(cap=cap, waits=waits), model)
    assert (step.candidate, thought(model)) == ("7", cap)
    assert step.evidence.note == f"{cap} of {cap} tokens of thinking, told to wait 0 times, then forced to answer"
    assert kit.usage.llm_calls == 2


@pytest.mark.parametrize("capabilities", [Capabilities(logprobs=True), CONTINUES])
@pytest.mark.parametrize(("cap", "waits", "calls"), [(100, 3, 4), (25, 9, 3), (20, 9, 2), (30, 2, 3)])
def test_thinking_that_ends_early_waits_as_often_as_it_is_told_within_the_cap(capabilities, cap, waits, calls):
    model = thinker("ten " * 10, capabilities=capabilities)
    step, _ = run(BudgetForcing(cap=cap, waits=waits), model)
    assert step.candidate == "7"
    assert thought(model) == min(cap, 10 * (waits + 1))
    assert len(model.calls) == calls + 1
    for call in model.calls[1:-1]:
        last = call.messages[-1]
        waited = last.text.endswith("\nWait") if capabilities.prefill else last.text.startswith("Wait.")
        assert waited


def test_thinking_that_marks_its_answer_and_ends_by_itself_needs_none_forced():
    model = ScriptedChatModel(["It is six.\nAnswer: 6", "No, seven.\nAnswer: 7"])
    step, _ = run(BudgetForcing(waits=1), model)
    assert (step.candidate, len(model.calls)) == ("7", 2)


def test_a_backend_that_writes_more_than_it_may_gets_no_negative_rest():
    class Boundless(ScriptedChatModel):
        def _take(self, messages, stop, options):
            return super()._take(messages, stop, {**options, "max_tokens": None})

    model = Boundless(lambda messages: "Answer: 7" if "Do not think" in messages[-1].text else "ten " * 50)
    step, kit = run(BudgetForcing(cap=30, waits=5), model)
    assert (step.candidate, kit.usage.llm_calls) == ("7", 2)


@pytest.mark.parametrize("max_tokens", range(120, 900, 60))
def test_whatever_the_budget_there_is_an_answer(max_tokens):
    model = thinker("hm " * 3000)
    step, kit = run(BudgetForcing(waits=2), model, budget=Budget(max_tokens=max_tokens))
    assert step.candidate == "7"
    assert kit.usage.total_tokens <= max_tokens
    assert kit.usage.llm_calls <= 2
    for calls in (1, 2):
        assert run(BudgetForcing(waits=2), thinker(), budget=Budget(max_calls=calls))[0].candidate == "7"


def test_without_thinking_the_answer_is_asked_for_at_once():
    model = thinker()
    step, _ = run(BudgetForcing(cap=0), model)
    assert (step.candidate, len(model.calls), thought(model)) == ("7", 1, 0)


def test_a_model_that_thinks_by_itself_is_cut_within_its_thinking_and_no_call_is_repeated_after_a_kill(tmp_path):
    cache = ResponseCache(tmp_path / "responses.sqlite")
    model = thinker("<think>" + "hm " * 3000)
    step, kit = run(BudgetForcing(cap=50), ModelClient(model, cache=cache))
    assert (step.candidate, thought(model)) == ("7", 50)
    assert "hm hm" in model.calls[-1].text, "what it thought is read where it answers"
    again, kit = run(BudgetForcing(cap=50), ModelClient(thinker("<think>" + "hm " * 3000), cache=cache))
    assert (again.candidate, kit.usage.replayed_calls, kit.usage.llm_calls) == ("7", 2, 2)


def test_a_forced_answer_that_is_thought_away_leaves_what_the_thinking_marked():
    model = ScriptedChatModel(["Answer: 5\nBut is it? " + "hm " * 100, "<think>" + "hm " * 500])
    assert run(BudgetForcing(cap=40, waits=0), model)[0].candidate == "5"


# Capability-aware


def _logprobs(**chances):
    import math

    return [(word, math.log(chance)) for word, chance in chances.items()]


@pytest.mark.parametrize(("p", "most"), [(0.5, 5), (0.3, 4)])
def test_a_calibrated_stop_costs_what_an_oracles_does(p, most):
    """Who knew which draw is right would stop at the first of them: (1 - (1 - p)^most) / p draws."""
    draws = [run(CapabilityAware(most=most), knowing(p, calibrated), number)[0] for number in range(TASKS)]
    share = 1 - (1 - p) ** most
    assert near(sum(step.candidate == RIGHT for step in draws) / TASKS, share, TASKS)
    assert sum(len(step.draws) for step in draws) / TASKS == pytest.approx(share / p, rel=0.2)
    assert all((step.candidate == RIGHT) == (step.draws[-1].candidate == RIGHT) for step in draws)


def test_who_is_always_content_draws_once_and_who_never_is_draws_all():
    once, kit = run(CapabilityAware(), knowing(0.5, lambda right: 0.2))
    assert (len(once.draws), kit.usage.llm_calls) == (1, 2)
    all_, kit = run(CapabilityAware(most=6), knowing(0.5, lambda right: 0.8))
    assert (len(all_.draws), kit.usage.llm_calls) == (6, 12)


def test_of_draws_that_it_is_not_content_with_the_best_is_taken():
    model = knowing(0.4, lambda right: 0.6 if right else 0.8)
    assert near(accuracy(CapabilityAware(most=4), model, TASKS), 1 - 0.6**4, TASKS)


@pytest.mark.parametrize(("most", "begun"), [(8, 8), (5, 5), (2, 2)])
def test_batches_double(most, begun):
    model = knowing(0.0, lambda right: 0.9)
    step, _ = run(CapabilityAware(most=most, growth="doubling"), model)
    assert len(step.draws) == begun


def promising(p, **settings):
    """Begins well or badly, sees which it was, and comes to an answer accordingly."""

    def reply(messages, chance):
        last = messages[-1]
        if "started over" in last.text:
            better = 0.1 if "good" in messages[-2].text or RIGHT in messages[-2].text else 0.9
            return ScriptedReply(text="no", top=tuple(_logprobs(yes=better, no=1 - better)))
        before = last.text if last.type == "ai" else messages[-2].text
        if last.type == "ai" or "Go on" in last.text:
            return answer(RIGHT if "good" in before else WRONG)
        return "good " * 50 if chance.random() < p else "bad " * 50

    return StochasticChatModel(reply, **settings)


@pytest.mark.parametrize("capabilities", [Capabilities(logprobs=True), CONTINUES])
def test_what_begins_badly_is_pruned_in_the_middle(capabilities):
    strategy = CapabilityAware(mode="prune", most=4, keep=1, head=10)
    model = promising(0.3, capabilities=capabilities)
    assert near(accuracy(strategy, model, 60), 1 - 0.7**4, 60)
    step, kit = run(strategy, promising(0.3, capabilities=capabilities))
    assert (len(step.draws), sum(draw.candidate is not None for draw in step.draws)) == (4, 1)
    assert kit.usage.llm_calls == 4 + 4 + 1 + 1
    assert kit.usage.completion_tokens == 4 * 10 + 4 + 4 + 1


def test_draws_that_end_before_they_are_asked_about_are_not_gone_on_with():
    step, kit = run(CapabilityAware(mode="prune", most=3, keep=2), knowing(1.0, calibrated))
    assert (step.candidate, kit.usage.llm_calls) == (RIGHT, 9)


def test_a_model_without_log_probabilities_is_refused_before_a_call():
    silent = ScriptedChatModel(["Answer: 1"], capabilities=Capabilities())
    with pytest.raises(UsageError, match="reads log-probabilities"):
        ReasoningAgent(silent, policy="strategy:capability-aware", sandbox="none").solve(task())


# Difficulty-adaptive


def test_it_is_the_better_way_on_each_of_two_kinds_of_tasks():
    model = StochasticChatModel(two_classes, keeps_calls=False)
    strategy = DifficultyAdaptive(probe=5, share=1.0, hard="self-refine,rounds=1")
    easy, hard = range(0, 80, 2), range(1, 81, 2)

    def right(given, numbers):
        return sum(run(given, model, number)[0].candidate == RIGHT for number in numbers) / 40

    vote, refine = SelfConsistency(n=5), SelfRefine(rounds=1)
    assert (right(vote, easy), right(refine, easy)) == (1.0, 0.0)
    assert right(refine, hard) == 1.0 > right(vote, hard)
    # A probe of five is of one mind on .95^5 = .77 of the easy tasks, and on .06 of the hard ones.
    assert near(right(strategy, easy), 0.77, 40)
    assert near(right(strategy, hard), 1 - 0.03, 40)
    agreeing = DifficultyAdaptive(probe=5, share=0.8, hard="self-refine,rounds=1")
    assert near(right(agreeing, easy), 0.977, 40)  # at least four of five


def test_what_a_way_costs_and_says_is_in_the_step_and_a_way_that_is_none_is_refused():
    model = ScriptedChatModel([*map(answer, "abcd"), *map(answer, "eee"), answer("f")])
    step, kit = run(DifficultyAdaptive(hard="self-consistency,n=4"), model)
    assert (step.block, step.candidate, kit.usage.llm_calls) == ("difficulty-adaptive", "e", 8)
    assert step.usage == kit.usage
    assert [draw.candidate for draw in step.draws] == [*"abcdeee", "f"]
    assert step.evidence.note == "0.25 of the probe agree, so strategy:self-consistency: 3 of 4 draws agree"
    for spec, said in (
        ("difficulty-adaptive;hard=nonsense", "there is no strategy 'nonsense'"),
        ("difficulty-adaptive;easy=self-refine,rounds=many", "rounds=many"),
        ("difficulty-adaptive;hard=difficulty-adaptive", "no way of itself"),
    ):
        with pytest.raises(UsageError, match=said):
            strategy_named(f"strategy:{spec}")


def test_a_way_draws_others_than_the_probe_drew():
    model = StochasticChatModel(lambda messages, chance: answer(str(chance.random())))
    step, _ = run(DifficultyAdaptive(), model)
    assert len(step.draws) == 12 == len({draw.candidate for draw in step.draws})


def test_where_a_way_comes_to_no_usable_reply_the_probe_votes():
    replies = iter([*map(answer, "aabc"), *[""] * 40])
    step, _ = run(DifficultyAdaptive(hard="self-consistency,n=2"), ScriptedChatModel(lambda messages: next(replies)))
    assert step.candidate == "a"
    assert "0.50 of the probe agree; strategy:self-consistency came to nothing" in step.evidence.note
    assert step.evidence.note.endswith("and voted")


# Saturation


@pytest.mark.parametrize(
    ("p", "price", "n"), [(0.5, 0.02, 5), (0.3, 0.02, 8), (0.9, 0.02, 2), (1.0, 0.02, 1), (0.25, 0.25, 1)]
)
def test_a_bernoulli_model_saturates_where_one_more_draw_gains_less_than_its_price(p, price, n):
    assert saturated_at(p, price) == n
    assert gain(p, n) < price
    assert n == 1 or gain(p, n - 1) >= price


def test_it_stops_at_the_analytic_number_of_draws():
    """Where the leader has half of the draws after 2 it draws 5, and 11 where it has two of these."""
    model = ScriptedChatModel([answer(said) for said in "abababab"])
    assert len(run(Saturation(), model)[0].draws) == 5
    assert len(run(Saturation(), ScriptedChatModel([answer("a")] * 9))[0].draws) == 2
    assert len(run(Saturation(most=6), ScriptedChatModel(["I cannot say."] * 9))[0].draws) == 6
    model = ScriptedChatModel([answer(f"{number % 8}") for number in range(40)])
    assert len(run(Saturation(most=40), model)[0].draws) == saturated_at(2 / 11, 0.02) == 11


@pytest.mark.parametrize(("p", "price"), [(0.7, 0.05), (0.6, 0.01)])
def test_on_average_it_draws_about_what_theory_says(p, price):
    said = [run(Saturation(most=60, price=price), knowing(p, calibrated), number)[0] for number in range(TASKS)]
    assert sum(len(step.draws) for step in said) / TASKS == pytest.approx(saturated_at(p, price), rel=0.3)
