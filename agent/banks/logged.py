"""Logged: runs of results files as a log by which other policies can be judged (`pilotage.navigator.off_policy`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from pilotage.agent.banks.traces import result_lines
from pilotage.agent.errors import UsageError
from pilotage.agent.routing.observation import registry_for, spec_for
from pilotage.agent.run import Navigation
from pilotage.agent.trace import CostEntry, DecisionRecord, total
from pilotage.navigator.bank.records import TOKENS_PER_COST, cost_of
from pilotage.navigator.off_policy import Episode, Log
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

LEARNING = "distil"
"""CostEntry of writing to memory, which comes after the run and is none of its navigator's doing."""


@dataclass
class LoggedRuns:
    """What results files hold: runs, who made them with which model, and the lines that are left out and why."""

    log: Log
    policies: tuple[str, ...]
    model: str
    left_out: list[tuple[str, str]] = field(default_factory=list)


def logged_runs(files: Sequence[Path]) -> LoggedRuns:
    """Reads the runs of results files, as `pilotage solve --tasks` writes them.

    Raises:
        UsageError: a file is none, the runs are of different models or presets, or none can be used.
    """
    episodes: list[Episode] = []
    left_out: list[tuple[str, str]] = []
    policies: dict[str, None] = {}
    settings: dict[str, Any] = {}
    specs: tuple[ActionSpec, ObservationSpec] | None = None
    for file in files:
        for number, line in result_lines(file):
            where = f"{file}, line {number}"
            navigation = _navigation(line, where)
            if isinstance(navigation, str):
                left_out.append((where, navigation))
                continue
            for name, value in {"model": line.get("model"), "observation preset": navigation.preset}.items():
                if settings.setdefault(name, value) != value:
                    raise UsageError(
                        f"{where} has the {name} {value!r}, the lines before {settings[name]!r}: estimate from each on "
                        "its own"
                    )
            if specs is None:
                registry = registry_for(navigation.preset)
                specs = registry.actions, spec_for(navigation.preset, registry)
            if (navigation.actions, navigation.features) != tuple(spec.schema_hash for spec in specs):
                left_out.append((where, "it was made with other blocks or features than those installed"))
                continue
            episodes.append(_episode(line, navigation, *specs))
            policies[str(line.get("policy"))] = None
    if specs is None or not episodes:
        why = f": {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise UsageError(f"no run in {', '.join(map(str, files))} can be used{why}")
    return LoggedRuns(Log.of(episodes, *specs), tuple(policies), str(settings["model"]), left_out)


def _navigation(line: Mapping[str, Any], where: str) -> Navigation | str:
    """What a line says of its decisions, or why it cannot be used."""
    if line.get("score") is None:
        return "its task has no gold answer, so nothing says how good it was"
    if line.get("abstained"):
        return "its answer was withheld, so its score is not that of what its navigator did"
    if line.get("escalated") is not None:
        return "a second model solved it anew, so two navigators had a part in it"
    if "navigation" not in line:
        return "it tells no decisions: it was made by an older version, or ended before the first one"
    try:
        return Navigation.model_validate(line["navigation"])
    except ValidationError as error:
        raise UsageError(f"{where} is damaged: its decisions cannot be read") from error


def _episode(
    line: Mapping[str, Any], navigation: Navigation, actions: ActionSpec, observations: ObservationSpec
) -> Episode:
    decisions = navigation.decisions
    tokens = [one.tokens for one in decisions]
    learning = total(
        CostEntry.model_validate(one).usage for one in line.get("charges", ()) if one.get("by") == LEARNING
    )
    in_all = TOKENS_PER_COST * (cost_of(line["usage"]) - cost_of(learning.model_dump()))
    costs = np.diff([*tokens, in_all]) / TOKENS_PER_COST
    return Episode(
        task=line["task_id"],
        observations=np.array([one.observation for one in decisions], dtype=np.float32).reshape(len(decisions), -1),
        masks=np.array([actions.mask(one.legal) for one in decisions]),
        actions=[actions.index(one.block) for one in decisions],
        costs=costs.tolist(),
        correct=float(line["score"]),
        behaviour=_behaviour(decisions, actions),
        first_cost=tokens[0] / TOKENS_PER_COST,
    )


def _behaviour(
    decisions: Sequence[DecisionRecord], actions: ActionSpec
) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """How likely each action was, (T, a); None where a decision between several does not tell it."""
    probabilities = np.zeros((len(decisions), len(actions)))
    for row, one in enumerate(decisions):
        by_name = {one.block: 1.0} if len(one.legal) == 1 else one.probabilities
        if by_name is None:
            return None
        for name, probability in by_name.items():
            probabilities[row, actions.index(name)] = probability
    return probabilities
