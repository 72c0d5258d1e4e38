"""A real model under the grammar: seven scores for eight tokens."""

import pytest

from pilotage.agent.budget import Budget, Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient
from pilotage.agent.routing.self_scores import FEATURES, self_scores
from pilotage.agent.task import Task
from pilotage.agent.trace import Turn
from tests.agent.states import state_of, step

pytestmark = pytest.mark.live


@pytest.mark.parametrize("expected", [False, True])
async def test_seven_scores_cost_eight_tokens(smollm2, expected):
    task = Task(id="t", prompt="Tom has 3 apples and buys 4 more. How many has he?", kind="numeric")
    turn = Turn(asked="Solve this.", replied="3 + 4 = 7\nAnswer: 7")
    kit = Kit(ModelClient(smollm2), Meter(Budget()))
    scores = await self_scores(state_of(task, step("reason", "7", turns=(turn,))), kit, expected=expected)
    assert list(scores) == [feature.name for feature in FEATURES]
    assert all(0 <= score <= 3 for score in scores.values())
    assert kit.usage.completion_tokens == 8 and kit.usage.llm_calls == 1
    assert expected == any(score != int(score) for score in scores.values())
