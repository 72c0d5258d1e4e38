"""The mean of several networks as one network, their layers side by side; and the networks of such a mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Floats
from pilotage.navigator.policies.learned import Layers


def mean_network(networks: Sequence[Layers]) -> Layers:
    """One network whose outputs are the means of those of networks of equal shape."""
    depth = len(networks[0])
    combined: list[tuple[Floats, Floats]] = []
    for place in range(depth):
        weights = [network[place][0] for network in networks]
        biases = [network[place][1] for network in networks]
        if place == depth - 1:
            share = np.float32(1 / len(networks))
            last = np.concatenate(weights, axis=1) if depth > 1 else np.sum(weights, axis=0)
            combined.append((last * share, np.sum(biases, axis=0) * share))
        elif place == 0:
            combined.append((np.concatenate(weights), np.concatenate(biases)))
        else:
            combined.append((_beside_each_other(weights), np.concatenate(biases)))
    return combined


def members(layers: Layers, count: int) -> list[Layers]:
    """The networks whose mean `mean_network` gave.

    Only the sum of their last biases is known, so each has the mean: members differ from what they were by a constant
    an action, and their mean does not.

    Raises:
        PolicyError: the layers are not those of so many networks of equal shape.
    """
    found: list[list[tuple[Floats, Floats]]] = [[] for _ in range(count)]
    for place, (weights, bias) in enumerate(layers):
        first, last = place == 0, place == len(layers) - 1
        if (not last and len(weights) % count) or (not first and weights.shape[1] % count):
            raise PolicyError(f"the policy to go on from is not the mean of {count} networks: train it anew")
        for number, network in enumerate(found):
            rows = slice(None) if last else _part(len(weights), number, count)
            columns = slice(None) if first else _part(weights.shape[1], number, count)
            own = weights[rows, columns] * np.float32(count if last and not first else 1)
            network.append((np.ascontiguousarray(own), bias[rows]))
    return list(found)


def _part(size: int, number: int, count: int) -> slice:
    return slice(number * size // count, (number + 1) * size // count)


def _beside_each_other(matrices: Sequence[Floats]) -> Floats:
    rows, columns = sum(m.shape[0] for m in matrices), sum(m.shape[1] for m in matrices)
    whole = np.zeros((rows, columns), dtype=np.float32)
    row = column = 0
    for matrix in matrices:
        whole[row : row + matrix.shape[0], column : column + matrix.shape[1]] = matrix
        row, column = row + matrix.shape[0], column + matrix.shape[1]
    return whole
