"""Made-up evaluations: tasks are simulated, every figure in the JSON is computed from them."""

import numpy as np

from pilotage.common.statistics import holm, mcnemar_exact

LEARNED = ("double-dueling-dqn", "qr-dqn", "maskable-ppo", "cql", "linear", "nearest")
BASELINES = ("always:reason", "always:program", "rules", "random-matched:double-dueling-dqn", "best-fixed")
FAMILIES = (
    "chain_sum count_bits gcd simple_equations gsm8k knights_knaves propositional_logic spiral_matrix basic_arithmetic "
    "word_sequence_reversal syllogism time_intervals polynomial_equations number_sorting string_insertion "
    "base_conversion isomorphic_strings zebra_puzzles game_of_life course_schedule"
).split()
BLOCKS = ("reason", "program", "verify", "decompose", "debate", "reflect")
COST_WEIGHT = 0.1


def evaluation(learned=5, baselines=5, families=12, tasks=182, resamples=200, seed=0, gain=0.14):
    """An evaluation on simulated tasks.

    Args:
        learned: how many trained policies.
        baselines: how many others; the oracle comes on top.
        families: how many families.
        tasks: how many tasks.
        resamples: of the bootstrap.
        seed: of everything.
        gain: what the best learned policy has over the best fixed sequence, in expectation.
    """
    draw = np.random.default_rng(seed)
    names = [*BASELINES[-baselines:], *LEARNED[:learned], "oracle"]
    family = np.arange(tasks) % families
    ease = np.linspace(0.95, 0.1, families)[family]
    luck = draw.random(tasks)
    lift = {name: -0.2 + 0.2 * place / max(1, baselines - 1) for place, name in enumerate(names[:baselines])}
    lift |= {name: gain * 0.8**place for place, name in enumerate(LEARNED[:learned])} | {"oracle": 0.3}
    price = {name: 0.25 + 0.9 * draw.random() for name in names} | {"oracle": 0.21, "best-fixed": 0.62}
    right, cost = {}, {}
    for name in names:
        noise = 0.0 if name == "oracle" else 0.12
        right[name] = (ease + lift[name] + noise * draw.standard_normal(tasks) > luck).astype(float)
        cost[name] = price[name] * draw.gamma(4, 0.25, tasks) * (1.4 - 0.5 * ease)
    right["oracle"] = np.max([right[name] for name in names], axis=0)
    drawn = draw.integers(tasks, size=(resamples, tasks))
    policies = [_policy(name, right[name], cost[name], drawn, draw) for name in names]
    return {
        "format": "pilotage-evaluation",
        "version": 1,
        "bank": {
            "name": "made-up",
            "model": "scripted",
            "preset": "free",
            "tasks": tasks,
            "nodes": 11 * tasks,
            "families": {FAMILIES[place]: int((family == place).sum()) for place in range(families)},
        },
        "protocol": {
            "kind": "cross-fit",
            "folds": 5,
            "split_seed": 0,
            "train_seeds": 5,
            "tasks": tasks,
            "cost_weight": COST_WEIGHT,
            "bootstrap": resamples,
        },
        "policies": policies,
        "comparisons": _comparisons(names, right, cost, drawn),
        "frontier": _frontier(right, cost, names, drawn, draw),
        "families": [
            {
                "family": FAMILIES[place],
                "tasks": int((family == place).sum()),
                "policies": {
                    name: {
                        "accuracy": float(right[name][family == place].mean()),
                        "cost": float(cost[name][family == place].mean()),
                    }
                    for name in names
                },
            }
            for place in range(families)
        ],
        "transfer": _transfer(right, cost, family, families, drawn, names),
        "routes": [
            *({"policy": name, "family": None, "edges": _edges(draw)} for name in LEARNED[:learned]),
            *(
                {"policy": LEARNED[0], "family": FAMILIES[place], "edges": _edges(draw, sharp=True)}
                for place in range(families if learned else 0)
            ),
        ],
        "curves": [_curve(name, number, draw) for name in LEARNED[: min(learned, 4)] for number in range(5)],
        "defects": [],
    }


def _policy(name, right, cost, drawn, draw):
    kind = "oracle" if name == "oracle" else "learned" if name in LEARNED else "baseline"
    seeds = []
    if kind == "learned":
        seeds = [
            {
                "seed": n,
                "accuracy": float(np.clip(right.mean() + 0.01 * draw.standard_normal(), 0, 1)),
                "cost": float(cost.mean()),
            }
            for n in range(5)
        ]
    predicts = kind == "learned" and name != "maskable-ppo"
    return {
        "name": name,
        "kind": kind,
        "about": f"{name}, simulated for a test.",
        "coverage": 1.0,
        "accuracy": float(right.mean()),
        "accuracy_interval": _interval(right[drawn].mean(axis=1)),
        "cost": float(cost.mean()),
        "cost_interval": _interval(cost[drawn].mean(axis=1)),
        "blocks": 1.8,
        "value": float(right.mean() - COST_WEIGHT * cost.mean()),
        "seeds": seeds,
        "iqm": None,
        "calibration": _calibration(draw, len(right)) if predicts else None,
        "uses": {block: float(draw.random() * 0.6) for block in BLOCKS[:4]} | {"answer": 1.0},
    }


def _interval(values):
    return [float(end) for end in np.quantile(values, [0.025, 0.975])]


