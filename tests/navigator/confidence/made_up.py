"""A bank on which the probability of a right answer is known: it follows the feature `sign` alone."""

import numpy as np

from tests.navigator.banks import node, write_bank

STEEP = 3.0


def chance(sign):
    return 1 / (1 + np.exp(-STEEP * np.asarray(sign)))


def known_bank(path, tasks=240, families=6, seed=0, scored=True):
    """Two stops a task, each right with the `chance` of its sign; where not `scored`, right by a coin."""
    generator = np.random.default_rng(seed)
    made = {}
    for number in range(tasks):
        nodes = []
        for route in ((), ("reason",)):
            sign = float(generator.uniform(-1, 1))
            right = generator.random() < (chance(sign) if scored else 0.5)
            nodes.append(node(route, score=float(right), sign=sign, cue=float(generator.uniform(-1, 1))))
        made[f"t{number}", f"f{number % families}"] = nodes
    return write_bank(path, made)
