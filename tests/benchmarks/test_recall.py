"""The benchmark's own logic: a store is built once, a build that was stopped goes on, and later runs only open it."""

import json

import numpy as np
import pytest
import recall

QUERIES = ["How many apples are there in all?", "Rotate the matrix by a quarter turn.", "Which way is the shortest?"]


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(recall, "BATCH", 30)
    monkeypatch.setattr(recall.Source, "texts_per_second", lambda self: 1000.0)
    return recall.Source("hash", 0, tmp_path)


def vectors_of(folder, source):
    with recall.ConceptStore.open(folder, embedder=recall.prepared(source)) as store:
        ids, vectors = recall.stored_vectors(store)
        return [store.get(id).title for id in ids], vectors


def test_a_stopped_build_goes_on_and_ends_as_one_that_was_not_stopped(source, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    recall.built(whole, source, 80, QUERIES)
    add_many, left = recall.ConceptStore.add_many, [1, 1]

    def until_it_is_killed(store, batch, **by):
        left.pop()  # IndexError at the third batch
        return add_many(store, batch, **by)

    monkeypatch.setattr(recall.ConceptStore, "add_many", until_it_is_killed)
    with pytest.raises(IndexError):
        recall.built(stopped, source, 80, QUERIES)
    assert not (stopped / "benchmark.json").exists()
    left.append(1)
    figures = recall.built(stopped, source, 80, QUERIES)
    assert figures["add_all_s"] >= figures["add_first_10000_s"] + figures["add_last_10000_s"]
    titles, vectors = vectors_of(stopped, source)
    assert titles == vectors_of(whole, source)[0] and len(titles) == 80
    np.testing.assert_array_equal(vectors, vectors_of(whole, source)[1])
    assert recall.built(stopped, source, 80, QUERIES) == figures  # and adds nothing, for it would be killed


def test_a_build_that_was_stopped_within_a_batch_is_refused(source, tmp_path):
    folder = tmp_path / "store"
    recall.built(folder, source, 60, QUERIES)
    (folder / "benchmark.json").unlink()
    (folder / "batches.json").write_text(json.dumps(json.loads((folder / "batches.json").read_text())[:1]))
    with pytest.raises(SystemExit, match="--fresh"):
        recall.built(folder, source, 60, QUERIES)


def test_recall_is_measured_against_a_full_comparison(source, tmp_path):
    figures = recall.measure(60, source, QUERIES, 2, tmp_path / "store")
    assert figures["stored"] == 60 and figures["recall_at_10"] == 1.0
    assert 0 < figures["recall_best_p50_ms"] <= figures["recall_all_p95_ms"]
    assert figures["open_total_s"] > 0
    assert all(np.isfinite(value) for value in figures.values())


def test_the_same_queries_are_asked_in_every_run(tmp_path, monkeypatch):
    monkeypatch.setattr(recall, "queries", lambda count, seed: [f"{id(object())} of {seed}"] * count)
    assert recall.kept_queries(tmp_path, 2) == recall.kept_queries(tmp_path, 2)
    assert len(recall.kept_queries(tmp_path, 3)) == 3
