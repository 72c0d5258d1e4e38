"""Bytes that a run leaves in the file of checkpoints: rows, and what the file takes on the disk.

python benchmarks/checkpoints.py [--solves 20] [--json]
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.common.retention import file_bytes

TASK = "A crate holds 12 boxes of 8 pens. How many pens are in 5 crates? " * 3
POLICY = "fixed:plan,reason,debate,answer"


def measured(solves: int) -> dict[str, float]:
    """Means of a solve of four steps by a scripted model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoints.sqlite"
        model = ScriptedChatModel(lambda messages: "Let me see. It is 480.\nAnswer: 480", keeps_calls=False)
        with ReasoningAgent(model, policy=POLICY, sandbox="none", checkpoints=path) as agent:
            for number in range(solves):
                agent.solve(TASK, thread_id=str(number))
        with closing(sqlite3.connect(path)) as connection:
            rows, size = connection.execute(
                "SELECT count(*), sum(length(checkpoint) + length(metadata)) FROM checkpoints"
            ).fetchone()
            writes, of_writes = connection.execute(
                "SELECT count(*), coalesce(sum(length(value)), 0) FROM writes"
            ).fetchone()
        return {
            "checkpoints": rows / solves,
            "writes": writes / solves,
            "bytes_of_rows": round((size + of_writes) / solves),
            "bytes_of_file": round(file_bytes(path) / solves),
        }


def main() -> None:
    """Prints the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solves", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measured(given.solves)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"{name.replace('_', ' '):16} {value:>10,}" for name, value in found.items()))


if __name__ == "__main__":
    main()
