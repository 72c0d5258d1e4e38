"""TwoModels: a strategy that asks a second model beside the run's own, on the run's budget."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models.named import NamedModels
from pilotage.agent.state import Abilities
from pilotage.agent.strategies.base import PREFIX, Strategy

OWN = "as --model names one, or by a name of ReasoningAgent(models=); empty: the run's own"


@dataclass(frozen=True)
class Pair:
    """Kits of two models on one budget; what they spend is in the account of the kit that they branched off."""

    small: Kit
    large: Kit


class TwoModels(Strategy):
    """A strategy of a small model and a large one; whichever is not named is the run's own."""

    outside = ("small", "large")

    small: str = Field("", description=f"the small model, {OWN}")
    large: str = Field("", description=f"the large model, {OWN}")

    @property
    def named_models(self) -> tuple[str, ...]:
        return self.small, self.large

    @property
    def logprobs_of(self) -> str:
        return self.small

    def require_able(self, models: NamedModels, abilities: Abilities, budget: Budget) -> None:
        self._require_one()
        super().require_able(models, abilities, budget)

    def pair(self, kit: Kit) -> Pair:
        """Both models on a kit's budget, silent.

        Raises:
            UsageError: neither is named, or one of them does not exist.
        """
        self._require_one()
        return Pair(kit.branch(kit.models.named(self.small)), kit.branch(kit.models.named(self.large)))

    def _require_one(self) -> None:
        if not (self.small or self.large):
            raise UsageError(
                f"{PREFIX}{self.name} needs large=MODEL (or small=MODEL, beside a large one of the run's own)"
            )
