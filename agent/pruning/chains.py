"""Chains: a question, the steps of its reasoning, and the answer that these came to, read from files of two forms.

Results of `pilotage solve` and `bench` hold the steps and the answer, and the questions come from the tasks that they
were made of. Plain JSON Lines hold `question`, `reasoning` (a text, or a list of steps) and `answer` themselves.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pilotage.agent.answers import extract, normal_form, without_marks
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.numbers import parse_number, plain
from pilotage.agent.prompting import describe
from pilotage.agent.pruning import MOST_STEPS
from pilotage.agent.sandbox import Sandbox
from pilotage.agent.task import Kind, Task
from pilotage.agent.tasks.grading import grader_for
from pilotage.agent.tasks.jsonl import task_from
from pilotage.common.faults import first_fault
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.text import carriable

FIELDS = ("question", "reasoning", "answer", "gold", "id")
"""What a record of a plain file can have, by its own name or by `--map`."""
_FENCED = re.compile(r"(^```.*?^```[^\n]*$)", re.M | re.S)
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_LINE_ENDS = re.compile(r"\n+")


@dataclass(frozen=True)
class ChainStep:
    """One step.

    Attributes:
        text: as it was written.
        read: without the line that marks the answer, which would give it away; a step that is nothing else is empty.
    """

    text: str
    read: str


@dataclass(frozen=True)
class Chain:
    """One reasoning.

    Attributes:
        id: names it for people.
        question: what was asked, as a prompt shows it.
        steps: what was written, in order.
        answer: what the reasoning came to, right or wrong.
        score: what the run's own grade was; None where it has none.
        task: with a hidden answer, to grade by where there is no score; no prompt sees it.
    """

    id: str
    question: str
    steps: tuple[ChainStep, ...]
    answer: str
    score: float | None = None
    task: Task | None = None

    @property
    def digest(self) -> str:
        """A hash of what is pruned: the same under another id."""
        content = [self.question, [step.text for step in self.steps], self.answer]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def reasoning(self, without: Collection[int] = ()) -> str:
        """The steps but for those at some places, and no mark of an answer: what an answer stands behind."""
        return "\n\n".join(step.read for place, step in enumerate(self.steps) if place not in without and step.read)

    @property
    def ending(self) -> str:
        """The one line that marks the answer in an example; an answer of several lines stands fenced behind it."""
        return f"Answer:\n```\n{self.answer}\n```" if "\n" in self.answer else f"Answer: {self.answer}"

    @property
    def is_gradable(self) -> bool:
        """Whether anything may say if the answer is right."""
        return self.score is not None or self.task is not None

    async def is_right(self, sandbox: Sandbox | None) -> bool | None:
        """Whether the answer is right; None where nothing says so.

        Raises:
            UsageError: its task cannot be graded here.
        """
        if self.score is not None:
            return self.score >= 1.0
        grader = None if self.task is None else grader_for(self.task, sandbox)
        if self.task is None or grader is None:
            return None
        found = extract(self.task.kind, self.answer, self.task.choices) or self.answer
        return (await grader.grade(self.task, found)).score >= 1.0


def steps_of(text: str) -> tuple[ChainStep, ...]:
    """A reasoning's steps by its structure: paragraphs, or lines where it has only one; a fenced block stays whole."""
    parts = _parts(text, _BLANK_LINES)
    return _stepped(parts if len(parts) > 1 else _parts(text, _LINE_ENDS))


def _stepped(parts: Sequence[str]) -> tuple[ChainStep, ...]:
    return tuple(ChainStep(part.strip(), without_marks(part)) for part in parts if part.strip())


def _parts(text: str, between: re.Pattern[str]) -> list[str]:
    """The text cut at what stands between its parts, and around fenced blocks."""
    pieces = _FENCED.split(text)
    cut = [[piece] if number % 2 else between.split(piece) for number, piece in enumerate(pieces)]
    return [part.strip() for parts in cut for part in parts if part.strip()]


