"""Fixtures of the agent's tests: a scripted model, a real sandbox, a kit over both."""

import pytest

from agent.blocks import Registry
from agent.budget import Budget, Meter
from agent.kit import Kit
from agent.models import ModelClient, ScriptedChatModel
from agent.sandbox import open_sandbox
from agent.task import Task
from tests.agent.states import always_right


@pytest.fixture
def scripted():
    return ScriptedChatModel(always_right)


@pytest.fixture(scope="session")
def sandbox():
    return open_sandbox("auto")


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def task():
    return Task(id="product", prompt="What is 6 times 7?", kind="numeric")


@pytest.fixture
def kit_for(sandbox):
    """A kit over a scripted model, with the real sandbox."""

    def make(model, **limits):
        client = model if isinstance(model, ModelClient) else ModelClient(model)
        return Kit(client, Meter(Budget(**limits)), sandbox=sandbox)

    return make
