"""Learning to route online, replayed from recorded nodes: a stream of a bank's tasks from an empty experience.

    python benchmarks/experience_stream.py BANK [--orders 3] [--epsilon 0.1] [--families A,B | --leave-out A,B] [--json]

Each task is routed by `experience` over what the stream itself met before, and after it that much more is known: the
recorded nodes that its own policy visited, each with the score that the whole run was graded with (in use,
`pilotage.agent.experience`, a block gets that of the first answer behind it, by public evidence or a user's word). Of a
block that was recorded several times one sample is drawn, the same for all. A share `--epsilon` of the tasks begins
with a block drawn among those recorded; that is paid for and counted like everything else. How far earlier tasks reach
is chosen anew every `--choose-every` tasks, by what was met before. Beside it, on the same tasks in the same order, the
one-bit rule, which is the same policy without experience. The bank needs embeddings (`pilotage bank embed`); no model
is asked.

Intervals are 95%, of paired differences, by a bootstrap over tasks, with all orders of a task together.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pilotage.agent.cli.options import names
from pilotage.common.statistics import clustered_difference
from pilotage.navigator.arguments import require_weight
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.embeddings import Vectors
from pilotage.navigator.errors import BankError, NavigatorError
from pilotage.navigator.experience.columns import column_values, with_experience
from pilotage.navigator.experience.estimates import Estimates, Experience, Outcomes, Smoothing
from pilotage.navigator.experience.situations import Situations
from pilotage.navigator.policies.experience import CAUTION, ExperiencePolicy
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.policies.rules.one_bit import one_bit

PARTS = 5


@dataclass(frozen=True)
class Run:
    """One task by one policy.

    Attributes:
        visited: index of each state and the action that was taken there, in order.
        left: thousands of tokens from each of them to the end.
        score: in the end.
        cost: thousands of tokens in all.
    """

    visited: tuple[tuple[int, int], ...]
    left: tuple[float, ...]
    score: float
    cost: float


@dataclass(frozen=True)
class Pair:
    """One task of a stream: what experience came to, what the rule did, and whether the beginning was drawn."""

    task: str
    experience: Run
    rule: Run
    explored: bool


class Met:
    """What a stream has met so far.

    Args:
        vectors: embeddings of the bank's tasks, (m, d).
        marks: what each of these shows.
        shape: numbers of situations and actions.
        every: after how many more tasks it is chosen anew how far they reach.
    """

    def __init__(self, vectors: Vectors, marks: Sequence[str], shape: tuple[int, int], every: int) -> None:
        self._vectors, self._marks, self._shape, self._every = vectors, marks, shape, every
        self._tasks: list[int] = []
        self._rows: list[tuple[int, int, int, float, float]] = []
        self.smoothing: Smoothing | None = None

    def add(self, task: int, situations: Sequence[int], run: Run) -> None:
        """A task, by its place in the bank, with the situations in which its run decided."""
        place = len(self._tasks)
        self._tasks.append(task)
        taken = zip(situations, run.visited, run.left, strict=True)
        self._rows += [(place, situation, action, run.score, left) for situation, (_, action), left in taken]

    def estimates(self, task: int) -> Estimates:
        """What it says of a task that comes next."""
        if not self._rows:
            one = (1, *self._shape)
            return Estimates(np.full(one, 0.5), np.zeros(one), np.zeros(one), np.ones(one))
        count = len(self._tasks)
        task_of, situation, action, success, cost = (np.array(column) for column in zip(*self._rows, strict=True))
        outcomes = Outcomes(self._vectors[self._tasks], task_of, situation, action, success, cost, self._shape)
        marks = tuple(self._marks[one] for one in self._tasks)
        chosen = None if self.smoothing is None or count % self._every == 0 else self.smoothing
        experience = Experience(outcomes, chosen, marks)
        self.smoothing = experience.smoothing
        return experience.estimates(self._vectors[[task]])


class Replay:
    """A bank's trees, of each block that was recorded several times one sample, drawn by a seed."""

    def __init__(self, arrays: BankArrays, seed: int) -> None:
        self.arrays = arrays
        generator = np.random.default_rng(seed)
        self._next = [{a: int(generator.choice(led)) for a, led in of.items()} for of in arrays.children]

    def run(self, root: int, policy: Policy, features: np.ndarray, first: int | None = None) -> Run:
        """What a policy comes to from a root, by the features of all states; `first` is taken there if given."""
        arrays, state = self.arrays, root
        paid, before, visited = float(arrays.cost[root]), [], []
        while not arrays.ended[state]:
            action = first if first is not None and state == root else None
            if action is None:
                action = int(policy.decide(features[state], arrays.playable[state]).action)
            visited.append((state, action))
            before.append(paid)
            if action == arrays.terminal:
                break
            state = self._next[state][action]
            paid += float(arrays.cost[state])
        paid += float(arrays.answer_cost[state])
        return Run(tuple(visited), tuple(paid - one for one in before), float(arrays.score[state]), paid)


