"""Fields: which fields of a record hold its prompt, answer and choices, where it does not use the project's own names.

The pairs that data sets on the Hugging Face hub use are known; what was taken for what is said once a file. Where that
is wrong, or nothing is known, `--map prompt=FIELD,answer=FIELD` says it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pilotage.agent.answers import resolve_choice
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.latex import boxed
from pilotage.agent.tasks.source import did_you_mean

OWN = ("prompt", "answer", "choices", "id", "kind", "family")
"""What a field can be named for."""
PAIRS = (
    ("problem", "solution"),
    ("problem", "answer"),
    ("input", "target"),
    ("instruction", "output"),
    ("instruction", "target"),
)
"""Names of prompt and answer beside `prompt` or `question` and `gold` or `answer`."""
WORKED = ("solution", "output")
"""Names of the answer whose text may be a worked solution."""
ANSWERS = ("answer_idx", "answerKey", "answer_index", "correct_answer", "target", "solution")
"""Names of the answer beside a prompt whose name is the project's own, the likeliest first."""
LETTERED = tuple("ABCDEFGHIJ")
"""Columns that hold a choice each."""
MOST_DIGITS = 3
"""Of an answer that is the place of a choice: longer ones are no place, and those of thousands nothing to read."""
CONTEXT = ("input", "problem")
"""What an instruction is given to work on."""


def mapping(given: str | None, known: Sequence[str] = OWN) -> dict[str, str]:
    """Which field holds what, from `prompt=problem,answer=solution`; empty for None.

    Args:
        given: as it is written.
        known: what a field can be named for.

    Raises:
        UsageError: it is written otherwise, or names something that no task has.
    """
    fields: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in (given or "").split(","))):
        own, equals, field = (piece.strip() for piece in part.partition("="))
        if not equals or not field:
            raise UsageError(f"{part!r:.80} is no part of --map: write --map {known[0]}=FIELD,answer=FIELD")
        if own not in known:
            raise UsageError(f"--map knows no {own!r:.80}{did_you_mean(own, known)}: use {', '.join(known)}")
        if own in fields:
            raise UsageError(f"--map gives {own} twice: give it once")
        fields[own] = field
    return fields


class Reader:
    """Brings the records of one file to the project's own names, and says once what it took for what.

    Args:
        file: for the sentence.
        fields: which field holds what, as the user says; what he does not say is guessed where it is plain.
        build: makes a task of a record in the project's own names.
    """

    def __init__(self, file: str, fields: Mapping[str, str], build: Callable[[dict[str, Any], str], Task]) -> None:
        self._file, self._fields, self._build = file, dict(fields), build
        self._said = False
        self._by_place: bool | None = None

    def __call__(self, record: dict[str, Any], name: str) -> Task:
        """A task from one record; raises TaskError where a field that was named is not there."""
        if absent := [field for field in self._fields.values() if field not in record]:
            raise TaskError(f"there is no field {absent[0]!r}{did_you_mean(absent[0], list(record))}: check --map")
        record = dict(record)
        taken = {own: field for own, field in self._guessed(record).items() if own not in self._fields}
        values = {own: record[field] for own, field in (self._fields | taken).items()}
        for own, field in (self._fields | taken).items():
            if field != own:
                record.pop(field, None)
        notes = [f"{own}={field}" for own, field in taken.items()]
        below = next((name for name in CONTEXT if _is_there(record.get(name))), None)
        if taken.get("prompt") == "instruction" and below is not None:
            values["prompt"] = f"{values['prompt']}\n\n{record.pop(below)}"
            notes.append(f"with {below} below the instruction")
        for own, other in (("prompt", "question"), ("answer", "gold")):
            if own in values:
                record.pop(other, None)
        record |= values
        notes += self._settle(record, taken)
        if notes and not self._said:
            self._said = True
            logging.getLogger(__name__).warning(
                "%s is read with %s; --map prompt=FIELD,answer=FIELD says otherwise", self._file, ", ".join(notes)
            )
        return self._build({field: value for field, value in record.items() if value is not None}, name)

    def _guessed(self, record: Mapping[str, Any]) -> dict[str, str]:
        """What a record's own names leave open and plain others hold."""
        there = {field for field, value in record.items() if value is not None}
        taken: dict[str, str] = {}
        has_prompt = bool({"prompt", "question"} & there) or "prompt" in self._fields
        has_answer = bool({"gold", "answer"} & there) or "answer" in self._fields or "grader" in there
        if not has_prompt:
            pair = next((pair for pair in PAIRS if pair[0] in there and (pair[1] in there or has_answer)), None)
            if pair is not None:
                taken["prompt"] = "instruction" if _is_there(record.get("instruction")) else pair[0]
                if not has_answer:
                    taken["answer"] = pair[1]
        elif not has_answer and "tests" not in there and "metadata" not in there:
            if answer := next((name for name in ANSWERS if name in there), None):
                taken["answer"] = answer
        if "choices" not in there and "choices" not in self._fields and "options" in there:
            taken["choices"] = "options"
        return taken

    def _settle(self, record: dict[str, Any], taken: Mapping[str, str]) -> list[str]:
        """Brings choices and an answer by its place to the project's form; what there is to say of it."""
        notes: list[str] = []
        answer = "answer" if record.get("answer") is not None else "gold"
        source = self._fields.get("answer") or taken.get("answer")
        # A field that was named for the answer may hold a worked solution as one that was guessed does.
        marked = None
        if (source in WORKED or "answer" in self._fields) and isinstance(record.get(answer), str):
            marked = boxed(record[answer])
        if marked is not None:
            record[answer] = marked
            notes.append("the answer in \\boxed{}")
        there = [letter for letter in LETTERED if not _is_blank(record.get(letter))]
        if record.get("choices") is None and there and ({"A", "B"} <= record.keys() or len(there) > 2):
            texts = choices_of({letter: record.pop(letter, None) for letter in LETTERED})[0]
            if len(texts) < 2:
                raise TaskError(f"choice {there[0]} is the only one")
            record["choices"] = texts
            notes.append(f"choices in A to {LETTERED[len(texts) - 1]}")
        choices, labels = record.get("choices"), list[str]()
        if choices is not None and (not isinstance(choices, list | tuple) or None in choices):
            record["choices"], labels = choices_of(choices)
        if record.get("choices"):
            if (label := str(record.get(answer)).strip()) in labels:
                record[answer] = record["choices"][labels.index(label)]
            elif are_numbers(labels):
                pass  # a number that is none of them is no place: they may begin with 1
            elif (place := self._place(record.get(answer), record["choices"])) is not None:
                record[answer] = record["choices"][place]
                notes.append("the answer as the place of a choice, from 0")
        elif marked is not None and not marked.lstrip("-").replace(".", "", 1).isdecimal():
            record.setdefault("grader", "math")
        if isinstance(family := record.pop("family", None), str | int) and "family" in self._fields:
            record["metadata"] = {"family": str(family)} | (record.get("metadata") or {})
        elif family is not None:
            record["family"] = family
        return notes

    def _place(self, answer: Any, choices: Sequence[Any]) -> int | None:
        """The place that an answer tells by a whole number, from 0; None where it is a letter or a text of them.

        A number is a place, whatever the texts. Digits in a text are what they can be, in one way throughout a file.

        Raises:
            TaskError: there is no such place, or digits can be both or are not what the others of the file are.
        """
        digits = isinstance(answer, str) and answer.strip().isdecimal()
        if not digits and (isinstance(answer, bool) or not isinstance(answer, int)):
            return None
        place = int(answer) if not digits or len(answer.strip()) <= MOST_DIGITS else -1
        is_place = 0 <= place < len(choices)
        text = resolve_choice(answer, [str(choice) for choice in choices]) if digits else None
        if text is None and not is_place:
            raise TaskError(f"the answer {answer!r:.80} is no place of {len(choices)} choices, counted from 0")
        if not digits:
            return place
        if text is not None and is_place and text != place:
            raise TaskError(
                f"the answer {answer!r} is the text of one choice and the place of another: load the file as "
                "`mmlu:FILE`, where it is the place, or name a field with the letter by --map answer=FIELD"
            )
        if text is None or not is_place:
            if self._by_place is None:
                self._by_place = is_place
            if self._by_place != is_place:
                raise TaskError(
                    f"the answer {answer!r:.80} is the {'place' if is_place else 'text'} of a choice, and those before "
                    f"it are {'places' if self._by_place else 'texts'}: write letters, or load the file as `mmlu:FILE`"
                )
        return place if text is None else None


