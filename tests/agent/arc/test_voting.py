"""Views of a puzzle that vote on what was written down: what they change, what they cost, and what they leave alone."""

import json
from itertools import permutations
from random import Random

import pytest

from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.blocks import registry
from pilotage.agent.arc.blocks.views import seen_from
from pilotage.agent.arc.blocks.voting import attempts_of
from pilotage.agent.arc.facts import facts
from pilotage.agent.arc.puzzle import puzzle_from
from pilotage.agent.arc.routing import arc_policy
from pilotage.agent.arc.tasks import puzzle_of, task_of, written
from pilotage.agent.budget import Budget
from pilotage.agent.state import State
from pilotage.agent.trace import Draw, Evidence, Step, Trace
from tests.agent.arc.made_up import grid, record, write
from tests.agent.arc.test_arc_solve import FLIPPED, SOLVE, lines
from tests.agent.arc.test_blocks import FLIP, KEEP, TASK
from tests.agent.arc.test_blocks import solved as solved_once

RIGHT, WRONG, OTHER = ((5, 4),), ((4, 5),), ((4, 4),)


def seen(output, number, seed=0):
    """A reply that writes an output down as it looks in a view."""
    rows = Augmentation.view(number, seed).of(output)
    return "So:\n```\n" + "\n".join(" ".join(map(str, row)) for row in rows) + "\n```"


def solved(script, policy="fixed:reason,answer", views=5, **more):
    return solved_once(script, policy, registry=registry(views=views), **more)


def attempts(run):
    return [tuple(map(tuple, given)) for given in json.loads(run.answer)[0].values()]


def draw(output, view):
    return Draw(candidate=None if output is None else written((output,)), view=view)


def test_views_that_agree_outvote_a_wrong_answer_to_the_puzzle_as_it_is():
    script = [seen(WRONG, 0), seen(RIGHT, 1), seen(WRONG, 2), seen(RIGHT, 3), seen(RIGHT, 4)]
    alone, _ = solved(script, views=1)
    assert alone.score == 0 and attempts(alone) == [WRONG]
    run, model = solved(script)
    assert run.score == 1 and attempts(run) == [RIGHT, WRONG]
    assert len(model.calls) == run.usage.llm_calls == 5, "every view is charged"
    (reason, _) = run.trace.steps
    assert sum(one.usage.total_tokens for one in reason.draws) == reason.usage.total_tokens == run.usage.total_tokens
    assert [one.view for one in reason.draws] == [Augmentation.view(number, 0).name for number in range(5)]
    assert reason.routes == 3 and reason.evidence.note == "5 of 5 views were read" and not run.verified


def test_each_view_is_asked_in_its_own_colours_and_turn():
    _, model = solved([seen(RIGHT, number) for number in range(5)])
    for number, call in enumerate(model.calls):
        given = "\n".join(" ".join(map(str, row)) for row in Augmentation.view(number, 0).of(grid([[4, 5]])))
        assert f"Test input:\n{given}\n" in call.text
    assert len({call.text for call in model.calls}) == 5


def test_a_reply_that_cannot_be_read_abstains():
    run, _ = solved(["I do not know.", seen(RIGHT, 1), "```\n4 5\n4\n```", seen(RIGHT, 3), seen(WRONG, 4)])
    assert attempts(run) == [RIGHT, WRONG] and run.trace.steps[0].evidence.note == "3 of 5 views were read"
    silent, _ = solved(["I do not know."] * 5 + [seen(RIGHT, 0)])
    assert silent.trace.steps[0].candidate is None and attempts(silent) == [RIGHT], "the direct answer is asked for"


def test_the_policy_arc_asks_views_after_its_programs_failed_and_a_right_program_needs_none():
    run, model = solved([KEEP] * 5 + [seen(RIGHT, number) for number in range(5)], arc_policy())
    assert run.route == ("look", "program", "reflect", "reflect", "sample", "sample", "reason", "answer")
    assert attempts(run)[0] == RIGHT, "a program that fails on a pair comes behind what views vote for"
    assert len(model.calls) == 5 + 5
    run, model = solved([FLIP], arc_policy())
    assert run.verified and len(model.calls) == 1


