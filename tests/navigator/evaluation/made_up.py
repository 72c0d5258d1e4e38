"""Banks made up for evaluations, on which it is known who should win."""

import numpy as np

from tests.navigator.banks import BLOCKS, node, write_bank


def flat_bank(path, right, seed=0, costs=None):
    """One block deep. `right` gives, by task, which of the actions are right; cue and sign are noise."""
    generator = np.random.default_rng(seed)
    costs = costs or {"reason": 300, "program": 150, "verify": 200}
    trees = {}
    for task, good in right.items():
        cue, sign = generator.uniform(-1, 1, 2).tolist()
        root = node(score=float("answer" in good), answer_cost=20, cue=cue, sign=sign)
        after = [
            node(
                (name,),
                score=float(name in good),
                cost=costs[name],
                answer_cost=0,
                mask=[0, 0, 0, 1],
                cue=cue,
                sign=sign,
            )
            for name in BLOCKS
        ]
        trees[task, task.split("/")[0]] = [root, *after]
    return write_bank(path, trees)


def chance_bank(path, tasks=60, seed=0):
    """Which of the blocks is right is drawn for each task, and nothing in sight tells which: no policy helps.

    Whoever has seen a task recognises it by its cue and knows the answer; whoever has not is right one time in three.
    """
    drawn = np.random.default_rng(seed + 1).integers(len(BLOCKS), size=tasks)
    even = {"reason": 200, "program": 200, "verify": 200}
    return flat_bank(path, {f"f{n % 2}/{n:03}": {BLOCKS[place]} for n, place in enumerate(drawn)}, seed, even)
