"""GenRM: several solutions, and several written verdicts on each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.models.quiet import quiet
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Route, draw
from pilotage.agent.strategies.scorers import Scorer, scored
from pilotage.agent.strategies.scorers.asked import SYSTEM
from pilotage.agent.strategies.showing import prompt, shown
from pilotage.agent.strategies.together import all_of, or_none
from pilotage.agent.strategies.voting import by_score
from pilotage.agent.trace import Step

VERDICT_TOKENS = 200
CHECK = (
    "Check this solution step by step, each step in one short line. Then write a last line 'Verdict: yes' if its "
    "answer is right, or 'Verdict: no' if it is wrong."
)
VERDICT = re.compile(r"verdict\W{1,9}(yes|no)\b", re.I)


class WrittenVerdicts(Scorer):
    """Share of yes among verdicts that a model reasons its way to; those without a readable last word do not count.

    Args:
        verdicts: on each solution.
        verifier: name of the model that writes them; the run's own where empty.
        temperature: of the verdicts, or all of them are one.
    """

    name = "verdicts"

    def __init__(self, verdicts: int, verifier: str, temperature: float) -> None:
        self.calls, self._verifier, self._temperature = verdicts, verifier, temperature

    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> Sequence[float | None]:
        verifier = kit.models.named(self._verifier)

        async def one(own: Kit, step: Step, number: int) -> float | None:
            asked = f"{shown(state, ('solution', step.program or step.text))}\n\n{CHECK}"
            reply = await own.send(
                prompt(SYSTEM, asked), max_tokens=VERDICT_TOKENS, temperature=self._temperature, sample=number
            )
            found = VERDICT.findall(reply.text)
            return float(found[-1].lower() == "yes") if found and not reply.cut else None

        numbers = range(1, self.calls + 1)
        with quiet():
            told = await all_of(
                or_none(one(kit.branch(verifier), step, number)) for step in steps for number in numbers
            )
        each = [told[start : start + self.calls] for start in range(0, len(told), self.calls)]
        return [fmean(known) if (known := [v for v in verdicts if v is not None]) else None for verdicts in each]


class GenRM(Strategy):
    """Draws several solutions, has each verified several times in writing, and takes the one with most yes.

    Singhi et al. 2025, 'When To Solve, When To Verify: Compute-Optimal Problem Solving and Generative Verification for
    LLM Reasoning' (best of S by the mean of V verdicts; github.com/nishadsinghi/sc-genrm-scaling), after Zhang et al.
    2024, 'Generative Verifiers'. The paper goes up to 128 solutions and 32 verdicts, and finds that votes of more
    solutions are the better use of a small budget; here 3 and 2, which a run's budget holds.

    Tokens: solutions x (prompt + reply) + solutions x verdicts x (prompt + reply + verdict).

    It helps where checking is easier than solving: a verifier that guesses chooses by lot, a perfect one finds whatever
    right solution was drawn.
    """

    name = "genrm"
    outside = ("verifier",)

    solutions: int = Field(3, ge=1, le=1000, description="draws (S)")
    verdicts: int = Field(2, ge=1, le=100, description="verdicts on each (V)")
    verifier: str = Field("", description="the model that verifies, as --model names one; empty: the run's own")
    temperature: float = Field(0.7, gt=0, le=5, description="of solutions and verdicts")
    route: Route = Field("reason", description="by which way: reason, or program")

    @property
    def least_calls(self) -> int:
        return self.solutions * (1 + self.verdicts)

    @property
    def named_models(self) -> tuple[str, ...]:
        return (self.verifier,)

    async def run(self, state: State, kit: Kit) -> Step:
        numbers = range(1, self.solutions + 1)
        drawn = await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
        scorer = WrittenVerdicts(self.verdicts, self.verifier, self.temperature)
        return by_score(self, state, kit, drawn, await scored(scorer, state, kit, drawn.steps), scorer.name)
