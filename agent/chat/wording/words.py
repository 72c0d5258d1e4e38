"""A table of words: structure decides first, and a table says what a number, a list or a quotation is there for.

`#` stands for any number, `QUOTED` for a quotation. Words of scripts with spaces are compared as whole words, in any
case and without accents; those of Chinese and Japanese wherever they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilotage.agent.chat.normal_form import is_spaceless, normalised, tokens

if TYPE_CHECKING:
    from pilotage.agent.chat.reading import Part


class Words:
    """Words and phrases (up to three words) of one meaning, separated by commas."""

    def __init__(self, *lines: str) -> None:
        phrases = [normalised(phrase.strip()) for line in lines for phrase in line.split(",")]
        self.spaceless = tuple(phrase for phrase in phrases if is_spaceless(phrase))
        self.spoken = frozenset(_tokens(phrase) for phrase in phrases if not is_spaceless(phrase))
        self._longer = [phrase for phrase in self.spoken if " " in phrase]

    def among(self, part: Part) -> bool:
        """Whether a part says one of them; looked for once."""
        if self not in part.said:
            part.said[self] = not self.spoken.isdisjoint(part.grams) or (
                part.is_spaceless and any(word in part.text for word in self.spaceless)
            )
        return part.said[self]

    def count(self, part: Part) -> int:
        """How many of them a part says, a single word as often as it stands there."""
        said = sum(word in self.spoken for word in part.tokens) + sum(p in part.grams for p in self._longer)
        return said + (sum(part.text.count(word) for word in self.spaceless) if part.is_spaceless else 0)

    def opens(self, part: Part) -> bool:
        """Whether the head of a part begins with one of them."""
        return not self.spoken.isdisjoint(part.openings)

    def at(self, words: Sequence[str]) -> bool:
        """Whether tokens begin with one of them."""
        return any(" ".join(words[:n]) in self.spoken for n in (1, 2, 3))


def _tokens(phrase: str) -> str:
    return " ".join("#" if word == "#" else " ".join(tokens(word)) for word in phrase.split())
