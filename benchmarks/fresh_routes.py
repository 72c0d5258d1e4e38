r"""Reasoning from the task alone against reasoning behind a failed program, on the same tasks, paired.

    python benchmarks/fresh_routes.py --bank examples/banks/mixed --out FILE.jsonl \
        --tasks "gym:ransom_note,word_sequence_reversal,polynomial_equations,propositional_logic,knights_knaves,number_sorting,simple_equations;seed=11;size=42" \
        --tasks "gsm8k:gsm8k_train_400.jsonl;offset=220;size=60" [--model embedded] [--limit-minutes 60] [--json]

The bank's tasks whose program gave no answer are taken, of those that `--tasks` give. What the bank recorded there,
with the blocks of its time, is reasoning that had the failed transcript before its eyes; it is compared with `reason`
as it is asked now. Both count with the direct answer that a run without a candidate ends with. Each task is written to
`--out` when it is done and never run again, and replies are cached; so the same command goes on where it was stopped.
"""  # noqa: E501 (a command)

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pilotage.agent.banks.sources import mixed
from pilotage.agent.banks.stepwise import Stepwise
from pilotage.agent.cli.assembly import assemble
from pilotage.agent.errors import PilotageError, UsageError
from pilotage.agent.settings import settings_from
from pilotage.agent.task import Task
from pilotage.common.statistics import mcnemar_exact, paired_difference, wilson
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import ROOT, TOKENS_PER_COST, Node, child_id
from pilotage.navigator.errors import NavigatorError

FAILED = child_id(ROOT, "program")
BEHIND = child_id(FAILED, "reason")


@dataclass(frozen=True)
class Came:
    """What one way of reasoning came to: score, whether it reached an answer of its own, tokens, the answer's too."""

    score: float
    answered: bool
    tokens: float

    @classmethod
    def recorded(cls, node: Node) -> Came:
        return cls(node.score, node.candidate is not None, TOKENS_PER_COST * (node.cost + node.answer_cost))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--tasks", required=True, action="append", help="as the bank was recorded; repeatable")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines, one a task")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--base-url")
    parser.add_argument("--limit-minutes", type=float, help="begin no task after so long")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        bank = Bank.open(given.bank)
        behind = {task: Came.recorded(node) for task, node in behind_failures(bank)}
        fresh = asyncio.run(reasoned(behind, given))
        report = compared(behind, fresh)
    except (PilotageError, NavigatorError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(report) if given.json else text_of(report))


def behind_failures(bank: Bank) -> Iterator[tuple[str, Node]]:
    """Tasks whose program gave no answer, and the reasoning that was recorded behind it."""
    for task in bank.tasks:
        nodes = bank.tree(task).nodes
        failed, behind = nodes.get(FAILED), nodes.get(BEHIND)
        if failed is not None and failed.candidate is None and behind is not None:
            yield task, behind


async def reasoned(behind: dict[str, Came], given: argparse.Namespace) -> dict[str, Came]:
    """What reasoning from the task alone comes to, by task, of all that is on disk in the end."""
    assigned, _ = mixed(given.tasks)
    wanted = [one.task for one in assigned if one.task.id in behind]
    if not wanted:
        raise UsageError("none of the tasks has a failed program in the bank: give the --tasks that it was recorded on")
    done = read(given.out)
    missing = len(behind) - len(wanted)
    print(f"{len(wanted)} tasks with a failed program; {missing} others are not among the --tasks", file=sys.stderr)
    flags = {"model": given.model, "base_url": given.base_url, "policy": "rules", "memory": "none"}
    began = time.monotonic()
    with assemble(settings_from(flags)) as agent:
        stepwise = Stepwise(agent.components)
        for number, task in enumerate(wanted, 1):
            if task.id in done:
                continue
            if given.limit_minutes is not None and time.monotonic() - began >= 60 * given.limit_minutes:
                print("the time is up; the same command goes on", file=sys.stderr)
                break
            done[task.id] = await from_the_task_alone(stepwise, task)
            with given.out.open("a", encoding="utf-8") as file:
                file.write(
                    json.dumps({"task": task.id, "model": agent.components.model.name, **asdict(done[task.id])}) + "\n"
                )
            print(f"{number} of {len(wanted)}: {task.id}", file=sys.stderr)
    return {task.id: done[task.id] for task in wanted if task.id in done}


async def from_the_task_alone(stepwise: Stepwise, task: Task) -> Came:
    """Reasons on a task with nothing before it, which is what `reason` asks behind a failed program, too."""
    now = await stepwise.take(await stepwise.start(task), "reason")
    ending = await stepwise.stop(now, task)
    last = now.state.last
    answered = last is not None and last.candidate is not None
    return Came(ending.score, answered, float(now.usage.total_tokens + ending.usage.total_tokens))


def read(file: Path) -> dict[str, Came]:
    """What is done already; a last line that a kill has torn is done again."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        return {}
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    file.write_text(whole, encoding="utf-8")
    lines = [json.loads(line) for line in whole.splitlines()]
    return {line["task"]: Came(line["score"], line["answered"], line["tokens"]) for line in lines}


def compared(behind: dict[str, Came], fresh: dict[str, Came]) -> dict:
    """Figures of both on the tasks that both have; intervals are 95%, over tasks."""
    tasks = sorted(fresh)
    if not tasks:
        raise UsageError("no task is done yet: run the same command again")
    first, second = [behind[task] for task in tasks], [fresh[task] for task in tasks]
    better = sum(new.score > 0.5 >= old.score for old, new in zip(first, second, strict=True))
    worse = sum(old.score > 0.5 >= new.score for old, new in zip(first, second, strict=True))
    gain, low, high = paired_difference([one.score for one in second], [one.score for one in first])
    saved = paired_difference([one.tokens for one in second], [one.tokens for one in first])
    return {
        "tasks": len(tasks),
        "behind the failed program": figures(first),
        "from the task alone": figures(second),
        "gain": gain,
        "gain_interval": [low, high],
        "better": better,
        "worse": worse,
        "mcnemar_p": mcnemar_exact(better, worse),
        "tokens_gain": saved[0],
        "tokens_gain_interval": list(saved[1:]),
    }


def figures(ways: list[Came]) -> dict:
    """Share right with its interval, share answered, and mean tokens."""
    right = sum(one.score for one in ways)
    return {
        "right": right / len(ways),
        "right_interval": list(wilson(right, len(ways))),
        "answered": float(np.mean([one.answered for one in ways])),
        "tokens": float(np.mean([one.tokens for one in ways])),
    }


def text_of(report: dict) -> str:
    """The report as lines for people."""
    lines = [f"{report['tasks']} tasks whose program gave no answer; 95% intervals over tasks", ""]
    lines.append(f"{'reasoning':28}{'right':>8}{'interval':>18}{'answered':>11}{'tokens':>9}")
    for name in ("behind the failed program", "from the task alone"):
        one = report[name]
        low, high = one["right_interval"]
        between = f"{low:.1%} to {high:.1%}"
        lines.append(f"{name:28}{one['right']:>8.1%}{between:>18}{one['answered']:>11.0%}{one['tokens']:>9.0f}")
    low, high = report["gain_interval"]
    lines += ["", f"{report['gain']:+.1%} ({low:+.1%} to {high:+.1%}), better on {report['better']}, worse on "]
    lines[-1] += f"{report['worse']}, p = {report['mcnemar_p']:.3f}; {report['tokens_gain']:+.0f} tokens a task"
    low, high = report["tokens_gain_interval"]
    return "\n".join(lines) + f" ({low:+.0f} to {high:+.0f})"


if __name__ == "__main__":
    main()
