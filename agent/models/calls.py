"""Calls: those of one model within a run's budget, each charged however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from pilotage.agent.account import charge
from pilotage.agent.budget import Meter
from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.models.reply import Bill, LimitUsedUp, Reply, Request
from pilotage.agent.trace import Usage, total
from pilotage.common.tokens import estimate_tokens

if TYPE_CHECKING:
    from pilotage.agent.models.client import ModelClient

THINKING_TOKENS = 2048
"""Room beside the answer for a model that turns out to think."""

Listener = Callable[[str], None]
"""Gets text as the model writes it."""

Asks = Callable[[Request, Bill], Coroutine[Any, Any, Reply]]
"""Answers a request, and writes what that costs on the bill, however it ends."""


class Calls:
    """Asks a model on a budget, and keeps the account.

    Args:
        model: answers requests.
        meter: the run's budget; refuses calls that it does not cover.
        name: what the account calls the model; empty for the run's own.
    """

    def __init__(self, model: ModelClient, meter: Meter, name: str = "") -> None:
        self.model, self.meter, self.name = model, meter, name
        self._usages: list[Usage] = []

    @property
    def usage(self) -> Usage:
        """All that was spent."""
        return total(self._usages)

    async def ask_with_room(self, request: Request, on_token: Listener | None) -> Reply:
        """Asks with room for thinking beside the limit; once more, with room for more, where thinking used it up.

        Raises:
            BudgetExceeded: as `ask`.
        """
        used_up = None
        try:
            first = await self.ask(request, on_token, room=self.model.thinking_tokens)
            if not first.thought_away:
                return first
        except LimitUsedUp as error:
            used_up = error
        room = max(THINKING_TOKENS, 2 * self.model.thinking_tokens)
        noticeably_more = request.max_tokens + self.model.thinking_tokens + room // 4
        if self.meter.affords(estimate_tokens(request.prompt), noticeably_more):
            reply = await self.ask(request, on_token, room=room)
            self.model.thinking_tokens = max(self.model.thinking_tokens, room)
            return reply
        if used_up is not None:
            raise used_up
        return first

    async def ask(
        self,
        request: Request,
        on_token: Listener | None = None,
        on_thought: Listener | None = None,
        *,
        room: int = 0,
        asks: Asks | None = None,
    ) -> Reply:
        """One call within the budget.

        Args:
            request: the call.
            on_token: called with each piece of text as the model writes it.
            on_thought: called with each piece of thinking, where the backend shows it.
            room: tokens beside the limit of the request, for thinking.
            asks: somebody else than the model, who is asked instead of it.

        Raises:
            BudgetExceeded: the call does not fit the budget, or ran past its time limit and was cancelled.
        """
        meter, prompt_tokens = self.meter, estimate_tokens(request.prompt)
        granted = meter.reserve(prompt_tokens, request.max_tokens + room)
        bill, charged = Bill(), Usage()  # of all attempts, and of those before the last one
        trouble, streamed = "", list[str]()

        def repeats(billed: Usage, why: str) -> bool:
            """Whether the budget has another attempt, after those so far have billed so much and come to nothing."""
            nonlocal charged, trouble
            trouble = why
            fits = meter.extend(billed - charged)
            charged = billed if fits else charged
            return fits

        def relay(text: str) -> None:
            streamed.append(text)
            if on_token is not None:
                on_token(text)

        try:
            async with asyncio.timeout(meter.seconds_left):
                request = request.model_copy(update={"max_tokens": granted})
                if asks is not None:
                    return self._named(await asks(request, bill))
                relayed = relay if on_token else None
                return self._named(await self.model.ask(request, relayed, repeats, on_thought, bill))
        except TimeoutError:
            after = f", the last try having failed: {trouble}" if trouble else ""
            after += ", most of it in waiting for the model's rate" if bill.waiting else ""
            what = f"the budget of {meter.budget.max_seconds:g} seconds is used up{after}"
            raise BudgetExceeded("max_seconds", what, failing=bool(after), streamed="".join(streamed)) from None
        finally:
            self._usages.append(bill.usage.by(self.name))
            charge(bill.usage.total_tokens)
            meter.settle(prompt_tokens, granted, bill.usage - charged)

    def _named(self, reply: Reply) -> Reply:
        """A reply whose usage tells which model it is of."""
        return reply.model_copy(update={"usage": reply.usage.by(self.name)}) if self.name else reply
