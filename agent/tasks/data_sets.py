"""Data sets by path: MATH, GPQA, MMLU and what has its form, and ProcBench, in the files they are given out in."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

from pilotage.agent.answers import LETTERS, normal_form
from pilotage.agent.errors import TaskError
from pilotage.agent.task import Task
from pilotage.agent.tasks import procbench
from pilotage.agent.tasks.fields import LETTERED, MOST_DIGITS, are_numbers, choices_of
from pilotage.agent.tasks.latex import boxed
from pilotage.agent.tasks.records import read_records
from pilotage.agent.tasks.source import Source

WRONG = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
COLUMNS = ("question", "A", "B", "C", "D", "answer")
"""Of MMLU's own CSV files, which have no header."""


def math_task(record: dict[str, Any], name: str) -> Task:
    r"""A task of MATH (Hendrycks et al. 2021): `problem`, and `solution` with its answer in `\boxed{...}`, or `answer`.

    Raises:
        TaskError: one of them is missing.
    """
    problem, solution, answer = record.get("problem"), record.get("solution"), record.get("answer")
    if not isinstance(problem, str):
        raise TaskError("a MATH record needs a `problem` text")
    gold = str(answer) if answer is not None else boxed(str(solution or ""))
    if not gold or not gold.strip():
        raise TaskError("a MATH record needs an `answer`, or a `solution` with \\boxed{...}")
    family = record.get("type") or record.get("subject")
    metadata = {"grader": "math"} | ({"family": str(family)} if family else {})
    metadata |= {"level": str(record["level"])} if record.get("level") is not None else {}
    id = record.get("unique_id") or record.get("id") or name
    return Task(id=str(id), prompt=problem, kind="text", gold=gold.strip(), metadata=metadata)


def gpqa_task(record: dict[str, Any], name: str) -> Task:
    """A task of GPQA (Rein et al. 2023): `Question`, `Correct Answer`, three wrong ones; in an order that it draws.

    Raises:
        TaskError: one of them is missing.
    """
    missing = [field for field in ("Question", "Correct Answer", *WRONG) if not str(record.get(field) or "").strip()]
    if missing:
        raise TaskError(f"a GPQA record needs `{missing[0]}`")
    question, right = str(record["Question"]).strip(), str(record["Correct Answer"]).strip()
    choices = [right, *(str(record[field]).strip() for field in WRONG)]
    if len({normal_form("text", choice) for choice in choices}) < len(choices):
        raise TaskError("two of its answers are the same text")
    Random(hashlib.sha256(question.encode()).hexdigest()).shuffle(choices)
    family = record.get("High-level domain")
    id = str(record.get("Record ID") or name)
    metadata = {"family": str(family)} if family else {}
    return Task(id=id, prompt=question, kind="choice", choices=tuple(choices), gold=right, metadata=metadata)


def choice_task(record: dict[str, Any], name: str) -> Task:
    """A task of MMLU's form: `question`, `choices` or `A` to `J`, and `answer`, a letter or a place from 0.

    Raises:
        TaskError: one of them is missing, a choice has a gap before it, or the answer is none of the choices.
    """
    question = record.get("question")
    if not isinstance(question, str):
        raise TaskError("a record of MMLU's form needs a `question` text")
    listed = next((record[field] for field in ("choices", "options") if record.get(field) is not None), None)
    choices, labels = choices_of({letter: record.get(letter) for letter in LETTERED} if listed is None else listed)
    answer = next((record[field] for field in ("answer", "answerKey") if record.get(field) is not None), None)
    if len(choices) < 2:
        raise TaskError("a record of MMLU's form needs `choices`, or columns A, B, C and D")
    place = _place(answer, labels or [chr(ord("A") + number) for number in range(len(choices))], len(choices))
    family = record.get("subject") or record.get("category")
    metadata = {"family": str(family)} if family else {}
    id = str(record.get("id") or name)
    forms = [normal_form("text", choice) for choice in choices]
    if forms.count(forms[place]) > 1:
        raise TaskError("the right choice and another are the same text")
    gold = chr(ord("A") + place) if place < LETTERS else choices[place]
    return Task(id=id, prompt=question, kind="choice", choices=tuple(choices), gold=gold, metadata=metadata)


def _place(answer: Any, labels: list[str], choices: int) -> int:
    text = str(answer).strip()
    if text in labels:
        return labels.index(text)
    if not are_numbers(labels) and text.isdecimal() and len(text) <= MOST_DIGITS and int(text) < choices:
        return int(text)
    raise TaskError(f"the answer {answer!r:.80} is neither the label of a choice nor its place from 0")


MATH = Source("math", "math:FILE", lambda spec: read_records(spec, math_task))
GPQA = Source("gpqa", "gpqa:FILE.csv", lambda spec: read_records(spec, gpqa_task))
MMLU = Source("mmlu", "mmlu:FILE", lambda spec: read_records(spec, choice_task, COLUMNS))
PROCBENCH = Source("procbench", "procbench:FILE", lambda spec: read_records(spec, procbench.task_from))
