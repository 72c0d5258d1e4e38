"""GSM8K files (Cobbe et al. 2021): {"question", "answer"}, where the answer ends with `#### 18` or is just `18`.

Only the number after the mark is kept, as the gold; the worked solution before it goes nowhere.
"""

from __future__ import annotations

from typing import Any

from pilotage.agent.errors import TaskError
from pilotage.agent.numbers import parse_number, plain
from pilotage.agent.task import Task
from pilotage.agent.tasks.jsonl import read_json_lines
from pilotage.agent.tasks.source import Source

MARK = "####"


def _task_from(record: dict[str, Any], name: str) -> Task:
    question, answer = record.get("question"), record.get("answer")
    if not isinstance(question, str):
        raise TaskError("a GSM8K line needs a `question` text")
    if answer is None:
        raise TaskError("a GSM8K line needs an `answer`")
    number = parse_number(str(answer).rpartition(MARK)[2])
    if number is None:
        raise TaskError(f"the answer has no number after {MARK}")
    return Task(id=name, prompt=question, kind="numeric", gold=plain(number))


GSM8K = Source("gsm8k", "gsm8k:FILE.jsonl", lambda spec: read_json_lines(spec, _task_from))
