"""Budget: hard limits on tokens, LLM calls, steps and seconds, and the meter that enforces them."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict, Field

from pilotage.agent.errors import BeyondBudget, BudgetExceeded
from pilotage.agent.trace import Usage
from pilotage.common.tokens import estimate_tokens

MIN_COMPLETION = 16
"""Fewer tokens than this hold no useful reply, so a call that would get fewer is not made."""


class Budget(BaseModel):
    """Limits of one run. A run never starts a call that its budget does not cover.

    Args:
        max_tokens: prompt and completion tokens together.
        max_calls: LLM calls.
        max_steps: blocks, the answer included.
        max_seconds: time since the run began, in its steps and between them; a call in flight at the limit is
            cancelled. Time before a kill counts when the run is resumed, the time until then does not.
        reply_tokens: what every reply may have at least, whatever its block needs; for models that think or write at
            length. 0 leaves each block its own limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int = Field(6000, gt=0)
    max_calls: int = Field(24, gt=0)
    max_steps: int = Field(8, gt=0, le=32)
    max_seconds: float = Field(600.0, gt=0)
    reply_tokens: int = Field(0, ge=0, le=1_000_000, description="least limit of a reply; 0: each block's own")

    def require_calls(self, calls: int, whose: str) -> None:
        """Raises BeyondBudget where there are fewer calls than a method needs, which its name tells."""
        if calls > self.max_calls:
            raise BeyondBudget(
                f"{whose} needs {calls} calls and the budget has {self.max_calls}: give --max-calls {calls} or more "
                f"(in Python, Budget(max_calls={calls}))"
            )

    def require_steps(self, steps: int, whose: str) -> None:
        """Raises BeyondBudget where there are fewer blocks than a method needs, the answer included."""
        if steps > self.max_steps:
            raise BeyondBudget(
                f"{whose} needs {steps} blocks and the budget has {self.max_steps}: give --max-steps {steps} or draw "
                f"less often (in Python, Budget(max_steps={steps}))"
            )

    def require_room_for(self, prompt: str) -> None:
        """Raises BeyondBudget where not even one step on this prompt fits."""
        needed = estimate_tokens(prompt) + MIN_COMPLETION
        if needed > self.max_tokens:
            raise BeyondBudget(
                f"a budget of {self.max_tokens} tokens is too small for one step on this task: give --max-tokens "
                f"{needed} or more (in Python, Budget(max_tokens={needed}))"
            )


class Meter:
    """Watches one run's spending against its budget. Concurrent calls reserve what they may use before they start."""

    def __init__(self, budget: Budget, spent: Usage = Usage(), elapsed: float = 0.0) -> None:  # noqa: B008 (frozen)
        self.budget = budget
        self.spent = spent
        self._reserved_tokens = 0
        self._reserved_calls = 0
        self._started = time.monotonic() - elapsed

    @property
    def tokens_left(self) -> int:
        """Tokens neither spent nor reserved."""
        return self.budget.max_tokens - self.spent.total_tokens - self._reserved_tokens

    @property
    def seconds_left(self) -> float:
        """Seconds until the time limit; negative past it."""
        return self.budget.max_seconds - (time.monotonic() - self._started)

    def reserve(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Reserves a call and returns the completion tokens it may write, at most `completion_tokens`.

        Raises:
            BudgetExceeded: no useful call fits any more.
        """
        if self.spent.llm_calls + self._reserved_calls >= self.budget.max_calls:
            raise BudgetExceeded("max_calls", f"all {self.budget.max_calls} LLM calls of the budget are used")
        if self.seconds_left <= 0:
            raise BudgetExceeded("max_seconds", f"the budget of {self.budget.max_seconds:g} seconds is used up")
        granted = min(completion_tokens, self.tokens_left - prompt_tokens)
        if granted < min(MIN_COMPLETION, completion_tokens):
            raise BudgetExceeded(
                "max_tokens",
                f"{max(self.tokens_left, 0)} of {self.budget.max_tokens} budgeted tokens are left, too few for a call",
            )
        self._reserved_tokens += prompt_tokens + granted
        self._reserved_calls += 1
        return granted

    def affords(self, prompt_tokens: int, completion_tokens: int) -> bool:
        """Whether a call of this size fits what is left."""
        calls = self.spent.llm_calls + self._reserved_calls
        fits = prompt_tokens + completion_tokens <= self.tokens_left
        return fits and calls < self.budget.max_calls and self.seconds_left > 0

    def extend(self, billed: Usage) -> bool:
        """Charges what a reserved call has billed and keeps its reservation for another attempt, if that fits."""
        calls = self.spent.llm_calls + billed.llm_calls + self._reserved_calls
        fits = billed.total_tokens <= self.tokens_left and calls <= self.budget.max_calls
        if fits:
            self.spent += billed
        return fits

    def settle(self, prompt_tokens: int, granted: int, actual: Usage) -> None:
        """Replaces a reservation by what the call really cost."""
        self._reserved_tokens -= prompt_tokens + granted
        self._reserved_calls -= 1
        self.spent += actual
