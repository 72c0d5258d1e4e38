"""Logged: the runs of results files as a log by which other policies can be judged (`navigator.off_policy`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from pilotage.agent.banks.traces import result_lines
from pilotage.agent.blocks import Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.routing.observation import registry_for, spec_for
from pilotage.agent.run import Navigation
from pilotage.agent.trace import CostEntry, DecisionRecord, total
from pilotage.navigator.bank.bank import cost_of
from pilotage.navigator.bank.records import TOKENS_PER_COST
from pilotage.navigator.off_policy import Episode, Log
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

LEARNING = "distil"
"""CostEntry of writing to memory, which comes after the run and is none of its navigator's doing."""


@dataclass
class LoggedRuns:
    """What results files hold.

    Attributes:
        log: the runs.
        policies: names of those that made them.
        model: that answered.
        left_out: lines that cannot be used, and why.
    """

    log: Log
    policies: tuple[str, ...]
    model: str
    left_out: list[tuple[str, str]] = field(default_factory=list)


def logged_runs(files: Sequence[Path], registry: Registry | None = None) -> LoggedRuns:
    """Reads the runs of results files.

    Args:
        files: results of `pilotage solve --tasks`.
        registry: the blocks; those of the runs' observation preset if None.

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
            found = _navigation(line, where)
            if isinstance(found, str):
                left_out.append((where, found))
                continue
            _require_same(settings, {"model": line.get("model"), "observation preset": found.preset}, where)
            specs = specs or _specs(found.preset, registry)
            if (found.actions, found.features) != tuple(spec.schema_hash for spec in specs):
                left_out.append((where, "it was made with other blocks or features than those installed"))
                continue
            episodes.append(_episode(line, found, *specs))
            policies[str(line.get("policy"))] = None
    if specs is None or not episodes:
        said = f": {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise UsageError(f"no run in {', '.join(map(str, files))} can be used{said}")
    return LoggedRuns(Log.of(episodes, *specs), tuple(policies), str(settings["model"]), left_out)


def _navigation(line: Mapping[str, Any], where: str) -> Navigation | str:
    """What a line says of its decisions, or why it cannot be used."""
    if line.get("score") is None:
        return "its task has no gold answer, so nothing says how good it was"
    if "navigation" not in line:
        return "it tells no decisions: it was made by an older version, or ended before the first one"
    try:
        return Navigation.model_validate(line["navigation"])
    except ValidationError as error:
        raise UsageError(f"{where} is damaged: its decisions cannot be read") from error


def _require_same(settings: dict[str, Any], given: Mapping[str, Any], where: str) -> None:
    for name, value in given.items():
        if settings.setdefault(name, value) != value:
            raise UsageError(
                f"{where} has the {name} {value!r}, the lines before {settings[name]!r}: estimate from each on its own"
            )


def _specs(preset: str, registry: Registry | None) -> tuple[ActionSpec, ObservationSpec]:
    registry = registry or registry_for(preset)
    return registry.actions, spec_for(preset, registry)


def _episode(line: Mapping[str, Any], found: Navigation, actions: ActionSpec, observations: ObservationSpec) -> Episode:
    decisions = found.decisions
    spent = [one.tokens for one in decisions]
    learning = total(
        CostEntry.model_validate(one).usage for one in line.get("charges", ()) if one.get("by") == LEARNING
    )
    in_all = TOKENS_PER_COST * (cost_of(line["usage"]) - cost_of(learning.model_dump()))
    costs = np.diff([*spent, in_all]) / TOKENS_PER_COST
    return Episode(
        task=line["task_id"],
        observations=np.array([one.observation for one in decisions], dtype=np.float32).reshape(len(decisions), -1),
        masks=np.array([actions.mask(one.legal) for one in decisions]),
        actions=[actions.index(one.block) for one in decisions],
        costs=costs.tolist(),
        correct=float(line["score"]),
        behaviour=_behaviour(decisions, actions),
        first_cost=spent[0] / TOKENS_PER_COST,
    )


def _behaviour(
    decisions: Sequence[DecisionRecord], actions: ActionSpec
) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """How likely each action was, (T, a); None where a decision between several does not tell it."""
    chances = np.zeros((len(decisions), len(actions)))
    for row, one in enumerate(decisions):
        told = {one.block: 1.0} if len(one.legal) == 1 else one.probabilities
        if told is None:
            return None
        for name, chance in told.items():
            chances[row, actions.index(name)] = chance
    return chances
