"""Space: the architectures that can be proposed, each as a tuple of layers and as the TOML that `archon` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.strategies.composed.layers import Critique, Fuse, Generate, Layer, Rank, UnitTest, Verify

if TYPE_CHECKING:
    from optuna.trial import Trial

Architecture = tuple[Layer, ...]

NOTHING = "nothing"
LAYERS = (NOTHING, Rank.kind, Fuse.kind, Critique.kind, Verify.kind, UnitTest.kind)
"""What may follow the draws."""


@dataclass(frozen=True)
class Space:
    """Which architectures can be proposed.

    Every choice is made in every proposal, also the size of a layer that is left out: a sampler learns more from a
    space of one shape.

    Attributes:
        draws: how many solutions the first layer may draw.
        temperatures: at which.
        routes: how.
        depth: layers behind it at most.
        sizes: solutions that a rank keeps and a fusion writes, requirements that a test has.
    """

    draws: tuple[int, ...] = (1, 2, 3, 5, 8)
    temperatures: tuple[float, ...] = (0.4, 0.7, 1.0)
    routes: tuple[str, ...] = ("reason",)
    depth: int = 3
    sizes: tuple[int, ...] = (1, 2, 3)

    def proposed(self, trial: Trial) -> Architecture:
        """The architecture that a trial's choices describe."""
        layers: list[Layer] = [
            Generate.model_validate(
                {
                    "n": trial.suggest_categorical("draws", self.draws),
                    "temperature": trial.suggest_categorical("temperature", self.temperatures),
                    "route": trial.suggest_categorical("route", self.routes),
                }
            )
        ]
        for place in range(1, self.depth + 1):
            kind = trial.suggest_categorical(f"layer {place}", LAYERS)
            size = trial.suggest_categorical(f"size {place}", self.sizes)
            if kind != NOTHING:
                layers.append(_layer(str(kind), int(size)))
        return trimmed(layers)


def _layer(kind: str, size: int) -> Layer:
    if kind == Rank.kind:
        return Rank(keep=size)
    if kind == Fuse.kind:
        return Fuse(n=size)
    if kind == UnitTest.kind:
        return UnitTest(tests=size)
    return Verify() if kind == Verify.kind else Critique()


def trimmed(layers: Sequence[Layer]) -> Architecture:
    """The same architecture without layers that can change nothing, so that equal ones are known as such.

    A choice among fewer than two solutions is none, and remarks that no later layer reads say nothing.
    """
    kept: list[Layer] = []
    left = 0
    for layer in layers:
        if isinstance(layer, Rank | Verify | UnitTest) and left < 2:
            continue
        if isinstance(layer, Rank):
            layer = Rank(keep=min(layer.keep, left))
        kept.append(layer)
        left = layer.left(left)
    read = False
    for place in reversed(range(len(kept))):
        layer = kept[place]
        if isinstance(layer, Critique) and not read:
            del kept[place]
        # Remarks are of the solutions that they stand at: a fusion writes others.
        read = isinstance(layer, Rank | Fuse) or (read and isinstance(layer, Verify | UnitTest))
    return tuple(kept)


def toml_of(layers: Architecture) -> str:
    """The file that describes an architecture to `strategy:archon;file=`."""
    tables = []
    for layer in layers:
        lines = [f"kind = {json.dumps(layer.kind)}"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in layer.model_dump().items()]
        tables.append("\n".join(["[[layer]]", *lines]))
    return "\n\n".join(tables) + "\n"


def in_words(layers: Architecture) -> str:
    """One line that says what an architecture does: `generate 5 at 0.7, unit-test 3, rank 1`."""
    words = []
    for layer in layers:
        if isinstance(layer, Generate):
            by = "" if layer.route == "reason" else f" by {layer.route}"
            words.append(f"generate {layer.n}{by} at {layer.temperature:g}")
        else:
            words.append(" ".join([layer.kind, *(str(value) for name, value in layer.model_dump().items()
                                                 if name in ("keep", "n", "tests"))]))  # fmt: skip
    return ", ".join(words)
