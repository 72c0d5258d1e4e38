"""A real model under the grammar, in a process of its own: seven scores for eight tokens."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.agent.routing.self_scores import FEATURES

pytestmark = pytest.mark.live

SCORE = """
import asyncio, json, sys
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import EmbeddedChatModel, ModelClient
from pilotage.agent.routing.self_scores import self_scores
from pilotage.agent.task import Task
from pilotage.agent.trace import Turn
from tests.agent.states import state_of, step

task = Task(id="t", prompt="Tom has 3 apples and buys 4 more. How many has he?", kind="numeric")
turn = Turn(asked="Solve this.", replied="3 + 4 = 7\\nAnswer: 7")
kit = Kit(ModelClient(EmbeddedChatModel(path=sys.argv[1], n_ctx=2048)), Meter(Budget()))
state = state_of(task, step("reason", "7", turns=(turn,)))
scores = asyncio.run(self_scores(state, kit, expected=sys.argv[2] == "expected"))
print(json.dumps([scores, kit.usage.completion_tokens, kit.usage.llm_calls]))
"""


@pytest.mark.parametrize("expected", [False, True])
def test_seven_scores_cost_eight_tokens(smollm2_path, expected):
    command = [sys.executable, "-c", SCORE, str(smollm2_path), "expected" if expected else "read"]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    scores, tokens, calls = json.loads(done.stdout.splitlines()[-1])
    assert list(scores) == [feature.name for feature in FEATURES]
    assert all(0 <= score <= 3 for score in scores.values())
    assert (tokens, calls) == (8, 1)
    assert expected == any(score != int(score) for score in scores.values())
