"""Banks made up for tests, of the shape that RL of Thoughts has: seven scores and five actions."""

import numpy as np

from pilotage.navigator.bank.records import BankMeta, Node, child_id
from pilotage.navigator.spaces import ActionSpec, Feature, ObservationSpec
from tests.navigator.banks import usage, write_bank

ACTIONS = ActionSpec(("reason", "decompose", "debate", "reflect", "answer"))
OBSERVATIONS = ObservationSpec(tuple(Feature(name, -1, 3) for name in ("a1", "a2", "a3", "b1", "b2", "c1", "c2")))
META = BankMeta(ACTIONS, OBSERVATIONS, preset="rlot", model="scripted", budget={"max_steps": 6}, prompt_hash="0" * 16)


def rlot_bank(path, tasks=12, depth=2, seed=0):
    """Full trees: stopping is right after `reflect`, and where the last score is 3."""
    draw = np.random.default_rng(seed)
    return write_bank(path, {(f"t{n}", f"f{n % 2}"): _nodes(draw, depth) for n in range(tasks)}, META)


def _nodes(draw, depth):
    nodes = []

    def grow(parent, action, level):
        legal = [name for name in ACTIONS.names[:4] if level or name != "reflect"] if level < depth else []
        seen = draw.integers(0, 4, 7).astype(float).tolist() if parent else [-1.0] * 7
        nodes.append(
            Node(
                id=child_id(parent, action) if parent else "r",
                parent=parent,
                action=action,
                observation=seen,
                mask=ACTIONS.mask(legal).tolist(),
                candidate="42",
                evidence={},
                text=f"{action} at level {level}" if parent else "",
                usage=usage(100 if parent else 0),
                answer="42",
                score=float(action == "reflect" or seen[-1] == 3),
                answer_usage=usage(10),
                extras={} if parent else {"prompt": "0" * 16},
            )
        )
        here = nodes[-1].id
        for name in legal:
            grow(here, name, level + 1)

    grow(None, None, 0)
    return nodes
