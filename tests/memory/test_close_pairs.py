"""Close pairs: what the short comparison finds is exactly what a full one finds, in whatever blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.close_pairs import ClosePairs, Pairs, closest, joined

FLOOR = 0.9


def vectors(rng, count, dimensions, spread):
    """Unit vectors around a few common directions: the less the spread, the more of them are close."""
    centres = rng.standard_normal((3, dimensions))
    made = centres[rng.integers(3, size=count)] + spread * rng.standard_normal((count, dimensions))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    dimensions=st.sampled_from([1, 2, 31, 33, 100]),
    spread=st.sampled_from([0.0, 0.2, 0.5, 2.0]),
)
def test_it_finds_exactly_what_a_full_comparison_finds(seed, sizes, dimensions, spread):
    rng = np.random.default_rng(seed)
    queries, block = (vectors(rng, size, dimensions, spread) for size in sizes)
    found = ClosePairs(queries, FLOOR).among(block)
    similar = queries.astype(np.float64) @ block.T.astype(np.float64)
    mine = set(zip(found.row.tolist(), found.place.tolist(), strict=True))
    assert len(mine) == len(found.row)
    assert {tuple(pair) for pair in np.argwhere(similar >= FLOOR + 1e-5).tolist()} <= mine
    assert mine <= {tuple(pair) for pair in np.argwhere(similar >= FLOOR - 1e-5).tolist()}
    np.testing.assert_allclose(found.similarity, similar[found.row, found.place], atol=1e-5)


def test_more_queries_than_a_product_takes_are_all_compared():
    made = vectors(np.random.default_rng(0), 2500, 48, 1.0)
    found = ClosePairs(made, FLOOR).among(made[:10])
    assert {(place, place) for place in range(10)} <= set(zip(found.row.tolist(), found.place.tolist(), strict=True))
    last = ClosePairs(made, FLOOR).among(made[-1:])
    assert 2499 in last.row.tolist()
    every = ClosePairs(np.repeat(made[:1], 1500, axis=0), FLOOR).among(made[:1])
    assert every.row.tolist() == list(range(1500))


def test_hardly_any_pair_is_compared_in_full(monkeypatch):
    made = vectors(np.random.default_rng(1), 1000, 384, 1.5)
    compared = []
    einsum = np.einsum
    monkeypatch.setattr("numpy.einsum", lambda how, *of: compared.append(len(of[0])) or einsum(how, *of))
    pairs = ClosePairs(made, 0.95)
    compared.clear()
    found = pairs.among(made)
    assert len(found.row) == 1000  # each with itself
    assert compared[-1] < 0.01 * 1000**2


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.95, 0.96, 1.0])), max_size=30), st.integers(1, 4))
def test_of_each_row_the_closest_are_kept_and_of_equals_the_earliest(found, most):
    rows = np.array([row for row, _ in found], dtype=np.int64)
    similar = np.array([similarity for _, similarity in found], dtype=np.float32)
    kept = closest(Pairs(rows, np.arange(len(found)), similar), most)
    due = [
        (row, place)
        for row in range(5)
        for place in sorted(np.flatnonzero(rows == row).tolist(), key=lambda place: (-similar[place], place))[:most]
    ]
    assert list(zip(kept.row.tolist(), kept.place.tolist(), strict=True)) == due
    half = len(found) // 2
    parts = [Pairs(rows[part], np.arange(len(found))[part], similar[part]) for part in (slice(half), slice(half, None))]
    again = closest(joined([closest(parts[0], most), parts[1]]), most)
    assert again.place.tolist() == kept.place.tolist()


@pytest.mark.parametrize("count", [0, 1])
def test_a_block_of_nothing_or_of_one(count):
    queries = vectors(np.random.default_rng(2), 3, 8, 1.0)
    assert len(ClosePairs(queries, -1.0).among(queries[:count]).row) == 3 * count