def _is_there(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _is_blank(text: Any) -> bool:
    return text is None or not str(text).strip()


def are_numbers(labels: Sequence[str]) -> bool:
    """Whether choices are labelled by numbers, so that one of them is no place."""
    return any(label.isdecimal() for label in labels)


def choices_of(given: Any) -> tuple[list[str], list[str]]:
    """The texts of choices, and their labels where they have some.

    They are a list, a dictionary of label and text, one of the lists `text` and `label`, or one of these as JSON.

    Raises:
        TaskError: they are something else.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise TaskError("choices: a text that is no JSON list of them") from None
    if isinstance(given, dict) and isinstance(given.get("text"), list | tuple):
        texts, labels = given["text"], given.get("label") or ()
        if labels and len(labels) != len(texts):
            raise TaskError(f"`choices` has {len(texts)} texts and {len(labels)} labels")
        return _labelled(zip(labels, texts, strict=True)) if labels else (_unlabelled(texts), [])
    if isinstance(given, dict):
        return _labelled(given.items())
    if isinstance(given, list | tuple):
        return _unlabelled(given), []
    raise TaskError("`choices` must be a list, or a dictionary of labels and texts")


def _unlabelled(texts: Sequence[Any]) -> list[str]:
    """The texts but for nulls behind them; one among them would move the letters of those after it."""
    there = [str(text) for text in texts if text is not None]
    if None in texts[: len(there)]:
        raise TaskError(f"choice {1 + list(texts).index(None)} is blank, and a later one is not")
    return there


def _labelled(pairs: Iterable[tuple[Any, Any]]) -> tuple[list[str], list[str]]:
    """Texts and labels but for blanks; one that later letters or numbers show to be missing is a defect."""
    given = [(str(label).strip(), text) for label, text in pairs]
    labels = [label for label, text in given if not _is_blank(text)]
    if len(set(labels)) < len(labels):
        raise TaskError("two of its choices have the same label")
    absent = [label for label, text in given if _is_blank(text)]
    if gap := next((label for label in absent if any(_is_before(label, other) for other in labels)), None):
        raise TaskError(f"choice {gap} is blank, and a later one is not")
    return [str(text) for _, text in given if not _is_blank(text)], labels


def _is_before(label: str, other: str) -> bool:
    """Whether two labels are of one row of letters or numbers, and in that order."""
    if label.isdecimal() and other.isdecimal():
        return (len(label), label) < (len(other), other)
    return len(label) == len(other) == 1 and label.isalpha() and other.isalpha() and label.upper() < other.upper()
