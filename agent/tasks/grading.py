"""Graders: (task, answer) -> a grade. They alone see the hidden answer, and they never guess."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pilotage.agent.answers import normal_form, parse_attempts, parse_grid, resolve_choice
from pilotage.agent.errors import SandboxUnavailable, TaskError, UsageError
from pilotage.agent.numbers import parse_number
from pilotage.agent.task import Kind, Task
from pilotage.agent.tasks import latex
from pilotage.agent.tasks.procbench import expected, metrics_of
from pilotage.common.plugins import label, loaded, plugins

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Sandbox

GROUP = "pilotage.graders"
"""Entry points by which third parties add graders."""

GRADERS: dict[str, Callable[[Task, str], Any] | Grader | type[Grader]] = {}
"""Graders that this process adds, by the name that tasks give: they are found before those that are installed."""

# How far two numbers that are not both whole may differ, relative to the expected one.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Grade:
    """What an answer is worth.

    Attributes:
        score: in [0, 1]; most graders here give 1 for right and 0 for everything else.
    """

    score: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score lies in [0, 1], not at {self.score}")


RIGHT, WRONG = Grade(1.0), Grade(0.0)


class Grader(Protocol):
    """Grades answers. Third parties add one, or a plain function, by entry point `pilotage.graders` or to `GRADERS`."""

    async def grade(self, task: Task, answer: str | None) -> Grade:
        """The grade of `answer`; None stands for no answer and is a miss."""


def grader_for(task: Task, sandbox: Sandbox | None = None) -> Grader | None:
    """The grader named by `task.metadata["grader"]`, else the one of its kind; None if nothing says what is right.

    A text to compare with says nothing of an open task's answer: another reply may be as good. It needs a grader.
    The hidden tests of `program` tasks run in the sandbox, by default the isolated one of this machine.

    Raises:
        TaskError: no grader has the name that the task gives, or what has it is none.
    """
    name = task.metadata.get("grader")
    if name == "gym":
        from pilotage.agent.tasks.gym_grader import GymGrader

        return GymGrader()
    if name == "procbench":
        return StatesGrader()
    if name == "math":
        return _MATH
    if name is not None:
        return _own(task, str(name))
    if task.kind == "program":
        return ProgramGrader(sandbox) if task.metadata.get("tests") else None
    if task.gold is None or task.kind == "open":
        return None
    return _BY_KIND[task.kind]


async def score_of(task: Task, answer: str | None, sandbox: Sandbox | None = None) -> float | None:
    """The score of an answer; None if nothing says what is right.

    Raises:
        UsageError: the task's grader is not there, or could not grade; the text says why.
    """
    try:
        grader = grader_for(task, sandbox)
        return None if grader is None else (await grader.grade(task, answer)).score
    except UsageError:
        raise
    except Exception as error:  # a grader may be anybody's
        why = str(error) if isinstance(error, SandboxUnavailable) else f"{type(error).__name__}: {error}"
        raise TaskError(f"task {task.id}: its answer can't be graded: {why}") from error


def is_graded(task: Task) -> bool:
    """Whether something says what is right of a task, or should: its grader may still not be there."""
    if task.metadata.get("grader") is not None:
        return True
    return bool(task.metadata.get("tests")) if task.kind == "program" else task.gold is not None and task.kind != "open"


def require_grader(task: Task) -> None:
    """Raises TaskError where the grader that a task names is not there, is none, or lacks what it grades by."""
    name = task.metadata.get("grader")
    if name == "gym":
        missing = [field for field in ("family", "entry") if field not in task.metadata]
        if missing:
            raise TaskError(f"task {task.id}: the grader 'gym' needs {' and '.join(map(repr, missing))} in `metadata`")
    elif name == "procbench":
        expected(task)
    elif name == "math":
        if not isinstance(task.gold, str):
            raise TaskError(f"task {task.id}: the grader 'math' needs a gold that is a text")
    elif name is not None:
        _own(task, str(name))


def require_gold(task: Task) -> None:
    """Raises TaskError where no answer could ever equal a task's gold, before any token is spent on it."""
    tests = task.metadata.get("tests")
    if task.kind == "program" and tests is not None:
        if not isinstance(tests, list) or not all(isinstance(test, dict) for test in tests):
            raise TaskError("`tests` must be a list of {input, output}")
        if not all({"input", "output"} <= test.keys() for test in tests):
            raise TaskError("each of `tests` needs an `input` and an `output`")
    if task.gold is None or task.kind == "open":
        return
    if not isinstance(task.gold, str | int | float | list | tuple):
        raise TaskError(f"the gold {task.gold!r:.80} is no answer: give a text, a number, or the rows of a grid")
    if isinstance(task.gold, str) and not task.gold.strip() and "grader" not in task.metadata:
        raise TaskError("the gold is blank, which no answer can equal: give the answer, or leave it out")
    if task.kind == "numeric" and parse_number(str(task.gold)) is None:
        raise TaskError(f"the gold {task.gold!r:.80} of a numeric task is not one number")
    if task.kind == "choice" and resolve_choice(str(task.gold), task.choices) is None:
        raise TaskError(f"the gold {task.gold!r:.80} is neither the letter nor the text of one choice")
    if task.kind == "grid" and parse_grid(str(task.gold)) is None:
        several = ": give one answer, or a `grader` where several are right" if isinstance(task.gold, list) else ""
        raise TaskError(f"the gold of a grid task must be a list of equally long rows of whole numbers{several}")


