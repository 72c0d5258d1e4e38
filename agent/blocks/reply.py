"""Replies: the next message of a conversation, written by the model from what the run has found.

The caller's messages are sent as they are, with the caller's tools and options. What was found stands in a note at the
end of the message that is answered, quoted as data; where nothing was found there is no note, and the call is the one
that the caller would have made. Whether the reply says what was found is checked here, not asked of the model.
"""

from __future__ import annotations

from pilotage.agent.answers import conveys
from pilotage.agent.blocks.base import CutShort
from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message, last_user
from pilotage.agent.models.reply import Reply
from pilotage.agent.state import Candidate, State
from pilotage.agent.trace import Evidence, Step
from pilotage.memory.text.quoting import quoted_text

CONFIRMED = "Two independent routes came to this result: {value}"
FOUND = "One route came to this result, which nothing else confirms: {value}"
MATERIAL = "What was worked out so far:\n{material}"
STATE_IT = "Write your reply as you were asked to, in the language of the conversation, and state this result in it."
STATE_IF_RIGHT = (
    "Write your reply as you were asked to, in the language of the conversation; state this result if it holds."
)
USE_IT = "Write your reply as you were asked to, in the language of the conversation; use of this what holds."
ONCE_MORE = "Your reply did not state the {result} {value}. Write it once more, with that result in it."
CONFIRMED_RESULT, FOUND_RESULT = "confirmed result", "result that was worked out"
SHOWN = 1200
"""Characters of the working that a note shows."""


async def replied(block: str, state: State, kit: Kit) -> Step:
    """The step that ends a conversation's run; its `text` is the reply, its candidate the result that was found.

    A result that the reply does not say is asked for once more, or set behind it where the reply was seen as it came;
    also one that a single route came to, which is right more often than a small model that leaves it out
    (docs/benchmarks.md), but not one that another route contradicts. A reply that is bound to a form, or that calls
    tools, is left as it is. Where tools are offered nothing is asked for once more: the model would call them again, in
    every round, and never end; and what one route came to need not be what a reply to their results is about.
    """
    task, leader = state.task, state.leader
    messages = with_note(state, note_on(state))
    try:
        replies = [await kit.reply(messages, task.reply)]
    except BudgetExceeded as limit:
        raise _cut_short(block, kit, limit) from None
    alone = len(state.candidates) == 1 and task.reply.tools is None
    found = leader.text if leader is not None and (leader.verified or alone) else None
    note, text = None, replies[-1].text
    if leader is not None and found is not None and not _says(replies[-1], state, found):
        result = CONFIRMED_RESULT if leader.verified else FOUND_RESULT
        if not (kit.heard or task.reply.tools):
            replies.append(await _once_more(messages, replies[-1], state, kit, result, found))
            text = replies[-1].text
        if not _says(replies[-1], state, found):
            note = f"the reply does not state the {result}"
            if not (task.reply.formatted or replies[-1].cut):
                text, note = f"{text.rstrip()}\n\n{found}", f"the {result} was set behind the reply"
                kit.say(f"\n\n{found}")
    if replies[-1].cut:
        note = "the reply is cut: it reached its limit of tokens"
    step = kit.step(block, replies, candidate=leader.text if leader is not None else None, evidence=Evidence(note=note))
    unseen = sum(reply.usage.completion_tokens - reply.usage.reasoning_tokens for reply in replies[:-1])
    shown = {"text": text, "thinking": replies[-1].thinking, "tool_calls": replies[-1].tool_calls}
    return step.model_copy(update={**shown, "unseen_tokens": unseen})


def note_on(state: State) -> str:
    """What the run has found, as data for whoever writes the reply; empty where that is nothing."""
    leader = state.leader
    if leader is None:
        material = [step.result or step.text for step in state.trace.steps if step.result or step.text]
        return _note(MATERIAL.format(material=_shown("\n".join(material))), USE_IT) if material else ""
    found = CONFIRMED if leader.verified else FOUND
    lines = [
        found.format(value=_shown(leader.text)),
        *(["Working:", _shown(working)] if (working := _working(leader)) else []),
    ]
    return _note("\n".join(lines), STATE_IT if leader.verified else STATE_IF_RIGHT)


def with_note(state: State, note: str) -> tuple[Message, ...]:
    """The conversation with a note at the end of the message that is answered."""
    messages = state.task.messages
    place = last_user(messages)
    if not note or place is None:
        return messages
    return (*messages[:place], messages[place].before(note), *messages[place + 1 :])


async def _once_more(
    messages: tuple[Message, ...], first: Reply, state: State, kit: Kit, result: str, value: str
) -> Reply:
    """The reply to the same with the request to state the result; the first one where the budget has no second."""
    asked = Message(role="user", content=ONCE_MORE.format(result=result, value=_shown(value)))
    try:
        return await kit.reply((*messages, Message(role="assistant", content=first.text), asked), state.task.reply)
    except BudgetExceeded:
        return first


def _says(reply: Reply, state: State, value: str) -> bool:
    return bool(reply.tool_calls) or conveys(reply.text, state.task.kind, value)


def _cut_short(block: str, kit: Kit, limit: BudgetExceeded) -> BudgetExceeded:
    text = limit.streamed.strip()
    if not text:
        return limit
    step = kit.step(block, [], evidence=Evidence(note=f"the reply is cut: {limit}"), candidate=None)
    return CutShort(limit, step.model_copy(update={"text": text, "cut": True}))


def _working(leader: Candidate) -> str:
    """What a route that thought aloud wrote; a program is no help to whoever explains."""
    return next((step.text for step in reversed(leader.steps) if step.text and not step.program), "")


def _note(found: str, task: str) -> str:
    return f"<notes>\n{found}\n</notes>\n{task}"


def _shown(text: str) -> str:
    return quoted_text(text[-SHOWN:]).strip()
