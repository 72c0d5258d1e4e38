"""Content words: what a text is about once its function words are taken out."""

from __future__ import annotations

import re

# They stand in every task, so they say nothing and only slow a search down.
STOPWORDS = frozenset(
    "a an and are as at be by can do does each for from has have he her his how i if in is it its many much of on "
    "or she that the their them then there they this to was were what when which who will with you your".split()
)


def content_words(text: str) -> list[str]:
    """The words of a text in lower case, in order, without function words and single letters."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in STOPWORDS and len(word) > 1]
