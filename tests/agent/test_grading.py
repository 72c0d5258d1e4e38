import pytest

from pilotage.agent.errors import TaskError
from pilotage.agent.sandbox import Limits, open_sandbox
from pilotage.agent.task import KINDS, Task
from pilotage.agent.tasks.grading import Grade, grader_for


def task(kind="text", gold=None, **fields) -> Task:
    return Task(id="t", prompt="?", kind=kind, gold=gold, **fields)


async def score(task: Task, answer: str | None) -> float:
    grader = grader_for(task, open_sandbox("bubblewrap", Limits(cpu_seconds=1)))
    assert grader is not None
    return (await grader.grade(task, answer)).score


NUMBER = task("numeric", "18")
CHOICE = task("choice", "a cat", choices=("a dog", "a cat"))
TEXT = task("text", "New York")
GRID = task("grid", [[1, 2], [3, 4]])
PROGRAM = task(
    "program",
    metadata={"tests": [{"input": "2 3", "output": "5"}, {"input": "10 -4\n", "output": "6\n"}]},
)
RIGHT = [
    (NUMBER, "18"),
    (NUMBER, "$18.00"),
    (NUMBER, "18 dollars"),
    (NUMBER, "36/2"),
    (task("numeric", 0.3333333), "1/3"),
    (CHOICE, "B"),
    (CHOICE, "(b) a cat"),
    (CHOICE, "A cat."),
    (task("choice", "B", choices=("x", "y")), "y"),
    (TEXT, " new  york. "),
    (GRID, "[[1,2],[3,4]]"),
    (task("grid", "[[5]]"), "[[5]]"),
    (PROGRAM, "a, b = map(int, input().split())\nprint(a + b)"),
]
WRONG = [
    (NUMBER, "19"),
    (NUMBER, "18 or 19"),
    (NUMBER, "-18"),
    (NUMBER, "eighteen"),
    (NUMBER, "18.001"),
    (task("numeric", 123456789), "123456790"),
    (CHOICE, "A"),
    (CHOICE, "A or B"),
    (CHOICE, "cat"),
    (TEXT, "York"),
    (TEXT, ""),
    (GRID, "[[1,2],[3,5]]"),
    (GRID, "a grid"),
    (PROGRAM, "print(5)"),
    (PROGRAM, "1/0"),
    (PROGRAM, "while True: pass"),
    (PROGRAM, "print(5); print(open('/etc/passwd').read())"),
]


@pytest.mark.parametrize(("task", "answer"), RIGHT)
async def test_right_answers(task: Task, answer: str):
    assert await score(task, answer) == 1.0


@pytest.mark.parametrize(("task", "answer"), WRONG)
async def test_wrong_answers(task: Task, answer: str):
    assert await score(task, answer) == 0.0


@pytest.mark.parametrize("task", [NUMBER, CHOICE, TEXT, GRID, PROGRAM])
async def test_no_answer_is_a_miss(task: Task):
    assert await score(task, None) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_without_gold_has_no_grader(kind):
    assert grader_for(task(kind)) is None
    assert grader_for(RIGHT[0][0].public()) is None


async def test_a_gold_that_nothing_can_equal_is_the_tasks_fault():
    with pytest.raises(TaskError, match="not a number"):
        await score(task("numeric", "many"), "5")
    with pytest.raises(TaskError, match="none of its choices"):
        await score(task("choice", "Z", choices=("a", "b")), "A")


def test_an_unknown_grader_is_named():
    with pytest.raises(TaskError, match="no grader is called 'oracle'"):
        grader_for(task(gold="x", metadata={"grader": "oracle"}))


async def test_a_program_that_fails_the_last_of_its_hidden_tests_scores_nothing():
    grader = grader_for(PROGRAM)
    assert grader is not None
    grade = await grader.grade(PROGRAM, "a, b = map(int, input().split())\nprint(a + abs(b))")
    assert grade.score == 0.0


def test_a_score_lies_between_nought_and_one():
    with pytest.raises(ValueError, match="1.5"):
        Grade(1.5)
