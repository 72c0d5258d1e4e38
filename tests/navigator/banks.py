"""Banks made up for tests: small random trees, and a bank on which the best policy is known by construction."""

import numpy as np

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import BankMeta, Node, TaskHeader, child_id
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.spaces import ActionSpec, Feature, ObservationSpec
from pilotage.navigator.values.rollout import Outcomes

ACTIONS = ActionSpec(("reason", "program", "verify", "answer"))
BLOCKS = ("reason", "program", "verify")
MAX_STEPS = 4
OBSERVATIONS = ObservationSpec(
    (
        Feature("steps_taken", 0, 8),
        Feature("steps_left", 0, 8),
        Feature("budget_left", 0, 1),
        *(Feature(f"count_{name}", 0, 8) for name in BLOCKS),
        Feature("cue", -1, 1),  # what the family looks like
        Feature("sign", -1, 1),  # free evidence that the answer at hand is right
    )
)
META = BankMeta(
    ACTIONS,
    OBSERVATIONS,
    model="scripted",
    budget={"max_steps": MAX_STEPS},
    prompt_hash="0" * 16,
    created="2026-11-01T00:00:00+00:00",
    package_version="0.1.0",
)


def usage(tokens):
    """A usage of so many tokens in all."""
    tokens = round(tokens)
    return {
        "prompt_tokens": tokens // 3,
        "completion_tokens": tokens - tokens // 3,
        "cached_tokens": 0,
        "llm_calls": int(tokens > 0),
        "seconds": tokens / 20,
    }


def observed(route, cue=0.0, sign=0.0):
    """The observation after a route."""
    values = {
        "steps_taken": len(route),
        "steps_left": MAX_STEPS - len(route),
        "budget_left": 1 - len(route) / 8,
        **{f"count_{name}": route.count(name) for name in BLOCKS},
        "cue": cue,
        "sign": sign,
    }
    return OBSERVATIONS.vector(values).tolist()


def node(route=(), *, score=0.0, cost=100, answer_cost=10, mask=None, cue=0.0, sign=0.0, parent=None, sample=0, **more):
    """A node after a route. `parent` is the id of the one before, if samples make it differ from the plain one."""
    route = tuple(route)
    if route and parent is None:
        parent = "/".join(("r", *route[:-1]))
    if mask is None:
        legal = BLOCKS if len(route) < MAX_STEPS - 1 else ()
        mask = ACTIONS.mask(legal).tolist()
    given = {
        "id": child_id(parent, route[-1], sample) if route else "r",
        "parent": parent,
        "action": route[-1] if route else None,
        "observation": observed(route, cue, sign),
        "mask": mask,
        "candidate": "42" if route else None,
        "evidence": {},
        "text": " then ".join(route),
        "usage": usage(cost if route else 0),
        "answer": "42",
        "score": score,
        "answer_usage": usage(answer_cost),
        "sample": sample,
    }
    return Node(**{**given, **more})


def write_bank(path, trees, meta=META):
    """Writes `{task: nodes}` or `{(task, family): nodes}`, and opens the bank."""
    with BankWriter(path, meta) as writer:
        for key, nodes in trees.items():
            task, family = key if isinstance(key, tuple) else (key, key.split("/")[0])
            writer.begin(TaskHeader(task, family, "numeric", "made up"))
            writer.add(task, *nodes)
    return Bank.open(path)


def random_nodes(generator, depth=3, samples=2, coverage=0.8):
    """A random tree: random legal actions, some of them not recorded, one or more samples of each, random scores."""
    nodes = []

    def grow(route, parent, sample):
        legal = [name for name in BLOCKS if generator.random() < 0.8] if len(route) < depth else []
        terminal = bool(route and not legal and generator.random() < 0.3)
        nodes.append(
            node(
                route,
                parent=parent,
                sample=sample,
                mask=ACTIONS.mask(legal).tolist(),
                score=float(generator.choice([0, 0.5, 1], p=[0.5, 0.1, 0.4])),
                cost=int(generator.integers(0, 300)),
                answer_cost=int(generator.integers(0, 2) * generator.integers(0, 40)),
                sign=float(generator.uniform(-1, 1)),
                terminal=terminal,
            )
        )
        here = nodes[-1].id
        for name in legal:
            if generator.random() < coverage:
                for repeat in range(int(generator.integers(1, samples + 1))):
                    grow((*route, name), here, repeat)

    grow((), None, 0)
    return nodes


