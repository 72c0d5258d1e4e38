"""The mean of several networks as one network: their layers side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from navigator.inputs import Floats
from navigator.learned import Layers


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


def _beside_each_other(matrices: Sequence[Floats]) -> Floats:
    rows, columns = sum(m.shape[0] for m in matrices), sum(m.shape[1] for m in matrices)
    whole = np.zeros((rows, columns), dtype=np.float32)
    row = column = 0
    for matrix in matrices:
        whole[row : row + matrix.shape[0], column : column + matrix.shape[1]] = matrix
        row, column = row + matrix.shape[0], column + matrix.shape[1]
    return whole
