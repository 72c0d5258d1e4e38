"""How many tokens a text may have, where no tokenizer is at hand."""

from __future__ import annotations

import math

CHARACTERS_PER_TOKEN = 3.0
"""Lower than for any common tokenizer on English text, so that a text's length is rather over- than underrated."""
FRAME = 8
"""Tokens that a chat template may put around a text."""


def estimate_tokens(text: str) -> int:
    """Upper estimate of a text's tokens, for planning only: what is charged is what the model counted."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN) + FRAME
