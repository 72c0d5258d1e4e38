"""A process reward model behind HTTP as the scorer of solutions: `scorer=remote:URL`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pilotage.agent.errors import BudgetExceeded, PilotageError, StepRefused
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models.quiet import quiet
from pilotage.agent.models.reply import Bill, Reply, Request
from pilotage.agent.prompting import describe
from pilotage.agent.state import State
from pilotage.agent.strategies.base import REMOTE
from pilotage.agent.strategies.scorers.base import Scorer
from pilotage.agent.strategies.together import all_of
from pilotage.agent.trace import Step, Usage
from pilotage.common.addresses import checked_address
from pilotage.common.tokens import estimate_tokens

if TYPE_CHECKING:
    from pilotage.agent.models.reward import RewardModel


BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


class Remote(Scorer):
    """A process reward model's score of the newest step, see `pilotage.agent.models.reward`.

    Each solution costs a call, with as many tokens as the endpoint says that it read. Scores are in the response cache
    like replies. What the endpoint refuses to score is unknown.

    Args:
        url: where to post. A bearer token is read from the environment, `PILOTAGE_SCORER_KEY`.

    Raises:
        ValueError: the address is none.
    """

    name = "remote"
    calls = 1

    def __init__(self, url: str) -> None:
        self.url = checked_address(url, "a process reward model")

    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> Sequence[float | None]:
        from pilotage.agent.models.reward import RewardModel

        model = RewardModel(self.url)
        try:
            with quiet():
                return await all_of([_one(model, state, kit.branch(), step) for step in steps])
        finally:
            await model.aclose()


def written_steps(text: str) -> list[str]:
    """The steps of a solution: its paragraphs; where it is but one, its lines."""
    parts = [part.strip() for part in BLANK_LINE.split(text)]
    parts = list(filter(None, parts))
    return parts if len(parts) > 1 else [line.strip() for line in text.splitlines() if line.strip()]


async def _one(model: RewardModel, state: State, kit: Kit, step: Step) -> float | None:
    task, texts = describe(state.task), written_steps(step.text)
    if not texts:
        return None
    solution = Message(role="assistant", content="\n\n".join(texts))
    request = Request(messages=(Message(role="user", content=task), solution), max_tokens=1)

    estimate = Usage(prompt_tokens=estimate_tokens(request.prompt), llm_calls=1, estimated_calls=1)

    async def call(on_lost: Callable[[], None]) -> Reply:
        started = time.perf_counter()
        rewards = await model.scores(task, texts, on_lost)
        seconds = time.perf_counter() - started
        usage = Usage(prompt_tokens=rewards.prompt_tokens, llm_calls=1, seconds=seconds)
        return Reply(text=repr(rewards.scores[-1]), usage=usage, finish_reason="stop", model="reward model")

    async def asks(request: Request, bill: Bill) -> Reply:
        bill.usage = estimate  # what is known of it while it is under way, should it be given up
        lost = Usage()

        def on_lost() -> None:
            nonlocal lost
            lost += estimate
            bill.usage = lost + estimate

        cache = kit.model.cache
        try:
            key = "" if cache is None else cache.key(f"reward:{model.identity}", request)
            reply = await (call(on_lost) if cache is None else cache.answer(key, partial(call, on_lost)))
        except PilotageError:
            bill.usage = lost
            raise
        bill.usage = lost + reply.usage
        return reply

    try:
        return float((await kit.consult(asks, request, f"{REMOTE}{model.url}")).text)
    except (BudgetExceeded, StepRefused):
        return None
