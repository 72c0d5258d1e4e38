"""Debate: agents who solve the task, read each other's solutions and solve it anew, and vote at the end."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import Field

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, describe, system
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, answer_of, chosen, draw, side_by_side
from pilotage.agent.strategies.judging.ballot import ballots, best_first
from pilotage.agent.strategies.showing import numbered, shuffled, written
from pilotage.agent.strategies.voting import elected, votes
from pilotage.agent.trace import Step, Turn
from pilotage.common.tokens import estimate_tokens

READ = (
    "{solutions}\n\nThese are solutions of the task by others, who may be wrong as you may. Compare them with yours, "
    "then solve the task anew, each step on its own line with its arithmetic or reason. {form}"
)


class MultiAgentDebate(Strategy):
    """Lets agents solve the task, read each other's solutions and solve it anew, and takes what most came to.

    Du et al. 2023, 'Improving Factuality and Reasoning in Language Models through Multiagent Debate': three agents and
    two rounds, as in the paper. Each reads the others in an order that is drawn. An agent whose last reply has no
    answer keeps the one before. (The block `debate` is another thing, one model that weighs approaches.)

    Tokens: agents x (prompt + reply) in the first round, and in each further one with all replies of the round before
    in the prompt; with `decide=judge` one short call more.

    It helps where a mistake is seen by whoever reads it. Agents who do not heed each other are self-consistency of as
    many draws, for several times the price; those who follow the majority lose what a right minority knew.
    """

    name = "debate"

    agents: int = Field(3, ge=2, le=50, description="who debate")
    rounds: int = Field(2, ge=1, le=20, description="the first of which is before anything is read")
    decide: Literal["vote", "judge"] = Field("vote", description="who decides: the agents, or a judge who reads them")
    temperature: float = Field(0.7, gt=0, le=5, description="of every solution")

    @property
    def least_calls(self) -> int:
        return self.agents * self.rounds + (self.decide == "judge")

    async def run(self, state: State, kit: Kit) -> Step:
        chance = self.chance(state, kit)
        drawn = await draw(self.name, state, kit, range(1, self.agents + 1), temperature=self.temperature)
        said = 1
        drawn.require_any()
        while said < self.rounds and drawn.limit is None and len(drawn.steps) > 1:
            drawn = await self._heard(state, kit, drawn, chance)
            said += 1
        answered = [step for step in drawn.steps if step.candidate is not None]
        if self.decide == "judge" and answered:
            counts = await ballots(state, kit, answered, chance, votes=1, temperature=self.temperature)
            best = answered[best_first(counts, chance)[0]]
            note = f"a judge chose among {len(answered)} solutions" if any(counts) else "the judge named no solution"
            return chosen(self.name, kit, drawn, answer_of(state, drawn.steps, best), note, best=best)
        cast = votes(state, drawn.steps)
        note = f"{max(cast.values(), default=0):.0f} of {len(drawn.steps)} agents agree after round {said}"
        return chosen(self.name, kit, drawn, elected(state, drawn.steps, cast, chance), note)

    async def _heard(self, state: State, kit: Kit, drawn: Drawn, chance: Random) -> Drawn:
        """What each says once it has read the others; who says nothing that can be read keeps what it said before."""
        steps, form = drawn.steps, ANSWER_FORM[state.task.kind]
        asked = [READ.format(solutions=self._others(steps, place, chance), form=form) for place in range(len(steps))]

        async def one(own: Kit, place: int) -> Step:
            turns = steps[place].turns
            reply = await own.ask(
                state,
                asked[place],
                max_tokens=MAX_TOKENS,
                turns=turns,
                independent=True,
                temperature=self.temperature,
                sample=1 + place,
            )
            said = (*turns, Turn(asked=asked[place], replied=reply.text))
            step = written(state, own, self.name, reply, turns=said)
            return step if step.candidate is not None else steps[place]

        before = max(("".join(turn.asked + turn.replied for turn in step.turns) for step in steps), key=len)
        size = estimate_tokens(system(state.task) + describe(state.task) + before + max(asked, key=len))
        heard = await side_by_side(
            self.name, kit, one, range(len(steps)), prompt_tokens=size, completion_tokens=MAX_TOKENS
        )
        said = dict(zip(heard.numbers, heard.steps, strict=True))
        latest = tuple(
            new if (new := said.get(place, old)).candidate is not None else old for place, old in enumerate(steps)
        )
        return Drawn(latest, heard.limit, drawn.unusable)

    def _others(self, steps: Sequence[Step], place: int, chance: Random) -> str:
        others = [step for other, step in enumerate(steps) if other != place]
        return numbered([others[number] for number in shuffled(others, chance)])
