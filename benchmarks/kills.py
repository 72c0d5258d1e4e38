"""Kill -9 at random moments of a write-heavy run: is every acknowledged write there, and do the indexes agree?

One writer after the other works on one store: it adds, revises, counts, forgets, undoes and searches, notes each write
that was acknowledged, and is killed. The next one opens the store as it was left.

    python benchmarks/kills.py [FOLDER] [--kills 200] [--seed 0] [--json]
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import chromadb.api.rust  # noqa: F401  (loaded here, so that a forked writer's life is spent writing)

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.search.keywords import drift
from pilotage.memory.store import ConceptStore

LONGEST_LIFE = 0.3  # seconds


def live(folder: Path, life: int, opened: int) -> None:
    """Write until killed; each line of the log was acknowledged before it was written."""
    choose = random.Random(life)
    log = os.open(folder / "acknowledged.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with ConceptStore.open(folder / "memory", embedder="hash") as store:
        if life % 2:
            store.search("method")  # opens the index, so that some of the kills meet it at work
        os.write(opened, b".")
        known = [concept.id for concept in store.all()[-5:]]
        for n in range(100_000):
            draft = ConceptDraft(title=f"Method {n} of life {life}", cues=(f"when {n} comes up in {life}",))
            act = choose.choice(
                ["add", "add", "add", "many", "revise", "outcome", "outcome", "forget", "undo", "search"]
            )
            touched = [choose.choice(known)] if known else []
            if act == "add" or not touched:
                touched = [store.add(draft)]
                known += touched
            elif act == "many":
                titles = [draft.model_copy(update={"title": f"{draft.title}, part {part}"}) for part in range(3)]
                touched = store.add_many(titles)
            elif act == "revise":
                store.revise(touched[0], {"title": f"{draft.title}, revised", "description": f"in {life}"})
            elif act == "outcome":
                store.record_outcome(touched, choose.choice(["recalled", "harmed"]))
            elif act == "forget":
                store.forget(known.pop(known.index(touched[0])))
            elif act == "undo":
                last = store.history(touched[0])[-1]
                touched = [event.concept_id for event in store.undo(last.seq)] if last.action == "outcome" else []
            else:
                store.search(draft.title)
                touched = []
            for id in touched:
                last = store.history(id)[-1]
                line = {"seq": last.seq, "action": last.action, "id": id, "life": life}
                os.write(log, (json.dumps(line) + "\n").encode())


def load_libraries() -> None:
    """Do a little of everything without Chroma, whose threads a fork would lose."""
    with tempfile.TemporaryDirectory() as scratch:
        with ConceptStore.open(f"sqlite:///{scratch}/ledger.sqlite", embedder="hash") as store:
            store.revise(store.add(ConceptDraft(title="A method")), {"title": "Another"})
            store.undo(store.events(1)[0].seq)
            store.search("method")


def kill_many(folder: Path, kills: int, seed: int) -> list[str]:
    """Start and kill writers; returns what went wrong in any of them."""
    load_libraries()
    moments = random.Random(seed)
    for life in range(kills):
        heard, opened = os.pipe()
        writer = os.fork()
        if writer == 0:
            try:
                live(folder, seed * 1_000_000 + life, opened)
            except BaseException:
                (folder / f"error-{life}.txt").write_text(traceback.format_exc())
            os._exit(1)
        os.close(opened)
        if life % 4:  # every fourth kill may meet the store while it opens
            os.read(heard, 1)
        time.sleep(moments.uniform(0.0, LONGEST_LIFE))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        os.close(heard)
    return [file.read_text() for file in sorted(folder.glob("error-*.txt"))]


def missing_writes(folder: Path, store: ConceptStore) -> tuple[int, list[dict]]:
    """How many writes were acknowledged, and those of them that the ledger does not have."""
    log = folder / "acknowledged.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    present = {(event.seq, event.action, event.concept_id) for event in store.events(None)}
    return len(lines), [line for line in lines if (line["seq"], line["action"], line["id"]) not in present]


def disagreements(store: ConceptStore) -> list[str]:
    """Ids that an index has and the ledger has not, or the other way round."""
    active = {concept.id for concept in store.all()}
    store.search("method")
    view = store._vectors._open_view()
    found = set(view._collection.get(include=[])["ids"]) ^ active  # type: ignore[attr-defined]
    with store._ledger.read() as connection:
        words = drift(connection)
    return sorted(found | set(words.missing) | set(words.surplus))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="pilotage-kills-"))
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    errors = kill_many(folder, arguments.kills, arguments.seed)
    seconds = round(time.perf_counter() - started, 1)
    with ConceptStore.open(folder / "memory", embedder="hash") as store:
        acknowledged, missing = missing_writes(folder, store)
        result = {
            "kills": arguments.kills,
            "seconds": seconds,
            "acknowledged": acknowledged,
            "missing": missing,
            "events": len(store.events(None)),
            "concepts": store.count(),
            "index_disagrees_on": disagreements(store),
            "errors": errors,
        }
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:20} {value}")
    return 1 if missing or errors or result["index_disagrees_on"] else 0


if __name__ == "__main__":
    sys.exit(main())