def _comparisons(names, right, cost, drawn):
    found = []
    for against in ("best-fixed", "oracle"):
        for name in names:
            if name == against or against not in names or (against == "oracle" and name not in LEARNED[:2]):
                continue
            difference = right[name] - right[against]
            better, worse = int((difference > 0).sum()), int((difference < 0).sum())
            gap = right["oracle"].mean() - right["best-fixed"].mean() if "best-fixed" in names else 0
            found.append(
                {
                    "policy": name,
                    "against": against,
                    "tasks": len(difference),
                    "difference": float(difference.mean()),
                    "interval": _interval(difference[drawn].mean(axis=1)),
                    "better": better,
                    "worse": worse,
                    "mcnemar_p": mcnemar_exact(better, worse),
                    "cost_ratio": float(cost[name].mean() / cost[against].mean()),
                    "cost_ratio_interval": _interval(
                        cost[name][drawn].mean(axis=1) / cost[against][drawn].mean(axis=1)
                    ),
                    "gap_closed": float(difference.mean() / gap) if against == "best-fixed" and gap else None,
                }
            )
    adjusted = holm({f"{place}": one["mcnemar_p"] for place, one in enumerate(found)})
    return [{**one, "holm_p": adjusted[f"{place}"]} for place, one in enumerate(found)]


def _frontier(right, cost, names, drawn, draw):
    lines = []
    for name in (LEARNED[0], LEARNED[3]):
        if name not in names:
            continue
        points = []
        for effort in (0, 0.25, 0.5, 0.75, 1):
            shift = 0.28 * (effort - 0.5) - 0.2 * max(0, effort - 0.5)
            points.append(
                {
                    "effort": effort if name == LEARNED[0] else None,
                    "cost_weight": None if name == LEARNED[0] else 1 - effort,
                    "accuracy": float(np.clip(right[name].mean() + shift, 0, 1)),
                    "accuracy_interval": [
                        float(np.clip(end + shift, 0, 1)) for end in _interval(right[name][drawn].mean(axis=1))
                    ],
                    "cost": float(cost[name].mean() * (0.3 + 1.6 * effort)),
                    "cost_interval": [
                        float(end * (0.3 + 1.6 * effort)) for end in _interval(cost[name][drawn].mean(axis=1))
                    ],
                }
            )
        lines.append({"policy": name, "points": points})
    for route in ("answer", "reason,answer", "program,answer", "program,verify,answer", "decompose,reason,answer"):
        accuracy, paid = 0.12 + 0.4 * draw.random(), 0.03 + 0.5 * route.count(",") * draw.random()
        point = {
            "accuracy": accuracy,
            "accuracy_interval": [accuracy - 0.07, accuracy + 0.07],
            "cost": paid,
            "cost_interval": [0.9 * paid, 1.1 * paid],
        }
        lines.append({"policy": f"fixed:{route}", "points": [{"effort": None, "cost_weight": None, **point}]})
    return lines


def _transfer(right, cost, family, families, drawn, names):
    if "best-fixed" not in names or LEARNED[0] not in names:
        return []
    found = []
    for place in range(min(families, 6)):
        here = family == place
        difference = right[LEARNED[0]][here] - right["best-fixed"][here]
        found.append(
            {
                "policy": LEARNED[0],
                "kind": "family",
                "held_out": FAMILIES[place],
                "tasks": int(here.sum()),
                "accuracy": float(right[LEARNED[0]][here].mean()),
                "cost": float(cost[LEARNED[0]][here].mean()),
                "best_fixed_accuracy": float(right["best-fixed"][here].mean()),
                "best_fixed_cost": float(cost["best-fixed"][here].mean()),
                "difference": float(difference.mean()),
                "interval": _interval(difference[drawn[:, : int(here.sum())] % int(here.sum())].mean(axis=1)),
            }
        )
    return found


def _calibration(draw, n):
    bins, left = [], draw.multinomial(5 * n, draw.dirichlet(np.linspace(1, 4, 8)))
    for place, count in enumerate(left):
        predicted = (place + 1.5) / 10
        bins.append(
            {
                "predicted": predicted,
                "observed": float(np.clip(predicted + 0.08 * draw.standard_normal(), 0, 1)),
                "n": float(count),
            }
        )
    error = sum(one["n"] * abs(one["predicted"] - one["observed"]) for one in bins) / (5 * n)
    return {"bins": bins, "ece": float(error), "brier": 0.19, "n": float(5 * n)}


def _edges(draw, sharp=False):
    """The moves of a random policy, followed until nearly every task has its answer."""
    chances = {}
    for name in ("start", *BLOCKS):
        to = [*BLOCKS, "answer"]
        weights = draw.dirichlet(np.full(len(to), 0.1 if sharp else 0.25))
        weights[-1] += 0.1 if name == "start" else 0.8
        chances[name] = dict(zip(to, weights / weights.sum(), strict=True))
    flow, here = {}, {"start": 1.0}
    for _ in range(5):
        reached = {}
        for name, mass in here.items():
            for to, chance in chances[name].items():
                flow[name, to] = flow.get((name, to), 0.0) + mass * chance
                if to != "answer":
                    reached[to] = reached.get(to, 0.0) + mass * chance
        here = reached
    return [{"from": name, "to": to, "share": float(share)} for (name, to), share in flow.items()]


def _curve(name, number, draw):
    steps = list(range(0, 50_001, 2_500))
    reached = 1 - np.exp(-np.array(steps) / (6_000 + 3_000 * number))
    accuracy = np.clip(0.3 + 0.3 * reached + 0.02 * draw.standard_normal(len(steps)), 0, 1)
    cost = 0.9 - 0.4 * reached + 0.03 * draw.standard_normal(len(steps))
    return {
        "policy": name,
        "seed": number,
        "steps": steps,
        "accuracy": accuracy.tolist(),
        "cost": cost.tolist(),
        "value": (accuracy - COST_WEIGHT * cost).tolist(),
    }
