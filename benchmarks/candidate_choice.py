"""Choosing among candidates: which of the answers that several draws reached is right, by ways that cost no call.

    python benchmarks/candidate_choice.py BANK [BANK ...] [--leave-out FAMILY,...] [--seed 0] [--json]

Of each task the recorded draws from the task alone are looked at, in the order in which a run would make them: the
program, the reasoning, two more programs, two more reasonings, as far as they were recorded and graded
(`pilotage bank grade`). At each number of draws every way chooses one of the distinct answers:

    first      the first draw's, whatever the others say
    evidence   what the agent does: routes that agree, then the likeliest, then what a program printed
    plurality  the most draws; the earliest of equal ones
    program    plurality, each program counting as one and a half
    model      the likeliest to be right by a ridge logistic regression on the answer's draws, route by route, its
               log-probabilities and shares; fitted to the other folds, its penalty chosen within them
    model+     the same, and how often a program and a reasoning are right on the tasks of these folds that are most
               alike (`pilotage bank embed`), where the bank has embeddings
    any        right where any of them is: nobody can do better

Differences are to `evidence`, paired, with intervals over tasks; p-values are exact and adjusted for all rows (Holm).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pilotage.common.statistics import holm, paired_difference, paired_p
from pilotage.navigator.bank.arrays import Float64s, Integers
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.embeddings import TaskEmbeddings
from pilotage.navigator.bank.records import Tree
from pilotage.navigator.confidence.logistic import fit_logistic
from pilotage.navigator.spaces import ActionMask

DRAWS = (
    ("program", "r/program"),
    ("reason", "r/reason"),
    ("program", "r/program/sample"),
    ("reason", "r/reason/sample"),
    ("program", "r/program/sample/sample"),
    ("reason", "r/reason/sample/sample"),
)
NUMBERS = (2, 3, 4, 6)
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
FOLDS = 5
UNKNOWN = -3.0
NEAR = 0.1


@dataclass
class Answer:
    """One distinct answer: the draws that reached it, their log-probabilities, and its score."""

    score: float
    routes: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    @property
    def logprob(self) -> float:
        return max(self.logprobs, default=UNKNOWN)


@dataclass
class Case:
    """A task at a number of draws: its distinct answers in the order in which they came; `made` draws in all."""

    task: str
    made: int
    answers: list[Answer]
    alike: tuple[float, float] = (0.5, 0.5)

    def features(self, answer: Answer) -> list[float]:
        programs, reasons = (answer.routes.count(route) for route in ("program", "reason"))
        others = [other for other in self.answers if other is not answer]
        most = max((len(other.routes) for other in others), default=0)
        likeliest = max((other.logprob for other in others), default=UNKNOWN)
        return [
            programs,
            reasons,
            len(answer.routes) / self.made,
            len(answer.routes) - most,
            float(answer.routes[0] == "program"),
            float(answer is self.answers[0]),
            answer.logprob,
            answer.logprob - likeliest,
            len(self.answers),
        ]

    def features_alike(self, answer: Answer) -> list[float]:
        program, reason = self.alike
        own = {route: rate for route, rate in (("program", program), ("reason", reason)) if route in answer.routes}
        return [*self.features(answer), program, reason, max(own.values()), program - reason]


def case_of(task: str, tree: Tree, number: int) -> Case | None:
    """The answers of the first `number` draws; None where fewer were recorded, one was not graded, or none answered."""
    answers: dict[str, Answer] = {}
    for route, id in DRAWS[:number]:
        node = tree.nodes.get(id)
        if node is None:
            return None
        if node.candidate is None:
            continue
        score = node.score if id.count("/") == 1 else node.candidate_score
        if score is None:
            return None
        answer = answers.setdefault(" ".join(node.candidate.casefold().split()), Answer(score))
        answer.routes.append(route)
        if (logprob := node.extras.get("step", {}).get("mean_logprob")) is not None:
            answer.logprobs.append(logprob)
    return Case(task, number, [*answers.values()]) if answers else None


def first(case: Case) -> Answer:
    return case.answers[0]


def evidence(case: Case) -> Answer:
    return max(case.answers, key=lambda one: (len(one.routes), one.logprob, "program" in one.routes))


def plurality(case: Case) -> Answer:
    return max(case.answers, key=lambda one: len(one.routes))


def program(case: Case) -> Answer:
    return max(case.answers, key=lambda one: len(one.routes) + 0.5 * one.routes.count("program"))


Features = Callable[[Case, Answer], list[float]]


def chosen_by_model(
    cases: Sequence[Case],
    fold: Integers,
    features: Features,
    prepare: Callable[[ActionMask], None] = lambda judged: None,
) -> list[Answer]:
    """What a model of the other folds' answers takes for the likeliest; `prepare` is told which tasks it judges."""
    choice: list[Answer | None] = [None] * len(cases)
    for number in range(FOLDS):
        prepare(fold == number)
        learned = [case for case, where in zip(cases, fold, strict=True) if where != number]
        inner = np.array([place % FOLDS for place in range(len(learned))])
        losses = {ridge: inner_loss(learned, inner, features, ridge) for ridge in RIDGES}
        judge = fitted(learned, features, min(losses, key=lambda ridge: losses[ridge]))
        for place in np.flatnonzero(fold == number):
            case = cases[place]
            values = judge(np.array([features(case, answer) for answer in case.answers], dtype=float))
            choice[place] = case.answers[int(values.argmax())]
    return [answer for answer in choice if answer is not None]


