"""The navigator's first decision on a message of a conversation: does it deserve thought, or one direct call?

Thought (running reasoning and program blocks before the answer) pays where the answer is computed from what the message
gives. So a message thinks where it gives something to compute with and asks for what that comes to; it goes straight
through where it asks for a text, a fact, advice or company. The rule is `TABLE`: features of the wording alone, read
from the top, and the first that holds decides. Where none holds, `wording_model` says how likely such wording can be
computed, and the message thinks if that is nearly sure; else it goes straight through: an unneeded thought
costs calls, a missed one only the chance of a better answer. A request to write code goes straight through, since a
program's length and form are the reply itself and no block checks them without examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pilotage.agent.chat.features import dates_units, logic, requests, spelling, sums
from pilotage.agent.chat.reading import Message
from pilotage.agent.chat.wording import asking as ask
from pilotage.agent.chat.wording import conditions
from pilotage.agent.chat.wording_model import SURE, likeness
from pilotage.agent.task import Kind
from pilotage.agent.tasks.kinds import infer_kind

LONGEST = 2_000
"""Characters of the longest message that may be a numeric problem and nothing else."""
LONGEST_DOUBT, FEW_WORDS, VERY_FEW = 240, 24, 6
"""Three for each word, or one for each character of a script without spaces: what may take up an earlier message."""
TURNS_BACK = 4
"""User messages that are looked back on for the one that a doubt is about."""


@dataclass(frozen=True)
class FirstDecision:
    """What the newest message deserves.

    Attributes:
        think: whether blocks run before the answer.
        kind: what they look for if so: `numeric` or `text`; `open` where the message goes straight through.
        why: a fragment of a sentence about the message, for people.
    """

    think: bool
    kind: Kind
    why: str


@dataclass(frozen=True)
class Row:
    """One line of the rule: where `holds`, the message thinks or not, for the reason `why`."""

    holds: Callable[[Message], bool]
    think: bool
    why: str


TABLE = (
    Row(requests.traces_code, True, "asks what given code comes to"),
    Row(spelling.only_spelling, True, "asks for another spelling of a given text"),
    Row(requests.asks_for_prose, False, "asks for a text to be written, translated, rewritten or suggested"),
    Row(requests.gives_code, False, "is about code, but not about what it prints"),
    Row(sums.is_sum, True, "is a sum"),
    Row(requests.asks_meaning, False, "asks what words mean"),
    Row(sums.goes_on, True, "asks how a row goes on"),
    Row(sums.measures_exactly, True, "asks for an exact amount made of others"),
    Row(requests.asks_advice, False, "asks for advice, a way or a reason"),
    Row(sums.gives_expression, True, "asks for the value of an expression"),
    Row(requests.works_on_given, True, "asks for an operation on what it gives"),
    Row(spelling.counts_letters, True, "asks about the letters of a text"),
    Row(sums.compares, True, "asks which of given amounts is larger or smaller"),
    Row(spelling.picks_from_list, True, "asks for a choice from a given list"),
    Row(sums.asks_maths, True, "names a calculation and gives the number"),
    Row(dates_units.converts, True, "asks for one unit in terms of another"),
    Row(dates_units.asks_date, True, "asks for a date or time that others determine"),
    Row(sums.is_word_problem, True, "asks for a quantity and gives others"),
    Row(logic.asks_logic, True, "asks what follows from given conditions"),
)
"""The rule, read from the top."""
STRAIGHT = "gives nothing to compute with"
Decide = Callable[[str, Message], FirstDecision]
"""Decides on a message by itself: its text, and the same read."""


def first_decision(text: str, earlier: Sequence[tuple[str, str]] = ()) -> FirstDecision:
    """Whether the newest user message of a conversation deserves thought, and what the blocks would look for.

    Args:
        text: the newest user message.
        earlier: role and text of the messages before it, oldest first.
    """
    return _decided(text, earlier, _worded)


def by_rule(text: str, earlier: Sequence[tuple[str, str]] = ()) -> FirstDecision:
    """The same by the rule alone, as the wording model is trained with and measured against."""
    return _decided(text, earlier, _alone)


def _decided(text: str, earlier: Sequence[tuple[str, str]], decide: Decide) -> FirstDecision:
    message = Message.read(text)
    users = [said for role, said in earlier if role == "user"]
    about = _doubted(message, users, decide)
    if about is None and users and follow_up(message) is not None:
        return _alone(text, message)  # what it takes up cannot be computed, so what it is worded like says nothing
    return about if about is not None else decide(text, message)


def _worded(text: str, message: Message) -> FirstDecision:
    """By the rule, and by the wording model where no row of it holds."""
    decision = _alone(text, message)
    if decision.why != STRAIGHT or not text.strip():
        return decision
    like = likeness(text, message)
    if like.probability <= SURE:
        return decision
    words = f": {', '.join(map(repr, like.words))}" if like.words else ""
    return FirstDecision(True, _kind(text), f"is worded like what can be computed ({like.probability:.0%}{words})")


def _alone(text: str, message: Message) -> FirstDecision:
    for row in TABLE:
        if row.holds(message):
            return FirstDecision(row.think, _kind(text) if row.think else "open", row.why)
    longest = max(message.quoted, key=len, default="")
    if len(longest) >= 40:  # the request asks nothing itself: what it quotes may
        return _alone(longest, Message.read(longest))
    return FirstDecision(False, "open", STRAIGHT)


def _kind(text: str) -> Kind:
    kind = infer_kind(text) if len(text) <= LONGEST else "open"
    return "numeric" if kind == "numeric" else "text"


def _doubted(message: Message, users: Sequence[str], decide: Decide) -> FirstDecision | None:
    """The decision on a message that doubts or varies what a computable one was answered, or None."""
    how = follow_up(message)
    if how is None:
        return None
    for said in users[: -TURNS_BACK - 1 : -1]:
        before = Message.read(said)
        decision = decide(said, before)
        if decision.think:
            return FirstDecision(True, decision.kind, f"{how} an earlier question that {decision.why}")
        if follow_up(before) is None and not is_acknowledgement(before):
            return None
    return None


def is_acknowledgement(message: Message) -> bool:
    """A few words that thank or agree and ask nothing."""
    return len(message.request.tokens) <= 6 and "?" not in message.request.text and not message.quoted


def follow_up(message: Message) -> str | None:
    """How a message takes up the one before it: `doubts`, `varies`, or None where it speaks for itself.

    It does so where it is short and asks for no text, and, read from the top, doubts in words and opens no topic of its
    own; or neither thanks nor opens one, and states a number, goes on with `and` or `what if`, gives a number in very
    few words, or is a question of a few words that opens nothing new.
    """
    request = message.request
    words = request.tokens
    length = len(request.text) if request.is_spaceless else 3 * len(words)
    if request.text.strip() in ("?", "??", "???"):
        return "doubts"
    if not length or length > LONGEST_DOUBT or message.code or requests.asks_for_prose(message):
        return None
    asks, given = "?" in request.text, "#" in words or request.quantities > 0
    if conditions.DOUBT.among(request):
        thanks = conditions.THANKS.at(words) and not asks and not conditions.CONTINUES.among(request)
        return None if thanks or (not given and _opens_topic(message)) else "doubts"
    if conditions.THANKS.among(request) or conditions.NEW_TOPIC.among(request) or requests.asks_advice(message):
        return None
    if given and not message.sentences[-1].is_question:
        return "doubts"
    if conditions.CONTINUES.at(words) or conditions.CONTINUES_IN_HAN.among(request):
        return "varies" if given or length <= FEW_WORDS else None
    if given and (conditions.NOW.at(words) or length <= 15):
        return "varies"
    return "doubts" if asks and length <= VERY_FEW and not ask.WHAT_IS.at(words) else None


def _opens_topic(message: Message) -> bool:
    """Whether what it asks last begins like a question of its own."""
    return message.asking.is_question and any(map(conditions.NEW_TOPIC.opens, message.asking.clauses))
