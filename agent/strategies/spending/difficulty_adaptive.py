"""Difficulty-adaptive: a few draws tell how hard a task is, and what is spent on it then goes by that."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pilotage.agent.blocks.base import CutShort
from pilotage.agent.budget import Budget
from pilotage.agent.errors import BadReply, BudgetExceeded, UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models.named import NamedModels
from pilotage.agent.state import Abilities, State
from pilotage.agent.strategies.base import PREFIX, Strategy
from pilotage.agent.strategies.drawing import Drawn, as_draw, chosen, draw
from pilotage.agent.strategies.reseeding import reseeded
from pilotage.agent.strategies.voting import elected, votes
from pilotage.agent.trace import Step

STOP = "stop"


class DifficultyAdaptive(Strategy):
    """Draws a few times, takes their agreement for how easy the task is, and goes on by one of two ways.

    Snell et al. 2024, 'Scaling LLM Test-Time Compute Optimally can be More Effective than Scaling Model Parameters' (a
    strategy for each bin of difficulty, which is predicted from samples). The paper has five bins, by 2,048 samples and
    a verifier; here two, by four draws, whose agreement costs nothing more. A way is another strategy, written NAME or
    NAME,key=value,…, which draws anew and does not count the probe; `stop` takes what the first draws voted for, as
    does a way that comes to no usable reply.

    Tokens: probe x (prompt + reply), then what the chosen way costs.

    It helps where easy and hard tasks want different things: it is then as good as the better way on each kind, for the
    price of the probe. Where few draws do not tell one from the other, it is a mixture of the two.
    """

    name = "difficulty-adaptive"

    probe: int = Field(4, ge=2, le=100, description="draws that tell how hard the task is")
    share: float = Field(0.75, gt=0, le=1, description="of the probe that agrees, from which a task is easy")
    easy: str = Field(STOP, description="the way on easy tasks: stop, or a strategy as NAME,key=value,…")
    hard: str = Field("self-consistency,n=8", description="the way on hard tasks")
    temperature: float = Field(0.7, gt=0, le=5, description="of the probe")

    @model_validator(mode="after")
    def _known_ways(self) -> Self:
        for way in (self.easy, self.hard):
            try:
                other = self._strategy(way)
            except UsageError as error:
                raise ValueError(str(error)) from None
            if isinstance(other, DifficultyAdaptive):
                raise ValueError(f"{other.name} is no way of itself: name another strategy")
        return self

    @property
    def least_calls(self) -> int:
        return self.probe + max((way.least_calls for way in self._ways), default=0)

    @property
    def _ways(self) -> tuple[Strategy, ...]:
        return tuple(filter(None, map(self._strategy, (self.easy, self.hard))))

    @property
    def needs_sandbox(self) -> bool:
        return any(way.needs_sandbox for way in self._ways)

    def require_able(self, models: NamedModels, abilities: Abilities, budget: Budget) -> None:
        super().require_able(models, abilities, budget)
        for way in self._ways:
            way.require_able(models, abilities, budget)

    async def run(self, state: State, kit: Kit) -> Step:
        numbers = range(1, self.probe + 1)
        drawn = await draw(self.name, state, kit, numbers, temperature=self.temperature)
        cast = votes(state, drawn.steps)
        agreed = max(cast.values(), default=0.0) / self.probe
        way = self.easy if agreed >= self.share else self.hard
        strategy, note = self._strategy(way), f"{agreed:.2f} of the probe agree"
        if strategy is None or drawn.limit is not None:
            return self._voted(state, kit, drawn, note)
        try:
            step, limit = await strategy.run(state, reseeded(kit, 1)), None
        except CutShort as cut:
            step, limit = cut.step, cut
        except BudgetExceeded as refused:
            return self._voted(state, kit, drawn + Drawn(limit=refused), note)
        except BadReply as bad:
            return self._voted(state, kit, drawn, f"{note}; {PREFIX}{strategy.name} came to nothing ({bad})")
        said = f"{note}, so {PREFIX}{strategy.name}: {step.evidence.note}"
        step = step.model_copy(
            update={
                "block": self.name,
                "draws": (*map(as_draw, drawn.steps), *step.draws),
                "usage": kit.usage,
                "evidence": step.evidence.model_copy(update={"note": said}),
            }
        )
        if limit is not None:
            raise CutShort(limit, step)
        return step

    def _voted(self, state: State, kit: Kit, drawn: Drawn, note: str) -> Step:
        answer = elected(state, drawn.steps, votes(state, drawn.steps), self.chance(state, kit))
        return chosen(self.name, kit, drawn, answer, f"{note}, and voted")

    def _strategy(self, way: str) -> Strategy | None:
        """The strategy that is a way; None to stop."""
        from pilotage.agent.strategies import strategy_named

        return None if way == STOP else strategy_named(PREFIX + way.removeprefix(PREFIX).replace(",", ";"))
