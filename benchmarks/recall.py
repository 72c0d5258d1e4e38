"""The concept store at size: recall, import and opening, each beside what Chroma or a plain comparison would take.

Texts come from a grammar (`concept_grammar.py`), queries are prompts of reasoning-gym. With `--embedder minilm` the
first `--real` texts and all queries are embedded for real, once, into the cache folder; every further vector is a mix
of two real ones and noise (0.35 each), for 100,000 real ones would take an hour on a busy machine. `--embedder hash`
embeds every text. No figure includes embedding. Every query is asked `--rounds` times: `best` is over the fastest
answer to each query, which other load on the machine hardly touches, `all` over every answer.

Concepts are added in batches of 10,000, as users add them. The store of each size stays in the cache folder with what
its building took: 0.6 GB of disk for 100,000 concepts. It is built once, a build that was stopped goes on where it was,
and later runs only open it; `--fresh` builds it anew.

    python benchmarks/recall.py [--sizes 10000 100000 300000] [--cache FOLDER] [--fresh] [--json]
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
from concept_grammar import drafts, queries

from pilotage.memory.embedders.embedder import EmbedderIdentity, resolve_embedder
from pilotage.memory.store import ConceptStore

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


def fill(folder: Path, embedder: Prepared, source: Source, size: int) -> dict[str, float]:
    """Adds `size` concepts in batches, or those that a build before this one did not get to; returns the seconds."""
    diary = folder / "batches.json"
    done = json.loads(diary.read_text()) if diary.exists() else []
    with ConceptStore.open(folder, embedder=embedder) as store:
        if store.count() != (done[-1]["stored"] if done else 0):
            raise SystemExit(f"{folder} holds a build that was stopped within a batch: run this again with --fresh")
        made = drafts(size)
        for start in range(0, size, BATCH):
            batch = list(islice(made, BATCH))
            if 0 < start < BATCH * len(done):
                continue
            texts = [draft.search_text for draft in batch]
            vectors = source.vectors(texts, start)  # those of the first batch are what the others are mixed from
            if done and start == 0:
                continue
            embedder.known = dict(zip(["", *texts], [vectors[0], *vectors], strict=True))
            before = time.perf_counter()
            store.add_many(batch, actor="benchmark")
            seconds = {"add": time.perf_counter() - before, "stored": store.count()}
            if start == 0:
                before = time.perf_counter()
                store.search("")  # which brings the vector index up to date
                seconds |= {"index": time.perf_counter() - before, "embed": BATCH / source.texts_per_second()}
            done.append(seconds)
            diary.write_text(json.dumps(done))
        embedder.known.setdefault("", source.vectors([""], 0)[0])
        before = time.perf_counter()
        store.search("")
        rest = time.perf_counter() - before
    first = done[0]
    return {
        "add_first_10000_s": first["add"],
        "index_first_10000_s": first["index"],
        "embed_10000_s": first["embed"],
        "import_over_embedding": (first["embed"] + first["add"] + first["index"]) / first["embed"],
        "add_last_10000_s": done[-1]["add"],
        "add_all_s": sum(seconds["add"] for seconds in done),
        "index_the_rest_s": rest,
    }


def built(folder: Path, source: Source, size: int, asked: list[str]) -> dict[str, float]:
    """The figures of the store's build, which is done now unless the folder has it."""
    facts = folder / "benchmark.json"
    if not facts.exists():
        folder.mkdir(parents=True, exist_ok=True)
        figures = fill(folder, prepared(source), source, size)
        facts.write_text(json.dumps({"embedder": name_of(source), "build": figures}))
    # What a fresh process needs to open the store and search it.
    query = source.embed(asked)[0]
    np.save(folder / "query.npy", query)
    known = {**json.loads(facts.read_text()), "dimensions": len(query), "query": asked[0]}
    facts.write_text(json.dumps(known))
    return known["build"]


def name_of(source: Source) -> str:
    return type(source.embedder).__name__.lower().removesuffix("embedder")


def prepared(source: Source) -> Prepared:
    return Prepared(name_of(source), source.embedder.identity.dimensions)


def stored_vectors(store: ConceptStore) -> tuple[list[str], np.ndarray]:
    """Ids and vectors [concepts, dimensions] of everything that the store holds."""
    ids, parts, since = [], [], 0
    with store._ledger.read() as connection:
        while rows := store._ledger.changes(connection, store.namespace, store._vectors.identity.key, since, BATCH):
            since = rows[-1].changed_seq
            ids += [row.id for row in rows]
            parts.append(np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").reshape(len(rows), -1))
    return ids, np.vstack(parts)


def opened(folder: Path) -> dict[str, float]:
    """Seconds of a fresh process until the first search of the store is answered."""
    done = subprocess.run(
        [sys.executable, __file__, "--opened", str(folder)], check=True, capture_output=True, text=True
    )
    return {f"open_{key}_s": value for key, value in json.loads(done.stdout).items()}


def open_and_search(folder: Path) -> None:
    facts = json.loads((folder / "benchmark.json").read_text())
    embedder = Prepared(facts["embedder"], facts["dimensions"])
    embedder.known[facts["query"]] = np.load(folder / "query.npy")
    started = time.perf_counter()
    with ConceptStore.open(folder, embedder=embedder) as store:
        ready = time.perf_counter()
        store.search(facts["query"])
        done = time.perf_counter()
    print(json.dumps({"store": ready - started, "first_search": done - ready, "total": done - started}))


def measure(size: int, source: Source, asked: list[str], rounds: int, folder: Path) -> dict[str, float]:
    figures = built(folder, source, size, asked) | opened(folder)
    embedder = prepared(source)
    embedder.known = dict(zip(asked, source.embed(asked), strict=True))
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
        ids, vectors = stored_vectors(store)
        row_of = {id_: row for row, id_ in enumerate(ids)}
        brute = timed(lambda query: np.argpartition(vectors @ embedder.known[query], -10), asked[:20], rounds)
        same = 0
        with store._ledger.read() as connection:
            last = store._vectors.index_version(connection)
        for query in asked:
            found = {row_of[one.id] for one in store._vectors.nearest(embedder.known[query], 40, last)[:10]}
            similar = vectors @ embedder.known[query]
            tenth = np.partition(similar, -10)[-10]
            same += sum(similar[row] >= tenth - 1e-6 for row in found)
    return {
        "size": size,
        "stored": len(ids),
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


def kept_queries(folder: Path, count: int) -> list[str]:
    """Prompts of tasks; kept, since some families write others in every process."""
    file = folder / f"queries-{count}-{QUERY_SEED}.json"
    if not file.exists():
        file.write_text(json.dumps(queries(count, seed=QUERY_SEED)))
    return json.loads(file.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--real", type=int, default=5000, help="texts that are embedded for real")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "pilotage-recall")
    parser.add_argument("--fresh", action="store_true", help="build the stores anew")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--opened", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.opened:
        open_and_search(options.opened)
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    source = Source(options.embedder, options.real, options.cache)
    asked = kept_queries(options.cache, options.queries)
    rows = []
    for size in options.sizes:
        folder = options.cache / f"store-{name_of(source)}-{options.real}-{size}"
        if options.fresh:
            shutil.rmtree(folder, ignore_errors=True)
        rows.append(measure(size, source, asked, options.rounds, folder))
        if not options.json:
            print("\n".join(f"{key:28} {value:12.3f}" for key, value in rows[-1].items()), flush=True)
            print()
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
