"""A line to PostgreSQL that fails when it is told to: a TCP proxy in front of the server's Unix socket."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Forwards bytes both ways.

    `at_commit` says what happens to the next COMMIT of a write, once:

    - `reply lost`: the server carries it out, and the line breaks before its answer;
    - `silence`: the server carries it out, and its answer never arrives on a line that stays open;
    - `not sent`: the line breaks before the server hears of it.

    With `accepts` False new connections are closed at once.
    """

    def __init__(self, socket_folder, database):
        self._upstream = f"{socket_folder}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._listener.getsockname()[1]}/{database}"
        self.at_commit = None
        self.accepts = True
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        for line in self._open:
            line.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.accepts:
                    _Line(self, client, self._upstream)
                else:
                    client.close()


class _Line:
    def __init__(self, proxy, client, upstream):
        self._proxy, self._client = proxy, client
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(upstream)
        self._lost = None
        proxy._open.append(self)
        for pump in (self._to_server, self._to_client):
            threading.Thread(target=self._run, args=(pump,), daemon=True).start()

    def close(self):
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _run(self, pump):
        with suppress(OSError):
            pump()
        self.close()

    def _to_server(self):
        writes = False
        while data := self._client.recv(65536):
            writes = writes or b"txid_current" in data
            if writes and b"COMMIT" in data and self._proxy.at_commit is not None:
                self._lost, self._proxy.at_commit = self._proxy.at_commit, None
                if self._lost == "not sent":
                    return
            self._server.sendall(data)
            writes = writes and b"COMMIT" not in data

    def _to_client(self):
        while data := self._server.recv(65536):
            if self._lost == "reply lost":
                return
            if self._lost is None:
                self._client.sendall(data)
