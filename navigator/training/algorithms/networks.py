"""Networks in torch, and their way to and from the plain layers of a policy file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import nn

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.policies.learned import Layers

IMPOSSIBLE = -1e9
"""Value of an action that the mask forbids: no maximum takes it."""


def dense(inputs: int, outputs: int, hidden: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    sizes = [inputs, *hidden, outputs]
    modules: list[nn.Module] = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        modules += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


class Dueling(nn.Module):
    """Q = V + A - mean A, each stream with a hidden layer of its own, the last one (Wang et al. 2016).

    With 7 inputs, hidden layers (32, 32) and 5 actions this is RLoT's navigator of 2,566 parameters (arXiv 2505.14140).
    """

    def __init__(self, inputs: int, actions: int, hidden: Sequence[int]) -> None:
        super().__init__()
        if not hidden:
            raise PolicyError("a duelling network needs at least one hidden layer, for example 32,32")
        *shared, stream = hidden
        self.trunk = nn.Sequential(*dense(inputs, shared[-1], shared[:-1]), nn.ReLU()) if shared else nn.Sequential()
        width = shared[-1] if shared else inputs
        self.value = dense(width, 1, [stream])
        self.advantage = dense(width, actions, [stream])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Inputs of shape (n, inputs) to values of shape (n, actions)."""
        x = self.trunk(x)
        advantage = self.advantage(x)
        return cast(torch.Tensor, self.value(x) + advantage - advantage.mean(dim=1, keepdim=True))

    def layers(self) -> Layers:
        """The same function as plain layers: the streams side by side, their sum in the last layer."""
        value, advantage = plain_layers(self.value), plain_layers(self.advantage)
        (value_in, value_out), (advantage_in, advantage_out) = value, advantage
        wide = [np.concatenate(pair) for pair in zip(value_in, advantage_in, strict=True)]
        centred = [array - array.mean(axis=0, keepdims=True) for array in advantage_out]
        out = np.concatenate([np.repeat(value_out[0], len(centred[0]), axis=0), centred[0]], axis=1)
        return [*plain_layers(self.trunk), (wide[0], wide[1]), (out, value_out[1] + centred[1])]

    def adopt(self, layers: Layers) -> None:
        """Takes over layers that `layers` gave; raises PolicyError where they have other sizes."""
        *shared, (wide, wide_bias), (out, out_bias) = layers
        stream = len(wide) // 2
        common = out[:, :stream].mean(axis=0, keepdims=True)
        rest = out[:, :stream] - common
        value = [(wide[:stream], wide_bias[:stream]), (common, out_bias.mean(keepdims=True))]
        advantage = [(wide[stream:], wide_bias[stream:]), (out[:, stream:], out_bias - out_bias.mean())]
        if np.abs(rest).max(initial=0) > 1e-4:
            raise PolicyError("the policy to go on from has no duelling heads: give one of the same algorithm")
        for module, parts in ((self.trunk, shared), (self.value, value), (self.advantage, advantage)):
            adopt_plain(module, parts)


def plain_layers(network: nn.Sequential) -> list[tuple[Float32s, Float32s]]:
    """Weights and biases of the linear layers, as numpy."""
    linear = [module for module in network if isinstance(module, nn.Linear)]
    return [(m.weight.detach().numpy().copy(), m.bias.detach().numpy().copy()) for m in linear]


def adopt_plain(network: nn.Sequential, layers: Layers) -> None:
    """Sets the linear layers of a network; raises PolicyError where sizes differ."""
    linear = [module for module in network if isinstance(module, nn.Linear)]
    if [m.weight.shape for m in linear] != [weights.shape for weights, _ in layers]:
        raise PolicyError("the policy to go on from has other layers: give one of the same size that is no ensemble")
    with torch.no_grad():
        for module, (weights, bias) in zip(linear, layers, strict=True):
            module.weight.copy_(torch.from_numpy(np.array(weights)))
            module.bias.copy_(torch.from_numpy(np.array(bias)))


def masked(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Values with those of forbidden actions made impossible; both of shape (n, actions)."""
    return values.masked_fill(~mask, IMPOSSIBLE)
