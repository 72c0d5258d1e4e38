"""Several processes write to one ledger while another searches: is anything lost, doubled or refused?

Writers store concepts of their own, one by one and in batches, and some that all of them store. They need no index, so
the searcher owns it.

    python benchmarks/processes.py [TARGET] [--writers 4] [--concepts 5000] [--batch 50] [--json]

TARGET is a folder or a database URL; by default a new folder.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.store import ConceptStore

SHARED = 20
WORDS = "area angle basket candle digit edge factor grid hour index".split()


def draft(writer: str, number: int) -> ConceptDraft:
    """A concept unlike the others: near duplicates would be merged."""
    topic = f"{WORDS[number % 10]} {WORDS[number // 10 % 10]}"
    return ConceptDraft(title=f"Method w{writer}n{number} on {topic}", cues=(f"when w{writer}n{number} comes up",))


def write(target: str, writer: str, concepts: int, batch: int) -> None:
    """Store `concepts` new ones; every tenth batch goes in one by one. Prints the ids as JSON."""
    ids: list[str] = []
    with ConceptStore.open(target, embedder="hash") as store:
        for start in range(0, concepts, batch):
            drafts = [draft(writer, number) for number in range(start, min(start + batch, concepts))]
            if start // batch % 10 == 0:
                ids += [store.add(one, run=f"writer {writer}") for one in drafts]
            else:
                ids += store.add_many(drafts, run=f"writer {writer}")
        shared = [store.add(ConceptDraft(title=f"Shared method {number}")) for number in range(SHARED)]
    print(json.dumps({"ids": ids, "shared": shared}))


def search(target: str) -> None:
    """Search until the standard input ends; prints how often, how long it took, and how often nothing came."""
    import threading

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    seconds, empty = [], 0
    with ConceptStore.open(target, embedder="hash") as store:
        number = 0
        while not ended.is_set():
            filled = not store.is_empty()  # asked first: a writer may store the first concept at any moment
            started = time.perf_counter()
            hits = store.search(f"method w{number % 4}n{number} {WORDS[number % 10]}", limit=5)
            seconds.append(time.perf_counter() - started)
            empty += filled and not hits
            number += 1
    seconds.sort()
    result = {"searches": number, "median_ms": round(1000 * seconds[number // 2], 1), "empty": empty}
    print(json.dumps(result))


def start(*arguments: str, stdin: int | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check(target: str, told: list[dict], writers: int, concepts: int) -> dict:
    """What is in the ledger against what the writers were told."""
    with ConceptStore.open(target, embedder="hash") as store:
        stored = store.all()
        titles = [concept.title for concept in stored]
        ids = {concept.id for concept in stored}
        mine = [id for one in told for id in one["ids"]]
        events = store.events(None)
        shared = [concept.seen for concept in stored if concept.title.startswith("Shared method")]
    numbers = [event.seq for event in events]
    return {
        "concepts": len(stored),
        "expected": writers * concepts + SHARED,
        "lost": len(set(mine) - ids),
        "doubled": len(titles) - len(set(titles)) + len(mine) - len(set(mine)),
        "shared_seen": sorted(set(shared)),
        "in_order": numbers == sorted(set(numbers)) and [e.at for e in events] == sorted(e.at for e in events),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--concepts", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--search", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    target = arguments.target or str(Path(tempfile.mkdtemp(prefix="pilotage-processes-")) / "memory")
    if arguments.write is not None:
        write(target, arguments.write, arguments.concepts, arguments.batch)
        return 0
    if arguments.search:
        search(target)
        return 0
    begun = time.perf_counter()
    searcher = start(target, "--search", stdin=subprocess.PIPE)
    size = ["--concepts", str(arguments.concepts), "--batch", str(arguments.batch)]
    writers = [start(target, "--write", str(number), *size) for number in range(arguments.writers)]
    replies = [writer.communicate() for writer in writers]
    seconds = time.perf_counter() - begun
    replies.append(searcher.communicate())
    errors = [error for process, (_, error) in zip([*writers, searcher], replies, strict=True) if process.returncode]
    result: dict = {"errors": errors, "seconds": round(seconds, 1)}
    if not errors:
        told = [json.loads(out) for out, _ in replies]
        result |= check(target, told[:-1], arguments.writers, arguments.concepts)
        result |= {"concepts_per_second": round(result["concepts"] / seconds), "searcher": told[-1]}
    print(json.dumps(result) if arguments.json else "\n".join(f"{name:20} {value}" for name, value in result.items()))
    good = not errors and result["concepts"] == result["expected"] and not result["lost"] and not result["doubled"]
    return 0 if good and result["in_order"] else 1


if __name__ == "__main__":
    sys.exit(main())