def _own(task: Task, name: str) -> Grader:
    from pilotage.agent.tasks.own_grader import as_grader

    if name in GRADERS:
        return as_grader(GRADERS[name], f"the grader {name!r}")
    if (grader := _installed(name)) is None:
        raise TaskError(f"task {task.id}: no grader is called {name!r}; leave `grader` out, or install what brings it")
    return grader


@functools.cache
def _installed(name: str) -> Grader | None:
    from pilotage.agent.tasks.own_grader import as_grader

    entry = plugins(GROUP).get(name)
    return None if entry is None else as_grader(loaded(entry, TaskError), label(entry))


def grade_number(task: Task, answer: str) -> Grade:
    """1 if the answer is the expected number, whatever its spelling; whole numbers exactly, others to `TOLERANCE`."""
    expected, given = parse_number(str(task.gold)), parse_number(answer)
    if expected is None:
        raise TaskError(f"task {task.id}: the expected answer {task.gold!r} is not a number")
    if given is None:
        return WRONG
    exact = expected.denominator == given.denominator == 1
    return _verdict(abs(given - expected) <= (0 if exact else abs(expected) * TOLERANCE))


def _grade_choice(task: Task, answer: str) -> Grade:
    """1 if the answer names the expected choice by letter or full text; one that could mean two choices is a miss."""
    expected, given = resolve_choice(str(task.gold), task.choices), resolve_choice(answer, task.choices)
    if expected is None:
        raise TaskError(f"task {task.id}: the expected answer {task.gold!r} names none of its choices")
    if given is None:
        return WRONG
    return _verdict(given == expected)


def _grade_text(task: Task, answer: str) -> Grade:
    """1 if the answer is the expected text, but for case, spacing, and quotes or full stops around it."""
    return _verdict(normal_form("text", answer) == normal_form("text", str(task.gold)))


def _grade_grid(task: Task, answer: str) -> Grade:
    """1 if the answer is the expected grid, cell by cell; of several inputs the share that an attempt has right."""
    if task.inputs:
        attempts = [*(parse_attempts(answer) or []), *[[]] * len(task.inputs)]
        solved = [right in tried for right, tried in zip(task.gold, attempts, strict=False)]
        return Grade(sum(solved) / len(solved))
    expected = parse_grid(task.gold) if isinstance(task.gold, str) else task.gold
    given = parse_grid(answer)
    return _verdict(given is not None and given == expected)


def _verdict(right: bool) -> Grade:
    return RIGHT if right else WRONG


@dataclass(frozen=True)
class GoldGrader:
    """Compares an answer with the task's gold."""

    compare: Callable[[Task, str], Grade]

    async def grade(self, task: Task, answer: str | None) -> Grade:
        """What the comparison says; raises TaskError where the gold is none of its kind."""
        return WRONG if answer is None else self.compare(task, answer)


_MATH = GoldGrader(lambda task, answer: _verdict(latex.same(str(task.gold), answer)))

_BY_KIND: dict[Kind, Grader] = {
    "numeric": GoldGrader(grade_number),
    "choice": GoldGrader(_grade_choice),
    "text": GoldGrader(_grade_text),
    "grid": GoldGrader(_grade_grid),
}


@dataclass(frozen=True)
class StatesGrader:
    """Every state of a procedure must be the expected one (`pilotage.agent.tasks.procbench`)."""

    async def grade(self, task: Task, answer: str | None) -> Grade:
        """1 if they all are; raises TaskError where the task has none."""
        expected(task)
        return Grade(metrics_of(task, answer)["sequential_match"])


@dataclass(frozen=True)
class ProgramGrader:
    """The program must print the expected output for every hidden test, `metadata["tests"]`: {input, output}."""

    sandbox: Sandbox | None = None

    async def grade(self, task: Task, answer: str | None) -> Grade:
        """1 if it passes them all; raises SandboxUnavailable where nothing isolates programs."""
        if answer is None:
            return WRONG
        sandbox, tests = self.sandbox or _default_sandbox(), task.metadata["tests"]
        for test in tests:
            execution = await sandbox.run(answer, stdin=str(test["input"]))
            expected = normal_form("program", str(test["output"]))
            if not execution.ok or normal_form("program", execution.stdout) != expected:
                return WRONG
        return RIGHT


@functools.cache
def _default_sandbox() -> Sandbox:
    from pilotage.agent.sandbox import detect, open_sandbox

    sandbox = open_sandbox()
    if sandbox is None:
        raise SandboxUnavailable(f"program tasks can't be graded here: {detect().reason}")
    return sandbox
