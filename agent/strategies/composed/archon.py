"""Archon: layers of calls that generate, criticise, rank, combine and check, as a file describes them."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from pilotage.agent.errors import BadReply, BudgetExceeded, ModelUnavailable
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.composed.layers import Critique, Fuse, Generate, Layer, Rank, Solutions, layer_of
from pilotage.agent.strategies.drawing import Drawn, answers_of, chosen
from pilotage.agent.trace import Step
from pilotage.common.faults import first_fault, reason_of
from pilotage.common.paths import expanded

PLAIN = (Generate(n=4), Critique(), Rank(keep=3), Fuse())
"""What is run where no file is given: a pattern of the official configurations, which draw 8, at the size of a run."""
MOST_BYTES = 100_000
MOST_LAYERS = 20


class Archon(Strategy):
    """Runs layers of calls that draw solutions, criticise, rank, combine and check them, as a TOML file describes.

    Saad-Falcon et al. 2024, 'Archon: An Architecture Search Framework for Inference-Time Techniques'
    (github.com/ScalingIntelligence/Archon). A file is a list of layers, the first of which generates:

        [[layer]]
        kind = "generate"   # n, temperature, route
        n = 4
        [[layer]]
        kind = "critique"   # remarks for the layers behind it
        [[layer]]
        kind = "rank"       # keep
        keep = 2
        [[layer]]
        kind = "fuse"       # n, temperature

    and `verify` (threshold) and `unit-test` (tests). The first solution that the last layer leaves is the answer.

    Tokens: those of its layers; a fused or ranked prompt holds every solution so far.

    It helps where a model tells good solutions from bad ones, and combines them, better than it draws them, which small
    models hardly do.
    """

    name = "archon"
    outside = ("file",)

    file: str = Field("", description="TOML file of the layers; by default 4 drawn, criticised, the best 3 combined")

    @model_validator(mode="after")
    def _layers_can_be_read(self) -> Archon:
        _ = self.layers
        return self

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in order. Raises ValueError where the file describes none."""
        return _read(expanded(self.file)) if self.file else PLAIN

    @property
    def reads(self) -> str:
        return self.file

    @property
    def needs_sandbox(self) -> bool:
        return any(isinstance(layer, Generate) and layer.route == "program" for layer in self.layers)

    @property
    def least_calls(self) -> int:
        calls = left = 0
        for layer in self.layers:
            calls, left = calls + layer.calls(left), layer.left(left)
        return calls

    async def run(self, state: State, kit: Kit) -> Step:
        found, chance = Solutions(), self.chance(state, kit)
        limit: BudgetExceeded | None = None
        for layer in self.layers:
            try:
                found = await layer.run(self.name, state, kit, found, chance)
            except BudgetExceeded as reached:
                limit = reached
            except ModelUnavailable:
                raise
            except BadReply as unusable:
                found = Solutions(found.steps, found.remarks, found.drawn, (*found.notes, str(unusable)))
            if limit is not None or not found.steps:
                break
        drawn = found.drawn + Drawn((), limit)
        if not found.steps:
            return chosen(self.name, kit, drawn, None, "; ".join(found.notes))
        best = found.steps[0]
        answer = next(one for one in answers_of(state, drawn.steps) if best in one.steps)
        return chosen(self.name, kit, drawn, answer, "; ".join(found.notes), best=best)


def _read(path: Path) -> tuple[Layer, ...]:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"{path} is longer than a description of layers can be")
        read: dict[str, Any] = tomllib.loads(content.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as TOML ({reason_of(error)})") from None
    tables = read.pop("layer", None)
    if read or not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{path} names no layer: write [[layer]] tables, each with a kind, and nothing else")
    if len(tables) > MOST_LAYERS:
        raise ValueError(f"{path} has {len(tables)} layers, where {MOST_LAYERS} are the most")
    layers = []
    for number, table in enumerate(tables, 1):
        try:
            layers.append(layer_of(table))
        except ValidationError as error:
            place, reason = first_fault(error)
            raise ValueError(f"{path}, layer {number}: {f'{place}: ' if place else ''}{reason}") from None
        except ValueError as error:
            raise ValueError(f"{path}, layer {number}: {error}") from None
    if not isinstance(layers[0], Generate) or any(isinstance(layer, Generate) for layer in layers[1:]):
        raise ValueError(f"{path}: the first layer generates, and no other")
    return tuple(layers)
