"""The concept store at size: recall, import and opening, each beside what Chroma or a plain comparison would take.

Texts come from a grammar (`concept_grammar.py`), queries are prompts of reasoning-gym. With `--embedder minilm` the
first `--real` texts and all queries are embedded for real, once, into the cache folder; every further vector is a mix
of two real ones and noise (0.35 each), for 100,000 real ones would take an hour on a busy machine. `--embedder hash`
embeds every text. No figure includes embedding. Every query is asked `--rounds` times: `best` is over the fastest
answer to each query, which other load on the machine hardly touches, `all` over every answer.

    python benchmarks/recall.py [--sizes 10000 100000] [--cache FOLDER] [--json]
"""

import argparse
import hashlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
from concept_grammar import drafts, queries

from memory.bulk import NewConcept
from memory.concept import Concept, ConceptDraft
from memory.embedding import EmbedderIdentity, resolve_embedder
from memory.ledger import By
from memory.store import ConceptStore

BATCH = 10_000
QUERY_SEED = 5000  # other queries than those that `ef_search` was chosen on


class Prepared:
    """An embedder whose vectors were made before; the store's own time is what is left."""

    similarity_floor = 0.0

    def __init__(self, name: str, dimensions: int) -> None:
        self.identity = EmbedderIdentity(f"{name}-prepared", dimensions, "v1")
        self.known: dict[str, np.ndarray] = {}

    def warm(self) -> None:
        """Nothing to load."""

    def embed(self, texts):
        return np.stack([self.known[text] for text in texts])


class Source:
    """Vectors of texts, real as far as `real` goes, and kept in a folder."""

    def __init__(self, name: str, real: int, folder: Path) -> None:
        self.embedder = resolve_embedder(name)
        self.real = real if name != "hash" else sys.maxsize
        self.folder = folder
        self.base: np.ndarray | None = None
        self.rate = None

    def embed(self, texts: list[str]) -> np.ndarray:
        """Real vectors of these texts."""
        key = hashlib.sha256("\0".join([self.embedder.identity.key, *texts]).encode()).hexdigest()[:24]
        file = self.folder / f"{key}.npy"
        if not file.exists():
            np.save(file, self.embedder.embed(texts))
        return np.load(file)

    def texts_per_second(self) -> float:
        """How fast texts are embedded for real, now."""
        texts = [draft.search_text for draft in drafts(256, seed=1)]
        started = time.perf_counter()
        self.embedder.embed(texts)
        return len(texts) / (time.perf_counter() - started)

    def vectors(self, texts: list[str], start: int) -> np.ndarray:
        """Vectors of the texts whose first is number `start` of all."""
        if self.base is None:
            self.base = self.embed(texts[: self.real])
        if self.real > start + len(texts):
            return self.base[: len(texts)] if start == 0 else self.embed(texts)
        real = self.base if start == 0 else self.base[:0]
        rng = np.random.default_rng(start)
        first, second = rng.integers(len(self.base), size=(2, len(texts) - len(real)))
        noise = rng.standard_normal((len(first), self.base.shape[1]), dtype=np.float32)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        mixed = self.base[first] + 0.35 * self.base[second] + 0.35 * noise
        return np.vstack([real, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)])


def percentiles(seconds: np.ndarray, name: str) -> dict[str, float]:
    return {f"{name}_p{q}_ms": float(np.percentile(seconds, q)) * 1000 for q in (50, 95)}


def timed(call, asked, rounds: int) -> np.ndarray:
    """Wall-clock seconds [rounds, queries]."""
    taken = np.empty((rounds, len(asked)))
    for line in taken:
        for place, query in enumerate(asked):
            started = time.perf_counter()
            call(query)
            line[place] = time.perf_counter() - started
    return taken


def fill(folder: Path, embedder: Prepared, source: Source, size: int) -> tuple[dict[str, float], np.ndarray, list[str]]:
    """Writes `size` concepts.

    The first batch goes in as users import it, into an empty store, the rest past the search for duplicates, of which
    there are none.
    """
    made = drafts(size)
    parts, ids = [], []
    with ConceptStore.open(folder, embedder=embedder) as store:
        for start in range(0, size, BATCH):
            batch = list(islice(made, BATCH))
            texts = [draft.search_text for draft in batch]
            parts.append(source.vectors(texts, start))
            embedder.known = {"": parts[0][0], **dict(zip(texts, parts[-1], strict=True))}
            before = time.perf_counter()
            if start:
                ids += insert(store, batch, parts[-1])
                continue
            ids += store.add_many(batch, actor="benchmark")
            written = time.perf_counter()
            store.search("")  # which brings the vector index up to date
            figures = {"import_10000_s": written - before, "index_10000_s": time.perf_counter() - written}
        before = time.perf_counter()
        store.search("")
        figures["index_the_rest_s"] = time.perf_counter() - before
    pure = BATCH / source.texts_per_second()
    figures["embed_10000_s"] = pure
    figures["import_over_embedding"] = (pure + figures["import_10000_s"] + figures["index_10000_s"]) / pure
    return figures, np.vstack(parts), ids


