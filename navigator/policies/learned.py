"""LearnedPolicy: a small trained network in numpy, one file, no torch.

Whatever trained it (duelling heads, quantiles, several seeds), its values are those of a plain network with ReLU
layers: value and advantage streams side by side are one wider layer, and their sum, like a mean over quantiles or
seeds, is linear and folds into the last one. A decision takes some ten microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy import matmul, maximum, minimum

from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.inputs import LIMIT, CostWeighting, Float32s, Scaling
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.policy_file import Header, Tensors
from pilotage.navigator.policies.provenance import note
from pilotage.navigator.policies.trained import Meaning, TrainedPolicy
from pilotage.navigator.spaces import ActionMask, Observation

Layers = Sequence[tuple[Float32s, Float32s]]
"""Weights of shape (outputs, inputs) and biases of shape (outputs,), first layer first."""

LARGEST = 1e30
"""Bound on what a network may compute; float32 goes to 3e38."""


class LearnedPolicy(TrainedPolicy):
    """Takes the legal, tried action with the greatest output.

    Args:
        header: specs, algorithm, settings and training card.
        layers: the network. Its inputs are the scaled features, and 1 - effort after them where it was trained for all
            cost weights.
        scaling: of the features.
        effort: `low`, `medium`, `high` or 0 to 1; medium by default.

    Attributes:
        dial: what efforts weigh; None where it was trained for one cost weight.

    Raises:
        PolicyError: layers, scaling and header do not fit each other, or an effort is given and there is none to set.
    """

    def __init__(self, header: Header, layers: Layers, scaling: Scaling, effort: str | float | None = None) -> None:
        super().__init__(header, scaling)
        self.layers = tuple((np.asarray(w, np.float32), np.asarray(b, np.float32)) for w, b in layers)
        self.output: Meaning = self.settings.output
        if not _fit(header, self.layers, scaling, self.dial):
            raise PolicyError("the policy's layers do not fit its header: copy or train the policy anew")
        if self.dial is None and effort is not None:
            raise PolicyError("this policy was trained for one cost weight: for --effort train with --effort-input")
        self.effort = None if self.dial is None else CostWeighting.parse("medium" if effort is None else effort)
        self.name = f"learned:{header.algorithm}" + (f"@{self.effort:g}" if effort is not None else "")
        self._bind()

    def _bind(self) -> None:
        """Lays the layers out for one decision: every array that is ready here saves a call there.

        The effort's column of the first layer is a constant. The scale of the inputs goes into its weights, since
        `clip((x - shift) * scale, low, high)` is `scale * clip(x - shift, low / scale, high / scale)`; the shift does
        not: where it is large against the deviation, the sum would lose digits.
        """
        weights, bias = self.layers[0]
        if self.effort is not None:
            bias = bias + weights[:, -1] * np.float32(1 - self.effort)
            weights = weights[:, :-1]
        scaling = self.scaling
        self._clip = (scaling.shift, scaling.low / scaling.scale, scaling.high / scaling.scale)
        *hidden, last = ((weights * scaling.scale, bias), *self.layers[1:])
        # numpy is slower to compare with a number than with zeros
        self._hidden = [(*_blockwise(w), b, np.zeros_like(b)) for w, b in hidden]
        self._last, self._last_bias = np.ascontiguousarray(last[0].T), last[1]
        self._shape = (len(self.header.observations),)
        self._mask_shape = (len(self.header.actions),)
        self._all = tuple(range(len(self.header.actions)))

    @property
    def cost_weight(self) -> float | None:
        """The cost weight that its values are for: that of its effort, or the one it was trained for."""
        if self.dial is not None and self.effort is not None:
            return self.dial.weight(self.effort)
        return self.settings.cost_weight

    def with_effort(self, effort: str | float) -> Self:
        """The same policy at another effort."""
        return type(self)(self.header, self.layers, self.scaling, effort)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The legal action with the greatest output, among those that were tried in training.

        Raises:
            SpecMismatch: the observation or the mask has another shape, a value is not finite, or nothing is allowed.
        """
        note(self)
        if mask.shape != self._mask_shape:
            self.header.actions.check(mask)
        if observation.shape != self._shape or not math.isfinite(observation.dot(observation)):
            self.header.observations.check(observation)
        shift, low, high = self._clip
        x = observation - shift
        maximum(x, low, out=x)
        minimum(x, high, out=x)
        for weights, parts, bias, zero in self._hidden:
            x = x.dot(weights) if parts is None else matmul(x.reshape(parts), weights).ravel()
            x += bias
            maximum(x, zero, out=x)
        x = x.dot(self._last)
        x += self._last_bias
        values, legal = x.tolist(), mask.tolist()
        best, best_value, second = -1, -math.inf, -math.inf
        for action in self._all if self.support is None else self.support.actions(observation):
            if legal[action]:
                value = values[action]
                if value > best_value:
                    best, best_value, second = action, value, best_value
                elif value > second:
                    second = value
        if best < 0:
            self.header.actions.check(mask)
            raise SpecMismatch("the mask allows nothing that was tried here; the terminal action is always legal")
        if second == -math.inf:
            return Decision(best, "nothing else was tried here", tuple(values) if self.output == "value" else None)
        if self.output == "value":
            return Decision(best, f"worth {best_value - second:.2f} more than the next best", tuple(values))
        return Decision(best, "preferred")

    def outputs(self, observations: Float32s, efforts: Float32s | float | None = None) -> Float32s:
        """Outputs for observations of shape (n, features): shape (n, actions), without any mask.

        Args:
            observations: in natural units.
            efforts: one for all or one for each row; its own if None.
        """
        note(self)
        x = self.scaling(observations)
        if self.dial is not None:
            effort = np.asarray(self.effort if efforts is None else efforts, dtype=np.float32)
            x = np.concatenate([x, np.broadcast_to(1 - effort, (len(x),))[:, None]], axis=1, dtype=np.float32)
        for weights, bias in self.layers[:-1]:
            x = np.maximum(x @ weights.T + bias, 0.0)
        last, bias = self.layers[-1]
        result: Float32s = x @ last.T + bias
        return result

    def choose(self, observations: Float32s, masks: Any) -> Any:
        """Actions of shape (n,) for observations of shape (n, features) and masks of shape (n, actions)."""
        allowed = masks & self.support.masks(observations) if self.support is not None else masks
        return np.where(allowed, self.outputs(observations), -np.inf).argmax(axis=1)

    def tensors(self) -> Tensors:
        """Weights and biases of its layers."""
        parts = [(n, *layer) for n, layer in enumerate(self.layers)]
        return {f"layer.{n}.weight": weights for n, weights, _ in parts} | {f"layer.{n}.bias": b for n, _, b in parts}


