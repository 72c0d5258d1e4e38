"""Server: uvicorn, started and stopped so that no request is lost that was accepted.

uvicorn's own stop refuses what waits in the listening socket's queue, closes connections whose request is on the way,
cancels what takes longer than it waits without a word to the client, and takes a second SIGTERM for the first
(uvicorn 0.54, `Server.shutdown` and `Server.handle_exit`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence
from types import FrameType

import uvicorn

from pilotage.agent.errors import UsageError
from pilotage.agent.serve.stopping.drain import Drain

log = logging.getLogger("pilotage.serve")

LINGER = 0.25
"""Seconds in which a request may still come over a connection that was accepted before the server stopped."""
CUT_SECONDS = 5.0
"""Seconds that requests have to tell their clients that they were cut."""
LAST_SECONDS = 1.0
"""Seconds for a last word of work that is cancelled."""
_TICK = 0.02


class Server(uvicorn.Server):
    """Serves an application until a SIGTERM or SIGINT, and drains; a second signal ends the process at once.

    Args:
        config: of uvicorn.
        drain: of the application.
        drain_seconds: how long accepted requests may take.
        notice_seconds: how long it goes on accepting before.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain, drain_seconds: float, notice_seconds: float = 0.0) -> None:
        super().__init__(config)
        self._drain = drain
        self._drain_seconds = drain_seconds
        self._notice_seconds = notice_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops gracefully; the second time at once, as kill -9 does, which loses nothing that was acknowledged."""
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no new requests, waits for those there are, and closes the application."""
        self._drain.begin()
        await asyncio.sleep(self._notice_seconds)
        await self._stop_listening(sockets or [])
        if self.server_state.connections:
            await asyncio.sleep(LINGER)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._are_gone(self._drain_seconds):
            log.warning("requests are cut that took longer than the %g seconds of draining", self._drain_seconds)
            self._drain.cut()
            if not await self._are_gone(CUT_SECONDS):
                await self._end_what_is_left()
        await self.lifespan.shutdown()

    async def _end_what_is_left(self) -> None:
        """Cancels work that heeds no cut, and leaves clients that take nothing of their replies."""
        for task in self.server_state.tasks:
            task.cancel()
        if not await self._are_gone(LAST_SECONDS):
            for connection in list(self.server_state.connections):
                if (transport := connection.transport) is not None:
                    transport.abort()
            await self._are_gone(LAST_SECONDS)

    async def _stop_listening(self, sockets: Sequence[socket.socket]) -> None:
        """Closes the listening sockets, after taking in what is connected already: a closed one resets its queue."""
        listening = [one for server in self.servers for one in server.sockets or ()]
        still = [socket.socket(fileno=os.dup(one.fileno())) for one in listening]
        for server in self.servers:
            server.close()
        for one in sockets:
            one.close()
        await asyncio.sleep(_TICK)
        for one in still:
            one.setblocking(False)
            waiting = []
            try:
                while True:
                    waiting.append(one.accept()[0])
            except OSError:  # nobody is left
                one.close()
            for connection in waiting:
                connection.setblocking(False)
                await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def _are_gone(self, seconds: float) -> bool:
        """Whether all requests have ended within so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.server_state.connections or self.server_state.tasks:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_TICK)
        return True


def listening(host: str, port: int, *, reuse_port: bool = False) -> list[socket.socket]:
    """Sockets at every address of a host; they listen once the server is ready.

    Args:
        host: name or address.
        port: 0 for any that is free.
        reuse_port: whether other processes may listen there too, if they say so as well.

    Raises:
        UsageError: the address is taken, or none of this machine's.
    """
    found: list[socket.socket] = []
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            one = socket.socket(family, kind, protocol)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if reuse_port:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((address[0], port or found[0].getsockname()[1], *address[2:]))
    except OSError as error:
        for one in found:
            one.close()
        why = error.strerror or str(error)
        raise UsageError(
            f"cannot listen at {host}, port {port} ({why}): choose others with --host and --port"
        ) from None
    return found