def test_one_view_costs_and_answers_what_it_did_before():
    script = [KEEP] * 5 + [seen(RIGHT, 0)]
    run, model = solved(script, arc_policy(), views=1)
    assert len(model.calls) == 6 and attempts(run) == [WRONG, RIGHT] and run.trace.steps[-2].draws == ()


def test_programs_that_pass_all_pairs_stay_ahead_of_any_vote():
    program = Step(
        block="program", candidate=written((RIGHT,)), evidence=Evidence(program="ok", examples_passed=1.0), program="x"
    )
    votes = Step(block="reason", candidate=written((WRONG,)), draws=tuple(draw(WRONG, str(n)) for n in range(9)))
    assert attempts_of(TASK, [votes, program]) == ((RIGHT, WRONG),)
    part = program.model_copy(update={"evidence": Evidence(program="failed", examples_passed=0.5)})
    assert attempts_of(TASK, [votes, part]) == ((WRONG, RIGHT),)


def test_a_view_counts_once_however_often_it_is_asked():
    again = [Step(block="sample", candidate=written((WRONG,))) for _ in range(4)]
    others = [
        Step(block="verify", candidate=written((RIGHT,)), draws=(draw(RIGHT, "a"),)),
        Step(block="sample", candidate=written((RIGHT,)), draws=(draw(RIGHT, "b"),)),
    ]
    assert attempts_of(TASK, [*again, *others]) == ((RIGHT, WRONG),)
    torn = [Step(block="sample", candidate=written((one,)), draws=(draw(one, "a"),)) for one in (OTHER, RIGHT, RIGHT)]
    assert attempts_of(TASK, [*torn, others[1]])[0][0] == RIGHT, "a view stands for what it gave most often"


def test_tests_are_voted_on_one_by_one():
    puzzle, outputs = puzzle_from(record((([[1, 2]], [[2, 1]]),), (([[4, 5]], RIGHT), ([[6, 7]], [[7, 6]]))), "a")
    task = task_of(puzzle, outputs)
    second, bad = ((7, 6),), ((6, 6),)
    pairs = ((RIGHT, bad), (RIGHT, second), (WRONG, second))
    draws = tuple(Draw(candidate=written(one), view=str(place)) for place, one in enumerate(pairs))
    (first, last) = attempts_of(task, [Step(block="reason", candidate=written(pairs[0]), draws=draws)])
    assert first == (RIGHT, WRONG) and last == (second, bad)


def test_a_tie_is_broken_by_the_puzzle_and_not_by_who_came_first():
    draws = [draw(RIGHT, ""), draw(WRONG, "a"), draw(OTHER, "b"), draw(((9, 9),), "c")]
    found = {
        attempts_of(TASK, [Step(block="reason", candidate=one[0].candidate, draws=one)]) for one in permutations(draws)
    }
    assert len(found) == 1