def _blockwise(weights: Float32s) -> tuple[Float32s, tuple[int, int, int] | None]:
    """Weights of shape (outputs, inputs), transposed, for one decision; and how to lay out its input.

    The networks of a mean stand side by side, so its inner layers are zero but for blocks on the diagonal: these alone,
    of shape (blocks, inputs, outputs), take a third of the time.
    """
    rows, columns = weights.shape
    for count in range(min(rows, columns), 1, -1):
        if rows % count or columns % count:
            continue
        blocks = weights.reshape(count, rows // count, count, columns // count).transpose(0, 2, 3, 1)
        if not blocks[~np.eye(count, dtype=bool)].any():
            return np.ascontiguousarray(blocks[range(count), range(count)]), (count, 1, columns // count)
    return np.ascontiguousarray(weights.T), None


def _fit(header: Header, layers: Layers, scaling: Scaling, dial: CostWeighting | None) -> bool:
    features, size = len(header.observations), len(header.observations) + (dial is not None)
    if not layers or not scaling.fits(features):
        return False
    reach = LIMIT  # the greatest number that can stand at a layer's inputs: beyond float32, a value would be none
    for weights, bias in layers:
        if weights.ndim != 2 or weights.shape[1] != size or bias.shape != weights.shape[:1] or not len(bias):
            return False
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            return False
        size = len(bias)
        reach = float((np.abs(weights.astype(float)).sum(axis=1) * reach + np.abs(bias)).max())
        if reach >= LARGEST:
            return False
    scaled = np.abs(layers[0][0][:, :features].astype(float)) * scaling.scale  # the scale goes into the first weights
    return size == len(header.actions) and bool((scaled < LARGEST).all())
