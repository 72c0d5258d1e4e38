"""What many users cost a server: memory, open files and seconds a request, on a bound of namespaces that stay open.

    python benchmarks/tenants.py [--users 2000] [--most 50] [--json]

A real server over a scripted model, a namespace of the memory for each user (embedder `hash`, SQLite). Every user asks
once, then the last user asks again as often, whose namespace is open.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

SERVER = """
import sys
import uvicorn
from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.service import Service
from pilotage.agent.settings import settings_from

folder, most, keys = sys.argv[1:]
settings = settings_from({"policy": "rules", "model": "scripted", "embedder": "hash"})
config = ServeConfig(most_namespaces=int(most), keys=True, key_store=keys)
model = ModelClient(ScriptedChatModel(lambda messages: "Hello!", keeps_calls=False))
app = create_app(Service(settings, config, place=folder, model=model))
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))

async def main():
    import asyncio
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving

import asyncio
asyncio.run(main())
"""


def measured(folder: Path, users: int, most: int) -> list[dict[str, float]]:
    """A row after each quarter of the users, and one for a namespace that is open."""
    from pilotage.agent.serve.keys.key_store import KeyStore

    with KeyStore(folder / "keys.sqlite") as keys:
        _, secret = keys.create("users", per_user=True)
    command = [sys.executable, "-c", SERVER, str(folder / "memory"), str(most), str(folder / "keys.sqlite")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url, watched = f"http://127.0.0.1:{process.stdout.readline().strip()}", psutil.Process(process.pid)
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=url, headers=headers, timeout=600) as client:

            def ask(user: str) -> float:
                began = time.perf_counter()
                body = {"model": "pilotage", "user": user, "messages": [{"role": "user", "content": "hi there"}]}
                client.post("/v1/chat/completions", json=body).raise_for_status()
                return time.perf_counter() - began

            def row(name: str, times: list[float]) -> dict[str, float]:
                return {
                    "users": name,
                    "ms": round(statistics.median(times) * 1000, 1),
                    "MiB": round(watched.memory_info().rss / 2**20, 1),
                    "files": watched.num_fds(),
                }

            rows, quarter = [row("1", [ask("user-0")])], users // 4
            for last in range(quarter, users + 1, quarter):
                rows.append(row(str(last), [ask(f"user-{number}") for number in range(last - quarter, last)]))
            rows.append(row("one again", [ask(f"user-{last - 1}") for _ in range(quarter)]))
            return rows
    finally:
        process.terminate()
        process.wait(120)


def main() -> None:
    """Prints the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--most", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(Path(folder), given.users, given.most)
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'users':>10}  {'ms a request':>12}  {'MiB':>8}  {'open files':>10}")
    for one in rows:
        print(f"{one['users']:>10}  {one['ms']:>12}  {one['MiB']:>8}  {one['files']:>10}")


if __name__ == "__main__":
    main()
