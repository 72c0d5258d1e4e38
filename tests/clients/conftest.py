"""Clients that others wrote, in their own languages. They come from npm, so only `make test-clients` collects them."""

import os
from pathlib import Path

import pytest

from tests.agent.serve.conftest import running  # noqa: F401  (fixture)
from tests.agent.serve.responses.conftest import endpoint, http  # noqa: F401  (fixtures)

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
collect_ignore_glob = [] if os.environ.get("PILOTAGE_CLIENTS") else ["test_*.py"]


@pytest.fixture
def url(http):  # noqa: F811
    """Base URL of a server over the endpoint."""
    return f"{str(http().base_url).rstrip('/')}/v1"
