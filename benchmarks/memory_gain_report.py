"""The figures of memory_gain.py: every arm against no memory on the same tasks, and concepts against examples."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pilotage.agent import Task
from pilotage.agent.batch.orders import shuffled
from pilotage.common.statistics import clustered_difference, holm, sign_flip

Results = Mapping[str, Mapping[int, Mapping[str, dict[str, Any]]]]
Pair = tuple[int, str]
AGAINST = (
    ("concepts", "single"),
    ("credit", "single"),
    ("concepts", "examples"),
    ("concepts", "lessons"),
    ("credit", "concepts"),
    ("experience", "single"),
    ("concepts", "experience"),
    ("credit", "experience"),
)


def report(results: Results, tasks: list[Task]) -> dict[str, Any]:
    """Figures over the (order, task) pairs that every arm has solved. A task is the unit of every interval."""
    family = {task.id: task.metadata["family"] for task in tasks}
    pairs = shared_pairs(results)
    recurring = {pair for pair in pairs if pair in recurrences(tasks, {order for order, _ in pairs})}
    rows = [row(arm, results, pairs, recurring) for arm in results]
    others = [arm for arm in results if arm != "none"] if "none" in results else []
    return {
        "pairs": len(pairs),
        "tasks": len({task for _, task in pairs}),
        "orders": len({order for order, _ in pairs}),
        "recurring_pairs": len(recurring),
        "arms": rows,
        "families": {arm: by_family(results, pairs, family, arm, "none") for arm in others},
        "against": [
            {"arm": arm, "other": other, **gain(results, pairs, arm, other)}
            for arm, other in AGAINST
            if arm in results and other in results and pairs
        ],
    }


def shared_pairs(results: Results) -> list[Pair]:
    """What every arm has solved, so that all are compared on the same."""
    solved = [{(order, task) for order, found in orders.items() for task in found} for orders in results.values()]
    return sorted(set.intersection(*solved)) if solved else []


def recurrences(tasks: list[Task], orders: Iterable[int]) -> set[Pair]:
    """The (order, task) pairs that an earlier task of the same family came before."""
    found = set()
    for order in orders:
        seen: set[str] = set()
        for task in shuffled(tasks, order):
            if task.metadata["family"] in seen:
                found.add((order, task.id))
            seen.add(task.metadata["family"])
    return found


def row(arm: str, results: Results, pairs: list[Pair], recurring: set[Pair]) -> dict[str, Any]:
    runs = [results[arm][order][task] for order, task in pairs]
    n = max(1, len(runs))
    hinted = [pair for pair in pairs if results[arm][pair[0]][pair[1]]["recalled"]]
    figures: dict[str, Any] = {
        "arm": arm,
        "accuracy": sum(run["score"] for run in runs) / n,
        "prompt_tokens": sum(run["usage"]["prompt_tokens"] for run in runs) / n,
        "completion_tokens": sum(run["usage"]["completion_tokens"] for run in runs) / n,
        "llm_calls": sum(run["usage"]["llm_calls"] for run in runs) / n,
        "hinted": len(hinted) / n,
        "learned": sum(len(run["learned"]) for run in runs),
        "errors": sum("error" in run for run in runs),
    }
    if "none" in results and arm != "none" and pairs:
        figures["gain"] = gain(results, pairs, arm, "none")
        figures["gain_recurring"] = gain(results, sorted(recurring), arm, "none") if recurring else None
        figures["gain_hinted"] = gain(results, hinted, arm, "none") if hinted else None
        figures["hint_tokens"] = hint_tokens(results, hinted, arm)
    return figures


def gain(results: Results, pairs: list[Pair], arm: str, other: str) -> dict[str, Any]:
    """Difference in accuracy with its interval, tasks resampled; `relative` to the other's accuracy."""
    differences = defaultdict(list)
    for order, task in pairs:
        differences[task].append(results[arm][order][task]["score"] - results[other][order][task]["score"])
    mean, low, high = clustered_difference(differences)
    base = sum(results[other][order][task]["score"] for order, task in pairs) / len(pairs)
    return {
        "points": 100 * mean,
        "interval_95": [100 * low, 100 * high],
        "relative": mean / base if base else None,
        "better": sum(d > 0 for cluster in differences.values() for d in cluster),
        "worse": sum(d < 0 for cluster in differences.values() for d in cluster),
    }


