"""Strategy: a published test-time method, built from the same model, budget, sandbox and trace as the blocks.

A strategy is its parameters: a frozen model, whose defaults are the paper's where those fit a run's budget, and say so
where not. One that is configured is written `strategy:NAME;key=value;…`, and does all its work in one step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from pilotage.agent.budget import MIN_COMPLETION, Budget
from pilotage.agent.errors import BeyondBudget, Unable
from pilotage.agent.kit import Kit
from pilotage.agent.models.named import NamedModels
from pilotage.agent.prompting import content_fingerprint
from pilotage.agent.state import Abilities, State
from pilotage.agent.trace import Step
from pilotage.common.tokens import estimate_tokens

PREFIX = "strategy:"
"""What a strategy's name always begins with, where a policy or a block may stand: their names may meet."""
REMOTE = "remote:"
"""What a scorer's name begins with where an address follows."""


class Strategy(BaseModel, ABC):
    """One test-time method with its parameters.

    It holds no state: all that it knows comes in a run's `state`, all it may do goes through `kit`, so that every call
    is charged and every limit holds. The same seed gives the same run. Subclasses are frozen pydantic models whose
    fields are the parameters, each with a description of one line; the class docstring's first line is the method's
    description in docs, its rest has source, token formula and when it helps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    name: ClassVar[str]
    exchangeable: ClassVar[bool] = False
    """Whether its draws do not depend on each other, so that the first few are what a smaller one would have drawn."""
    outside: ClassVar[tuple[str, ...]] = ()
    """Parameters that name something beside the run: another model, a file, code. A server lets no client give any."""

    @property
    def least_calls(self) -> int:
        """Calls of the model without which it cannot do what it is for."""
        return 1

    @property
    def needs_logprobs(self) -> bool:
        """Whether it cannot work with a backend that gives no log-probabilities."""
        return False

    @property
    def named_models(self) -> tuple[str, ...]:
        """Names of the models that it asks beside the run's own; an empty one is the run's own."""
        return ()

    @property
    def logprobs_of(self) -> str:
        """Name of the model whose log-probabilities it reads; the run's own by default."""
        return ""

    @property
    def reads(self) -> str:
        """Path of a file that says what it does: with another content it is another strategy. Empty for none."""
        return ""

    @property
    def needs_sandbox(self) -> bool:
        """Whether it runs programs."""
        return getattr(self, "route", "") == "program"

    def applicable(self, state: State) -> bool:
        """Whether it can do anything for a task: most compare answers, and an open task has none that compare."""
        return state.task.kind != "open"

    @abstractmethod
    async def run(self, state: State, kit: Kit) -> Step:
        """Does the work. What could not be parsed abstains: it is never an answer, and has no vote."""

    @property
    def spec(self) -> str:
        """How it is written: name and those parameters that are not the default."""
        return PREFIX + ";".join([self.name, *(f"{key}={value}" for key, value in self._changed.items())])

    @property
    def _changed(self) -> dict[str, object]:
        return {key: getattr(self, key) for key in type(self).model_fields if getattr(self, key) != _default(self, key)}

    def require_able(self, models: NamedModels, abilities: Abilities, budget: Budget) -> None:
        """Raises where it needs what models, machine or budget have not: before a call is paid.

        Raises:
            Unable: log-probabilities, or a sandbox, that are not there.
            BeyondBudget: more calls than the budget has.
            UsageError: a model that there is not.
        """
        self.require_calls(budget)
        for name in self.named_models:
            models.named(name)
        told = models.named(self.logprobs_of) if self.needs_logprobs else None
        if told is not None and not told.capabilities.logprobs:
            raise Unable(
                f"{self.spec} reads log-probabilities, and {told.name} gives none: choose another scorer, or a model "
                "that has them"
            )
        if self.needs_sandbox and not abilities.sandbox:
            raise Unable(f"{self.spec} runs programs, and there is no sandbox: leave out --sandbox none")

    def require_calls(self, budget: Budget) -> None:
        """Raises BeyondBudget where a budget has fewer calls than it needs."""
        budget.require_calls(self.least_calls, self.spec)

    def require_room(self, prompt: str, budget: Budget) -> None:
        """Raises BeyondBudget where a budget cannot hold the calls that it needs on this prompt: before any is paid."""
        self.require_calls(budget)
        needed = self.least_calls * (estimate_tokens(prompt) + MIN_COMPLETION)
        if needed > budget.max_tokens:
            raise BeyondBudget(
                f"a budget of {budget.max_tokens} tokens is too small for the {self.least_calls} calls of {self.spec} "
                f"on this task: give --max-tokens {needed} or more (in Python, Budget(max_tokens={needed}))"
            )

    def chance(self, state: State, kit: Kit) -> Random:
        """The stream by which it breaks ties and draws: the same for the same task, parameters and seed."""
        return Random(f"{kit.seed}/{content_fingerprint(state.task)}/{self.spec}")


def _default(strategy: Strategy, key: str) -> object:
    return type(strategy).model_fields[key].default
