"""Fixtures of the agent's tests: a scripted model, a real sandbox, a kit over both, and the command line."""

import io
import json
import sys
from typing import NamedTuple

import pytest

from pilotage.agent import cli
from pilotage.agent.blocks import Registry
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, ScriptedChatModel
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.task import Task
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


class Said(NamedTuple):
    """What a command came to: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def command_line(tmp_path, monkeypatch, capsys):
    """Runs `pilotage ...` in this process, in an empty folder, with a home and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments, columns=200, stdin=None):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["pilotage", *map(str, arguments)])
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        shown = capsys.readouterr()
        return Said(code, shown.out, shown.err)

    return run
