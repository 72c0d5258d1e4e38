"""Medprompt: near solved tasks as shots, choices in another order for each draw, and a vote."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from pydantic import Field

from pilotage.agent.answers import LETTERS, resolve_choice
from pilotage.agent.blocks.steps import MAX_TOKENS, reasoned
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import content_fingerprint
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import asked_for, prompt_tokens, side_by_side
from pilotage.agent.strategies.voting import by_vote
from pilotage.agent.trace import Hint, Recalled, Step

SHOT_TOKENS = 120
"""What one shot may take of a prompt."""


class Medprompt(Strategy):
    """Shows near solved tasks, puts the choices in another order for each draw, and lets the answers vote.

    Nori et al. 2023, 'Can Generalist Foundation Models Outcompete Special-Purpose Tuning? Case Study in Medicine'
    (dynamic few-shot, chain of thought, choice shuffling; github.com/microsoft/promptbase), with 5 draws and 5 shots as
    there. The shots are what the run's memory learned from solved tasks that are like this one; without a memory there
    are none.

    Tokens: n x (prompt + shots + reply).

    It helps on questions with choices where a model favours a place of the list, since each draw shows another order,
    and where memory knows tasks of this kind; on tasks without choices it is self-consistency with shots.
    """

    name = "medprompt"
    exchangeable = True

    n: int = Field(5, ge=1, le=1000, description="draws, each with the choices in an order of its own")
    shots: int = Field(5, ge=0, le=32, description="solved tasks that are shown, where memory has any")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")

    @property
    def least_calls(self) -> int:
        return self.n

    async def run(self, state: State, kit: Kit) -> Step:
        recalled = await self._shots(state, kit)
        shown = replace(state, trace=state.trace.model_copy(update={"recalled": recalled}))
        asked = asked_for(state, "reason")

        async def one(own: Kit, number: int) -> Step:
            chance = Random(f"{kit.seed}/{content_fingerprint(state.task)}/{number}")
            order = chance.sample(range(len(state.task.choices)), len(state.task.choices))
            choices = tuple(state.task.choices[place] for place in order)
            seen = replace(shown, task=state.task.model_copy(update={"choices": choices}))
            how = {"independent": True, "temperature": self.temperature, "sample": number}
            step = _in_own_order(await reasoned(self.name, seen, own, asked, **how), state, choices, order)
            return step.model_copy(update={"hints": recalled.hints[len(state.trace.recalled.hints) :]})

        drawn = await side_by_side(
            self.name,
            kit,
            one,
            range(1, self.n + 1),
            prompt_tokens=prompt_tokens(shown, asked),
            completion_tokens=MAX_TOKENS,
        )
        return by_vote(self, state, kit, drawn)

    async def _shots(self, state: State, kit: Kit) -> Recalled:
        """What the run was shown at its start, and further solved tasks until there are enough, or no more."""
        texts, hints = [state.trace.recalled.text], list[Hint](state.trace.recalled.hints)
        while len(hints) < self.shots:
            room = SHOT_TOKENS * (self.shots - len(hints))
            more = await kit.recall(state.task.about, room, exclude=[hint.concept_id for hint in hints])
            if not more.hints:
                break
            texts.append(more.text)
            hints += more.hints
        return Recalled(text="\n\n".join(filter(None, texts)), hints=tuple(hints))


def _in_own_order(step: Step, state: State, choices: tuple[str, ...], order: list[int]) -> Step:
    """A draw's answer as the task has it, whose choices stood in another order in the draw."""
    if step.candidate is None or not choices:
        return step
    place = resolve_choice(step.candidate, choices)
    if place is None:
        return step.model_copy(update={"candidate": None})
    own = order[place]
    named = chr(ord("A") + own) if own < LETTERS else state.task.choices[own]
    result = f"The choices stood in another order here: {step.candidate} is {named} of the task."
    return step.model_copy(update={"candidate": named, "result": result})
