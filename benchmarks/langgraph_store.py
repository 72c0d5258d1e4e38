"""Concurrent `aput` of the LangGraph store: seconds for many puts at once, and one after the other.

    python benchmarks/langgraph_store.py [--puts 1000] [--postgres URL] [--json]

Beside it LangGraph's own store in SQLite, which gathers concurrent puts too (`AsyncBatchedBaseStore`). Without vectors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from langgraph.store.sqlite.aio import AsyncSqliteStore

from pilotage.memory.adapters.langgraph.store import PilotageStore

SERIAL = 50
"""Puts of the second figure, each of which waits for its own commit."""


async def _times(store: Any, puts: int) -> dict[str, float]:
    await store.aput(("warm",), "up", {"n": 0})
    began = time.perf_counter()
    await asyncio.gather(
        *(store.aput(("all",), f"k{number}", {"n": number, "text": "x" * 100}) for number in range(puts))
    )
    together = time.perf_counter() - began
    assert len(await store.asearch(("all",), limit=puts + 1)) == puts
    began = time.perf_counter()
    for number in range(SERIAL):
        await store.aput(("one",), f"k{number}", {"n": number, "text": "x" * 100})
    one = (time.perf_counter() - began) / SERIAL
    return {"seconds": round(together, 3), "ms_alone": round(one * 1000, 2)}


async def measured(puts: int, postgres: str | None) -> dict[str, dict[str, float]]:
    """Seconds for all puts at once, and milliseconds of one that comes alone, by store."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        with PilotageStore.open(Path(folder) / "memory", embedder=None) as store:
            found["PilotageStore, SQLite"] = await _times(store, puts)
        async with AsyncSqliteStore.from_conn_string(str(Path(folder) / "langgraph.sqlite")) as theirs:
            await theirs.setup()
            found["LangGraph's AsyncSqliteStore"] = await _times(theirs, puts)
    if postgres is not None:
        with PilotageStore.open(postgres, embedder=None) as store:
            found["PilotageStore, PostgreSQL"] = await _times(store, puts)
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puts", type=int, default=1000)
    parser.add_argument("--postgres", help="URL of an empty database")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = asyncio.run(measured(given.puts, given.postgres))
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'store':30}  {f'{given.puts} at once':>14}  {'one alone':>9}")
    for name, row in found.items():
        print(f"{name:30}  {row['seconds']:>12} s  {row['ms_alone']:>6} ms")


if __name__ == "__main__":
    main()
