"""Solutions that are read beside each other: blind readers choose by lot, those who see find what is there."""

from random import Random

import pytest

from pilotage.agent.budget import Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, ScriptedChatModel, StochasticChatModel
from pilotage.agent.state import State
from pilotage.agent.strategies.choosing.hedged import Hedged
from pilotage.agent.strategies.choosing.self_consistency import SelfConsistency
from pilotage.agent.strategies.judging.ballot import ballots
from pilotage.agent.strategies.judging.debate import MultiAgentDebate
from pilotage.agent.strategies.judging.genrm import GenRM
from pilotage.agent.strategies.judging.mixture_of_agents import MixtureOfAgents
from pilotage.agent.strategies.judging.tree_of_thoughts import TreeOfThoughts
from pilotage.agent.strategies.known.readers import (
    JUDGED,
    any_of,
    first_of,
    keeps,
    number_of_right,
    planner,
    player,
    solutions,
    verifying,
    with_checklist,
)
from pilotage.agent.strategies.known.skilled import always
from pilotage.agent.strategies.showing import number_of
from pilotage.agent.trace import Step, Trace
from tests.agent.strategies.skilled import PLENTY, accuracy, answer, near, run, task
from tests.agent.strategies.test_two_models import run_two

TASKS = 80


# Tree of thoughts


def test_of_one_level_a_blind_judge_is_one_draw_and_one_who_sees_finds_what_is_there():
    blind, seeing = player(0.3, lambda texts: 1), player(0.3, number_of_right)
    assert near(accuracy(TreeOfThoughts(depth=1, k=4), blind, TASKS), 0.3, TASKS)
    assert near(accuracy(TreeOfThoughts(depth=1, k=4, votes=1), seeing, TASKS), 1 - 0.7**4, TASKS)


def test_the_best_thought_is_gone_on_with():
    assert near(accuracy(TreeOfThoughts(), planner(0.3, number_of_right), TASKS), 1 - 0.7**3, TASKS)
    assert near(accuracy(TreeOfThoughts(), planner(0.3, lambda texts: 1), TASKS), 0.3, TASKS)


def test_the_judges_read_the_same_solutions_in_orders_of_their_own():
    def reply(messages, chance):
        return "1" if JUDGED in messages[-1].text else answer(f"{chance.random():.3f}")

    model = StochasticChatModel(reply)
    run(TreeOfThoughts(depth=1, k=4, votes=6), model)
    orders = [solutions(call.messages) for call in model.calls if JUDGED in call.text]
    assert len(orders) == 6
    assert len({tuple(order) for order in orders}) > 3
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_what_it_costs_is_thoughts_solutions_and_votes_by_level():
    for strategy in (TreeOfThoughts(), TreeOfThoughts(k=2, breadth=2, depth=3), TreeOfThoughts(judge="judge")):
        model = planner(0.5, number_of_right)
        _, kit = run(strategy, model)
        assert kit.usage.llm_calls == strategy.least_calls


def test_a_vote_for_no_single_solution_is_none():
    model = ScriptedChatModel([answer("a"), answer("b"), "1 or 2", "3", "neither"])
    step, _ = run(TreeOfThoughts(depth=1, k=2), model)
    assert step.candidate in ("a", "b")
    assert [draw.score for draw in step.draws] == [0, 0]


# Mixture of agents


def test_one_who_merges_blindly_is_one_draw_and_one_who_sees_finds_what_is_there():
    blind, seeing = player(0.3, None, first_of), player(0.3, None, any_of)
    assert near(accuracy(MixtureOfAgents(), blind, TASKS), 0.3, TASKS)
    assert near(accuracy(MixtureOfAgents(layers=3), blind, TASKS), 0.3, TASKS)
    assert near(accuracy(MixtureOfAgents(), seeing, TASKS), 1 - 0.7**4, TASKS)


def test_models_take_turns_and_another_one_may_merge():
    own, other = always("a"), always("b")
    step, _ = run_two(MixtureOfAgents(models=",big", proposers=4, aggregator="big"), own, other)
    assert [draw.candidate for draw in step.draws] == ["a", "b", "a", "b", "b"]
    assert step.model == "big"


def test_where_the_merged_solution_has_no_answer_those_before_it_vote():
    model = ScriptedChatModel([answer("a"), answer("b"), answer("b"), answer("c"), "They differ."])
    step, _ = run(MixtureOfAgents(), model)
    assert step.candidate == "b"
    assert "voted" in step.evidence.note


# Debate


def test_agents_who_keep_their_answer_are_self_consistency():
    stubborn = player(0.6, None, keeps)
    share = accuracy(MultiAgentDebate(), stubborn, TASKS)
    assert share == accuracy(SelfConsistency(n=3), player(0.6, None), TASKS)
    assert near(share, 0.648, TASKS)


def test_agents_who_see_what_is_right_find_it_and_a_blind_judge_is_one_draw():
    seeing = player(0.3, None, lambda texts, _, said: any_of([*texts, said[-2].text]))
    assert near(accuracy(MultiAgentDebate(), seeing, TASKS), 1 - 0.7**3, TASKS)
    blind = player(0.3, lambda texts: 1, keeps)
    assert near(accuracy(MultiAgentDebate(decide="judge"), blind, TASKS), 0.3, TASKS)
    assert near(
        accuracy(MultiAgentDebate(decide="judge"), player(0.3, number_of_right, keeps), TASKS), 1 - 0.7**3, TASKS
    )


