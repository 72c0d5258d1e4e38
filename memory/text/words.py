"""Content words: what a text is about without its function words, and by what two texts are about the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

# They stand in every task, so they say nothing and only slow a search down.
STOPWORDS = frozenset(
    "a an and are as at be by can do does each for from has have he her his how i if in is it its many much of on "
    "or she that the their them then there they this to was were what when which who will with you your".split()
)
# Words of three letters and less that no task is about; others (gcd, km) tell as much as long ones.
_SHORT = frozenset(
    "add ago all any ask but buy day did due end few fit get got had has her him his its key let lot may met new nor "
    "not now odd off old one our out own per put run saw say see set six ten too try two use via was way who why yes "
    "yet ll ve re no so up us we my me oh ok go am "
    "das dem den der des die ein er es für ihr ist man mit nur ob sie so und von vom was wie wir zu zum zur im bei auf "
    "au aux ce de du elle en est et il la le les ne on ou par pas que qui sa se ses son sur un une "
    "al con del di da che el es gli las los lo na no os por su um uma una y "
    "без был все для до его ее из или их как на не но он она они от по при со так то у что это за "
    "और एक का की के को में से है हैं तो पर यह वह".split()
)
_STEM = 5
# Scripts that put no blanks between words, and Hangul, whose words take endings: what stands for a word in them. Of the
# Japanese scripts hiragana says how words belong together and not which they are.
_GRAMS = (
    (re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]+"), 2),  # Han
    (re.compile(r"[\u30a0-\u30ff]+"), 3),  # katakana
    (re.compile(r"[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]+"), 5),  # Thai, Lao, Tibetan, Burmese, Khmer
)
_HANGUL = re.compile(r"[\uac00-\ud7a3]{2,}")
_INDIC = re.compile(r"[\u0900-\u0963\u0966-\u0dff]{2,}")  # their vowels are marks, which `\w` leaves out
# Characters that only tie others together or stand in any task: 'the', 'of', numbers, measures, 'calculate', 'problem'.
_TIES = re.compile(
    "[的了和是在有不个個这這那我你他她它们們与與及或也都就会會要可以中为為对對每各把被将將请請问問题題多少几幾何计計算答共求由先再后後最并並从從到"
    "则則而但所如果一二三四五六七八九十百千两兩只隻条條头頭支枝本张張元]"
)


def content_words(text: str) -> list[str]:
    """The words of a text in lower case, in order, without function words and single letters."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in STOPWORDS and len(word) > 1]


def stem(word: str) -> str:
    """The letters by which words of one family are told apart from others."""
    return word[:_STEM]


def topics(text: str) -> set[str]:
    """What a text is about, to be compared with what another one is about.

    Those are stems, short words as they are, and for scripts without blanks parts of words; no numbers, and nothing
    that stands in texts on anything.
    """
    return {*_stems(text), *_parts(text)} - _SHORT


def _stems(text: str) -> Iterator[str]:
    words = (*content_words(text), *_INDIC.findall(text))
    for word in words:
        if not any(map(str.isdigit, word)):
            is_plural = 3 < len(word) <= _STEM and word.endswith("s") and not word.endswith("ss")
            yield word[:-1] if is_plural else stem(word)


def _parts(text: str) -> Iterator[str]:
    for script, size in _GRAMS:
        for run in script.findall(_TIES.sub(" ", text)):
            yield from (run[start : start + size] for start in range(max(1, len(run) - size + 1)))
    yield from (word[:2] for word in _HANGUL.findall(text))
