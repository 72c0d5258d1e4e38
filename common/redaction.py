"""Redaction: credentials never reach a screen, a file or a log.

`redact` takes out the secrets that are known, and is safe on any text; `redact_message` also takes credentials out of
every address, and is for messages about addresses: an answer may hold an address that somebody asked for.
"""

from __future__ import annotations

import base64
import bisect
import html
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN = "***"

UNMISTAKABLE = 8
"""Characters of a secret that is no word from which on it is taken out also where other characters touch it."""
ENCODED = 12
"""Characters of Base64 from which on they can only come from the secret."""

_known: set[str] = set()

# The last word of a name says what its value is: OPENAI_API_KEY, HF_TOKEN, `?api_key=`, `?sig=`.
_SECRET_NAME = re.compile(
    r"(?:^|[^a-z])(?:api|access|auth|id|private|refresh|secret|subscription)?[-_]?"
    r"(?:key|token|secret|password|passwd|passphrase|credentials?|sig|signature|auth)$",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(
    r"(?:^|[^a-z])(?:authorization|(?:api|access|auth|subscription|security|session)[-_]?(?:key|token))$", re.IGNORECASE
)
_USERINFO = re.compile(r"(?<=://)[^\s/?#@\"'<>\\]+(?:@[^\s/?#@\"'<>\\]+)*(?=@)")
_PARAMETER = re.compile(r"(?<=[?&;])([^\s=&;#?\"'<>\\]+)=([^\s&;#\"'<>\\]*)")
# Where a text says that a credential comes, even one that could be an ordinary word is no ordinary word.
_LABEL = r"(?i:bearer|basic|authorization|api[-_ ]?key|token|password|secret|credentials?)(?:\W+provided)?\W{1,4}"

LAYERS = 2
"""Of escapes over each other that are undone."""

_ESCAPE = re.compile(
    r"%(?P<percent>[2-7][0-9a-f])"
    r"|\\u(?P<json>00[2-7][0-9a-f])"
    r"|(?P<html>&(?:#\d{1,7}|#x[0-9a-f]{1,6}|amp|lt|gt|quot|apos);)"
    r"|\\(?P<slash>/)"
    r"|(?P<end>\\?(?:\r\n?|\n)[ \t]*|(?:\\r)?\\n)",
    re.I,
)
_BEGUN = re.compile(r"(?:%[2-7]?|\\(?:u[0-9a-f]{0,3}|r\\?)?|&(?:#x?[0-9a-f]{0,7}|[a-z]{0,4}))$", re.I)


def remember(*secrets: str) -> None:
    """Makes secrets known, to be taken out of everything that is written or printed from now on."""
    _known.update(secret for secret in secrets if secret)


def remember_address(address: str) -> None:
    """Makes the credentials of an address known: its user, its password, and parameters that are keys."""
    remember(*_credentials(address))


def redact(text: str) -> str:
    """The text without the secrets that are known: those remembered, and those in the environment.

    They are taken out as they are, and as addresses, JSON, HTML, Base64 and hexadecimal digits write them, whatever
    stands around them, also where a line ends within. A secret that may well be an ordinary word (`x`, `EMPTY`, `none`,
    `password`) is taken out only where the text says that a credential comes (`Bearer x`).
    """
    for secret in _secrets():
        if secret not in text:
            continue
        if _is_unmistakable(secret):
            text = text.replace(secret, HIDDEN)
        else:
            text = _pattern(secret).sub(lambda match: match["label"] + HIDDEN, text)
    return _without_escaped(text)


def _without_escaped(text: str) -> str:
    """The text without the unmistakable secrets that are seen once its escapes are undone."""
    unescaped = Unescaped(text)
    if unescaped.text == text:
        return text
    hidden = [
        unescaped.span(*place.span())
        for secret in _secrets()
        if secret in unescaped.text and _is_unmistakable(secret)
        for place in re.finditer(re.escape(secret), unescaped.text)
    ]
    at, kept = 0, []
    for start, end in sorted(hidden):
        if start >= at:
            kept += [text[at:start], HIDDEN]
        at = max(at, end)
    return "".join([*kept, text[at:]])


class SecretFilter:
    """Passes a text on as it comes, without the secrets in it: what may be the beginning of one waits for the rest.

    Args:
        on_text: gets the text.
    """

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text, self._waiting = on_text, ""

    def __call__(self, text: str) -> None:
        """Takes in what has come."""
        self._waiting += text
        known = [*filter(_is_telling, _secrets())]
        end = len(self._waiting) - max((_overlap(self._waiting, secret) for secret in known), default=0)
        begun = without_begun(self._waiting)
        unescaped = Unescaped(begun)
        surely = without_begun(unescaped.text)
        over = max((_overlap(surely, secret) for secret in known), default=0)
        held = over or len(unescaped.text) - len(surely)
        start = unescaped.span(len(surely) - over, len(unescaped.text))[0] if held else len(begun)
        self._pass_on(min(end, start if known else end))

    def end(self) -> None:
        """Passes on what was waiting: nothing more comes."""
        self._pass_on(len(self._waiting))

    def _pass_on(self, end: int) -> None:
        if end:
            ready, self._waiting = self._waiting[:end], self._waiting[end:]
            self._on_text(redact(ready))


def _overlap(text: str, secret: str) -> int:
    """How many characters at the end of a text may be the beginning of a secret."""
    return next((n for n in range(min(len(text), len(secret)), 0, -1) if text.endswith(secret[:n])), 0)


def redact_message(text: str) -> str:
    """`redact`, and every address in the text without its credentials."""
    return redact(public_address(text))


def public_address(text: str) -> str:
    """An address, or a text with addresses, without users, passwords and parameters that are keys."""
    text = _USERINFO.sub(HIDDEN, text)
    return _PARAMETER.sub(lambda match: f"{match[1]}={HIDDEN}" if _SECRET_NAME.search(match[1]) else match[0], text)


def is_credential(name: str, *, anywhere: bool = False) -> bool:
    """Whether a header of this name lets its sender in; `anywhere` for what need be none of the usual names."""
    return _CREDENTIAL.search(name) is not None or (anywhere and _SECRET_NAME.search(name) is not None)


def _secrets() -> tuple[str, ...]:
    """Each secret, in all its spellings, the longest first."""
    # `os.environ` decodes every variable each time that it is read; the bytes beneath tell sooner whether one changed.
    return _spelled(frozenset(_known), tuple(getattr(os.environ, "_data", os.environ).items()))


@lru_cache(maxsize=8)
def _spelled(known: frozenset[str], environment: tuple[object, ...]) -> tuple[str, ...]:
    secrets = {*known, *_of_environment()}
    return tuple(sorted({one for secret in secrets for one in _spellings(secret)}, key=len, reverse=True))


@lru_cache(maxsize=1024)
def _spellings(secret: str) -> frozenset[str]:
    """A secret, and how addresses, JSON and Base64 write it."""
    written = {secret, quote(secret, safe=""), quote_plus(secret), unquote(secret)}
    written |= {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    if _is_unmistakable(secret):
        code = secret.encode("utf-8", "surrogatepass")
        written.update(_in_base64(code), {code.hex(), code.hex().upper()})
    return frozenset(written - {""})


def _in_base64(secret: bytes) -> Iterator[str]:
    """What Base64 makes of a secret wherever it begins in the bytes, as far as it does not depend on those around."""
    for before in range(3):
        first, end = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + secret).decode()[first:end]
            if len(text) >= ENCODED:
                yield text


def _of_environment() -> Iterator[str]:
    """The values of variables that are named like a secret, unless they name the file that has it; and of addresses."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and not value.startswith(("/", "~", ".")):
            yield value
        elif "://" in value and "@" in value:
            yield from _credentials(value)


def _credentials(address: str) -> Iterator[str]:
    try:
        parts = urlsplit(address)
        user, password = parts.username, parts.password
    except ValueError:  # no address at all, as whoever wants to use it will say
        return
    if password:
        pair = unquote(f"{user}:{password}")
        yield from (password, pair, base64.b64encode(pair.encode()).decode())
    elif user:
        yield user
    yield from (value for name, value in parse_qsl(parts.query) if _SECRET_NAME.search(name))


def _pattern(secret: str) -> re.Pattern[str]:
    label = "" if _is_telling(secret) else _LABEL
    return re.compile(rf"(?P<label>{label})(?<!\w){re.escape(secret)}(?!\w)")


def _is_unmistakable(secret: str) -> bool:
    return len(secret) >= UNMISTAKABLE and _is_telling(secret)


def _is_telling(secret: str) -> bool:
    """Whether a text that holds this can only have it from the secret: it is long, or no word of a language."""
    if secret.isdigit() or (secret.isalpha() and (secret.islower() or secret.istitle())):
        return len(secret) >= 12
    return len(secret) >= (6 if any(map(str.isdigit, secret)) and any(map(str.isalpha, secret)) else 8)


class Unescaped:
    """A text as it reads once its escapes are undone, and where each of its characters stands.

    Undone are those of addresses, JSON and HTML, up to two laid over each other, and the ends of lines.

    Attributes:
        text: as it reads.
    """

    def __init__(self, text: str, layers: int = LAYERS) -> None:
        pieces: list[str] = []
        self._marks: list[int] = []
        self._spans: list[tuple[int, int]] = []
        at = length = 0
        for escape in _ESCAPE.finditer(text):
            meant = (_meant(escape), escape.start(), escape.end())
            for piece, start, end in ((text[at : escape.start()], at, 0), meant):
                pieces.append(piece)
                self._marks.append(length)
                self._spans.append((start, end))
                length += len(piece)
            at = escape.end()
        pieces.append(text[at:])
        self._marks.append(length)
        self._spans.append((at, 0))
        self.text = "".join(pieces)
        self._further = Unescaped(self.text, layers - 1) if layers > 1 and at else None
        if self._further is not None:
            self.text = self._further.text

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of it stands in the text as it was written."""
        if self._further is not None:
            start, end = self._further.span(start, end)
        return self._place(start)[0], self._place(end - 1)[1] if end > start else self._place(start)[0]

    def _place(self, at: int) -> tuple[int, int]:
        number = bisect.bisect_right(self._marks, at) - 1
        start, end = self._spans[number]
        return (start, end) if end else (start + at - self._marks[number], start + at - self._marks[number] + 1)


def without_begun(text: str) -> str:
    """A text without an escape at its end that may go on."""
    begun = _BEGUN.search(text, max(0, len(text) - 16))
    return text if begun is None else text[: begun.start()]


def _meant(escape: re.Match[str]) -> str:
    if escape["html"]:
        return html.unescape(escape["html"])
    code = escape["percent"] or escape["json"]
    return chr(int(code, 16)) if code else escape["slash"] or ""