def test_an_agent_without_an_answer_keeps_the_one_before():
    model = ScriptedChatModel([answer("a"), answer("a"), answer("b"), "I give up.", "So do I.", answer("b")])
    step, kit = run(MultiAgentDebate(), model)
    assert (step.candidate, kit.usage.llm_calls) == ("a", 6)
    assert step.evidence.note == "2 of 3 agents agree after round 2"


def test_each_reads_the_others_as_data_and_not_itself():
    texts = [f"Work of {name}.\nAnswer: {name} </solution>" for name in "abc"]
    model = ScriptedChatModel([*texts, *[answer("a")] * 3])
    run(MultiAgentDebate(), model)
    for own, call in zip("abc", model.calls[3:], strict=True):
        read = solutions(call.messages)
        assert sorted(text.split()[2][0] for text in read) == sorted(set("abc") - {own})


# GenRM


def test_a_verifier_who_guesses_is_chance_and_a_perfect_one_finds_what_is_there():
    guesses = verifying(0.3, lambda right, chance: "yes" if chance.random() < 0.5 else "no")
    perfect = verifying(0.3, lambda right, chance: "yes" if right else "no")
    assert near(accuracy(GenRM(solutions=4), guesses, TASKS), 0.3, TASKS)
    assert near(accuracy(GenRM(solutions=4), perfect, TASKS), 1 - 0.7**4, TASKS)


def test_more_verdicts_of_a_weak_verifier_choose_better():
    weak = verifying(0.3, lambda right, chance: "yes" if chance.random() < (0.7 if right else 0.3) else "no")
    one, many = (accuracy(GenRM(solutions=4, verdicts=v), weak, TASKS) for v in (1, 5))
    assert many > one > 0.3


def test_verdicts_that_cannot_be_read_do_not_count():
    verdicts = ["Verdict: no, or yes?", "Hm.", "Verdict: no\nVerdict: yes", "**Verdict:** no"]
    step, kit = run(GenRM(solutions=2), ScriptedChatModel([answer("a"), answer("b"), *verdicts]))
    assert [draw.score for draw in step.draws] == [0.0, 0.5]
    assert (step.candidate, kit.usage.llm_calls) == ("b", 6)


def test_another_model_may_verify():
    own = ScriptedChatModel([answer("a"), answer("b")])
    judge = ScriptedChatModel(lambda messages: f"Verdict: {'yes' if 'Answer: b' in messages[-1].text else 'no'}")
    step, _ = run_two(GenRM(solutions=2, verifier="big"), own, judge)
    assert (step.candidate, step.model) == ("b", "")


# Hedged


def test_identical_samples_give_the_same_without_a_judge():
    for by in ("chops", "mbr"):
        step, kit = run(Hedged(by=by), always("7"))
        assert (step.candidate, kit.usage.llm_calls, step.routes) == ("7", 5, 5)


def test_a_blind_checklist_is_a_draw_and_one_that_sees_finds_what_is_there():
    assert near(accuracy(Hedged(), with_checklist(0.3, lambda texts: 1), TASKS), 0.3, TASKS)
    assert near(accuracy(Hedged(), with_checklist(0.3, number_of_right), TASKS), 1 - 0.7**5, TASKS)


def test_by_least_risk_the_answer_with_which_most_draws_agree_is_taken():
    share = accuracy(Hedged(by="mbr"), with_checklist(0.6, None), TASKS)
    assert near(share, 0.683, TASKS)
    assert near(accuracy(Hedged(by="mbr", samples=2, evidence=3), with_checklist(0.6, None), TASKS), 0.683, TASKS)


def test_evidence_in_another_language_agrees_but_is_not_chosen():
    replies = [answer("a"), answer("b"), answer("b"), answer("c"), answer("c"), answer("c")]
    model = ScriptedChatModel(replies)
    step, _ = run(Hedged(by="mbr", samples=2, evidence=4, language="French"), model)
    assert (step.candidate, len(step.draws)) == ("b", 2)
    assert ["in French" in call.text for call in model.calls] == [False] * 2 + [True] * 4
    assert [call.options["temperature"] for call in model.calls][:2] == [0.0, 0.7]


@pytest.mark.parametrize("said", ["They are equal.", "Best: 9", "Best: "])
def test_a_checklist_that_names_no_solution_leaves_the_greedy_one(said):
    model = ScriptedChatModel([answer("a"), answer("b"), answer("c"), said])
    step, _ = run(Hedged(samples=3), model)
    assert step.candidate == "a"


def test_a_number_that_goes_on_and_on_names_no_solution():
    endless = "9" * 5000
    step, _ = run(Hedged(samples=2), ScriptedChatModel([answer("a"), answer("b"), f"Best: {endless}"]))
    assert (step.candidate, step.evidence.note) == ("a", "a checklist names no solution, so the first draw stays")
    assert [number_of(digits) for digits in ("0", "12", "1000", endless)] == [0, 12, 1000, 0]


async def test_a_vote_for_a_number_that_goes_on_and_on_is_none():
    kit, given = Kit(ModelClient(ScriptedChatModel(["9" * 5000, "1"])), Meter(PLENTY)), State(task(), Trace(), PLENTY)
    steps = [Step(block="x", text=text, candidate=text) for text in "ab"]
    assert sum(await ballots(given, kit, steps, Random(1), votes=2, temperature=0.7)) == 1
