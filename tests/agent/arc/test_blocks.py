"""The blocks for puzzles: what each asks, what it takes from the reply, and when it may run."""

import json

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.blocks import registry
from pilotage.agent.arc.blocks.steps import room
from pilotage.agent.arc.puzzle import puzzle_from
from pilotage.agent.arc.routing import arc_policy
from pilotage.agent.arc.tasks import task_of
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.sandbox.packages import numpy
from pilotage.agent.tasks.grading import score_of
from tests.agent.arc.made_up import C, D, grid, record

FLIP = "```python\ndef transform(grid):\n    return grid[:, ::-1]\n```"
KEEP = "```python\ndef transform(grid):\n    return grid\n```"
PUZZLE, OUTPUTS = puzzle_from(record((([[1, 2]], [[2, 1]]), ([[3, 0]], [[0, 3]])), (([[4, 5]], [[5, 4]]),)), "a")
TASK = task_of(PUZZLE, OUTPUTS)


def solved(script, policy, task=TASK, **more):
    model = ScriptedChatModel(script)
    more = {"registry": registry(), "sandbox": open_sandbox("bubblewrap", packages=numpy())} | more
    with ReasoningAgent(model, policy=policy, **more) as agent:
        return agent.solve(task), model


def test_a_right_program_ends_the_run_and_is_verified_by_the_pairs():
    run, model = solved([FLIP], arc_policy())
    assert run.route == ("look", "program", "answer") and run.score == 1 and run.verified
    assert json.loads(run.answer) == [{"attempt_1": [[5, 4]]}]
    assert "What can be counted" in model.calls[0].text and "mirrored left to right" in model.calls[0].text


def test_a_wrong_program_is_repaired_from_what_it_made_of_the_pairs():
    run, model = solved([KEEP, FLIP], arc_policy())
    assert run.route == ("look", "program", "reflect", "answer") and run.score == 1
    shown = model.calls[1].text
    assert "right on 0 of 2 examples" in shown and "On example 1 (2 cells wrong) it gave\n1 2\ninstead of\n2 1" in shown


def test_without_a_right_program_it_draws_again_and_writes_the_outputs_down():
    run, _ = solved([KEEP, KEEP, KEEP, KEEP, KEEP, "So:\n```\n5 4\n```"], arc_policy())
    assert run.route == ("look", "program", "reflect", "reflect", "sample", "sample", "reason", "answer")
    assert json.loads(run.answer) == [{"attempt_1": [[4, 5]], "attempt_2": [[5, 4]]}]
    assert run.score == 1 and not run.verified, "the second attempt counts"


def test_two_programs_and_what_was_written_down_agree_by_their_outputs():
    other = "```python\nimport numpy as np\ndef transform(g):\n    return np.fliplr(g).tolist()\n```"
    run, _ = solved([KEEP, "```\n5 4\n```", other], "fixed:program,reason,sample,answer")
    leader, second = (entry for entry in json.loads(run.answer)[0].values())
    assert leader == [[5, 4]] and second == [[4, 5]]
    assert run.trace.steps[-1].evidence.note == "of 2 candidates"


def test_another_view_of_the_puzzle_is_undone_before_it_is_compared():
    view = Augmentation.view(1, 0)
    seen = "\n".join(" ".join(map(str, row)) for row in view.of(grid([[5, 4]])))
    run, model = solved([FLIP, f"```\n{seen}\n```"], "fixed:program,verify,answer")
    verify = run.trace.steps[1]
    assert verify.evidence.verdict == "agrees" and json.loads(verify.candidate) == [[[5, 4]]]
    given = "\n".join(" ".join(map(str, row)) for row in view.of(grid([[4, 5]])))
    assert given in model.calls[1].text and "4 5\n" not in model.calls[1].text


def test_every_test_input_gets_its_output():
    puzzle, outputs = puzzle_from(record(tests=((C, D), (D, C))), "b")
    task = task_of(puzzle, outputs)
    run, model = solved(["```\n5 5\n5 0\n```\nand\n```\n3\n4\n```"], "fixed:reason,answer", task)
    assert run.score == 1 and "each test input in order" in model.calls[0].text
    run, _ = solved(["```\n5 5\n5 0\n```", "I do not know."], "fixed:reason,answer", task)
    assert run.answer is None and run.score == 0, "one grid for two tests is no answer"


