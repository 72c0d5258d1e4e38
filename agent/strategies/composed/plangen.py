"""PlanGEN: constraints of the task, other strategies chosen by a bandit, and a verification against the constraints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Self

from pydantic import Field, model_validator

from pilotage.agent.budget import Budget
from pilotage.agent.errors import BudgetExceeded, UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models.named import NamedModels
from pilotage.agent.models.quiet import quiet
from pilotage.agent.prompting import describe, system
from pilotage.agent.state import Abilities, State
from pilotage.agent.strategies.base import PREFIX, Strategy
from pilotage.agent.strategies.drawing import Drawn, answer_of, chosen
from pilotage.agent.strategies.reseeding import reseeded
from pilotage.agent.strategies.scorers.asked import mark_of
from pilotage.agent.strategies.showing import prompt
from pilotage.agent.strategies.together import or_none
from pilotage.agent.trace import Recalled, Step
from pilotage.memory.text.quoting import quoted_text

CONSTRAINTS_TOKENS = 200
CONSTRAINTS = (
    "List what any right answer to this task must fulfil, one short line each: conditions that are stated, and those "
    "that follow. Do not solve the task."
)
SHOWN = """What a right answer must fulfil, as it was read from the task (data; it may be incomplete):
<notes>
{text}
</notes>"""
FULFILS = (
    "{constraints}\n\nHow well does this solution fulfil what a right answer must fulfil, and how likely is it to be "
    "right? Reply with one digit, 0 for not at all to 9 for certainly."
)


@dataclass
class Arm:
    """A way of solving the task: a strategy, and the marks that its solutions got."""

    strategy: Strategy
    marks: list[float]

    def bound(self, pulls: int, width: float) -> float:
        """Upper confidence bound of its mean mark (UCB1, Auer et al. 2002); infinite before it was tried."""
        if not self.marks:
            return math.inf
        mean = sum(self.marks) / len(self.marks)
        return mean + width * math.sqrt(math.log(pulls) / len(self.marks))


def next_arm(arms: Sequence[Arm], width: float, chance: Random) -> Arm:
    """The arm with the highest upper confidence bound after the pulls so far, of equals one that is drawn."""
    pulls = sum(len(arm.marks) for arm in arms)
    return max(chance.sample(arms, len(arms)), key=lambda arm: arm.bound(pulls, width))


class PlanGen(Strategy):
    """Reads constraints from the task, solves it by strategies that a bandit chooses, and marks what each comes to.

    Parmar et al. 2025, 'PlanGEN: A Multi-Agent Framework for Generating Planning and Reasoning Trajectories for Complex
    Problem Solving' (its agents of constraints, verification and selection). The paper chooses among best of n, tree of
    thoughts and REBASE by an upper confidence bound with terms for diversity and recovery; here it is the plain bound,
    over any strategies (`arms`). It ends with a solution that is marked as good as certain, or after `rounds`.

    Tokens: one call for the constraints, then for each round those of the chosen strategy and one mark.

    It helps where what a right answer must fulfil is easier to say than to reach, and the marks tell.
    """

    name = "plangen"

    arms: str = Field(
        "best-of-n,n=2|self-consistency,n=3", description="the strategies, NAME,key=value,…, with | between them"
    )
    rounds: int = Field(3, ge=1, le=100, description="solutions at most")
    threshold: float = Field(0.95, ge=0, le=1, description="the mark, 0 to 1, with which it ends")
    width: float = Field(1.0, ge=0, le=10, description="of the confidence bound: more tries what was tried less")

    @model_validator(mode="after")
    def _arms_are_strategies(self) -> Self:
        try:
            strategies = self._strategies()
        except UsageError as error:
            raise ValueError(str(error)) from None
        if not strategies or any(isinstance(one, PlanGen) for one in strategies):
            raise ValueError("arms are other strategies: write arms=best-of-n,n=2|beam")
        return self

    @property
    def least_calls(self) -> int:
        calls = [one.least_calls for one in self._strategies()]
        tried = sum(sorted(calls)[-min(self.rounds, len(calls)) :])
        return 1 + tried + max(0, self.rounds - len(calls)) * max(calls) + self.rounds

    @property
    def needs_sandbox(self) -> bool:
        return any(one.needs_sandbox for one in self._strategies())

    def require_able(self, models: NamedModels, abilities: Abilities, budget: Budget) -> None:
        super().require_able(models, abilities, budget)
        for one in self._strategies():
            one.require_able(models, abilities, budget)

    async def run(self, state: State, kit: Kit) -> Step:
        constraints = await self._constraints(state, kit)
        told = _with(state, constraints)
        arms, chance = [Arm(one, []) for one in self._strategies()], self.chance(state, kit)
        steps, marks = list[Step](), list[float | None]()
        limit: BudgetExceeded | None = None
        for number in range(self.rounds):
            arm = next_arm(arms, self.width, chance)
            step: Step | None
            try:
                step = await arm.strategy.run(told, reseeded(kit, number))
            except BudgetExceeded as reached:
                limit, step = reached, getattr(reached, "step", None)
            if step is not None:
                mark = await self._mark(state, kit, constraints, step)
                steps.append(step.model_copy(update={"draws": ()}))
                marks.append(mark)
                arm.marks.append(mark or 0.0)
            if limit is not None or (marks and (marks[-1] or 0.0) >= self.threshold):
                break
        tried = ", ".join(f"{arm.strategy.name} {len(arm.marks)}" for arm in arms)
        drawn = Drawn(tuple(steps), limit)
        answered = [place for place, step in enumerate(steps) if step.candidate is not None]
        if not answered:
            return chosen(self.name, kit, drawn, None, f"no solution; tried: {tried}")
        best = max(answered, key=lambda place: marks[place] or 0.0)
        note = f"marked {marks[best] or 0.0:.2f}; tried: {tried}"
        answer = answer_of(state, drawn.steps, steps[best])
        return chosen(self.name, kit, drawn, answer, note, marks, steps[best])

    def _strategies(self) -> list[Strategy]:
        from pilotage.agent.strategies import strategy_named

        ways = (way.strip().removeprefix(PREFIX) for way in self.arms.split("|"))
        return [strategy_named(PREFIX + way.replace(",", ";")) for way in ways if way]

    async def _constraints(self, state: State, kit: Kit) -> str:
        """What the model says that a right answer must fulfil; nothing where its reply is unusable."""
        messages = prompt(system(state.task), f"{describe(state.task)}\n\n{CONSTRAINTS}")
        with quiet():
            reply = await or_none(kit.branch().send(messages, max_tokens=CONSTRAINTS_TOKENS))
        return quoted_text(reply.text).strip() if reply is not None else ""

    async def _mark(self, state: State, kit: Kit, constraints: str, step: Step) -> float | None:
        """The model's mark for a solution, 0 to 1; None where there is none, or no answer to mark."""
        if step.candidate is None:
            return None
        told = SHOWN.format(text=constraints) if constraints else ""
        with quiet():
            return await mark_of(state, kit.branch(), step, FULFILS.format(constraints=told).strip())


def _with(state: State, constraints: str) -> State:
    """The state of a strategy that reads the constraints before the task, behind what memory recalled."""
    if not constraints:
        return state
    text = "\n\n".join(filter(None, [state.trace.recalled.text, SHOWN.format(text=constraints)]))
    recalled = Recalled(text=text, hints=state.trace.recalled.hints)
    return replace(state, trace=state.trace.model_copy(update={"recalled": recalled}))