@dataclass(frozen=True)
class Settings:
    """How a stream goes; `seed` is of its order, its samples and its exploring."""

    seed: int
    epsilon: float = 0.1
    cost_weight: float = 0.1
    every: int = 10
    caution: float = CAUTION


def stream(arrays: BankArrays, vectors: Vectors, settings: Settings) -> tuple[list[Pair], Smoothing | None]:
    """All tasks of a bank, once, in an order of their own; and how far earlier tasks reach in the end."""
    generator = np.random.default_rng(settings.seed)
    replay, situations = Replay(arrays, settings.seed), Situations(arrays.actions, arrays.observations)
    situation_of = situations.of(arrays.features)
    marks = [mark or task for mark, task in zip(arrays.content_fingerprints, arrays.tasks, strict=True)]
    met = Met(vectors, marks, (len(situations), len(arrays.actions)), settings.every)
    rule = one_bit(arrays.actions, arrays.observations)
    wide = with_experience(arrays.observations, arrays.actions)
    policy = ExperiencePolicy(arrays.actions, wide, settings.cost_weight, settings.caution)
    features = np.zeros((len(arrays), len(wide)), dtype=np.float32)
    pairs = []
    for task in generator.permutation(len(arrays.tasks)).tolist():
        root = int(arrays.roots[task])
        states = np.flatnonzero(arrays.task == task)
        told = column_values(met.estimates(task), np.zeros(len(states), dtype=np.int64), situation_of[states])
        features[states] = np.concatenate([arrays.features[states], told], axis=1)
        blocks = np.flatnonzero(arrays.playable[root])
        blocks = blocks[blocks != arrays.terminal]
        explored = bool(generator.random() < settings.epsilon) and len(blocks) > 0
        first = int(generator.choice(blocks)) if explored else None
        run = replay.run(root, policy, features, first)
        met.add(task, [int(situation_of[state]) for state, _ in run.visited], run)
        pairs.append(Pair(arrays.tasks[task], run, replay.run(root, rule, arrays.features), explored))
    return pairs, met.smoothing


def summary(pairs: Sequence[Sequence[Pair]], cost_weight: float) -> list[dict[str, object]]:
    """Figures by fifths of the streams and of the whole, each over all orders."""
    parts: list[tuple[str, list[Pair]]] = []
    for number in range(PARTS):
        name = f"{100 * number // PARTS}-{100 * (number + 1) // PARTS}%"
        parts.append((name, [pair for one in pairs for pair in part(one, number)]))
    parts.append(("all", [pair for one in pairs for pair in one]))
    return [figures(name, some, cost_weight) for name, some in parts]