def test_where_nothing_was_reached_a_direct_answer_is_asked_for():
    run, model = solved(["I do not know.", "```\n5 4\n```"], "fixed:reason,answer")
    assert json.loads(run.answer) == [{"attempt_1": [[5, 4]]}] and run.score == 1
    assert "and nothing else" in model.calls[1].text


@pytest.mark.parametrize(
    "reply", ["Well.", "no program", "```python\nprint(1)\n```", "```python\ndef transform(grid: return\n```"]
)
def test_a_reply_without_a_program_that_works_is_a_miss(reply):
    run, _ = solved([reply, "nothing"], "fixed:program,answer")
    assert run.answer is None and run.score == 0
    assert run.trace.steps[0].evidence.program in ("refused", "failed")


def test_hidden_outputs_change_nothing_that_the_model_is_asked_or_answers():
    script = [KEEP, KEEP, KEEP, FLIP, "```\n5 4\n```"]
    noise = task_of(PUZZLE, (grid([[9, 9, 9]]),))
    (run, model), (other, blind) = (solved(script, arc_policy(), task) for task in (TASK, noise))
    assert [call.text for call in model.calls] == [call.text for call in blind.calls]
    assert run.answer == other.answer and (run.score, other.score) == (1, 0)


async def test_a_grade_is_the_share_of_tests_that_one_of_two_attempts_solves():
    puzzle, outputs = puzzle_from(record(tests=((C, D), (D, C))), "b")
    task = task_of(puzzle, outputs)
    for answer, score in (
        ([{"attempt_1": D, "attempt_2": C}, {"attempt_1": D, "attempt_2": C}], 1),
        ([{"attempt_1": C}, {"attempt_1": D, "attempt_2": D, "attempt_3": C}], 0),
        ([D, C], 1),
        ([D], 0.5),
        ([None, {"attempt_1": C}], 0.5),
    ):
        assert await score_of(task, json.dumps(answer)) == score
    assert await score_of(task, "nonsense") == await score_of(task, None) == 0


def test_the_room_for_a_reply_grows_with_the_grids_that_it_needs():
    small = room(PUZZLE)
    large, _ = puzzle_from(record((([[1] * 20] * 20, [[1] * 20] * 20),), (([[1] * 20] * 20, [[1]]),)), "c")
    several, _ = puzzle_from(record((([[1]], [[1]]),), (([[1]], [[1]]),) * 3), "d")
    assert small < room(several) < room(large) < 2100


def test_a_program_that_fails_on_a_test_is_repaired_though_it_has_all_pairs_right():
    fails = "```python\ndef transform(grid):\n    return grid[:, ::-1] if grid[0, 0] < 4 else 1 / 0\n```"
    run, model = solved([fails, FLIP], arc_policy())
    assert run.route == ("look", "program", "reflect", "answer") and run.score == 1
    assert "right on all examples, and on a test input it failed: ZeroDivisionError" in model.calls[1].text


def test_outputs_that_were_written_down_alike_are_not_verified():
    run, _ = solved(["```\n4 5\n```", "```\n4 5\n```"], "fixed:reason,sample,answer")
    assert run.trace.steps[0].candidate == run.trace.steps[1].candidate and not run.verified


def test_what_verify_saw_is_nothing_for_later_blocks_to_read():
    run, _ = solved([FLIP, "```\n1 1\n```"], "fixed:program,verify,answer")
    assert run.trace.steps[1].turns == ()


def test_further_passes_are_asked_at_a_temperature():
    for temperature in (0.0, 0.7):
        model = ScriptedChatModel([KEEP, KEEP, "```\n5 4\n```"])
        sandbox = open_sandbox("bubblewrap", packages=numpy())
        blocks = registry(temperature)
        with ReasoningAgent(
            model, policy="fixed:program,reflect,reason,answer", registry=blocks, sandbox=sandbox
        ) as agent:
            agent.solve(TASK)
        assert {call.options["temperature"] for call in model.calls} == {temperature}