def insert(store: ConceptStore, batch: list[ConceptDraft], vectors: np.ndarray) -> list[str]:
    new = []
    for draft, vector in zip(batch, vectors, strict=True):
        concept = Concept(**dict(draft), id=secrets.token_hex(8), namespace=store.namespace)
        new.append(NewConcept(concept, concept.content_hash, vector.astype("<f4").tobytes()))
    with store._ledger.write() as connection:
        store._editor.insert(connection, new, By("benchmark", "", ""))
    return [one.concept.id for one in new]


def opened(folder: Path) -> dict[str, float]:
    """Seconds of a fresh process until the first search of the store is answered."""
    done = subprocess.run(
        [sys.executable, __file__, "--opened", str(folder)], check=True, capture_output=True, text=True
    )
    return {f"open_{key}_s": value for key, value in json.loads(done.stdout).items()}


def open_and_search(folder: Path) -> None:
    facts = json.loads((folder / "benchmark.json").read_text())
    embedder = Prepared(facts["name"], facts["dimensions"])
    embedder.known[facts["query"]] = np.load(folder / "query.npy")
    started = time.perf_counter()
    with ConceptStore.open(folder, embedder=embedder) as store:
        ready = time.perf_counter()
        store.search(facts["query"])
        done = time.perf_counter()
    print(json.dumps({"store": ready - started, "first_search": done - ready, "total": done - started}))


def measure(size: int, source: Source, asked: list[str], rounds: int, folder: Path) -> dict[str, float]:
    name = type(source.embedder).__name__.lower().removesuffix("embedder")
    embedder = Prepared(name, source.embedder.identity.dimensions)
    query_vectors = source.embed(asked)
    figures, vectors, ids = fill(folder, embedder, source, size)
    embedder.known = dict(zip(asked, query_vectors, strict=True))
    np.save(folder / "query.npy", query_vectors[0])
    facts = {"name": name, "dimensions": int(query_vectors.shape[1]), "query": asked[0]}
    (folder / "benchmark.json").write_text(json.dumps(facts))
    figures |= opened(folder)
    row_of = {id_: row for row, id_ in reversed(list(enumerate(ids)))}
    with ConceptStore.open(folder, embedder=embedder) as store:
        store.recall(asked[0], limit=5)
        first = timed(lambda query: store.recall(query, limit=5), asked, 1)
        cpu = time.process_time()
        taken = timed(lambda query: store.recall(query, limit=5), asked, rounds)
        cpu = (time.process_time() - cpu) / taken.size
        alone = timed(
            lambda query: store._vectors._open_view()._collection.query(
                query_embeddings=[embedder.known[query]], n_results=40, include=["distances"]
            ),
            asked,
            rounds,
        )
        brute = timed(lambda query: np.argpartition(vectors @ embedder.known[query], -10), asked[:20], rounds)
        same = 0
        for query in asked:
            found = {row_of[one.id] for one in store._vectors.nearest(embedder.known[query], 40)[:10]}
            similar = vectors @ embedder.known[query]
            tenth = np.partition(similar, -10)[-10]
            same += sum(similar[row] >= tenth - 1e-6 for row in found)
        stored = store.count()
    return {
        "size": size,
        "stored": stored,
        **figures,
        **percentiles(taken.min(axis=0), "recall_best"),
        **percentiles(taken, "recall_all"),
        **percentiles(first, "recall_cold"),
        "recall_cpu_mean_ms": cpu * 1000,
        **percentiles(alone.min(axis=0), "chroma_alone_best"),
        "recall_over_chroma": float(np.median(taken.min(axis=0)) / np.median(alone.min(axis=0))),
        "brute_force_ms": float(np.median(brute.min(axis=0))) * 1000,
        "recall_at_10": same / (10 * len(asked)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--real", type=int, default=5000, help="texts that are embedded for real")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "pilotage-recall")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--opened", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.opened:
        open_and_search(options.opened)
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    source = Source(options.embedder, options.real, options.cache)
    asked = queries(options.queries, seed=QUERY_SEED)
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.cache) as folder:
            rows.append(measure(size, source, asked, options.rounds, Path(folder)))
        if not options.json:
            print("\n".join(f"{key:28} {value:12.3f}" for key, value in rows[-1].items()), flush=True)
            print()
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
