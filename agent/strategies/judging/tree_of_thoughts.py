"""Tree of thoughts: ideas are proposed, judged, and only the best of them gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import Field

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, system
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, answer_of, chosen, draw, side_by_side
from pilotage.agent.strategies.judging.ballot import ballots, best_first
from pilotage.agent.strategies.scorers import ScorerName, known, scored, scorer_named
from pilotage.agent.strategies.showing import prompt, shown, written
from pilotage.agent.trace import Step
from pilotage.common.tokens import estimate_tokens

VOTE = "vote"
THOUGHT_TOKENS = 120
FIRST = "Propose one idea or first step for solving this, in one to three lines. Do not solve it yet."
NEXT = "That is the work so far. Propose the next step only, in one to three lines. Do not finish yet."
FINISH = "That is the work so far. Go on from there, each step on its own line with its arithmetic or reason. {form}"


class TreeOfThoughts(Strategy):
    """Proposes several thoughts, has them judged, goes on from the best, and so to whole solutions.

    Yao et al. 2023, 'Tree of Thoughts: Deliberate Problem Solving with Large Language Models' (breadth first;
    github.com/princeton-nlp/tree-of-thought-llm). With the defaults it is the tree of its creative writing: plans, a
    vote, solutions, a vote; there with 5 of each and 5 votes after written reasoning at temperature 1, here 3 of each
    and 3 votes of one number, which a run's budget holds. Its Game of 24 keeps 5 states at 3 levels, judged one by one,
    three times each there: `depth=3;breadth=5;judge=judge`.

    Tokens: k x (prompt + thought) at the first level, breadth x k at each further one, the last with whole solutions;
    and votes x (prompt + all that is judged) at each, or a scorer's calls.

    It helps where a first idea decides, and a judge sees which is good. A judge who does not see it chooses by lot, and
    is right as often as one draw is.
    """

    name = "tree-of-thoughts"

    k: int = Field(3, ge=1, le=100, description="thoughts that are proposed from each state")
    breadth: int = Field(1, ge=1, le=100, description="states that are kept at each level")
    depth: int = Field(2, ge=1, le=20, description="levels, the last of which is whole solutions")
    judge: Literal["vote"] | ScorerName = Field("vote", description="vote compares them, a scorer judges each alone")
    votes: int = Field(3, ge=1, le=100, description="judges of judge=vote, each with an order of its own")
    temperature: float = Field(0.7, gt=0, le=5, description="of thoughts, solutions and votes")

    @property
    def least_calls(self) -> int:
        written = [self.k, *(self.k * min(self.breadth, self.k) for _ in range(self.depth - 1))]
        if self.judge == VOTE:
            return sum(written) + sum(self.votes for number in written if number > 1)
        return sum(written) * (1 + scorer_named(self.judge).calls)

    @property
    def needs_logprobs(self) -> bool:
        return self.judge != VOTE and scorer_named(self.judge).needs_logprobs

    async def run(self, state: State, kit: Kit) -> Step:
        chance, so_far, limit = self.chance(state, kit), [""], None
        for _ in range(self.depth - 1):
            thoughts = await self._grown(state, kit, so_far)
            limit = limit or thoughts.limit
            there = [place for place, step in enumerate(thoughts.steps) if step.text.strip()]
            if not there:
                break
            worth = await self._worth(state, kit, [thoughts.steps[place] for place in there], chance)
            best = [there[rank] for rank in best_first(worth, chance)[: self.breadth]]
            so_far = [thoughts.steps[place].text for place in best]
        drawn = await self._grown(state, kit, so_far, last=True)
        drawn += Drawn(limit=limit)
        answered = [place for place, step in enumerate(drawn.steps) if step.candidate is not None]
        if not answered:
            return chosen(self.name, kit, drawn, None, f"none of {len(drawn.steps)} solutions has an answer")
        worth = await self._worth(state, kit, [drawn.steps[place] for place in answered], chance)
        rank = best_first(worth, chance)[0]
        scores: list[float | None] = [None] * len(drawn.steps)
        for place, value in zip(answered, worth, strict=True):
            scores[place] = value
        best_step, by = drawn.steps[answered[rank]], f"{self.votes} votes" if self.judge == VOTE else self.judge
        note = f"{worth[rank]:.2f} of 1 by {by}, of {len(answered)} solutions at level {self.depth}"
        return chosen(self.name, kit, drawn, answer_of(state, drawn.steps, best_step), note, scores, best_step)

    async def _worth(self, state: State, kit: Kit, steps: Sequence[Step], chance: Random) -> list[float]:
        """What the judges say of each, 0 to 1."""
        if self.judge == VOTE:
            counts = await ballots(state, kit, steps, chance, votes=self.votes, temperature=self.temperature)
            return [count / self.votes for count in counts]
        return list(known(steps, await scored(scorer_named(self.judge), state, kit, steps)))

    async def _grown(self, state: State, kit: Kit, so_far: Sequence[str], last: bool = False) -> Drawn:
        """K steps from each state: thoughts, or whole solutions. A thought holds what it goes on from."""
        numbers = range(1, 1 + len(so_far) * self.k)
        if last and not any(so_far):
            return await draw(self.name, state, kit, numbers, temperature=self.temperature)
        form, room = ANSWER_FORM[state.task.kind], MAX_TOKENS if last else THOUGHT_TOKENS

        def asked(text: str) -> str:
            quoted = shown(state, *([("solution", text)] if text else []))
            return f"{quoted}\n\n{FINISH.format(form=form) if last else NEXT if text else FIRST}"

        async def one(own: Kit, number: int) -> Step:
            text = so_far[(number - 1) // self.k]
            reply = await own.send(
                prompt(system(state.task), asked(text)), max_tokens=room, temperature=self.temperature, sample=number
            )
            if last:
                step = written(state, own, self.name, reply)  # of one thought, or of thoughts of one parent
                return step.model_copy(update={"text": f"{text}\n{step.text}".strip()})
            return own.step(self.name, [reply]).model_copy(update={"text": f"{text}\n{reply.text}".strip()})

        size = estimate_tokens(system(state.task) + max(map(asked, so_far), key=len))
        return await side_by_side(self.name, kit, one, numbers, prompt_tokens=size, completion_tokens=room)
