"""Logs of Inspect AI: the runs of one method as an evaluation that its viewer and its reader open.

They are written in the JSON form of its log format, version 2, because inspect-ai cannot be installed beside our pins.
Like all logs of Inspect they hold what is right: keep them from whoever is to be examined by it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pilotage.agent.batch.summary import spent
from pilotage.agent.bench.outcomes import Outcomes
from pilotage.agent.bench.schema import Benched
from pilotage.agent.task import Task
from pilotage.agent.trace import Usage
from pilotage.common.files import replace
from pilotage.common.redaction import redact
from pilotage.common.text import json_line

VERSION = 2
SCORER = "pilotage"


def write_logs(data: Benched, outcomes: Sequence[Outcomes], folder: Path, now: datetime | None = None) -> list[Path]:
    """Writes a log for each method into a folder, under the names that Inspect gives its own.

    It takes the place of an earlier log of the same method, tasks and conditions, whose runs it goes on with; one of
    other limits, or of another seed, is another log.

    Args:
        data: the comparison.
        outcomes: of each method.
        folder: made where it is not there.
        now: when the comparison was made; by default now.
    """
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    written = []
    for one in outcomes:
        log = log_of(data, one, now)
        name = f"{now:%Y-%m-%dT%H-%M-%S+00-00}_{_word(one.name)}_{log['eval']['task_id']}.json"
        replace(folder / name, redact(json_line(log)).encode())
        for other in folder.glob(f"*_{log['eval']['task_id']}.json"):
            if other.name != name:
                other.unlink()
        written.append(folder / name)
    return written


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9=.]+", "-", text)[:80]


def log_of(data: Benched, one: Outcomes, now: datetime) -> dict[str, Any]:
    """The log of one method, as plain data."""
    setting, when = data.setting, now.isoformat()
    figures = next(method for method in data.methods if method.name == one.name)
    samples = [
        _sample(task, family, line, repeat, setting.model)
        for task, family, lines in zip(one.tasks, one.families, one.lines, strict=True)
        for repeat, line in enumerate(lines, start=1)
    ]
    told = [setting.model, one.name, setting.sources, setting.budget, setting.seed, one.conditions]
    id = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:22]
    metrics = {"accuracy": figures.accuracy, "idealised_cost": 1000 * figures.idealised, **figures.metrics}
    return {
        "version": VERSION,
        "status": "success",
        "eval": {
            "eval_id": id,
            "run_id": id,
            "created": when,
            "task": f"bench/{one.name}",
            "task_id": id,
            "solver": one.name,
            "dataset": {
                "name": ", ".join(setting.sources),
                "samples": len(one.tasks),
                "sample_ids": [task.id for task in one.tasks],
            },
            "model": setting.model,
            "config": {"epochs": setting.repeats},
            "metadata": {"budget": setting.budget, "seed": setting.seed},
        },
        "plan": {"steps": [{"solver": one.name, "params": {}}]},
        "results": {
            "total_samples": len(samples),
            "completed_samples": sum("error" not in sample for sample in samples),
            "scores": [
                {
                    "name": SCORER,
                    "scorer": SCORER,
                    "params": {},
                    "metrics": {name: {"name": name, "value": value} for name, value in metrics.items()},
                }
            ],
        },
        "stats": {"started_at": when, "completed_at": when, "model_usage": _all(samples)},
        "samples": samples,
    }


def _sample(task: Task, family: str, line: Mapping[str, Any], epoch: int, model: str) -> dict[str, Any]:
    answer, usage = line["answer"] or "", spent(line)
    message = {"role": "assistant", "content": answer, "model": model, "source": "generate"}
    score = line["score"]
    error = line.get("error")
    return {
        "id": task.id,
        "epoch": epoch,
        "input": task.prompt,
        "choices": list(task.choices) or None,
        "target": "" if task.gold is None else str(task.gold),
        "messages": [{"role": "user", "content": task.prompt}, message],
        "output": {
            "model": model,
            "choices": [{"message": message, "stop_reason": "max_tokens" if line.get("cut") else "stop"}],
            "usage": _usage(usage),
            "time": usage.seconds,
        },
        "scores": {SCORER: {"value": 0.0 if score is None else score, "answer": line["answer"]}},
        "metadata": {"family": family, "route": line.get("route"), "stopped_by": line.get("stopped_by")},
        "model_usage": {name: _usage(part) for name, part in {**usage.others, model: usage.own}.items()},
        **({"error": {"message": error, "traceback": "", "traceback_ansi": ""}} if error is not None else {}),
    }


def _usage(usage: Usage) -> dict[str, int]:
    """What a task cost, as Inspect counts: what was read from a cache apart from the rest of the prompt."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "input_tokens_cache_read": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _all(samples: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """What all samples cost, by model."""
    sums: dict[str, Counter[str]] = {}
    for sample in samples:
        for model, usage in sample["model_usage"].items():
            sums.setdefault(model, Counter()).update(usage)
    return sums
