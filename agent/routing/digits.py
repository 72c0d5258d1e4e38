"""Digits: the expectation of a one-digit score under the model's token probabilities."""

from __future__ import annotations

import math
from collections.abc import Collection

from pilotage.agent.models.reply import TokenLogprob


def expected_digit(token: TokenLogprob, allowed: Collection[int]) -> float | None:
    """Mean of the allowed digits, weighted by their probabilities at this token; None where none of them has any.

    The probabilities of other tokens, which a grammar forbids but a backend may still report, are left out.
    """
    mass = whole = 0.0
    for text, logprob in dict((*token.top, (token.token, token.logprob))).items():
        digit = text.strip()
        if digit.isdecimal() and len(digit) == 1 and int(digit) in allowed:
            share = math.exp(logprob)
            mass, whole = mass + share * int(digit), whole + share
    return mass / whole if whole > 0 else None