def by_family(
    results: Results, pairs: list[Pair], family: Mapping[str, str], arm: str, other: str
) -> dict[str, dict[str, float]]:
    """Accuracy by family; p from a sign-flip test over tasks, adjusted for the number of families (Holm)."""
    differences: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for order, task in pairs:
        mine, theirs = results[arm][order][task]["score"], results[other][order][task]["score"]
        differences[family[task]][task].append(mine - theirs)
        scores[family[task]].append((theirs, mine))
    p = {
        name: sign_flip([sum(cluster) / len(cluster) for cluster in clusters.values()])
        for name, clusters in differences.items()
    }
    adjusted = holm(p)
    return {
        name: {
            "tasks": len(differences[name]),
            "pairs": len(both),
            "without": sum(one for one, _ in both) / len(both),
            "with": sum(one for _, one in both) / len(both),
            "p": p[name],
            "p_adjusted": adjusted[name],
        }
        for name, both in sorted(scores.items())
    }


def hint_tokens(results: Results, hinted: list[Pair], arm: str) -> float | None:
    """What hints add to the prompt of a run's first call: counted, as the difference to the same call without them."""
    added = []
    for order, task in hinted:
        mine, plain = results[arm][order][task]["steps"], results["none"][order][task]["steps"]
        if mine and plain and mine[0]["block"] == plain[0]["block"]:
            added.append(mine[0]["usage"]["prompt_tokens"] - plain[0]["usage"]["prompt_tokens"])
    return sum(added) / len(added) if added else None


def print_report(figures: dict[str, Any]) -> None:
    print(
        f"{figures['pairs']} runs an arm: {figures['tasks']} tasks in {figures['orders']} orders; in "
        f"{figures['recurring_pairs']} an earlier task was of the same family"
    )
    print(f"\n{'arm':9} {'right':>6} {'in':>6} {'out':>5} {'calls':>5} {'hinted':>6} {'hint':>5}  gain over none")
    for one in figures["arms"]:
        said = ""
        if one.get("gain"):
            said = f"{_gain(one['gain'])}; after a first of the family {_gain(one['gain_recurring'])}"
        hint = f"{one['hint_tokens']:.0f}" if one.get("hint_tokens") is not None else ""
        print(
            f"{one['arm']:9} {one['accuracy']:>6.1%} {one['prompt_tokens']:>6.0f} {one['completion_tokens']:>5.0f} "
            f"{one['llm_calls']:>5.2f} {one['hinted']:>6.0%} {hint:>5}  {said}"
        )
    for pair in figures["against"]:
        print(f"{pair['arm']} over {pair['other']}: {_gain(pair)}")
    for arm, families in figures["families"].items():
        print(f"\n{arm}: {'family':24} {'tasks':>5} {'without':>8} {'with':>6} {'p':>6} {'Holm':>6}")
        for name, one in families.items():
            print(
                f"{'':{len(arm) + 1}} {name:24} {one['tasks']:>5} {one['without']:>8.0%} {one['with']:>6.0%} "
                f"{one['p']:>6.2f} {one['p_adjusted']:>6.2f}"
            )


def _gain(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return "unknown"
    low, high = gain["interval_95"]
    relative = f", {gain['relative']:+.0%} relative" if gain["relative"] is not None else ""
    counts = f"{gain['better']} better, {gain['worse']} worse"
    return f"{gain['points']:+.1f} points [{low:+.1f}, {high:+.1f}]{relative} ({counts})"
