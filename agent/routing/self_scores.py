"""Self-scores: the seven scores that the model gives its own last step (RL of Thoughts, arXiv 2505.14140, section 3).

One call asks for seven digits, which a grammar holds it to: 8 completion tokens. A score that cannot be read is
unknown, never taken for 'does not apply'.
"""

from __future__ import annotations

import re

from pilotage.agent.errors import BadReply
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Reply
from pilotage.agent.models.verdicts import expected_digit
from pilotage.agent.prompting import conversation
from pilotage.agent.state import State
from pilotage.navigator.spaces import Feature

UNKNOWN = -1.0
"""Value of a score that was not asked for or could not be read."""

LABELS = ("A1", "A2", "A3", "B1", "B2", "C1", "C2")

FEATURES = (
    Feature("a1_modelling", UNKNOWN, 3, "the model's own score: the last step follows from the task; -1 if unknown"),
    Feature("a2_clarity", UNKNOWN, 3, "own score: it is clear enough to build on; -1 if unknown"),
    Feature("a3_calculation", UNKNOWN, 3, "own score: its calculations are right; -1 if unknown"),
    Feature("b1_complexity_left", UNKNOWN, 3, "own score: much is left to do; -1 if unknown"),
    Feature("b2_alternatives", UNKNOWN, 3, "own score: there are other ways to go on; -1 if unknown"),
    Feature("c1_closeness", UNKNOWN, 3, "own score: the answer is near; -1 if unknown"),
    Feature("c2_completeness", UNKNOWN, 3, "own score: all that the step needs is known; -1 if unknown"),
)

QUESTION = """Rate the last step, one digit a statement: 1 false, 2 unsure, 3 true, 0 does not apply.
A1 It follows correctly from the task.
A2 It is clear enough to build on.
A3 Its calculations are correct.
B1 Complex work is left until the answer.
B2 There are several other ways to go on.
C1 It is close to the final answer.
C2 All it needs is known.
Reply with the seven digits in this order, without spaces, and nothing else."""
GRAMMAR = 'root ::= s s s s s s s\ns ::= "0" | "1" | "2" | "3"'
JSON_SCHEMA = {
    "type": "object",
    "properties": {label: {"type": "integer", "enum": [0, 1, 2, 3]} for label in LABELS},
    "required": list(LABELS),
    "additionalProperties": False,
}
"""For backends that have schemas and no grammars; it costs some 50 tokens instead of 8."""

TOP = 10
MAX_TOKENS = 80

_LABELLED = r"\b{label}[\s\"'=:*|)\]]{{0,5}}(\d+)(?![.,]?\d)"


def unknown() -> dict[str, float]:
    """Named values where nothing was asked."""
    return {feature.name: UNKNOWN for feature in FEATURES}


async def self_scores(state: State, kit: Kit, *, expected: bool) -> dict[str, float]:
    """Named values of `FEATURES` for the newest step. Before any step, or after a silent one, nothing is asked.

    Where the model gives log-probabilities, each may be the expectation of its score instead of its digit.

    Raises:
        BudgetExceeded: the budget does not cover one more call.
    """
    if state.last is None or not state.last.turns:
        return unknown()
    messages = conversation(state, QUESTION)
    try:
        reply = await kit.send(
            messages, max_tokens=MAX_TOKENS, grammar=GRAMMAR, json_schema=JSON_SCHEMA, top_logprobs=TOP, silent=True
        )
    except BadReply:  # no score can be read off it; the kit has charged what it cost
        return unknown()
    scores = expected_scores(reply) if expected else None
    read = scores or [UNKNOWN if score is None else float(score) for score in read_scores(reply.text)]
    return dict(zip((feature.name for feature in FEATURES), read, strict=True))


def read_scores(text: str) -> tuple[int | None, ...]:
    """The seven scores in a reply, 0 to 3 each; None for one that is missing, out of range, or given in two ways.

    Seven digits are read by their place, anything else by its label (`A1: 3`, or JSON). Fewer digits than seven
    are unknown, all of them: nobody can tell which one was left out.
    """
    digits = re.sub(r"[\s,;]+", "", text)
    by_place = re.fullmatch(r"\d{7}", digits) is not None
    labelled = (set(re.findall(_LABELLED.format(label=label), text)) for label in LABELS)
    numbers = [{digit} for digit in digits] if by_place else labelled
    scores = [int(number.pop()) if len(number) == 1 else None for number in numbers]
    return tuple(score if score in (0, 1, 2, 3) else None for score in scores)


def expected_scores(reply: Reply) -> list[float] | None:
    """Expectation of each score under the model's token probabilities; None where a score is not a token of its own."""
    tokens = [token for token in reply.logprobs or () if token.token.strip(" \n,;")]
    if len(tokens) != len(LABELS) or not all(re.fullmatch(r"\s*[0-3][\s,;]*", token.token) for token in tokens):
        return None
    expected = (expected_digit(token, range(4)) for token in tokens)
    return [UNKNOWN if value is None else value for value in expected]
