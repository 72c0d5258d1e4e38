"""Trains the wording model of the first decision, and compares ways to decide on messages that chose none of them.

    python benchmarks/first_decision_training.py [--write] [--json]

Trained on: `first_decision_own.jsonl`, the messages beside which the rule was written; those of
`first_decision_fresh.jsonl` whose `part` is `dev`; templates of ours in nine languages
(`first_decision_templates.json`), filled by a seeded draw; and four tasks of each family of reasoning-gym; of all
these, those that begin a conversation. The threshold was chosen on predictions for our own messages and the `dev` part,
by models that had not seen them or their family (five folds). Judged on: the `test` part, and
`first_decision_held_out.jsonl`. No family of questions (one question in two languages, one task of BIG-bench Hard)
stands in two parts.

The fresh messages were taken from others' evaluation sets, and labelled by their categories before anything was decided
on them: MT-bench in English and Japanese, Vicuna's questions in both, and Rakuda (as flexeval 0.18 has them,
Apache-2.0), worked examples of BIG-bench Hard (lm-eval 0.4.13, MIT), openings of conversations in eight languages
(chatterbot-corpus 1.3, BSD). Questions that can only be estimated, or whose label would be a matter of taste, were left
out.

`--write` puts the model into the package (agent/chat/wording_model.npz). Needs scikit-learn and `pilotage[tasks]`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pilotage.agent.chat import wording_model
from pilotage.agent.chat.first_decision import STRAIGHT, by_rule
from pilotage.agent.chat.reading import Message
from pilotage.common.statistics import wilson

DATA = Path(__file__).parent / "data"
INVERSE_PENALTY = 30.0
WEIGHTS = {"own": 1.0, "fresh": 3.0, "templates": 1.0, "gym": 0.3}
FOLDS, SEED, GYM_EACH, TEMPLATE_EACH = 5, 0, 4, 4
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the model into the package")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    fresh = lines("first_decision_fresh.jsonl")
    parts = {part: [row for row in fresh if row["part"] == part] for part in ("dev", "test")}
    sets = {"own": lines("first_decision_own.jsonl"), "fresh": parts["dev"], "templates": filled(), "gym": gym()}
    model = fitted(sets)
    scale = float(np.abs(model.coef_).max()) / 127
    small = np.rint(model.coef_[0] / scale).astype(np.int8)
    out = out_of_fold(sets)

    def score(rows: Sequence[Row]) -> np.ndarray:
        return matrix(rows) @ (small.astype(np.float64) * scale) + model.intercept_[0]

    judged = {
        "own (out of fold)": (sets["own"], out["own"]),
        "fresh, dev (out of fold)": (parts["dev"], out["fresh"]),
        "fresh, test": (parts["test"], score(parts["test"])),
        "held out": (held := lines("first_decision_held_out.jsonl"), score(held)),
    }
    figures = [told for name, (rows, scores) in judged.items() for told in compared(name, rows, scores)]
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)
    if options.write:
        np.savez_compressed(
            wording_model.WEIGHTS,
            format=wording_model.FORMAT,
            weights=small,
            scale=scale,
            bias=model.intercept_[0],
        )


def lines(name: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def filled() -> list[Row]:
    """Our templates, with numbers, words and letters drawn for them."""
    draw, rows = random.Random(SEED), []
    words = "planet window melon tree river castle banana orange guitar summer".split()
    for language, kinds in json.loads((DATA / "first_decision_templates.json").read_text(encoding="utf-8")).items():
        for kind, templates in kinds.items():
            for template in templates:
                for _ in range(TEMPLATE_EACH if "{" in template else 1):
                    numbers = {"a": draw.randint(11, 900), "b": draw.randint(10, 60), "c": draw.randint(900, 2000)}
                    numbers |= {"s": draw.randint(2, 9), "d": draw.randint(1, 28), "y": draw.randint(1850, 2020)}
                    text = template.format(**numbers, w=draw.choice(words), l=draw.choice("aeno"))
                    rows.append({"text": text, "earlier": [], "language": language, "think": kind == "computable"})
    return rows


def gym() -> list[Row]:
    """Tasks of every family of reasoning-gym that needs no other."""
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

    names = sorted(set(DATASETS) - {"composite"})
    made = (reasoning_gym.create_dataset(name, size=GYM_EACH, seed=7) for name in names)
    return [{"text": one["question"], "earlier": [], "language": "en", "think": True} for few in made for one in few]


def matrix(rows: Sequence[Row]) -> Any:
    """Features of messages, as the model hashes them: a sparse row a message."""
    from scipy.sparse import csr_matrix

    found = [wording_model.hashed(row["text"], Message.read(row["text"])) for row in rows]
    values = [value for one in found for _, value in one]
    places = [place for one in found for place, _ in one]
    ends = np.cumsum([0, *(len(one) for one in found)])
    summed = csr_matrix((values, places, ends), shape=(len(rows), wording_model.PLACES))
    summed.sum_duplicates()
    return summed


def fitted(sets: dict[str, list[Row]]) -> Any:
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    # What a message behind others deserves may depend on them, which the model does not know.
    sets = {name: [row for row in rows if not row["earlier"]] for name, rows in sets.items()}
    weights = np.concatenate([np.full(len(rows), WEIGHTS[name]) for name, rows in sets.items()])
    labels = np.concatenate([[row["think"] for row in rows] for rows in sets.values()])
    model = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear", max_iter=300, random_state=SEED)
    return model.fit(vstack([matrix(rows) for rows in sets.values()]), labels, sample_weight=weights)


def out_of_fold(sets: dict[str, list[Row]]) -> dict[str, np.ndarray]:
    """Scores of our own messages and of the fresh `dev` ones by models that have not seen them or their family."""
    scores = {name: np.zeros(len(sets[name])) for name in ("own", "fresh")}
    for folds in zip(*(list(split(sets[name])) for name in scores), strict=True):
        left = dict(zip(scores, folds, strict=True))
        kept = {
            name: [row for place, row in enumerate(rows) if place not in left.get(name, ())]
            for name, rows in sets.items()
        }
        model = fitted(kept)
        for name, places in left.items():
            rows = [sets[name][place] for place in sorted(places)]
            scores[name][sorted(places)] = model.decision_function(matrix(rows))
    return scores


def split(rows: Sequence[Row]) -> Iterator[set[int]]:
    """Places of the messages that each fold leaves out, by family."""
    names = [row.get("family") or row["text"] for row in rows]
    order = sorted(set(names))
    random.Random(SEED).shuffle(order)
    fold = {name: place % FOLDS for place, name in enumerate(order)}
    for number in range(FOLDS):
        yield {place for place, name in enumerate(names) if fold[name] == number}


def compared(name: str, rows: Sequence[Row], scores: np.ndarray) -> Iterator[dict[str, Any]]:
    """How ways to decide do on messages: the rule, the model, and both."""
    ruled = [by_rule(row["text"], [(role, text) for role, text in row["earlier"]]) for row in rows]
    likely = 1 / (1 + np.exp(-scores))
    rule, silent = (np.array([pick(one) for one in ruled]) for pick in (lambda d: d.think, lambda d: d.why == STRAIGHT))
    ways: dict[str, Callable[[], np.ndarray]] = {
        "rule alone": lambda: rule,
        "model alone": lambda: likely > wording_model.SURE,
        "rule, or the model anywhere": lambda: rule | (likely > wording_model.SURE),
        "rule, then the model where no row holds": lambda: rule | (silent & (likely > wording_model.SURE)),
    }
    labels = np.array([row["think"] for row in rows])
    for way, decide in ways.items():
        thinks = decide()
        told: dict[str, Any] = {"messages": name, "way": way}
        for key, among in (("hits", labels), ("false_alarms", ~labels)):
            low, high = wilson(int(thinks[among].sum()), int(among.sum()))
            told[key] = {"think": int(thinks[among].sum()), "of": int(among.sum()), "low": low, "high": high}
        yield told


def show(figures: Sequence[dict[str, Any]]) -> None:
    for told in figures:
        print(f"{told['messages']:26}{told['way']:42}", end="")
        for key, name in (("hits", "computable"), ("false_alarms", "others")):
            of = told[key]
            share = of["think"] / of["of"]
            print(f"{name} {of['think']:3}/{of['of']:<3} {share:6.1%} ({of['low']:.1%} to {of['high']:.1%})  ", end="")
        print()


if __name__ == "__main__":
    main()
