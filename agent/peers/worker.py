"""Worker: the process in which a peer runs: it knows no secret of ours, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from pilotage.agent.errors import BadReply
from pilotage.agent.peers.ending import MARK, end_all

DRIVER = Path(__file__).with_name("driver.py")
LONGEST_LINE = 12_100_000
"""Bytes of a reply: a text of a million characters, each of two escapes, and what stands around it."""
LAST_WORDS = 2000
"""Bytes of standard error that are kept."""
END_SECONDS = 2.0
"""That each of a killed process's last words, and its end, are waited for: a pipe of it may be held by another."""


class PeerFailed(BadReply):
    """A peer came to no text: it raised, died, or said what is none."""


class Worker:
    """One process, which does one run at a time.

    Args:
        command: starts the driver.
        name: of the toolkit, for errors.
    """

    def __init__(self, command: tuple[str, ...], name: str) -> None:
        self._command, self._name = command, name
        self._mark = f"{os.getpid()}-{secrets.token_hex(16)}"
        self._home = tempfile.TemporaryDirectory(prefix="pilotage-peer-", ignore_cleanup_errors=True)
        self._last_words = b""
        self._closed = False
        self._process: asyncio.subprocess.Process | None = None
        self.version = ""

    async def run(self, asked: Mapping[str, Any]) -> str:
        """The text that a run comes to; the process is started where there is none yet.

        Raises:
            PeerFailed: there is none; the process is of no further use then if it has `ended`.
        """
        if self._process is None:
            await self._start()
        number = secrets.token_hex(8)  # not to be foretold by a line that comes too early
        said = await self._exchange(orjson.dumps({**asked, "id": number}) + b"\n", number)
        if isinstance(text := said.get("text"), str):
            return text
        raise PeerFailed(f"{self._name} failed: {said.get('error', 'it said nothing that can be read')!s:.500}")

    @property
    def ended(self) -> bool:
        """Whether the process has ended, or was given up."""
        return self._closed or (self._process is not None and self._process.returncode is not None)

    async def _start(self) -> None:
        # No variable of ours goes on: they hold keys, and addresses of proxies.
        environment = {"PATH": os.defpath, "HOME": self._home.name, "TMPDIR": self._home.name, MARK: self._mark}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self._home.name,
                env=environment,
                start_new_session=True,
                limit=LONGEST_LINE,
            )
        except OSError as error:
            raise PeerFailed(f"{self._name} did not start: {error.strerror or error}") from error
        self._listening = asyncio.create_task(self._listen())
        said = await self._exchange(b"")
        if "ready" not in said:
            await self.close()
            raise PeerFailed(
                f"{self._name} did not start: {said.get('error', 'it said nothing that can be read')!s:.500}"
            )
        self.version = str(said["ready"])[:40]

    async def _exchange(self, line: bytes, number: str | None = None) -> dict[str, Any]:
        """Sends a line and reads one; ends the process where it sends none that can be read, or another request's."""
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        with suppress(ConnectionError):  # then it has ended, which its silence tells
            process.stdin.write(line)
            await process.stdin.drain()
        try:
            said = orjson.loads(await process.stdout.readline())
        except ValueError:  # too long a line, or none of JSON
            said = None
        if isinstance(said, dict) and said.get("id") == number:
            return said
        await self.close()
        last = self._last_words.decode(errors="replace").strip().splitlines()
        return {"error": f"its process ended or said what is no reply{f': {last[-1]}' if last else ''}"}

    async def _listen(self) -> None:
        """Reads what it complains of, so that it never waits for us, and keeps the end."""
        assert self._process is not None and self._process.stderr is not None
        while piece := await self._process.stderr.read(65536):
            self._last_words = (self._last_words + piece)[-LAST_WORDS:]

    async def close(self) -> None:
        """Ends the process and all that it has started; once, since its number may be another's then."""
        if self._process is not None and not self._closed:
            self._closed = True
            transport = self._process._transport  # type: ignore[attr-defined]  # nothing else closes its pipes
            try:
                reaped = self._process.returncode is not None
                await asyncio.to_thread(end_all, self._mark, self._process.pid, reaped=reaped)
                await asyncio.wait({self._listening}, timeout=END_SECONDS)
            finally:
                self._listening.cancel()
                transport.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), END_SECONDS)
        self._home.cleanup()
