"""JSON from outside: whatever is wrong with it is one kind of error, with the reason in a few words."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# Deeper than anything that people or programs write on purpose, and far from where recursive functions end.
_DEEPEST = 200
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""What may escape half a character: text that was read as UTF-8 holds none otherwise."""


class NotJson(ValueError):
    """A text that is no JSON that this program reads."""


def read_json(text: str | bytes, *, strict: bool = False) -> Any:
    """What a JSON text says.

    Args:
        text: the text, or its UTF-8 bytes.
        strict: whether it is to be written again elsewhere: then its numbers are finite and its characters whole.

    Raises:
        NotJson: it is not valid, not UTF-8, nested too deeply, or has a number of more digits than Python reads.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        data = json.loads(text, parse_constant=_refused, parse_float=_finite) if strict else json.loads(text)
        if strict and _SURROGATE.search(text):
            json.dumps(data, ensure_ascii=False).encode()
        if text.count("[") + text.count("{") > _DEEPEST:
            _require_shallow(data)
    except UnicodeDecodeError:
        raise NotJson("not UTF-8 text") from None
    except UnicodeEncodeError:
        raise NotJson("half a character: an escaped surrogate without the other one of its pair") from None
    except json.JSONDecodeError as error:
        line = f"line {error.lineno} " if error.lineno > 1 else ""
        raise NotJson(f"{error.msg} at {line}column {error.colno}") from None
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError as error:
        if isinstance(error, NotJson):
            raise
        raise NotJson("a number of more than 4,300 digits") from None
    return data


def _refused(constant: str) -> Any:
    raise NotJson(f"{constant} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotJson(f"the number {digits[:40]} is too large")
    return number


def _require_shallow(data: Any) -> None:
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            part
            for value in level
            if isinstance(value, dict | list)
            for part in (value.values() if isinstance(value, dict) else value)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    raise NotJson("nested too deeply")
