"""Narrative: tell the events as a story, then answer by it."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.blocks.steps import Exchanges
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.trace import Step

TELL = (
    "Tell what happens in this task as a short story, in the order in which it happens, with every time, duration and "
    "condition that is given. Do not answer the task yet."
)
ANSWER = "Now solve the task by the order of events in your story, step by step. {form}"


class Narrative(Strategy):
    """Tells the events of a task as a story in their order, then answers by that.

    Zhang et al. 2024, 'Narrative-of-Thought: Improving Temporal Reasoning of Large Language Models via Recounted
    Narratives' (github.com/launchnlp/NoT), without the paper's events as Python classes, which only its benchmarks
    have, and without shots.

    Tokens: 2 x prompt + story + reply; two calls, the second behind the first.

    It helps on tasks about what happens before, during and after what; elsewhere the story is paid for and says little.
    """

    name = "narrative"

    story_tokens: int = Field(300, ge=32, le=4000, description="limit of the story")

    @property
    def least_calls(self) -> int:
        return 2

    async def run(self, state: State, kit: Kit) -> Step:
        exchanges = Exchanges(self.name, state, kit, independent=True)
        await exchanges.ask(TELL, max_tokens=self.story_tokens)
        await exchanges.ask(ANSWER.format(form=ANSWER_FORM[state.task.kind]))
        return exchanges.step(candidate=exchanges.answer)
