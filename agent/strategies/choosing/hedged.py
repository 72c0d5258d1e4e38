"""Hedged: the greedy reply beside hot draws, and a choice among them in one call, or by what other draws agree with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import Field

from pilotage.agent.answers import normal_form
from pilotage.agent.kit import Kit
from pilotage.agent.models.quiet import quiet
from pilotage.agent.prompting import describe
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, answer_of, answers_of, chosen, draw
from pilotage.agent.strategies.scorers.asked import SYSTEM
from pilotage.agent.strategies.showing import number_of, numbered, prompt, shuffled
from pilotage.agent.strategies.together import or_none
from pilotage.agent.trace import Step

CHECKLIST = (
    "Write a checklist of two to four points that a right solution of this task must have, one short line each. Go "
    "through the solutions by it, one short line each. Then write a last line 'Best: ' followed by the number of "
    "the best one."
)
CHOICE_TOKENS = 320
BEST = re.compile(r"best\W{1,9}(?:solution\W{1,9})?(\d+)", re.I)


class Hedged(Strategy):
    """Draws the greedy reply and several hot ones, and chooses by a checklist in one call, or by what they agree on.

    Khairi et al. 2025, 'When Life Gives You Samples: The Benefits of Scaling up Inference Compute for Multilingual
    LLMs': hedged sampling, with `by=chops` (Checklisted One-Pass Selection: one call that writes a checklist and names
    the best) and `by=mbr` (minimum Bayes risk: the answer with which most of all draws agree). Their X-MBR has draws in
    another language as evidence that cannot be chosen itself; `evidence` draws so many more of the same kind, or with
    `language=NAME` in that one. Answers agree or not by their normal form: their likeness as texts, by which the paper
    weighs prose, is not looked at.

    Tokens: (samples + evidence) x (prompt + reply); with `by=chops` one call more that reads all of them.

    It helps where hot draws are now and then better than the greedy one, which stays in the race; `chops` as much as
    the model can judge. Draws that all agree are not judged.
    """

    name = "hedged"

    samples: int = Field(5, ge=1, le=1000, description="draws to choose from, the first of which is greedy")
    by: Literal["chops", "mbr"] = Field("chops", description="who chooses: one call with a checklist, or agreement")
    evidence: int = Field(0, ge=0, le=1000, description="draws that only agree or disagree (by=mbr)")
    language: str = Field("", description="the language of the evidence; empty: the task's own")
    temperature: float = Field(0.7, gt=0, le=5, description="of all draws but the greedy one")

    @property
    def least_calls(self) -> int:
        return self.samples + (self._more_evidence if self.by == "mbr" else self.samples > 1)

    @property
    def _more_evidence(self) -> int:
        return self.evidence if self.by == "mbr" else 0

    async def run(self, state: State, kit: Kit) -> Step:
        chance = self.chance(state, kit)
        drawn = await draw(self.name, state, kit, range(self.samples), temperature=self.temperature, greedy=(0,))
        answered = [step for step in drawn.steps if step.candidate is not None]
        if self.by == "mbr":
            return await self._by_agreement(state, kit, drawn, chance)
        if len(answers_of(state, answered)) < 2:
            answer = answer_of(state, drawn.steps, answered[0]) if answered else None
            return chosen(self.name, kit, drawn, answer, f"{len(answered)} of {len(drawn.steps)} draws agree")
        named = await self._named(state, kit, answered, chance)
        best = answered[0] if named is None else named
        which = "no solution, so the first draw stays" if named is None else f"one of {len(answered)} solutions"
        note = f"a checklist names {which}"
        return chosen(self.name, kit, drawn, answer_of(state, drawn.steps, best), note, best=best)

    async def _named(self, state: State, kit: Kit, steps: Sequence[Step], chance: Random) -> Step | None:
        """The solution that one call names as the best; None where it names none that is there."""
        order = shuffled(steps, chance)
        asked = f"{describe(state.task)}\n\n{numbered([steps[place] for place in order])}\n\n{CHECKLIST}"
        with quiet():
            reply = await or_none(kit.branch().send(prompt(SYSTEM, asked), max_tokens=CHOICE_TOKENS))
        found = BEST.findall(reply.text) if reply is not None and not reply.cut else []
        number = number_of(found[-1]) if found else 0
        return steps[order[number - 1]] if 1 <= number <= len(steps) else None

    async def _by_agreement(self, state: State, kit: Kit, drawn: Drawn, chance: Random) -> Step:
        """The answer among the draws with which most of all draws agree, those for evidence among them."""
        more = Drawn()
        if self.evidence and drawn.limit is None:
            numbers = range(self.samples, self.samples + self.evidence)
            how = f"Think and write in {self.language}." if self.language else ""
            more = await draw(self.name, state, kit, numbers, temperature=self.temperature, how=how)
        kind, choices = state.task.kind, state.task.choices
        forms = [normal_form(kind, s.candidate, choices) for s in (drawn + more).steps if s.candidate is not None]
        found = answers_of(state, drawn.steps)
        agree = [forms.count(normal_form(kind, answer.text, choices)) for answer in found]
        first = [answer for answer, count in zip(found, agree, strict=True) if count == max(agree)]
        answer = chance.choice(first) if first else None
        best = None if answer is None else answer.steps[0]
        note = f"{max(agree, default=0)} of {len((drawn + more).steps)} draws agree"
        whole = drawn + Drawn(limit=more.limit)
        return chosen(self.name, kit, whole, answer, note, best=best)
