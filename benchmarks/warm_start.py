"""Seconds from starting `pilotage solve` to the first streamed token, weights on disk, with memory on and off.

With memory on, the memory holds a concept, so that the embedder really is needed.

    python benchmarks/warm_start.py [--model embedded] [--runs 5] [--json]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pilotage.memory import ConceptStore
from pilotage.memory.concept import ConceptDraft

QUESTION = "A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?"


def first_token_seconds(model: str, memory: str) -> float:
    """Starts the command, waits for the first text of the model on its standard output, and ends it."""
    command = [
        *(str(Path(sys.executable).with_name("pilotage")), "solve", QUESTION, "--model", model),
        *("--memory", memory, "--no-cache", "--no-learn", "--policy", "fixed:reason,answer"),
    ]
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        seen = b""
        assert process.stdout is not None
        while piece := os.read(process.stdout.fileno(), 4096):
            seen += piece
            _, chosen, after = seen.partition(b"reason")
            if chosen and b"\n" in after and after.split(b"\n", 1)[1].strip():
                taken = time.perf_counter() - started
                process.kill()
                return taken
    raise SystemExit(f"no token came; the command printed {seen.decode()!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with ConceptStore.open(folder) as store:
            store.add(
                ConceptDraft(
                    kind="routine",
                    title="Total of nested containers",
                    description="Multiply the counts of each level of containers.",
                    cues=("containers that hold containers, each with the same count",),
                    implementation=("multiply the numbers of all levels",),
                ),
                actor="benchmark",
                cause="warm start",
            )
        figures = {}
        for name, memory in (("memory_none", "none"), ("memory_on", folder)):
            taken = [first_token_seconds(options.model, memory) for _ in range(options.runs)]
            figures[name] = {"median": statistics.median(taken), "max": max(taken), "all": taken}
    if options.json:
        print(json.dumps(figures))
        return
    for name, seconds in figures.items():
        print(f"{name:12} first token after {seconds['median']:.2f} s (median), {seconds['max']:.2f} s (slowest)")


if __name__ == "__main__":
    main()
