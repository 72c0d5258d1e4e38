"""What makes a recorded node sound. The writer, the reader and `verify` all ask here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pilotage.navigator.bank.records import ROOT, BankMeta, Node, child_id

HIDDEN = frozenset({"gold", "gold_answer", "hidden_answer", "hidden_tests"})
"""Keys under which a hidden answer would travel; none may stand in a bank."""


PAID = ("prompt_tokens", "completion_tokens")
"""Of these a usage tells one at the least: costs are made of them."""

MOST = 1e12
"""Tokens, calls or seconds of one step that can be meant."""


def faults(node: Node, parent: Node | None, meta: BankMeta) -> Iterator[str]:
    """What is wrong with a node, one clause each; `parent` is None where the node that it names is not there."""
    yield from _place(node, parent, meta)
    yield from _observation(node, meta)
    actions = meta.actions
    if len(node.mask) != len(actions):
        yield f"its mask has {len(node.mask)} entries, the bank {len(actions)} actions"
    elif not node.mask[actions.index(actions.terminal)]:
        yield f"its mask forbids the terminal action {actions.terminal!r}"
    if isinstance(node.score, bool) or not 0 <= node.score <= 1:  # NaN too
        yield f"its score {node.score} is not between 0 and 1"
    yield from _candidate_score(node)
    for name, usage in (("usage", node.usage), ("answer_usage", node.answer_usage)):
        wrong = [key for key, value in usage.items() if not _is_amount(value)]
        if wrong:
            yield f"its {name} has no amount for {wrong[0]!r}: {usage[wrong[0]]!r}"
        if not usage.keys() & set(PAID):
            yield f"its {name} tells neither {' nor '.join(PAID)}, and what a step costs is made of them"
    for name, data in (("evidence", node.evidence), ("extras", node.extras)):
        if leaked := sorted(HIDDEN & set(_keys(data))):
            yield f"its {name} holds a hidden answer under {leaked[0]!r}; banks hold scores only"


def _place(node: Node, parent: Node | None, meta: BankMeta) -> Iterator[str]:
    if node.parent is None:
        if node.id != ROOT or node.action is not None:
            yield f"it has no parent, so it must be the root {ROOT!r} and have no action"
        return
    if parent is None:
        yield f"its parent {node.parent!r} is not recorded before it"
        return
    if node.action is None or node.action not in meta.actions.names:
        yield f"its action {node.action!r} is not in the bank's action list"
        return
    if node.action == meta.actions.terminal:
        yield f"the terminal action {node.action!r} has no node of its own: answer, score and answer_usage say it"
    if isinstance(node.sample, bool) or node.sample < 0 or node.id != child_id(parent.id, node.action, node.sample):
        yield f"its id does not spell parent {parent.id!r}, action {node.action!r}, sample {node.sample}"
    place = meta.actions.index(node.action)
    if place < len(parent.mask) and not parent.mask[place]:
        yield f"its action {node.action!r} was not legal at {parent.id!r}"
    if parent.terminal:
        yield f"it follows {parent.id!r}, where the run had ended"


def _candidate_score(node: Node) -> Iterator[str]:
    score = node.candidate_score
    if score is None:
        return
    if isinstance(score, bool) or not 0 <= score <= 1:
        yield f"its candidate_score {score} is not between 0 and 1"
    elif node.candidate is None:
        yield f"it has no candidate, but the candidate_score {score}"
    elif node.candidate == node.answer and score != node.score:
        yield f"its candidate is its answer, so its candidate_score {score} must be the score {node.score}"


def _observation(node: Node, meta: BankMeta) -> Iterator[str]:
    spec = meta.observations
    if len(node.observation) != len(spec):
        yield f"its observation has {len(node.observation)} numbers, the bank {len(spec)} features"
        return
    try:
        with np.errstate(over="ignore"):  # what is too great is not finite below
            seen = np.asarray(node.observation, dtype=np.float32)
    except (OverflowError, TypeError, ValueError) as error:
        yield f"its observation holds what is no such number: {error}"
        return
    for place in np.flatnonzero(~np.isfinite(seen)):
        yield f"its observation is not finite: {spec.names[place]} = {seen[place]}"
    for place in np.flatnonzero((seen < spec.low) | (seen > spec.high)):
        feature = spec.features[place]
        yield f"its observation is out of bounds: {feature.name} = {seen[place]}, not {feature.low} to {feature.high}"


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST


def _keys(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key)
            yield from _keys(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _keys(value)
