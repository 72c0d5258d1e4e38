"""Fields: which fields of a record hold its prompt, answer and choices, where it does not use the project's own names.

The pairs that data sets on the Hugging Face hub use are known; what was taken for what is said once a file. Where that
is wrong, or nothing is known, `--map prompt=FIELD,answer=FIELD` says it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pilotage.agent.answers import resolve_choice
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.latex import boxed
from pilotage.agent.tasks.source import did_you_mean

OWN = ("prompt", "answer", "choices", "id", "kind", "family")
"""What a field can be named for."""
PAIRS = (("problem", "solution"), ("problem", "answer"), ("input", "target"), ("instruction", "output"))
"""Names of prompt and answer beside `prompt` or `question` and `gold` or `answer`."""
ANSWERS = ("answer_idx", "answerKey", "answer_index", "correct_answer", "target", "solution")
"""Names of the answer beside a prompt whose name is the project's own, the likeliest first."""
CHOICES = ("options", "choices")
LETTERED = tuple("ABCDEFGHIJ")


def mapping(given: str | None) -> dict[str, str]:
    """Which field holds what, from `prompt=problem,answer=solution`; empty for None.

    Raises:
        UsageError: it is written otherwise, or names something that no task has.
    """
    fields: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in (given or "").split(","))):
        own, equals, field = (piece.strip() for piece in part.partition("="))
        if not equals or not field:
            raise UsageError(f"{part!r:.80} is no part of --map: write --map prompt=FIELD,answer=FIELD")
        if own not in OWN:
            raise UsageError(f"--map knows no {own!r:.80}{did_you_mean(own, OWN)}: use {', '.join(OWN)}")
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
        if "instruction" in taken.values() and isinstance(context := record.get("input"), str) and context.strip():
            values["prompt"] = f"{values['prompt']}\n\n{record.pop('input')}"
            notes.append("with input below the instruction")
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
        return self._build(record, name)

    def _guessed(self, record: Mapping[str, Any]) -> dict[str, str]:
        """What a record's own names leave open and plain others hold."""
        there = {field for field, value in record.items() if value is not None}
        taken: dict[str, str] = {}
        has_prompt = bool({"prompt", "question"} & there) or "prompt" in self._fields
        has_answer = bool({"gold", "answer"} & there) or "answer" in self._fields or "grader" in there
        if not has_prompt:
            pair = next((pair for pair in PAIRS if pair[0] in there and (pair[1] in there or has_answer)), None)
            if pair is not None:
                taken["prompt"] = pair[0]
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
        if "choices" not in record and {"A", "B"} <= record.keys():
            letters = [letter for letter in LETTERED if letter in record]
            record["choices"] = [str(record.pop(letter)) for letter in letters]
            notes.append(f"choices in {letters[0]} to {letters[-1]}")
        choices = record.get("choices")
        answer = "answer" if record.get("answer") is not None else "gold"
        if choices is not None and not isinstance(choices, list | tuple) or _holds_texts(choices):
            texts, labels = choices_of(choices)
            record["choices"] = texts
            if labels and str(record.get(answer)) in labels:
                record[answer] = texts[labels.index(str(record[answer]))]
        if record.get("choices") and (place := _place(record.get(answer), record["choices"])) is not None:
            record[answer] = record["choices"][place]
            notes.append("the answer as the place of a choice, from 0")
        if taken.get("answer") in ("solution", "output") and (marked := boxed(str(record.get(answer)))) is not None:
            record[answer] = marked
            if not marked.lstrip("-").replace(".", "", 1).isdecimal():
                record.setdefault("grader", "math")
            notes.append("the answer in \\boxed{}")
        if isinstance(family := record.pop("family", None), str | int) and "family" in self._fields:
            record["metadata"] = {"family": str(family)} | (record.get("metadata") or {})
        elif family is not None:
            record["family"] = family
        return notes


def _holds_texts(choices: Any) -> bool:
    return isinstance(choices, str | dict)


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
        return [str(text) for text in texts], [str(label) for label in labels]
    if isinstance(given, dict):
        known = {label: text for label, text in given.items() if text is not None}
        return [str(text) for text in known.values()], [str(label) for label in known]
    if isinstance(given, list | tuple):
        return [str(text) for text in given], []
    raise TaskError("`choices` must be a list, or a dictionary of labels and texts")


def _place(answer: Any, choices: Sequence[Any]) -> int | None:
    """The place that an answer tells by a whole number, from 0; None where it is a letter or a text of them."""
    texts = [str(choice) for choice in choices]
    if isinstance(answer, bool) or answer is None or resolve_choice(str(answer), texts) is not None:
        return None
    if not (isinstance(answer, int) or (isinstance(answer, str) and answer.strip().isdecimal())):
        return None
    place = int(answer)
    if place >= len(texts) or place < 0:
        raise TaskError(f"the answer {answer!r} is no place of {len(texts)} choices, counted from 0")
    return place