def random_bank(path, seed=0, tasks=4, depth=3, samples=2, coverage=0.8):
    """A bank of random trees in two families."""
    generator = np.random.default_rng(seed)
    made = {(f"t{n}", f"f{n % 2}"): random_nodes(generator, depth, samples, coverage) for n in range(tasks)}
    return write_bank(path, made)


FAMILIES = {"easy": -0.8, "sums": 0.0, "words": 0.8}
"""Families of `learnable_bank`, and the cue that each shows."""


def learnable_bank(path, tasks=60, seed=0, noise=0.1, depth=3):
    """A bank on which the best policy is known: full trees to `depth`, and one cue that tells what works.

    easy: stopping at once is right. sums: a program is right in 9 of 10 cases, and `verify` mends the rest; `sign` says
    which. words: reasoning is right. A policy that reads cue and sign gets all tasks right at the least cost; a fixed
    sequence that does must pay for every block on every task.
    """
    generator = np.random.default_rng(seed)
    made = {}
    names = list(FAMILIES)
    for number in range(tasks):
        family = names[number % len(names)]
        cue = float(np.clip(FAMILIES[family] + generator.normal(0, noise), -1, 1))
        made[f"{family}/{number}", family] = _learnable(family, cue, bool(generator.random() < 0.9), depth)
    return write_bank(path, made)


def _learnable(family, cue, program_right, depth):
    nodes = []

    def right(route):
        if family == "easy":
            return True
        if family == "sums":
            return "program" in route and (program_right or route[-1] == "verify" or "verify" in route)
        return "reason" in route

    def grow(route):
        sign = 0.0 if not route else (0.9 if right(route) else -0.9)
        legal = BLOCKS if len(route) < depth else ()
        cost = {"reason": 300, "program": 150, "verify": 200}[route[-1]] if route else 0
        nodes.append(
            node(
                route,
                score=float(right(route)),
                mask=ACTIONS.mask(legal).tolist(),
                cost=cost,
                answer_cost=0 if route else 20,
                cue=cue,
                sign=sign,
            )
        )
        for name in legal:
            grow((*route, name))

    grow(())
    return nodes


def children_of(tree):
    """Node id -> action -> the nodes it led to, one a sample."""
    found = {id: {} for id in tree.nodes}
    for one in tree:
        if one.parent is not None:
            found[one.parent].setdefault(one.action, []).append(one)
    return found


def decisions(arrays, policy):
    """What a policy does in each state, as probabilities of shape (n, a), where it sees as legal what was recorded."""
    rows = zip(arrays.features, arrays.playable, strict=True)
    return np.array([policy.decide(seen, mask).distribution(len(mask)) for seen, mask in rows])


def by_recursion(arrays, probabilities):
    """What acting with these probabilities, shape (n, a), brings on each task, from the leaves to the roots."""
    stops = np.where(arrays.ended, 1.0, probabilities[:, arrays.terminal])
    found = np.column_stack([stops * arrays.score, stops * arrays.answer_cost, np.zeros(len(arrays))])
    for state in reversed(range(len(arrays))):  # children come after their parents
        found[state, 1] += arrays.cost[state]
        before, action = arrays.parent[state], arrays.action[state]
        if before >= 0 and not arrays.ended[before]:
            share = probabilities[before, action] / arrays.samples[before, action]
            found[before] += share * (found[state] + [0, 0, 1])
    return Outcomes(arrays.tasks, arrays.families, *found[arrays.roots].T)
