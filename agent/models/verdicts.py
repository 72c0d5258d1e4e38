"""Verdicts: the short replies of a model that is asked to judge, a digit or yes and no, read as numbers.

Where the backend gives log-probabilities, a verdict is their expectation: finer than the token, for the same price.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

from pilotage.agent.models.reply import Reply, TokenLogprob

HIGHEST = 9
MARK_GRAMMAR = "root ::= [0-9]"
MARK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 0, "maximum": HIGHEST}},
    "required": ["score"],
    "additionalProperties": False,
}
"""For backends that have schemas and no grammars."""
MARK_TOKENS = 24
YES_OR_NO_GRAMMAR = 'root ::= "yes" | "no"'
ALTERNATIVES = 10
"""Of a verdict's token, to take its expectation over."""


def read_mark(reply: Reply) -> float | None:
    """A mark from 0 to 9 as 0 to 1; None where the reply holds no single digit."""
    tokens = [token for token in reply.logprobs or () if token.token.strip()]
    if len(tokens) == 1 and re.fullmatch(r"\s*\d\s*", tokens[0].token):
        expected = expected_digit(tokens[0], range(HIGHEST + 1))
        return None if expected is None else expected / HIGHEST
    digit = re.fullmatch(r"\s*(?:\{\s*\"score\"\s*:)?\s*(\d)\s*\}?\s*", reply.text)
    return int(digit.group(1)) / HIGHEST if digit else None


def expected_digit(token: TokenLogprob, allowed: Collection[int]) -> float | None:
    """Mean of the allowed digits, weighted by their probabilities at this token; None where none of them has any.

    The probabilities of other tokens, which a grammar forbids but a backend may still report, are left out.
    """
    mass = whole = 0.0
    for text, logprob in _likely(token).items():
        digit = text.strip()
        if digit.isdecimal() and len(digit) == 1 and int(digit) in allowed:
            share = math.exp(logprob)
            mass, whole = mass + share * int(digit), whole + share
    return mass / whole if whole > 0 else None


def share_of_yes(reply: Reply) -> float | None:
    """Probability of `yes` against `no` at a reply's first token, 0 to 1; None where it is neither."""
    if not reply.logprobs:
        return {"yes": 1.0, "no": 0.0}.get(reply.text.strip().lower())
    mass = {"yes": 0.0, "no": 0.0}
    for token, logprob in _likely(reply.logprobs[0]).items():
        word = token.strip().lower()
        for answer in mass:
            if word and answer.startswith(word):
                mass[answer] += math.exp(logprob)
    whole = mass["yes"] + mass["no"]
    return mass["yes"] / whole if whole > 0 else None


def _likely(token: TokenLogprob) -> dict[str, float]:
    """Log-probabilities of the token and its alternatives, by their text."""
    return dict((*token.top, (token.token, token.logprob)))
