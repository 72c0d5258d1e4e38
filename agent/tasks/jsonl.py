"""The project's own task files, one record a line (JSON Lines) or a row (CSV, Parquet), and those of GSM8K.

Fields: `prompt` (or `question`), and as wanted `id`, `kind`, `choices`, `examples` ({input, output}), `gold` (or
`answer`), `metadata`. Other fields go to the metadata, which graders alone see. Without `kind`, a task with choices is
`choice`, one with `tests` in its metadata `program`, one whose gold is a number `numeric`, a list of rows `grid`, any
other gold or worked examples `text`; a bare prompt is what its form says (`pilotage.agent.tasks.kinds`), most often
`open`. GSM8K's files (Cobbe et al. 2021) have {"question", "answer"}, where the answer ends with `#### 18` or is just
`18`: only the number after the mark is kept, as the gold; the worked solution before it goes nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pilotage.agent.errors import TaskError
from pilotage.agent.numbers import parse_number, plain
from pilotage.agent.task import KINDS, Kind, Task
from pilotage.agent.tasks.fields import Reader
from pilotage.agent.tasks.kinds import infer_kind
from pilotage.agent.tasks.records import read_records
from pilotage.agent.tasks.source import Source, Spec, TaskDefect, did_you_mean

MARK = "####"
_FIELDS = {"id", "prompt", "question", "kind", "choices", "examples", "gold", "answer", "metadata"}
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)


def task_from(record: dict[str, Any], name: str) -> Task:
    """A task from one object.

    Raises:
        TaskError: it lacks its prompt, or its fields contradict each other.
        ValidationError: a field has the wrong type.
    """
    prompt = _one_of(record, "prompt", "question")
    if prompt is None:
        held = ", ".join(f"{str(field)!r:.40}" for field in record) or "nothing"
        raise TaskError(
            f"the task has no `prompt` (or `question`), but {held:.400}: --map prompt=FIELD,answer=FIELD names them"
        )
    gold = _one_of(record, "gold", "answer")
    metadata = record.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise TaskError("`metadata` must be an object")
    metadata = {key: value for key, value in record.items() if key not in _FIELDS} | metadata
    choices = record.get("choices") or ()
    given_id = record.get("id")
    kind = _kind(record.get("kind"), gold, bool(choices), metadata)
    bare = kind is None and not record.get("examples")
    return Task(
        id=name if given_id is None else str(given_id),
        prompt=prompt,
        kind=infer_kind(str(prompt)) if bare else kind or "text",
        inferred=bare,
        choices=choices,
        examples=record.get("examples") or (),
        gold=gold,
        metadata=metadata,
    )


def _one_of(record: dict[str, Any], first: str, second: str) -> Any:
    if record.get(first) is not None and record.get(second) is not None:
        raise TaskError(f"the task has both `{first}` and `{second}`; leave one out")
    return record[first] if record.get(first) is not None else record.get(second)


def _kind(given: Any, gold: Any, has_choices: bool, metadata: dict[str, Any]) -> Kind | None:
    """The kind that the fields tell, None where they tell none."""
    if given is not None:
        if given not in KINDS:
            raise TaskError(f"unknown kind {given!r}{did_you_mean(str(given), KINDS)}: use {', '.join(KINDS)}")
        kind: Kind = given
        return kind
    if has_choices:
        return "choice"
    if "tests" in metadata:
        return "program"
    if isinstance(gold, list):
        return "grid"
    if gold is None:
        return "text" if "grader" in metadata else None
    if isinstance(gold, bool):
        return "text"
    if MARK in str(gold):
        raise TaskError("this looks like a line of GSM8K: load the file as `gsm8k:FILE`")
    return "numeric" if isinstance(gold, int | float) or PLAIN_NUMBER.fullmatch(str(gold).strip()) else "text"


def _gsm8k_task_from(record: dict[str, Any], name: str) -> Task:
    question, answer = record.get("question"), record.get("answer")
    if not isinstance(question, str):
        raise TaskError("a GSM8K line needs a `question` text")
    if answer is None:
        raise TaskError("a GSM8K line needs an `answer`")
    number = parse_number(str(answer).rpartition(MARK)[2])
    if number is None:
        raise TaskError(f"the answer has no number after {MARK}")
    return Task(id=name, prompt=question, kind="numeric", gold=plain(number))


def _read(spec: Spec) -> Iterator[Task | TaskDefect]:
    return read_records(spec, Reader(spec.target, dict(spec.fields), task_from))


JSONL = Source("jsonl", "FILE.jsonl", _read)
GSM8K = Source("gsm8k", "gsm8k:FILE.jsonl", lambda spec: read_records(spec, _gsm8k_task_from))
