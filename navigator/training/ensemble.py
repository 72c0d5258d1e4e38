"""The mean of several networks as one network, their layers side by side; and the networks of such a mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.policies.learned import Layers


def mean_network(networks: Sequence[Layers]) -> Layers:
    """One network whose outputs are the means of those of networks of equal shape."""
    count, depth = len(networks), len(networks[0])
    share = np.float32(1 / count)
    combined: list[tuple[Float32s, Float32s]] = []
    for place in range(depth):
        weights = np.stack([network[place][0] for network in networks])
        biases = np.stack([network[place][1] for network in networks])
        _, rows, columns = weights.shape
        if place == depth - 1:
            last = np.concatenate(weights, axis=1) if depth > 1 else np.sum(weights, axis=0)
            combined.append((last * share, np.sum(biases, axis=0) * share))
        elif place == 0:
            combined.append((np.concatenate(weights), biases.ravel()))
        else:
            blocks = np.zeros((count, rows, count, columns), dtype=np.float32)
            blocks[range(count), :, range(count)] = weights
            combined.append((blocks.reshape(count * rows, count * columns), biases.ravel()))
    return combined


def members(layers: Layers, count: int) -> list[Layers]:
    """The networks whose mean `mean_network` gave.

    Only the sum of their last biases is known, so each has the mean: members differ from what they were by a constant
    an action, and their mean does not.

    Raises:
        PolicyError: the layers are not those of so many networks of equal shape.
    """
    networks: list[list[tuple[Float32s, Float32s]]] = [[] for _ in range(count)]
    for place, (weights, bias) in enumerate(layers):
        first, last = place == 0, place == len(layers) - 1
        height, width = (1 if last else count), (1 if first else count)  # how many networks share rows and columns
        if len(weights) % height or weights.shape[1] % width:
            raise PolicyError(f"the policy to go on from is not the mean of {count} networks: train it anew")
        blocks = weights.reshape(height, len(weights) // height, width, -1)
        for number, network in enumerate(networks):
            row, column = min(number, height - 1), min(number, width - 1)
            own = blocks[row, :, column] * np.float32(count if last and not first else 1)
            network.append((np.ascontiguousarray(own), bias.reshape(height, -1)[row]))
    return list(networks)
