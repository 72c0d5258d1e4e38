"""What the server adds to its upstream: time to the first event, throughput, streams, processor time, memory.

    python benchmarks/serve.py [--json]

The upstream is a process of its own that answers after fixed delays; the client speaks HTTP over plain sockets, so that
neither costs much of what is measured. Every figure is taken over the upstream alone and over the server, alternating.
All are of this machine; the server's own processor time depends the least on what else it does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

ROOT = Path(__file__).parents[1]
WORDS = 40
HELLO = [{"role": "user", "content": "hi there, how are you?"}]
UPSTREAM = r"""
import asyncio, json, sys

async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
            body = json.loads(await reader.readexactly(length))
            delay, words = float(body.get("user") or 0), 40
            usage = {"prompt_tokens": 9, "completion_tokens": words, "total_tokens": 9 + words}
            top = {"id": "u", "created": 1, "model": "up"}
            if not body.get("stream"):
                await asyncio.sleep(delay)
                message = {"role": "assistant", "content": "word " * words}
                choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
                data = json.dumps({**top, "object": "chat.completion", "choices": choices, "usage": usage}).encode()
                head_of_reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                writer.write(head_of_reply % len(data) + data)
            else:
                kind = b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                writer.write(b"HTTP/1.1 200 OK\r\n" + kind)
                def event(data):
                    piece = b"data: " + data + b"\n\n"
                    writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
                def chunk(delta, reason=None):
                    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
                    return json.dumps({**top, "object": "chat.completion.chunk", "choices": choices}).encode()
                for _ in range(words):
                    if delay:
                        await asyncio.sleep(delay)
                    event(chunk({"content": "word "}))
                event(chunk({}, "stop"))
                event(json.dumps({**top, "object": "chat.completion.chunk", "choices": [], "usage": usage}).encode())
                event(b"[DONE]")
                writer.write(b"0\r\n\r\n")
            await writer.drain()
            if b"connection: close" in head.lower():
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class Connection:
    """One client connection that is kept open."""

    def __init__(self, base: str) -> None:
        self._to = urlsplit(base)

    async def open(self) -> Connection:
        """Connects."""
        self._reader, self._writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        return self

    async def ask(self, model: str, *, stream: bool, delay: float = 0.0) -> tuple[float, float, int]:
        """Seconds to the first event with content (or to the whole reply), seconds in all, and pieces of content."""
        body = {"model": model, "messages": HELLO, "stream": stream, "user": str(delay)}
        data = json.dumps(body).encode()
        started = time.perf_counter()
        self._writer.write(
            f"POST {self._to.path}/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(head.decode() + (await self._reader.read(500)).decode())
        if b"content-length" in head:
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await self._reader.readexactly(length)
            took = time.perf_counter() - started
            return took, took, 1
        first, pieces = 0.0, 0
        while True:
            size = int(await self._reader.readline(), 16)
            piece = (await self._reader.readexactly(size + 2))[:-2]
            if size == 0:
                break
            found = piece.count(b'"word "')
            if found and not pieces:
                first = time.perf_counter() - started
            pieces += found
            if b'"error"' in piece:
                raise RuntimeError(piece.decode())
        return first, time.perf_counter() - started, pieces

    def close(self) -> None:
        """Disconnects."""
        self._writer.close()


@contextmanager
def started(command: list[str], **options):
    """A process, ended at the end."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def served():
    """Addresses of the upstream and of the server over it, and the server's process."""
    with started([sys.executable, "-c", UPSTREAM], stdout=subprocess.PIPE, text=True) as upstream:
        direct = f"http://127.0.0.1:{upstream.stdout.readline().strip()}/v1"
        port = _free_port()
        with tempfile.TemporaryDirectory() as home:
            command = [sys.executable, "-m", "pilotage", "serve", "--model", "up", "--base-url", direct]
            command += ["--memory", "none", "--port", str(port), "--sandbox", "none"]
            with started(command, env={**os.environ, "PILOTAGE_HOME": home}, cwd=home) as server:
                through = f"http://127.0.0.1:{port}/v1"
                asyncio.run(_until_up(through))
                yield direct, through, server


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def _until_up(base: str) -> None:
    to, deadline = urlsplit(base), time.monotonic() + 120
    while True:
        try:
            _, writer = await asyncio.open_connection(to.hostname, to.port)
            writer.close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def latency(direct: str, through: str, model: str, *, stream: bool, rounds: int) -> dict[str, float]:
    """Median milliseconds to the first event over the upstream alone and over the server, one request at a time."""
    ways = {"direct": (await Connection(direct).open(), "up"), "served": (await Connection(through).open(), model)}
    times: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 10):
        for way, (connection, name) in ways.items():
            first, _, _ = await connection.ask(name, stream=stream)
            if number >= 10:
                times[way].append(first * 1000)
    for connection, _ in ways.values():
        connection.close()
    medians = {way: statistics.median(taken) for way, taken in times.items()}
    return {**medians, "added_ms": medians["served"] - medians["direct"]}


