"""The nearest rows are those of a full stable sort of exact distances, ties and crowds included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator.policies.neighbours import Neighbours


def by_sorting(rows, query, pool, k, allowed):
    distances = ((rows - query) ** 2).sum(axis=1)
    kept = [one for one in pool if allowed[one]]
    return sorted(kept, key=lambda one: (distances[one], one))[:k]


def check(rows, queries, pools, k, forbidden=None):
    neighbours = Neighbours(rows, pools, k)
    found = neighbours.of_all(queries, forbidden)
    for place, query in enumerate(queries):
        allowed = np.ones(len(rows), dtype=bool) if forbidden is None else ~forbidden[place]
        for pool, (who, known) in zip(pools, found, strict=True):
            assert who[place, known[place]].tolist() == by_sorting(rows, query, pool, k, allowed)
            assert who.shape == (len(queries), min(k, len(pool)))
    if forbidden is None:
        for one, (who, _) in zip(neighbours.of(queries[0]), found, strict=True):
            assert one.tolist() == who[0].tolist()


@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(1, 20), st.sampled_from([1.0, 1000.0]))
def test_they_are_those_of_a_full_sort(seed, count, k, far):
    generator = np.random.default_rng(seed)
    shift = generator.uniform(
        0, far
    )  # rows that are near to each other and far from 0 are told apart by rounding alone
    rows = (generator.normal(size=(count, 7)) + shift).astype(np.float32)
    queries = np.concatenate([rows[: min(5, count)], (generator.normal(size=(4, 7)) + shift).astype(np.float32)])
    pools = [np.arange(count), np.flatnonzero(generator.random(count) < 0.3)]
    pools = [pool for pool in pools if len(pool)]
    check(rows, queries, pools, k)
    check(rows, queries, pools, k, generator.random((len(queries), count)) < generator.choice([0.1, 0.9, 1.0]))


@given(st.integers(0, 1000), st.integers(1, 8))
def test_of_equals_the_first_are_found(seed, k):
    """Rows of few values: nearly all distances are shared by many."""
    rows = np.random.default_rng(seed).integers(0, 2, size=(300, 4)).astype(np.float32)
    check(rows, rows[:20], [np.arange(300), np.arange(0, 300, 3)], k)


def test_rows_that_differ_by_less_than_a_product_can_tell_are_told_apart():
    """Far from 0 the rounding of a product is larger than the whole distance."""
    steps = np.arange(400, dtype=np.float32)[:, None] * np.float32(2**-10)
    rows = np.concatenate([np.full((400, 30), 3.0, dtype=np.float32), 3 + steps], axis=1)
    query = rows[200:201]
    quick = (rows**2).sum(axis=1) - 2 * (rows @ query[0]) + (query[0] ** 2).sum()
    assert quick.argmin() != 200 or (np.diff(np.sort(quick)[:6]) == 0).any(), "a product alone would not do"
    check(rows, query, [np.arange(400)], 5)


@pytest.mark.parametrize("k", [1, 3, 500])
def test_a_pool_smaller_than_k_is_found_whole(k):
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    check(rows, rows[:3], [np.array([7]), np.array([3, 9, 12]), np.arange(40)], k)