def part(pairs: Sequence[Pair], number: int) -> Sequence[Pair]:
    """One fifth of a stream."""
    return pairs[len(pairs) * number // PARTS : len(pairs) * (number + 1) // PARTS]


def figures(name: str, pairs: Sequence[Pair], cost_weight: float) -> dict[str, object]:
    def mean(values: Iterator[float]) -> float:
        return float(np.mean(list(values)))

    def gain(of) -> list[float]:
        by_task: dict[str, list[float]] = {}
        for pair in pairs:
            by_task.setdefault(pair.task, []).append(of(pair.experience) - of(pair.rule))
        return list(clustered_difference(by_task))

    return {
        "part": name,
        "tasks": len(pairs),
        "accuracy": mean(pair.experience.score for pair in pairs),
        "tokens": 1000 * mean(pair.experience.cost for pair in pairs),
        "rule_accuracy": mean(pair.rule.score for pair in pairs),
        "rule_tokens": 1000 * mean(pair.rule.cost for pair in pairs),
        "accuracy_gain": gain(lambda run: run.score),
        "tokens_gain": gain(lambda run: 1000 * run.cost),
        "value_gain": gain(lambda run: run.score - cost_weight * run.cost),
        "explored": mean(float(pair.explored) for pair in pairs),
        "elsewhere": mean(float(pair.experience.visited != pair.rule.visited) for pair in pairs),
    }


def chosen_tasks(bank: Bank, families: str | None, leave_out: str | None) -> Bank:
    """The bank of the families that a stream is of, each text that several tasks show once."""
    open_to = bank.of_families(names(families), names(leave_out))
    return open_to.only(set(open_to.tasks) - {other for others in open_to.twins.values() for other in others})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bank", type=Path, help="folder of a bank that has embeddings")
    parser.add_argument("--orders", type=int, default=3, help="streams of the same tasks, each in its own order")
    parser.add_argument("--epsilon", type=float, default=0.1, help="share of the tasks whose first block is drawn")
    parser.add_argument("--cost-weight", type=float, default=0.1, help="what 1,000 tokens are worth, in right answers")
    parser.add_argument("--caution", type=float, default=CAUTION, help="standard errors by which another way is better")
    parser.add_argument("--choose-every", type=int, default=10, help="tasks after which the smoothing is chosen anew")
    parser.add_argument("--families", metavar="FAMILY,...", help="of these alone")
    parser.add_argument("--leave-out", metavar="FAMILY,...", help="without these, which are not read")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.orders < 1 or given.choose_every < 1 or not 0 <= given.epsilon <= 1 or not given.caution >= 0:
        parser.error(
            "give an order, a step of a task and a caution of 0 at least, and a share of exploring from 0 to 1"
        )
    try:
        weight = require_weight(given.cost_weight)
        bank = chosen_tasks(Bank.open(given.bank), given.families, given.leave_out)
        if bank.embeddings is None:
            raise BankError(f"{given.bank} has no embeddings: give it those of its tasks with `pilotage bank embed`")
        if len(bank.tasks) < PARTS:
            raise BankError(f"{len(bank.tasks)} tasks cannot be shown by fifths: choose more families")
        arrays, vectors = BankArrays.of(bank), bank.embeddings.of(bank.tasks)
        streams = [
            stream(arrays, vectors, Settings(seed, given.epsilon, weight, given.choose_every, given.caution))
            for seed in range(given.orders)
        ]
    except NavigatorError as error:
        sys.exit(f"error: {error}")
    report = {
        "bank": str(given.bank),
        "tasks": len(bank.tasks),
        "families": len(bank.families),
        "orders": given.orders,
        "epsilon": given.epsilon,
        "cost_weight": weight,
        "caution": given.caution,
        "smoothing": [None if one is None else vars(one) for _, one in streams],
        "parts": summary([pairs for pairs, _ in streams], weight),
    }
    print(json.dumps(report) if given.json else text_of(report))


def text_of(report: dict) -> str:
    """The report for people."""
    out = [
        f"{report['tasks']} tasks of {report['families']} families, {report['orders']} orders, "
        f"{report['epsilon']:.0%} explored; intervals 95%, over tasks",
        "",
        f"{'part':9}{'right':>7}{'rule':>7}{'tokens':>8}{'rule':>7}{'points':>18}{'value':>26}{'elsewhere':>11}",
    ]
    for row in report["parts"]:
        points, low, high = (100 * one for one in row["accuracy_gain"])
        worth = "{:+.3f} ({:+.3f} to {:+.3f})".format(*row["value_gain"])
        out.append(
            f"{row['part']:9}{row['accuracy']:>7.1%}{row['rule_accuracy']:>7.1%}{row['tokens']:>8,.0f}"
            f"{row['rule_tokens']:>7,.0f}{f'{points:+.1f} ({low:+.0f} to {high:+.0f})':>18}{worth:>26}"
            f"{row['elsewhere']:>11.0%}"
        )
    return "\n".join([*out, "", "rule: one-bit; elsewhere: tasks on which experience took another way"])


if __name__ == "__main__":
    main()
