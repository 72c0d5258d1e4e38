r"""Policies side by side on live tasks, paired; and, beside a bank's evaluation, whether what it promised came true.

    python benchmarks/live_policies.py --tasks "gym:chain_sum,gcd;size=30;seed=9" --out FOLDER \
        --policies default mine.safetensors=double-dueling-dqn fixed:program,answer llm \
        [--model embedded] [--evaluation evaluation.json] [--learn] [--limit-minutes 60] [--json]

A policy is written as for `pilotage solve`: `default`, a file (`mine.safetensors`, or `mine.safetensors@low` at an
effort), `fixed:...`, `random`, `llm`. Behind `=` stands what the evaluation calls it. The first one is what the
others are compared with. Each task is solved by every policy before the next is begun, so a run that is stopped has
whole pairs; the same command goes on. There is no memory; with `--learn` each policy has one of its own, empty at
first, which learns from its runs as they come. With `--beside-none` as well, each is also run without a memory, which
it is then compared with. `--after N` judges the tasks behind the first N alone. A reply that one policy paid for is
free for the others and counts in full for each. A reply that stayed unusable counts as wrong. *Verified* is the share
of the answers that public evidence backs: two independent routes, or all worked examples.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import re
import sys
import time
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pilotage.agent.banks.progress import clock
from pilotage.agent.banks.sources import mixed
from pilotage.agent.batch.batch import Place, solved
from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.batch.summary import limits_met, spent
from pilotage.agent.batch.workers import at_once
from pilotage.agent.bench.methods import require_fresh
from pilotage.agent.cli.assembly import assemble
from pilotage.agent.errors import PilotageError, UsageError
from pilotage.agent.routing.policies import policy_label
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.settings import settings_from
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import grader_for
from pilotage.common.paths import expanded
from pilotage.common.statistics import holm, mcnemar_exact
from pilotage.memory.errors import ConceptStoreError
from pilotage.navigator.confidence.figures import Figures, Predicted
from pilotage.navigator.errors import NavigatorError
from pilotage.navigator.evaluation.bootstrap import Resampler
from pilotage.navigator.policies import epsilon as exploring
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.policies.rules.default import NAME as DEFAULT

ENTRY = re.compile(
    rf"((?:epsilon=[^:]*:)*(?:.*(?:{re.escape(SUFFIX)}|\.toml)|[^=@]*))(?:@([^=]*))?(?:=(.*))?", re.DOTALL
)
"""Policy, effort, and what the evaluation calls it."""


SURE = 0.8
"""From which the share of sure answers is printed."""


@dataclass(frozen=True)
class Entry:
    """One policy of the comparison: what to run, at which effort, its name in results and in the evaluation."""

    policy: str
    effort: str | None
    label: str
    known_as: str
    learn: bool = False

    @classmethod
    def parse(cls, text: str) -> Entry:
        policy, effort, known_as = ENTRY.fullmatch(text).groups()
        label = policy_label(policy, effort)
        return cls(policy, effort, label, known_as or (label if followed(policy) == DEFAULT else evaluated_as(policy)))

    def learning(self, *, beside_none: bool) -> Entry:
        """The same with a memory; named so where it also runs without one."""
        return replace(self, learn=True, label=f"{self.label} with memory" if beside_none else self.label)

    @property
    def file(self) -> str:
        """Name of its results file; of a policy in a file with a hash of that, so that another version starts anew."""
        version = ""
        held = expanded(followed(self.policy))
        if held.name.endswith((SUFFIX, ".toml")) and held.is_file():
            version = "-" + hashlib.sha256(held.read_bytes()).hexdigest()[:8]
        return re.sub(r"[^\w.@-]+", "-", self.label) + version + ".jsonl"


def followed(policy: str) -> str:
    """The policy that an exploring one follows; any other is itself."""
    return followed(exploring.parse(policy)[1]) if policy.startswith(exploring.PREFIX) else policy


def evaluated_as(policy: str) -> str:
    """What `pilotage evaluate` calls a policy: a file by its name without folders, within an exploring one too."""
    if policy.startswith(exploring.PREFIX):
        epsilon, base = exploring.parse(policy)
        return exploring.named(epsilon, evaluated_as(base))
    return Path(policy).name.removesuffix(SUFFIX) if policy.endswith(SUFFIX) else policy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", required=True, action="append", help="as for `pilotage solve`; repeatable")
    parser.add_argument("--policies", required=True, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results, one file a policy")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--base-url")
    parser.add_argument("--limit", type=int, help="the first so many tasks")
    parser.add_argument("--limit-minutes", type=float, help="begin no task after so long")
    parser.add_argument("--concurrency", type=int, default=1, help="tasks at once")
    parser.add_argument("--learn", action="store_true", help="with a memory for each policy, in the folder of --out")
    parser.add_argument("--beside-none", action="store_true", help="with --learn: each policy without a memory, too")
    parser.add_argument("--after", type=int, default=0, help="judge the tasks behind the first so many alone")
    parser.add_argument("--embedder", help="of the memories")
    parser.add_argument("--observation", default="free")
    parser.add_argument("--max-tokens", type=int)
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--evaluation", type=Path, help="evaluation.json of `pilotage evaluate`")
    parser.add_argument(
        "--in-sample", action="store_true", help="also tasks that a policy was trained on; not to judge by"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        entries = [Entry.parse(text) for text in given.policies]
        if len({entry.label for entry in entries}) < len(entries):
            raise UsageError(
                "two of the --policies have the same name; name each once, and give files names of their own"
            )
        if given.beside_none and not given.learn:
            raise UsageError("--beside-none compares with policies that have a memory; add --learn")
        if given.learn:
            learning = [entry.learning(beside_none=given.beside_none) for entry in entries]
            entries = [*entries, *learning] if given.beside_none else learning
        if given.learn and given.concurrency > 1:
            raise UsageError(
                "what a memory has learnt depends on what came before: leave --concurrency out with --learn"
            )
        promised = read_evaluation(given.evaluation) if given.evaluation else None
        lines = asyncio.run(solve(entries, given))
        report = compared(entries, lines, promised)
    except (PilotageError, NavigatorError, ConceptStoreError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(report) if given.json else text_of(report))


async def solve(entries: list[Entry], given: argparse.Namespace) -> dict[str, dict[str, dict]]:
    """Results by policy label and task id, of all that is on disk in the end."""
    assigned, defects = mixed(given.tasks, given.limit)
    for defect in defects:
        print(f"left out {defect}", file=sys.stderr)
    names = ("model", "base_url", "embedder", "observation", "max_tokens", "max_steps", "concurrency")
    flags = {name: getattr(given, name) for name in names}
    with ExitStack() as stack:
        agents: list[ReasoningAgent] = []
        places: list[Place] = []
        for entry in entries:
            memory = str(given.out / entry.file.replace(".jsonl", ".memory")) if entry.learn else "none"
            own = {"policy": entry.policy, "effort": entry.effort, "memory": memory, "learn": entry.learn}
            settings = settings_from(flags | own)
            agent = stack.enter_context(assemble(settings, model=agents[0].components.model if agents else None))
            same = {
                "policy": policy_label(entry.policy, entry.effort),
                "seed": settings.seed,
                "model": agent.components.model.name,
            }
            conditions = {"learning": "each" if entry.learn else "no"}
            file = ResultsFile(given.out / entry.file, resume=True, settings=same, conditions=conditions)
            agents.append(agent)
            places.append(Place(stack.enter_context(file)))
        tasks = [one.task for one in assigned if grader_for(one.task, agents[0].components.sandbox) is not None]
        if not tasks:
            raise UsageError("none of the tasks has an answer to compare with; give others")
        if not given.in_sample:
            for entry, agent in zip(entries, agents, strict=True):
                require_fresh(entry.label, agent.components.policy, tasks)
        await _in_turn(tasks, agents, places, given)
        wanted = {task.id for task in tasks[given.after :]}
        return {
            entry.label: {id: line for id, line in place.results.done.items() if id in wanted}
            for entry, place in zip(entries, places, strict=True)
        }


async def _in_turn(
    tasks: list[Task], agents: list[ReasoningAgent], places: list[Place], given: argparse.Namespace
) -> None:
    """Solves each task by one policy after the other, `--concurrency` tasks at a time."""
    waiting = [task for task in tasks if not all(place.is_done(task) for place in places)]
    coming, started, done = iter(waiting), time.monotonic(), 0

    def time_is_up() -> bool:
        return given.limit_minutes is not None and time.monotonic() - started >= 60 * given.limit_minutes

    async def work() -> None:
        nonlocal done
        while not time_is_up() and (task := next(coming, None)) is not None:
            for agent, place in zip(agents, places, strict=True):
                if not place.is_done(task):
                    await _solve(task, agent, place)
            done += 1
            left = (time.monotonic() - started) / done * (len(waiting) - done)
            print(f"{done} of {len(waiting)} tasks, {clock(left)} left at this pace", file=sys.stderr)

    await at_once(work, given.concurrency)
    if done < len(waiting):
        print(f"the time is up with {len(waiting) - done} tasks left; the same command goes on", file=sys.stderr)


async def _solve(task: Task, agent: ReasoningAgent, place: Place) -> None:
    async with aclosing(solved(agent, iter([task]), place, concurrency=1)) as runs:
        async for _, run in runs:
            place.write((task, run))
            if run.error is not None:
                print(f"not solved {task.id} by {run.policy}: {run.error}", file=sys.stderr)


def compared(entries: list[Entry], lines: dict[str, dict[str, dict]], promised: dict[str, dict] | None) -> dict:
    """Figures of all policies on the tasks that every one of them has done; intervals are 95%, over tasks."""
    common = sorted(set.intersection(*(set(found) for found in lines.values())))
    if not common:
        raise UsageError("no task was solved by every policy yet; run the same command again")
    scores = {label: np.array([found[id]["score"] or 0.0 for id in common]) for label, found in lines.items()}
    tokens = {label: np.array([thousands(found[id]) for id in common]) for label, found in lines.items()}
    draws, scored = Resampler(len(common)), set(common)
    first, *others = (entry.label for entry in entries)
    rows = []
    for entry in entries:
        label = entry.label
        results = [lines[label][id] for id in common]
        row = {
            "policy": label,
            "accuracy": scores[label].mean(),
            "accuracy_interval": draws.accuracy(scores[label]),
            "cost": tokens[label].mean(),
            "cost_interval": draws.mean(tokens[label]),
            "llm_calls": np.mean([spent(result).llm_calls for result in results]),
            "blocks": np.mean([len(result["route"]) for result in results]),
            "verified": np.mean([result.get("verified", False) for result in results]),
            "hinted": sum(bool(result.get("recalled")) for result in results),
            "learnt": sum(len(result.get("learned", ())) for result in results),
            "unusable": sum("error" in result for result in results),
            "ended_by_limits": limits_met(results),
            "halves": halves([result for id, result in lines[label].items() if id in scored]),
            "confidence": confidence(results),
        }
        if promised is not None:
            row["promised"] = kept(row, promised.get(entry.known_as))
        rows.append(row)
    pairs = {label: (scores[label], scores[first]) for label in others}
    p_values = {label: mcnemar_exact(int((a > b).sum()), int((a < b).sum())) for label, (a, b) in pairs.items()}
    adjusted = holm(p_values)
    comparisons = [
        {
            "policy": label,
            "against": first,
            "difference": (a - b).mean(),
            "interval": draws.mean(a - b),
            "better": int((a > b).sum()),
            "worse": int((a < b).sum()),
            "mcnemar_p": p_values[label],
            "holm_p": adjusted[label],
            "cost_ratio": tokens[label].mean() / tokens[first].mean() if tokens[first].any() else None,
            "cost_ratio_interval": draws.ratio(tokens[label], tokens[first]) if tokens[first].any() else None,
        }
        for label, (a, b) in pairs.items()
    ]
    return plain({"tasks": len(common), "policies": rows, "comparisons": comparisons})


def confidence(results: list[dict]) -> dict | None:
    """How far the confidence of the answers is off; None where no answer has one."""
    sure = [result for result in results if result.get("confidence") is not None and result["score"] is not None]
    if not sure:
        return None
    told = Predicted(
        np.array([result["confidence"] for result in sure]),
        np.array([float(result["score"]) for result in sure]),
        np.ones(len(sure)),
        np.arange(len(sure)),
        len(sure),
    )
    return Figures.of(told).to_json()


def halves(results: list[dict]) -> list[dict[str, float]]:
    """Share right and cost over the earlier and the later half of the runs, in the order in which they were solved."""
    halves = (results[: len(results) // 2], results[len(results) // 2 :])
    return [
        {
            "accuracy": np.mean([result["score"] or 0.0 for result in part]),
            "cost": np.mean([thousands(result) for result in part]),
        }
        for part in halves
        if part
    ]


def thousands(result: dict) -> float:
    """What a task cost, earlier tries too, in thousands of tokens, prompt and completion together."""
    return spent(result).total_tokens / 1000


def kept(row: dict, bank: dict | None) -> dict | None:
    """Whether live figures lie within the bank's intervals, and whether both estimates may be of one truth.

    The second allows for chance on both sides: the difference against the root of the squared half-widths.
    """
    if bank is None:
        return None
    said = {}
    for name in ("accuracy", "cost"):
        low, high = bank[f"{name}_interval"]
        live_low, live_high = row[f"{name}_interval"]
        apart = abs(row[name] - bank[name])
        said[name] = {
            "bank": bank[name],
            "interval": [low, high],
            "within": low <= row[name] <= high,
            "agrees": apart <= math.hypot((high - low) / 2, (live_high - live_low) / 2),
        }
    return said


def read_evaluation(path: Path) -> dict[str, dict]:
    """The policies of an evaluation by name; raises UsageError where the file is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if (content["format"], content["version"]) != ("pilotage-evaluation", 1):
            raise ValueError
        return {policy["name"]: policy for policy in content["policies"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no evaluation that this version reads; write one by `pilotage evaluate`"
        ) from error


def plain(value: object) -> object:
    """Numbers, lists and dictionaries that JSON knows."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def text_of(report: dict) -> str:
    """The report for people."""
    out = [f"{report['tasks']} tasks that every policy has done; 95% intervals over tasks", ""]
    out.append(
        f"{'policy':36} {'right':>7} {'interval':>15} {'tokens':>7} {'interval':>15} {'calls':>6} {'verified':>8}"
    )
    for row in report["policies"]:
        (low, high), (less, more) = row["accuracy_interval"], row["cost_interval"]
        out.append(
            f"{row['policy'][:36]:36} {row['accuracy']:7.1%} {f'{low:.1%} to {high:.1%}':>15} "
            f"{1000 * row['cost']:7.0f} {f'{1000 * less:.0f} to {1000 * more:.0f}':>15} "
            f"{row['llm_calls']:6.2f} {row['verified']:8.1%}"
        )
    if any(row["learnt"] for row in report["policies"]):
        out += ["", "what their memories did, its cost included above"]
        for row in report["policies"]:
            then = ", then ".join(
                f"{half['accuracy']:.1%} right at {1000 * half['cost']:.0f}" for half in row["halves"]
            )
            out.append(
                f"{row['policy']}: {row['learnt']} concepts added, widened or confirmed; "
                f"{row['hinted']} tasks with hints; by halves {then}"
            )
    if any(row["confidence"] for row in report["policies"]):
        out += ["", "how sure the answers are"]
        for row in report["policies"]:
            if (told := row["confidence"]) is not None:
                high = next(one for one in told["above"] if one["threshold"] == SURE)
                share, right = high["share"]["value"], high["right"]["value"]
                off, chance = told["ece"]["value"], told["ece_by_chance"]
                out.append(
                    f"{row['policy']}: off by {off:.1%} (by chance alone {chance:.1%}), "
                    f"AUC {told['auc']['value']:.2f}; from {SURE:.0%} up {share:.0%} of the answers"
                    + (f", of which {right:.0%} are right" if share else "")
                )
    for row in report["policies"]:
        if ended := ", ".join(f"{count} by {limit}" for limit, count in row["ended_by_limits"].items()):
            out += ["", f"limits of the budget ended runs of {row['policy']}: {ended}"]
    for one in report["comparisons"]:
        low, high = one["interval"]
        ratio = "" if one["cost_ratio"] is None else f", {one['cost_ratio']:.2f} times the tokens"
        out += [
            "",
            f"{one['policy']} against {one['against']}: {one['difference']:+.1%} ({low:+.1%} to {high:+.1%}), "
            f"better on {one['better']}, worse on {one['worse']}, p = {one['mcnemar_p']:.2f} "
            f"(Holm {one['holm_p']:.2f}){ratio}",
        ]
    if any("promised" in row for row in report["policies"]):
        out += ["", "live against the bank's evaluation"]
        out += [promise(row) for row in report["policies"]]
    return "\n".join(out)


def promise(row: dict) -> str:
    """One policy's live figures beside the bank's."""
    if row["promised"] is None:
        return f"{row['policy']}: the evaluation has no policy of this name (for a file: FILE{SUFFIX}=NAME)"
    said = []
    for name, one, shown in (
        ("right", row["promised"]["accuracy"], lambda x: f"{x:.1%}"),
        ("tokens", row["promised"]["cost"], lambda x: f"{1000 * x:.0f}"),
    ):
        low, high = one["interval"]
        live = row["accuracy" if name == "right" else "cost"]
        verdict = "within it" if one["within"] else "outside, but not more than chance on both sides explains"
        verdict = verdict if one["within"] or one["agrees"] else "OUTSIDE, more than chance explains"
        said.append(f"{name} {shown(live)}, bank {shown(one['bank'])} ({shown(low)} to {shown(high)}): {verdict}")
    return f"{row['policy']}: " + "; ".join(said)


if __name__ == "__main__":
    main()