def chance_of(first_right, views, trials=2000):
    """The share of puzzles whose first attempt is right where each view is right so often, else one of 40 others."""
    random, right = Random(views), 0
    others = [((one, two),) for one in range(7) for two in range(7) if (one, two) not in ((5, 4), (4, 5))][:40]
    for number in range(trials):
        train = (([[1, 2]], [[2, 1]]), ([[number // 10 % 10, number % 10]], [[number % 10, number // 10 % 10]]))
        task = task_of(puzzle_from(record((*train, ([[number // 100 % 10]], [[0]])), (([[4, 5]], RIGHT),)), "a")[0])
        said = [RIGHT if random.random() < first_right else random.choice(others) for _ in range(views)]
        draws = tuple(draw(one, str(place) if place else "") for place, one in enumerate(said))
        (tried,) = attempts_of(task, [Step(block="reason", candidate=draws[0].candidate, draws=draws)])
        right += tried[0] == RIGHT
    return right / trials


def test_voting_gains_where_views_know_something_and_nothing_where_they_are_blind():
    assert chance_of(0.4, 1) == pytest.approx(0.4, abs=0.04)
    assert chance_of(0.4, 8) > 0.8
    blind = 1 / 41
    assert chance_of(blind, 1) == pytest.approx(blind, abs=0.012)
    assert chance_of(blind, 8) == pytest.approx(blind, abs=0.012)


@pytest.mark.parametrize("limit", ["max_calls", "max_tokens"])
def test_a_limit_ends_the_views_and_what_was_read_votes(limit):
    script = [seen(WRONG, 0)] + [seen(RIGHT, number) for number in range(1, 6)]
    whole, _ = solved(script)
    most = 3 if limit == "max_calls" else whole.usage.total_tokens * 3 // 5
    run, model = solved(script, budget=Budget(**{limit: most}))
    spent = run.usage.llm_calls if limit == "max_calls" else run.usage.total_tokens
    calls = len(model.calls)
    assert run.stopped_by == limit and spent <= most
    assert 2 <= calls <= 3 and calls == run.usage.llm_calls == len(run.trace.steps[0].draws)
    assert set(attempts(run)) == {RIGHT, WRONG}, "what was read before the limit is answered"


def test_what_was_counted_is_counted_in_the_view_and_a_plan_is_left_out():
    view = Augmentation.view(2, 0)
    counted = Step(block="look", result="What can be counted: colour 4", prepares=True)
    plan = Step(block="plan", text="Make 4 of 5.", prepares=True)
    shown = seen_from(view, State(TASK.public(), Trace(steps=(counted, plan)), Budget()))
    (step,) = shown.trace.steps
    assert facts(view.of_puzzle(puzzle_of(TASK))) in step.result and "colour 4" not in step.result
    assert puzzle_of(shown.task) == view.of_puzzle(puzzle_of(TASK))


def test_a_sample_goes_through_the_views_in_turn_and_verify_sees_a_further_one():
    script = [seen(WRONG, 0), seen(RIGHT, 1), seen(RIGHT, 2)]
    run, _ = solved(script, "fixed:reason,sample,verify,answer", views=1)
    assert [len(step.draws) for step in run.trace.steps[:2]] == [0, 0] and run.trace.steps[2].draws[0].view
    script = [seen(WRONG, 0), seen(WRONG, 1), seen(RIGHT, 1), seen(RIGHT, 2)]
    run, _ = solved(script, "fixed:reason,sample,verify,answer", views=2)
    names = [Augmentation.view(number, 0).name for number in range(3)]
    assert [[one.view for one in step.draws] for step in run.trace.steps[:3]] == [names[:2], [names[1]], [names[2]]]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", {"flip": FLIPPED})
    script = [KEEP] * 5 + [seen(WRONG, 0), seen(RIGHT, 1), seen(RIGHT, 2)]
    write(tmp_path / "s.json", script)
    return tmp_path


def test_a_run_with_views_is_scored_as_it_answered_and_goes_on_with_as_many(here, command_line):
    code, out, err = command_line(*SOLVE, "--views", "3")
    assert code == 0 and "1 of 1 test solved" in out, out + err
    (line,) = lines(here)
    told = json.loads(command_line("arc", "show", "flip", "--split", "p.json", "--run", "R", "--json").out)
    answer = json.loads(line["answer"])[0]
    assert [one["grid"] for one in told["tests"][0]["attempts"]] == list(answer.values()) == [[[5, 4]], [[4, 5]]]
    assert line["usage"]["llm_calls"] == 8
    code, _, err = command_line(*SOLVE, "--resume")
    assert code == 2 and "was made with views 3, not 1" in err


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--views", "0"), "greater than or equal to 1"),
        (("--views", "65"), "less than or equal to 64"),
        (("--views", "30"), "--views 30 needs 30 calls and the budget has 24: give --max-calls 30 or more"),
    ],
)
def test_views_that_cannot_be_asked_are_refused_before_anything_is_kept(here, command_line, more, why):
    code, out, err = command_line(*SOLVE, *more)
    assert code == 2 and not out and why in err and not (here / "R").exists()
