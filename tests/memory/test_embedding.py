import shutil
import warnings

import numpy as np
import pytest

from pilotage.common.paths import models_dir
from pilotage.memory.embedders.embedder import Embedder, HashEmbedder, resolve_embedder
from pilotage.memory.errors import EmbedderError
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

TEXTS = [
    "Janet sells the eggs that are left at the market; how much does she make?",
    "short",
    "",
    "two\nlines, ünïcode and 日本語",
    "long " * 400,
]


def cosine(embedder, a, b):
    x, y = embedder.embed([a, b])
    return float(x @ y)


def test_hash_vectors_are_unit_deterministic_and_order_texts_by_shared_words():
    embedder = HashEmbedder()
    made = embedder.embed(TEXTS)
    assert (made.shape, made.dtype) == ((len(TEXTS), embedder.identity.dimensions), np.float32)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(made, HashEmbedder().embed(TEXTS))
    assert cosine(embedder, "rotate a matrix", "matrix rotation") > cosine(embedder, "rotate a matrix", "egg prices")


@pytest.mark.parametrize("kernel", ["Prescott", "Haswell"])
def test_hash_vectors_depend_neither_on_the_process_nor_on_its_blas_kernel(python, monkeypatch, kernel):
    texts = [f"{number} words: " + " ".join(f"word{place}" for place in range(number)) for number in range(100)]
    monkeypatch.setenv("OPENBLAS_CORETYPE", kernel)
    out = python(f"from pilotage.memory import HashEmbedder; print(HashEmbedder().embed({texts!r}).tobytes().hex())")
    assert out.strip() == HashEmbedder().embed(texts).tobytes().hex()


@pytest.mark.parametrize("spec", ["nonsense", "", "sentence-transformers:", "sentence-transformers:/no/such/folder"])
def test_an_unknown_embedder_is_a_sentence(spec, folder):
    with pytest.raises(EmbedderError, match="use 'minilm'|give the folder"):
        ConceptStore.open(folder, embedder=spec)
    assert not folder.exists()


def test_a_model_that_was_not_pulled_is_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path))
    with pytest.raises(EmbedderError, match="pilotage models pull minilm"):
        resolve_embedder("minilm")


@pytest.fixture(scope="module")
def minilm():
    return resolve_embedder("minilm")


@pytest.mark.live
def test_minilm_loads_in_a_fresh_process_without_torch(python):
    python(
        """
        import sys
        from pilotage.memory.embedders.embedder import resolve_embedder
        assert resolve_embedder("minilm").embed(["hello"]).shape == (1, 384)
        assert not {"torch", "transformers", "sentence_transformers", "chromadb"} & set(sys.modules)
        """
    )


@pytest.mark.live
def test_minilm_agrees_with_sentence_transformers_and_shares_its_identity(minilm):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the import of torch and transformers warns of is not ours
        theirs = resolve_embedder("sentence-transformers:all-minilm-l6-v2")
        expected = theirs.embed(TEXTS)
    np.testing.assert_allclose(minilm.embed(TEXTS), expected, atol=1e-5)
    assert minilm.identity == theirs.identity
    assert isinstance(minilm, Embedder) and isinstance(theirs, Embedder)


@pytest.mark.live
def test_minilm_knows_meaning_where_words_differ(minilm, folder):
    with ConceptStore.open(folder, embedder=minilm) as store:
        store.warm()
        cost, _, grid = store.add_many([COST, SPELL, GRID])
        assert store.recall("How many dollars do they pay for 3 apples at 2 dollars each?").ids == (cost,)
        assert store.recall("Spin the square table of numbers by ninety degrees.").ids == (grid,)
        assert store.recall("Who wrote the novel Middlemarch?").abstained


@pytest.mark.live
@pytest.mark.parametrize("damaged", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_damaged_model_is_a_sentence(damaged, tmp_path):
    from pilotage.memory.embedders.bert import BertEmbedder

    copy = tmp_path / "all-minilm-l6-v2"
    shutil.copytree(models_dir() / copy.name, copy)
    (copy / damaged).write_bytes((copy / damaged).read_bytes()[:100])
    with pytest.raises(EmbedderError, match="pull (it|them) again"):
        BertEmbedder(copy).embed(["x"])
