"""Capability-aware: the model itself says whether it would do better by starting over, and the drawing ends by that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.budget import MIN_COMPLETION
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models.quiet import quiet
from pilotage.agent.models.verdicts import ALTERNATIVES, YES_OR_NO_GRAMMAR, share_of_yes
from pilotage.agent.prompting import ANSWER_FORM, conversation
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, asked_for, draw, side_by_side
from pilotage.agent.strategies.judging.ballot import best_first
from pilotage.agent.strategies.pieces import Written, going_on
from pilotage.agent.strategies.scorers import Scorer, known, scored
from pilotage.agent.strategies.showing import written
from pilotage.agent.strategies.together import all_of, or_none
from pilotage.agent.strategies.voting import by_score
from pilotage.agent.trace import Step, total
from pilotage.common.tokens import estimate_tokens

BETTER = "Would you do better if you started over? Reply yes or no."
GO_ON = "Go on from where you stopped, without repeating anything. {form}"


class Content(Scorer):
    """Probability of no to 'would you do better if you started over?', asked behind a solution as far as it goes."""

    name = "P(no better)"
    needs_logprobs = True
    calls = 1

    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> Sequence[float | None]:
        asked = asked_for(state, "reason")

        async def one(own: Kit, step: Step) -> float | None:
            messages = (
                *conversation(state, asked, independent=True),
                Message(role="assistant", content=step.text),
                Message(role="user", content=BETTER),
            )
            reply = await own.send(
                messages, max_tokens=1, top_logprobs=ALTERNATIVES, grammar=YES_OR_NO_GRAMMAR, silent=True
            )
            better = share_of_yes(reply)
            return None if better is None else 1.0 - better

        with quiet():
            return await all_of(or_none(one(kit.branch(), step)) for step in steps)


class CapabilityAware(Strategy):
    """Asks the model, for one token, whether it would do better by starting over, and spends by what it says.

    Manvi et al. 2024, 'Adaptive Inference-Time Compute: LLMs Can Predict if They Can Do Better, Even Mid-Generation',
    whose model is trained to know; a plain one is asked as it is. `mode=stop` (adaptive sampling) draws until the model
    would not do better, one draw after another, or as many again each time (`growth=doubling`, the paper's batches);
    `mode=prune` (early pruning) begins all draws, and goes on with those alone that look best after `head` tokens.
    Either takes the draw that is most likely not to be bettered.

    Tokens: draws x (prompt + reply) and for each one token, whose prompt is read from a cache where the backend has
    one. Pruned draws cost `head` tokens instead of a reply.

    It helps as much as the model knows of itself: one that is sure exactly where it is right draws as seldom as if
    somebody told it so, (1 - (1 - p)^most) / p times. One that does not know stops at any draw.
    """

    name = "capability-aware"

    mode: Literal["stop", "prune"] = Field("stop", description="draw until content, or begin all and prune")
    most: int = Field(5, ge=1, le=1000, description="draws at most; with mode=prune draws that are begun")
    sure: float = Field(0.5, ge=0, le=1, description="probability of 'no better' from which mode=stop ends")
    growth: Literal["one", "doubling"] = Field("one", description="how many draws mode=stop adds each time")
    head: int = Field(64, ge=1, le=4096, description="tokens after which mode=prune asks")
    keep: int = Field(2, ge=1, le=1000, description="draws that mode=prune goes on with")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")

    @property
    def least_calls(self) -> int:
        return 2 if self.mode == "stop" else 2 * self.most + 2 * min(self.keep, self.most)

    @property
    def needs_logprobs(self) -> bool:
        return True

    async def run(self, state: State, kit: Kit) -> Step:
        return await (self._until_content(state, kit) if self.mode == "stop" else self._pruned(state, kit))

    async def _until_content(self, state: State, kit: Kit) -> Step:
        drawn, scores = Drawn(), tuple[float | None, ...]()
        while drawn.limit is None and len(drawn.steps) < self.most:
            begun = len(drawn.steps)
            more = min(self.most - begun, 1 if self.growth == "one" else max(1, begun))
            numbers = range(begun + 1, begun + 1 + more)
            new = await draw(self.name, state, kit, numbers, temperature=self.temperature)
            told = await scored(Content(), state, kit, new.steps)
            drawn, scores = drawn + new, (*scores, *told)
            if any(score is not None and score >= self.sure for score in told):
                break
        return by_score(self, state, kit, drawn, scores, Content.name)

    async def _pruned(self, state: State, kit: Kit) -> Step:
        asked = conversation(state, asked_for(state, "reason"), independent=True)
        how = GO_ON.format(form=ANSWER_FORM[state.task.kind])

        async def begin(own: Kit, number: int) -> Step:
            reply = await own.send(
                asked, max_tokens=self.head, temperature=self.temperature, sample=number, piece=True, exact=True
            )
            if not reply.cut:
                return written(state, own, self.name, reply, independent=True)
            return own.step(self.name, [reply], independent=True)

        size = estimate_tokens("\n".join(message.text for message in asked))
        numbers = range(1, self.most + 1)
        heads = await side_by_side(self.name, kit, begin, numbers, prompt_tokens=size, completion_tokens=self.head)
        worth = await scored(Content(), state, kit, heads.steps)
        order = best_first(known(heads.steps, worth), self.chance(state, kit))
        kept = sorted(place for place in order[: self.keep] if heads.steps[place].text)
        half = [place for place in kept if heads.steps[place].prepares]

        async def finish(own: Kit, place: int) -> Step:
            head = heads.steps[place]
            reply = await own.send(
                going_on(own, asked, head.text, how),
                max_tokens=max(MIN_COMPLETION, MAX_TOKENS - self.head),
                temperature=self.temperature,
                sample=1 + place,
            )
            whole = Written(head.text, cut=True).then(own, reply.text, cut=reply.cut)
            step = own.step(self.name, [reply], candidate=whole.answer(state), independent=True)
            return step.model_copy(update={"text": whole.text, "usage": total([head.usage, step.usage])})

        finished = await side_by_side(
            self.name, kit, finish, half, prompt_tokens=size + self.head, completion_tokens=MAX_TOKENS
        )
        steps = [step.model_copy(update={"prepares": False}) for step in heads.steps]
        for place, step in zip(finished.numbers, finished.steps, strict=True):
            steps[place] = step
        drawn = Drawn(tuple(steps), heads.limit or finished.limit, (*heads.unusable, *finished.unusable))
        return by_score(self, state, kit, drawn, await scored(Content(), state, kit, steps), Content.name)
