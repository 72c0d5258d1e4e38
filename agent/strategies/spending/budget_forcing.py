"""Budget forcing: thinking has a number of tokens, is told to wait where it ends early, and an answer is forced."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field

from pilotage.agent.blocks.answer import DIRECT
from pilotage.agent.blocks.base import CutShort
from pilotage.agent.budget import MIN_COMPLETION
from pilotage.agent.errors import BadReply, BudgetExceeded, ModelUnavailable
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models.quiet import quiet
from pilotage.agent.models.reply import Reply
from pilotage.agent.prompting import ANSWER_FORM, conversation
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import asked_for
from pilotage.agent.strategies.pieces import Written, going_on
from pilotage.agent.trace import Evidence, Step, Turn
from pilotage.common.tokens import estimate_tokens

WAIT = "\nWait"
"""What stands in place of the end of the thinking (s1)."""
LOOK_AGAIN = "Wait. Look again at what you wrote, and go on thinking."
TIME_IS_UP = "Do not think any more. {form}"
MARK_TOKENS = 8
"""Of a forced answer, for the words around it."""


@dataclass
class _Work:
    """What was thought so far, and what it cost."""

    thought: Written = field(default_factory=Written)
    replies: list[Reply] = field(default_factory=list)
    spent: int = 0
    waited: int = 0
    ended: bool = False


class BudgetForcing(Strategy):
    """Lets the model think for a number of tokens, tells it to wait where it ends early, then forces an answer.

    Muennighoff et al. 2025, 's1: Simple test-time scaling' (github.com/simplescaling/s1), and for medicine 'm1' (Huang
    et al. 2025). The papers cap the thinking at 512 to 8,192 tokens, or suppress its end 2 to 6 times; here at 1,024
    tokens and once, which a run's budget holds. The cap is one on all that is written before the answer, exactly, as
    far as the backend counts its tokens. What a model thinks by itself is its thinking; of a plain one it is the text
    of its reasoning. `Wait` is put behind that text where the backend goes on with it, and else asked for in a user's
    turn.

    Thinking gets what the run's budget holds beside an answer; where that is nothing, an answer is all that is asked
    for. Thinking that ended by itself and marks its answer needs none forced. A model that cannot help thinking may
    spend the forced answer's tokens on that, too; then what its thinking marked stands, or else there is no answer.

    Tokens: prompt + thinking (the prompt anew for each `Wait`), and one call of prompt + thinking + answer.

    It helps models that were trained to think at length. Others mostly repeat themselves after `Wait`; the cap alone is
    a sure bound on what they cost.
    """

    name = "budget-forcing"

    cap: int = Field(1024, ge=0, le=65_536, description="tokens of thinking at most; 0 for an answer at once")
    waits: int = Field(1, ge=0, le=50, description="how often thinking that ends early is told to wait")
    temperature: float = Field(0.0, ge=0, le=5, description="of the thinking; the paper's is greedy")

    @property
    def least_calls(self) -> int:
        return 1 + (self.cap > 0) * max(1, self.waits)

    async def run(self, state: State, kit: Kit) -> Step:
        with quiet():
            return await self._forced(state, kit)

    async def _forced(self, state: State, kit: Kit) -> Step:
        asked = asked_for(state, "reason")
        messages, work = conversation(state, asked, independent=True), _Work()
        own = kit.branch()
        while not work.ended and (room := self._room(state, own, messages, work)) > 0:
            await self._think(own, messages, work, room)
        turns = (Turn(asked=asked, replied=work.thought.text),) if work.thought.text else ()
        note = f"{work.spent} of {self.cap} tokens of thinking, told to wait {work.waited} times"
        marked = work.thought.answer(state) if work.thought.text else None
        if marked is not None and work.ended and not work.thought.cut:
            return self._step(kit, work, turns, marked, note)
        demand, tokens = self._forcing(state)
        forcing = conversation(state, demand, turns, independent=True)
        try:
            reply = await own.send(forcing, max_tokens=tokens, exact=True)
        except ModelUnavailable:
            raise
        except BadReply:
            if not work.replies:
                raise
            return self._step(kit, work, turns, marked, f"{note}; the forced answer was none")
        except BudgetExceeded as limit:
            if not work.replies:
                raise
            raise CutShort(limit, self._step(kit, work, turns, marked, note)) from None
        work.replies.append(reply)
        answer = Written(reply.text, cut=reply.cut).answer(state)
        turns = (*turns, Turn(asked=demand, replied=reply.text))
        return self._step(kit, work, turns, answer if answer is not None else marked, f"{note}, then forced to answer")

    def _forcing(self, state: State) -> tuple[str, int]:
        """What forces an answer, and the tokens that it may have."""
        kind = state.task.kind
        return TIME_IS_UP.format(form=ANSWER_FORM[kind]), DIRECT[kind][1] + MARK_TOKENS

    def _step(self, kit: Kit, work: _Work, turns: tuple[Turn, ...], answer: str | None, note: str) -> Step:
        step = kit.step(
            self.name, work.replies, turns=turns, candidate=answer, independent=True, evidence=Evidence(note=note)
        )
        return step.model_copy(update={"text": "\n\n".join(turn.replied for turn in turns)})

    def _room(self, state: State, kit: Kit, messages: tuple[Message, ...], work: _Work) -> int:
        """Tokens that the next piece of thinking may have, so that the answer after it fits the budget; 0 for none."""
        meter, (demand, _) = kit.meter, self._forcing(state)
        if meter.budget.max_calls - meter.spent.llm_calls < 2:
            return 0
        read = estimate_tokens("\n".join(message.text for message in messages) + work.thought.text + LOOK_AGAIN)
        force = estimate_tokens(demand) + MIN_COMPLETION
        left = (meter.tokens_left - 2 * read - force) // 2  # it is read once more with the answer's request
        return max(0, min(self.cap - work.spent, left))

    async def _think(self, kit: Kit, messages: tuple[Message, ...], work: _Work, room: int) -> None:
        """The first piece of thinking, or one more after `Wait`. One that is cut has had all that there is."""
        text = work.thought.text
        if work.replies:
            work.waited += 1
            text = text.rstrip() + WAIT if kit.model.capabilities.prefill else text
        asked = going_on(kit, messages, text, LOOK_AGAIN)
        before = kit.usage.completion_tokens
        try:
            reply = await kit.send(
                asked, max_tokens=room, temperature=self.temperature, sample=len(work.replies), piece=True, exact=True
            )
        except ModelUnavailable:
            raise
        except (BadReply, BudgetExceeded):
            work.ended = True
            return
        finally:
            work.spent += kit.usage.completion_tokens - before
        said = "\n".join(filter(None, (reply.thinking, reply.text)))
        work.thought = Written(text, work.thought.begun).then(kit, said, cut=reply.cut)
        work.replies.append(reply)
        work.ended = reply.cut or not said.strip() or work.waited >= self.waits
