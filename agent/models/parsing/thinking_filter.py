"""ThinkingFilter: keeps a model's thinking out of a stream of text, in time linear in its length."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pilotage.agent.models.parsing.thinking import ELEMENT, OPEN, QUOTES, TAG, begin_of

# The beginnings of what may open a reply or stand in it, for text that has come in part only.
_NAMED = tuple(f"<{slash}{name}" for slash in ("", "/") for name in ("think", "thinking", "seed:think"))
_BEGINNINGS = (
    *(*_NAMED, "<thought", "<reasoning", "[think]", "[/think]", "◁think▷", "◁/think▷", "<|begin_of_thought|>"),
    *("<|end_of_thought|>", "<|begin_of_solution|>", "<|channel|>", "<|start|>"),
)
# What may begin a reply that is more than an answer; only the whole of it shows where the answer is.
_SHAPED = re.compile(rf"{ELEMENT.pattern}|<\|(?:start|channel|begin_of_solution)\|>", re.I)
_LONGEST_TAG = 100
_TAG_STARTS = re.compile(r"[<\[◁]")


class ThinkingFilter:
    """Keeps thinking out of a stream of text: gives out at once what is surely the beginning of the answer.

    From the first place on where a tag may be thinking or may be text, the rest waits until the reply is whole.

    Args:
        hidden: the model is known to begin in the middle of its thinking, so nothing shows before a closing tag.
    """

    def __init__(self, hidden: bool = False) -> None:
        self._thinking = hidden
        self._answering = self._unsure = self._thought = False
        self._blanks: list[str] = []
        self._ahead = ""
        self._before = ""
        self._shown: list[str] = []

    def add(self, text: str) -> str:
        """Takes in the next piece; returns what may be shown now."""
        if self._unsure:
            return ""
        text, self._ahead = self._ahead + text, ""
        shown = "".join(self._pieces(text))
        self._shown.append(shown)
        return shown

    def rest(self, answer: str) -> str:
        """What is still to be shown once the reply is whole and its answer known; empty where all was shown."""
        shown, self._unsure = "".join(self._shown), True
        if answer.startswith(shown):
            return answer[len(shown) :]
        # An answer that is parted from thinking has no blanks before it.
        return answer[begin_of(answer) :].removeprefix(shown[begin_of(shown) :])

    def _pieces(self, text: str) -> Iterator[str]:
        """What of a text may be shown; what cannot be judged before more has come is kept ahead."""
        at = 0
        while at < len(text) and not self._unsure:
            if not self._thinking and not self._answering:
                begin = begin_of(text, at)
                self._blanks.append(text[at:begin])
                if begin == len(text):
                    return
                at = begin
                if _may_be_tag(text, at):
                    self._ahead = text[at:]
                    return
                opened = OPEN.match(text, at)
                self._thinking = opened is not None
                self._unsure = _SHAPED.match(text, at) is not None
                self._answering = not self._thinking
                at = at if opened is None else opened.end()
                if self._answering and not self._thought and not self._unsure:
                    yield "".join(self._blanks)
                continue
            tag = TAG.search(text, at)
            plain = _partial(text, at) if tag is None else tag.start()
            if self._answering:
                yield text[at:plain]
            self._before = text[plain - 1] if plain > at else self._before
            if tag is None or tag.end() == len(text):  # what stands behind a tag may be a quotation mark
                self._ahead = text[plain:]
                return
            at = self._pass(tag, text)
            if self._answering and not self._unsure:
                yield tag[0]

    def _pass(self, tag: re.Match[str], text: str) -> int:
        """Judges a tag by what stands around it; returns where the text goes on."""
        if self._before and self._before in QUOTES:
            self._before = tag[0][-1]
        elif self._thinking and tag["close"] and text[tag.end()] not in QUOTES:
            self._thinking, self._thought, self._before = False, True, ""
            self._blanks.clear()
        else:
            self._unsure = True
        return tag.end()


def _may_be_tag(text: str, at: int) -> bool:
    """Whether what begins here, and has not wholly come yet, may become a tag."""
    if len(text) - at > _LONGEST_TAG:
        return False
    start = text[at:].casefold()
    for beginning in _BEGINNINGS:
        if beginning.startswith(start):
            return start != beginning or not beginning.endswith((">", "]", "▷"))
        if start.startswith(beginning) and not beginning.endswith((">", "]", "▷")):
            behind = start[len(beginning) :]
            if behind[0].isspace() and not any(mark in behind for mark in "<>"):
                return True
    return False


def _partial(text: str, at: int) -> int:
    """Where the last text begins that may become a tag; the end of the text where none may."""
    start = max(at, len(text) - _LONGEST_TAG)
    return next((tag.start() for tag in _TAG_STARTS.finditer(text, start) if _may_be_tag(text, tag.start())), len(text))