def chains_in(
    paths: Sequence[Path], tasks: Mapping[str, Task], fields: Mapping[str, str], most_steps: int = MOST_STEPS
) -> tuple[list[Chain], list[str]]:
    """The chains of files, each content once, and what was left out: where it stands and why.

    Of copies the first that can be graded is taken, else the first.

    Args:
        paths: the files.
        tasks: of results, by id.
        fields: which field of a plain record holds what, where it is not by its own name.
        most_steps: a chain of more is left out.

    Raises:
        UsageError: a file cannot be read, or results are there and no tasks.
    """
    chains: dict[str, Chain] = {}
    left_out: list[str] = []
    for path in paths:
        for number, line in _lines(path):
            try:
                record = read_json(line)
                if not isinstance(record, dict):
                    raise TaskError("it is no JSON object")
                is_result = isinstance(record.get("task_id"), str) and isinstance(record.get("steps"), list)
                name = f"{path.name}:{number}"
                chain = _of_result(record, tasks, path) if is_result else _of_record(record, fields, name)
                if len(chain.steps) > most_steps:
                    raise TaskError(
                        f"it has {len(chain.steps)} steps, where {most_steps} are the most: give --most-steps "
                        f"{len(chain.steps)} to take it"
                    )
                known = chains.setdefault(chain.digest, chain)
                if chain.is_gradable and not known.is_gradable:
                    chains[chain.digest] = chain
            except (TaskError, NotJson) as error:
                left_out.append(f"{path}:{number}: {error}")
            except ValidationError as error:
                left_out.append(f"{path}:{number}: {first_fault(error).reason}")
    return list(chains.values()), left_out


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that hold something."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the file {path} can't be read: {error.strerror}") from error
    yield from ((number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip())


def _of_result(record: Mapping[str, Any], tasks: Mapping[str, Task], path: Path) -> Chain:
    """The chain of a run; raises TaskError where it has none, UsageError where its question is not to be had."""
    if not tasks:
        raise UsageError(f"{path} holds results, which do not tell the questions: give the --tasks they were made of")
    id = record["task_id"]
    task = tasks.get(id)
    if task is None:
        raise TaskError(f"the given tasks do not hold {id!r:.80}")
    if record.get("asked") not in (None, task.asked):
        raise TaskError(f"it answered another question than {id!r:.80} asks now")
    if record.get("error") is not None or record.get("cut") or not isinstance(record.get("answer"), str):
        raise TaskError("it has no whole answer")
    answer, score = carriable(record["answer"]).strip(), record.get("score")
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1):
        raise TaskError("its score is no number from 0 to 1")
    form = normal_form(task.kind, answer, task.choices)

    def led_there(step: Mapping[str, Any]) -> bool:
        candidate = step.get("candidate")
        return not isinstance(candidate, str) or normal_form(task.kind, candidate, task.choices) == form

    written = [step for step in record["steps"] if isinstance(step, dict) and step.get("block") != "answer"]
    texts = [step.get("text") for step in written if led_there(step)]
    steps = tuple(step for text in texts if isinstance(text, str) for step in steps_of(carriable(text)))
    return _whole(Chain(id, describe(task.public()), steps, answer, None if score is None else float(score)))


def _of_record(record: Mapping[str, Any], fields: Mapping[str, str], name: str) -> Chain:
    """The chain of a plain record. Raises TaskError where it has none."""
    values = {own: record.get(fields.get(own, own)) for own in FIELDS}
    for own in ("question", "reasoning", "answer"):
        if (name_there := fields.get(own, own)) not in record:
            raise TaskError(f"there is no field {name_there!r}: name it by --map {own}=FIELD")
        if values[own] is None or values[own] == "":
            raise TaskError(f"its field {name_there!r} is empty")
    reasoning: Any = values["reasoning"]
    texts: list[Any] = reasoning if isinstance(reasoning, list) else [reasoning]
    if not isinstance(values["question"], str) or not all(isinstance(text, str) for text in texts):
        raise TaskError("question and reasoning must be texts")
    texts = [carriable(text) for text in texts]
    several = _stepped(texts)
    task = None
    if values["gold"] is not None:
        task = task_from({"question": values["question"], "answer": values["gold"]}, name)
    answer = values["answer"] if isinstance(values["answer"], str) else json.dumps(values["answer"])
    answer = extract("text", answer) or answer  # of a written solution, what it marks
    kind = "text" if task is None else task.kind
    said = extract("text", texts[-1])
    if said is not None and _form(kind, said) != _form(kind, answer):
        raise TaskError(f"its reasoning ends in another answer, {said!r:.80}, than its own, {answer!r:.80}")
    return _whole(
        Chain(
            str(values["id"]) if values["id"] is not None else name,
            carriable(values["question"]).strip(),
            several if len(several) > 1 else steps_of(texts[0]),
            carriable(answer).strip(),
            task=task,
        )
    )


def _form(kind: Kind, answer: str) -> str:
    """One spelling of an answer, which may be a number also where nothing says what kind it is of."""
    number = parse_number(answer) if kind == "text" else None
    return normal_form(kind, answer) if number is None else plain(number)


def _whole(chain: Chain) -> Chain:
    """A chain that has a step and an answer. Raises TaskError where it has not."""
    if not chain.answer:
        raise TaskError("its answer is empty")
    if normal_form("text", extract("text", chain.ending) or "") != normal_form("text", chain.answer):
        raise TaskError("its answer holds marks of other answers, or is too long to be marked")
    if not any(step.read for step in chain.steps):
        raise TaskError("it has no step of reasoning")
    return chain
