"""`pilotage serve` as a process of its own, over a real upstream, that a test stops or kills."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from pilotage.agent.models import ModelClient
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.service import Service
from pilotage.agent.settings import settings_from
from tests.agent.serve.conftest import Running
from tests.agent.serve.upstream import Upstream

LONG = 300
"""Seconds that nothing here takes, unless it hangs."""
ANY_NUMBER = httpx.Limits(max_connections=None)
HELLO = [{"role": "user", "content": "hi there"}]


class Process:
    """One `pilotage serve`.

    Attributes:
        url: where it serves.
        client: asks it.
    """

    def __init__(self, folder, url, options, flags=(), env=(), output=None):
        self.folder = folder
        given = {"port": 0, "key_store": f"{folder}/keys.sqlite", "responses_file": f"{folder}/responses.sqlite"}
        (folder / "serve.toml").write_text("\n".join(f"{k} = {json.dumps(v)}" for k, v in (given | options).items()))
        command = [sys.executable, "-m", "pilotage", "serve", "--base-url", f"{url}/v1", "--model", "up"]
        command += ["--policy", "rules", "--config", str(folder / "serve.toml"), *flags]
        self.log = folder / f"{time.monotonic_ns()}.log"
        own = {"PILOTAGE_HOME": str(folder / "home"), "PILOTAGE_EMBEDDER": "hash", "PILOTAGE_KEEP_UNVERIFIED": "true"}
        with open(self.log, "wb") as log:
            env = os.environ | own | dict(env)
            self.process = subprocess.Popen(command, env=env, stdout=log if output is None else output, stderr=log)
        try:
            self.url = wait_for(self._address, self)
            self.client = httpx.Client(base_url=self.url, timeout=LONG)
            wait_for(self._answers, self)
        except BaseException:
            self.kill()
            raise

    def _address(self):
        said = self.log.read_text()
        return said.partition("serving at ")[2].partition("\n")[0] if "\n" in said else ""

    def _answers(self):
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/health").status_code == 200

    def signal(self, number=signal.SIGTERM):
        os.kill(self.process.pid, number)

    def ended(self):
        return self.process.wait(LONG)

    def kill(self):
        self.process.kill()
        self.process.wait()


def wait_for(condition, process=None):
    """What a condition gives, once that is true."""
    deadline = time.monotonic() + LONG
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not happen"
        assert process is None or process.process.poll() is None, process.log.read_text()
        time.sleep(0.02)
    return found


@pytest.fixture
def upstream(running):
    """A real upstream that a script answers for: gives it and its address."""

    def start(script):
        made = Upstream(script)
        return made, running(made.app)

    return start


@pytest.fixture
def serving(tmp_path):
    """Starts `pilotage serve` over an upstream; ends what is left of it."""
    started = []

    def start(url, *flags, memory="none", env=(), output=None, **options):
        process = Process(tmp_path, url, options, ("--memory", str(memory), *flags), env, output)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.client.close()


@pytest.fixture(scope="module")
def module_serve():
    """Serves a scripted model, or an upstream, for all tests of a module; gives a client."""
    with contextlib.ExitStack() as stack:

        def start(scripted, place, **flags):
            given = {"policy": "rules", "model": "scripted", "memory": "none", "embedder": "hash"} | flags
            given |= {"keep_unverified": True}
            model = None if scripted is None else ModelClient(scripted)
            config = ServeConfig(responses_file=Path(place).with_name("responses.sqlite"))
            served = Running(create_app(Service(settings_from(given), config, place=place, model=model)))
            stack.callback(served.stop)
            return stack.enter_context(httpx.Client(base_url=served.url, timeout=LONG, limits=ANY_NUMBER))

        yield start


@pytest.fixture(scope="module")
def module_over(module_serve):
    """As `over`, for all tests of a module."""
    with contextlib.ExitStack() as stack:

        def start(script, place, **flags):
            made = Upstream(script)
            server = Running(made.app)
            stack.callback(server.stop)
            return made, module_serve(None, place, model="up", base_url=f"{server.url}/v1", **flags)

        yield start
