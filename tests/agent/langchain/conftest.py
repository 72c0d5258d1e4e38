"""Fixtures of the LangChain parts: an upstream over HTTP, and what LangChain's own tests want of plugins."""

import pytest

from pilotage.agent.langchain.chat_model import PilotageChatModel
from tests.agent.langchain.upstream import Upstream


@pytest.fixture
def upstream():
    started = Upstream()
    yield started
    started.close()


@pytest.fixture
def make_model(upstream):
    """Makes chat models over the upstream, and closes their agents."""
    made = []

    def make(policy="fixed:reason,answer", **options):
        model = PilotageChatModel("m", base_url=upstream.url, policy=policy, sandbox="none", **options)
        made.append(model)
        return model

    yield make
    for model in made:
        model.agent.close()


@pytest.fixture
def benchmark():
    """Runs it once: nothing is timed here."""
    return lambda run: run()


@pytest.fixture
def vcr():
    """Nothing is recorded here."""
    return None
