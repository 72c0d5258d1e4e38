"""The wording model: how likely a message can be computed, where no row of the rule holds.

A logistic regression on hashed pieces of the message (feature hashing, Weinberger et al. 2009): words and pairs of
words, runs of two to four characters within a word, and its structure (numbers, sentences, lists, code, question
marks). So it needs no tables of words, reads the languages that it was trained on, and costs about a millisecond.
It knows nothing of the messages before. `benchmarks/first_decision_training.py` trained it, and judges it on messages
that had no part in that.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.agent.chat.normal_form import normalised
from pilotage.agent.chat.reading import Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = Path(__file__).with_name("wording_model.npz")
FORMAT = 1
PLACES = 1 << 15
SURE = 0.93
"""Least probability at which a message thinks; chosen on the messages of `first_decision_fresh.jsonl` named `dev`."""
READ = 400
"""Characters read at the beginning and at the end of a message."""
MOST_NAMED = 3
"""Words of the message that the reason names."""

_DIGITS = re.compile(r"\d+")
_PIECE = re.compile(r"[^\W_]+|[^\w\s]")
_LETTERS = re.compile(r"[^\W\d_]{2,}(?: [^\W\d_]{2,})?")
_NUMBER = re.compile(r"\d{1,40}(?:[.,]\d{1,20}){0,9}")


@dataclass(frozen=True)
class Likeness:
    """What the model says of one message.

    Attributes:
        probability: that it can be computed, 0 to 1.
        words: those of its words that speak for it most, most first.
    """

    probability: float
    words: tuple[str, ...]


def likeness(text: str, message: Message) -> Likeness:
    """How likely a message can be computed from what it gives.

    Args:
        text: the message.
        message: the same, read.
    """
    weights, bias = _weights()
    total = bias + sum(float(weights[place]) * share for place, share in hashed(text, message))
    said = {word: float(weights[_place(f"w:{word}")]) for word in _words(_folded(text)) if _LETTERS.fullmatch(word)}
    most = sorted((word for word, weight in said.items() if weight > 0), key=lambda word: (-said[word], word))
    return Likeness(1 / (1 + math.exp(-max(-50.0, min(50.0, total)))), tuple(most[:MOST_NAMED]))


def hashed(text: str, message: Message) -> list[tuple[int, float]]:
    """Places of a message's features in the weights, and their values; each group of features has length 1."""
    folded = _folded(text)
    words, grams = (f"w:{word}" for word in _words(folded)), (f"g:{gram}" for gram in _grams(folded))
    groups: tuple[Iterable[str], ...] = (_structure(text, message), grams, words)
    found = []
    for group in groups:
        places = sorted({_place(feature) for feature in group})
        found += [(place, 1 / math.sqrt(len(places))) for place in places]
    return found


def _place(feature: str) -> int:
    return zlib.crc32(feature.encode("utf-8", "surrogatepass")) % PLACES


def _folded(text: str) -> str:
    """One case, no accents, every number `0`; of a long message the beginning and the end."""
    read = text if len(text) <= 2 * READ else f"{text[:READ]} {text[-READ:]}"
    return _DIGITS.sub("0", normalised(read))


def _words(folded: str) -> set[str]:
    words = _PIECE.findall(folded)
    return {*words, *(f"{a} {b}" for a, b in zip(words, words[1:], strict=False))}


def _grams(folded: str) -> set[str]:
    grams: set[str] = set()
    for word in _PIECE.findall(folded):
        spaced = f" {word} "
        for size in (2, 3, 4):
            grams.update(spaced[at : at + size] for at in range(len(spaced) - size + 1))
    return grams


def _structure(text: str, message: Message) -> list[str]:
    quantities, sentences = message.request.quantities, len(message.sentences)
    asks, numbers = message.asking.is_question, len(_NUMBER.findall(text[: 2 * READ]))
    return [
        f"s:quantities{min(quantities, 4)}",
        f"s:numbers{min(numbers, 6)}",
        f"s:row{message.has_row}",
        f"s:sum{message.has_sum}",
        f"s:list{message.has_list}",
        f"s:code{bool(message.code)}",
        f"s:quoted{min(len(message.quoted), 2)}",
        f"s:sentences{min(sentences, 6)}",
        f"s:asks{asks}",
        f"s:length{min(int(math.log2(len(text) + 1)), 11)}",
        f"s:lines{min(text.count(chr(10)), 6)}",
        f"s:quantities{min(quantities, 3)}asks{asks}sentences{min(sentences, 3)}",
    ]


@cache
def _weights() -> tuple[NDArray[np.int8] | NDArray[np.float32], float]:
    """The weights as numbers, and the bias."""
    import numpy as np

    with np.load(WEIGHTS, allow_pickle=False) as file:
        return file["weights"].astype(np.float32) * float(file["scale"]), float(file["bias"])
