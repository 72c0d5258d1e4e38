"""Clients that others wrote. Only `make test-clients` collects them: it fetches those from npm into `node_modules`, and
builds an environment for each from PyPI, since their pins differ from ours.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.agent.serve.conftest import over, running, serve  # noqa: F401  (fixtures)
from tests.agent.serve.responses.conftest import endpoint, http  # noqa: F401  (fixtures)

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
ENVIRONMENTS = HERE.parents[1] / ".venv-clients"
collect_ignore_glob = [] if os.environ.get("PILOTAGE_CLIENTS") else ["test_*.py"]


@pytest.fixture
def url(http):  # noqa: F811
    """Base URL of a server over the endpoint."""
    return f"{str(http().base_url).rstrip('/')}/v1"


@pytest.fixture
def served(over):  # noqa: F811
    """Serves what a script replies; gives the upstream and the server's base URL."""

    def start(script, config=None):
        upstream, client = over(script, config)
        return upstream, f"{str(client.base_url).rstrip('/')}/v1"

    return start


@pytest.fixture
def in_environment(tmp_path):
    """Runs a command of a client's own environment, in a folder that nobody else uses, and gives what it printed."""

    def run(name, program, *arguments, **environ):
        place = ENVIRONMENTS / name / "bin" / program
        assert place.exists(), f"{place} is missing: `make test-clients` builds it"
        own = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
        own["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it asks the web for prices when it is imported
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI_", "LITELLM_"))}
        done = subprocess.run(
            [place, *arguments],
            cwd=tmp_path,
            env={**kept, **own, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def told(in_environment):
    """What a client's script prints as JSON in its last line."""

    def run(name, *arguments):
        printed = in_environment(name, "python", HERE / f"{name}_client.py", *arguments)
        return json.loads(printed.strip().splitlines()[-1])

    return run