def fitted(cases: Sequence[Case], features: Features, ridge: float) -> Callable[[Float64s], Float64s]:
    rows = [(features(case, answer), answer.score, 1 / len(case.answers)) for case in cases for answer in case.answers]
    table, score, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    middle, spread = table.mean(axis=0), table.std(axis=0) + 1e-9
    weights = fit_logistic((table - middle) / spread, score, weight, ridge)
    return lambda new: np.asarray(weights[0] + ((new - middle) / spread) @ weights[1:])


def inner_loss(cases: Sequence[Case], fold: Integers, features: Features, ridge: float) -> float:
    """Share of the tasks on which the model of the other folds chooses wrongly."""
    wrong = 0.0
    for number in range(FOLDS):
        judge = fitted([case for case, at in zip(cases, fold, strict=True) if at != number], features, ridge)
        for place in np.flatnonzero(fold == number):
            answers = cases[place].answers
            values = judge(np.array([features(cases[place], answer) for answer in answers], dtype=float))
            wrong += 1 - answers[int(values.argmax())].score
    return wrong


def tell_alike(cases: Sequence[Case], trees: dict[str, Tree], embeddings: TaskEmbeddings, judged: ActionMask) -> None:
    """Notes how often each route is right on like tasks, of those that are not judged and never by a task's own."""
    vectors = embeddings.of([case.task for case in cases])
    rates = np.array([[trees[case.task].nodes[id].score for _, id in DRAWS[:2]] for case in cases])
    weights = np.exp((vectors @ vectors.T - 1) / NEAR) * ~judged[None, :] * ~np.eye(len(cases), dtype=bool)
    general = rates[~judged].mean(axis=0)
    mean = (weights @ rates + 2 * general) / (weights.sum(axis=1, keepdims=True) + 2)
    for case, (of_program, of_reason) in zip(cases, mean, strict=True):
        case.alike = (float(of_program), float(of_reason))


def measured(banks: Sequence[Bank], left_out: frozenset[str], number: int, seed: int) -> dict[str, list[float]]:
    """Scores of each way on the same tasks."""
    trees = {
        f"{place}/{task}": bank.tree(task)
        for place, bank in enumerate(banks)
        for task in bank.of_families(leave_out=left_out & bank.families.keys()).tasks
    }
    cases = [case for task, tree in trees.items() if (case := case_of(task, tree, number)) is not None]
    if len(cases) < 2 * FOLDS:
        return {}
    fold = np.random.default_rng(seed).permutation(len(cases)) % FOLDS
    choices = {way.__name__: [way(case) for case in cases] for way in (first, evidence, plurality, program)}
    choices["model"] = chosen_by_model(cases, fold, Case.features)
    known = [bank.embeddings for bank in banks]
    if all(one is not None and one.identity == known[0].identity for one in known if known[0] is not None) and known[0]:
        joined = TaskEmbeddings(
            known[0].identity,
            tuple(f"{place}/{task}" for place, one in enumerate(known) if one for task in one.tasks),
            np.concatenate([one.vectors for one in known if one]),
        )

        def prepare(judged: ActionMask) -> None:
            tell_alike(cases, trees, joined, judged)

        choices["model+"] = chosen_by_model(cases, fold, Case.features_alike, prepare)
    scores = {name: [answer.score for answer in chosen] for name, chosen in choices.items()}
    return scores | {"any": [max(answer.score for answer in case.answers) for case in cases]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("banks", nargs="+", metavar="BANK")
    parser.add_argument("--leave-out", default="", metavar="FAMILY,...", help="families that are not looked at")
    parser.add_argument("--seed", type=int, default=0, help="of the folds (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    banks = [Bank.open(path) for path in options.banks]
    left_out = frozenset(name for name in options.leave_out.split(",") if name)
    if unknown := sorted(left_out - {family for bank in banks for family in bank.families}):
        parser.error(f"no bank has the family {unknown[0]!r}")
    rows = []
    for number in NUMBERS:
        scores = measured(banks, left_out, number, options.seed)
        for name, own in scores.items():
            difference = paired_difference(own, scores["evidence"])
            p = None if name in ("evidence", "any") else paired_p(np.subtract(own, scores["evidence"]).tolist())
            rows.append(
                {"draws": number, "way": name, "tasks": len(own), "right": float(np.mean(own))}
                | {"difference": difference, "p": p}
            )
    adjusted = holm({str(place): row["p"] for place, row in enumerate(rows) if row["p"] is not None})
    for place, row in enumerate(rows):
        row["holm_p"] = adjusted.get(str(place))
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        mean, low, high = row["difference"]
        told = "" if row["way"] == "evidence" else f"{100 * mean:+6.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        p = "" if row["holm_p"] is None else f"p = {row['holm_p']:.2f}"
        print(f"{row['draws']} draws  {row['tasks']:4} tasks  {row['way']:10} {row['right']:6.1%}  {told:28} {p}")


if __name__ == "__main__":
    main()
