"""Codex CLI: it runs a command that the model asks for, and tells what came of it."""

import json
import os
import subprocess

import pytest

from tests.agent.serve.responses.upstream import says
from tests.clients.conftest import MODULES

CONFIG = """
model = "pilotage"
model_provider = "pilotage"
web_search = "{search}"

[model_providers.pilotage]
name = "pilotage"
base_url = "{url}"
wire_api = "responses"
env_key = "PILOTAGE_KEY"
"""


@pytest.fixture
def codex(url, tmp_path):
    def run(prompt, search="disabled"):
        home, work = tmp_path / "home", tmp_path / "work"
        for folder in (home, work):
            folder.mkdir(exist_ok=True)
        (home / "config.toml").write_text(CONFIG.format(url=url, search=search))
        command = [MODULES / ".bin" / "codex", "exec", "--skip-git-repo-check", prompt]
        environ = {**os.environ, "CODEX_HOME": str(home), "PILOTAGE_KEY": "none"}
        return subprocess.run(
            command,
            cwd=work,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def test_a_command_is_run_and_its_output_comes_back(codex, endpoint):
    arguments = json.dumps({"cmd": "echo from-the-$((40 + 2))nd-tool"})
    endpoint.plan = [
        says("I look.", thinking="Let me run it.", calls=[("call_1", "exec_command", arguments)]),
        says("It printed something."),
    ]
    done = codex("run echo, please")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("It printed something.")
    assert "Let me run it." in done.stdout + done.stderr
    result = endpoint.bodies[-1]["messages"][-1]
    assert (result["role"], result["tool_call_id"]) == ("tool", "call_1")
    assert "from-the-42nd-tool" in result["content"]


def test_a_search_that_this_server_cannot_run_is_refused_by_name(codex, endpoint):
    done = codex("hi", search="cached")
    assert done.returncode != 0
    assert "web_search" in done.stdout + done.stderr
    assert not endpoint.bodies
