"""A real server on a free port, over a scripted model, and a real upstream where one is needed."""

import asyncio
import contextlib
import threading
import time

import httpx
import pytest
import uvicorn

from pilotage.agent.models import ModelClient
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.service import Service
from pilotage.agent.settings import settings_from
from tests.agent.serve.upstream import Upstream


class Running:
    """A server in a thread of its own."""

    def __init__(self, app, **options):
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", **options))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        (port,) = {socket.getsockname()[1] for server in self._server.servers for socket in server.sockets}
        self.url = f"http://127.0.0.1:{port}"

    def stop(self):
        self._server.should_exit = True
        self._thread.join(300)
        assert not self._thread.is_alive(), "the server did not stop"


@pytest.fixture
def running():
    """Starts ASGI applications, and stops them."""
    with contextlib.ExitStack() as stack:

        def start(app, **options):
            server = Running(app, **options)
            stack.callback(server.stop)
            return server.url

        yield start


@pytest.fixture
def serve(running, tmp_path):
    """Serves a scripted model; gives a client. Responses are kept in the test's folder, not in the user's."""
    with contextlib.ExitStack() as stack:

        def start(scripted, config=None, place=None, **flags):
            settings = settings_from({"policy": "rules", "model": "scripted", "memory": "none"} | flags)
            client = None if scripted is None else ModelClient(scripted)
            given = {"responses_file": tmp_path / "kept" / "responses.sqlite"} | (config or {})
            service = Service(settings, ServeConfig(**given), place=place, model=client)
            url = running(create_app(service))
            return stack.enter_context(httpx.Client(base_url=url, timeout=60))

        yield start


@pytest.fixture
def over(running, serve):
    """Serves an upstream that a script answers for; gives the upstream and a client."""

    def start(script, config=None, **flags):
        upstream = Upstream(script)
        url = running(upstream.app)
        return upstream, serve(None, config, model="up", base_url=f"{url}/v1", **flags)

    return start


from tests.agent.serve.tenants import house  # noqa: E402, F401  (fixture)
