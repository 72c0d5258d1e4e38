"""Speculative reasoning: a small model writes each step, and a large one writes it anew where it marks it low."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.models.verdicts import HIGHEST
from pilotage.agent.state import State
from pilotage.agent.strategies.drawing import Drawn, answer_of, chosen
from pilotage.agent.strategies.scorers import scored, scorer_named
from pilotage.agent.strategies.searching.stepwise import Path, StepwiseStrategy, Writing
from pilotage.agent.strategies.two_models.base import Pair, TwoModels
from pilotage.agent.trace import Step


@dataclass
class _Course:
    """A solution as far as it is written, and who wrote its steps: `ended` where nobody may write another."""

    path: Path = field(default_factory=Path)
    small: int = 0
    large: int = 0
    ended: bool = False


class Speculative(TwoModels, StepwiseStrategy):
    """Has a small model write each step and a large one mark it, 0 to 9, and write it anew where the mark is low.

    Pan et al. 2025, 'SpecReason: Fast and Accurate Inference-Time Compute via Speculative Reasoning'
    (github.com/ruipeterpan/specreason): a step that the large model marks 7 or more stays. `threshold=0` is the small
    model alone and `threshold=10` the large one alone, neither of which costs anything of the other. A mark that cannot
    be read is none, and the large model writes the step. Its code lets 8,192 tokens be thought; here there are 6 steps
    of 128 tokens.

    Tokens: for each step prompt + text so far + step of the small model, prompt + text so far of the large one for its
    mark, and prompt + text so far + step of the large one for those that it marks low.

    It helps where most steps are easy and a mark costs less than a step, in time above all: the large model reads,
    which is quick, where it would write. One that marks by chance gives steps to either by lot.
    """

    name = "speculative"

    threshold: float = Field(7.0, ge=0, le=10, description="mark from which a step stays: 0 all, above 9 none")
    temperature: float = Field(0.6, gt=0, le=5, description="of every step")
    scorer: Literal["judge", "p-correct", "logprob"] = Field(
        "judge", description="the large model's mark or its yes, or the small one's own log-probabilities"
    )

    @property
    def least_calls(self) -> int:
        return 2 if self._marks else 1

    @property
    def needs_logprobs(self) -> bool:
        return self._marks and scorer_named(self.scorer).needs_logprobs

    @property
    def logprobs_of(self) -> str:
        return self.small if self.scorer == "logprob" else self.large

    @property
    def _marks(self) -> bool:
        return 0 < self.threshold <= HIGHEST

    async def run(self, state: State, kit: Kit) -> Step:
        pair = self.pair(kit)
        small, large = Writing(self, state, pair.small), Writing(self, state, pair.large)
        course = _Course()
        while not (course.path.ended or course.ended) and course.path.depth < self.max_steps:
            await self._further(state, pair, small, large, course)
        step = course.path.as_step(self.name, small.asked)
        by_large = course.large and pair.large.model is not kit.models.own
        step = step.model_copy(update={"prepares": False, "model": pair.large.model.name if by_large else ""})
        unusable = tuple(small.unusable + large.unusable)[:1] if not step.text else ()
        drawn = Drawn((step,) if course.path.depth else (), small.limit or large.limit, unusable)
        answer = answer_of(state, drawn.steps, step) if step.candidate is not None else None
        note = f"{course.small} steps by the small model, {course.large} by the large one"
        return chosen(self.name, kit, drawn, answer, note)

    async def _further(self, state: State, pair: Pair, small: Writing, large: Writing, course: _Course) -> None:
        """One more step, by whoever is to write it; by the small model where the budget ends first."""
        proposed = None
        if self.threshold <= HIGHEST:
            proposed = await _step(small, course.path)
            if proposed is None:
                course.ended = True
                return
            mark = await self._mark(state, pair, small, proposed) if self._marks else None
            proposed = replace(proposed, score=mark)
            if not self._marks or (mark is not None and mark * HIGHEST >= self.threshold):
                course.path, course.small = proposed, course.small + 1
                return
        written = await _step(large, course.path)
        course.ended = written is None
        if written is not None:
            course.path, course.large = written, course.large + 1
        elif proposed is not None:
            course.path, course.small = proposed, course.small + 1

    async def _mark(self, state: State, pair: Pair, small: Writing, path: Path) -> float | None:
        """What the large model says of a path's last step, 0 to 1; None where it says nothing that can be read."""
        (mark,) = await scored(scorer_named(self.scorer), state, pair.large, [path.as_step(self.name, small.asked)])
        return mark


async def _step(writing: Writing, path: Path) -> Path | None:
    """A path with one more step; None where the budget has no room for it."""
    written = (await writing.extend([(path, 1)], score=False)).written
    return written[0] if written else None