async def throughput(base: str, model: str, *, connections: int, requests: int) -> float:
    """Requests a second at so many at once."""
    left = iter(range(requests))

    async def worker() -> None:
        connection = await Connection(base).open()
        for _ in left:
            await connection.ask(model, stream=False)
        connection.close()

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(connections)))
    return requests / (time.perf_counter() - begun)


async def streams(base: str, model: str, *, count: int, delay: float) -> tuple[float, int]:
    """Pieces a second of so many streams at once, and how many streams were whole."""

    async def one() -> int:
        connection = await Connection(base).open()
        try:
            return (await connection.ask(model, stream=True, delay=delay))[2]
        finally:
            connection.close()

    begun = time.perf_counter()
    pieces = await asyncio.gather(*(one() for _ in range(count)))
    return sum(pieces) / (time.perf_counter() - begun), sum(number == WORDS for number in pieces)


@contextmanager
def processor_time(server: psutil.Process, found: dict[str, object], name: str, count: int):
    """Notes what the server spends on each of so many things that happen within, in milliseconds."""

    def spent() -> float:
        times = server.cpu_times()
        return times.user + times.system

    before = spent()
    yield
    found[name] = (spent() - before) * 1000 / count


def measure(rounds: int, requests: int, slow: int) -> dict[str, object]:
    """All figures."""
    found: dict[str, object] = {}
    with served() as (direct, through, server):
        run, process = asyncio.run, psutil.Process(server.pid)
        found["passthrough"] = run(latency(direct, through, "passthrough", stream=False, rounds=rounds))
        found["passthrough_stream"] = run(latency(direct, through, "passthrough", stream=True, rounds=rounds))
        found["pilotage_stream"] = run(latency(direct, through, "pilotage", stream=True, rounds=rounds))
        found["direct_requests_per_second"] = run(throughput(direct, "up", connections=64, requests=requests))
        for model in ("passthrough", "pilotage"):
            with processor_time(process, found, f"{model}_processor_ms_a_request", requests):
                rate = run(throughput(through, model, connections=64, requests=requests))
            found[f"{model}_requests_per_second"] = rate
        alone, _ = run(streams(direct, "up", count=64, delay=0.02))
        for model in ("passthrough", "pilotage"):
            with processor_time(process, found, f"{model}_processor_ms_an_event", 64 * WORDS):
                rate, whole = run(streams(through, model, count=64, delay=0.02))
            found[f"{model}_streams"] = {"share_of_direct": rate / alone, "whole": whole, "of": 64}
        before = process.memory_info().rss
        rate, whole = run(streams(through, "pilotage", count=slow, delay=0.25))
        found["slow_streams"] = {
            "whole": whole,
            "of": slow,
            "rss_mib_before": before / 2**20,
            "rss_mib_after": process.memory_info().rss / 2**20,
        }
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=200, help="requests of each latency (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=1000, help="requests of each throughput (default: %(default)s)")
    parser.add_argument("--slow", type=int, default=500, help="slow streams at once (default: %(default)s)")
    options = parser.parse_args()
    found = measure(options.rounds, options.requests, options.slow)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, figure in found.items():
        told = (
            ", ".join(f"{key} {value:.2f}" for key, value in figure.items())
            if isinstance(figure, dict)
            else f"{figure:.3g}"
        )
        print(f"{name:32s} {told}")


if __name__ == "__main__":
    main()
