"""Written calls: calls of tools that a small model writes as text, where its template asks for `<tool_call>` tags.

Qwen2.5-Coder knows the form `{"name": ..., "arguments": {...}}`, and puts it into a code fence, which llama.cpp passes
on as text. Structure tells such a reply, not its words: all of it is one or more such objects, tools were offered, each
name is one of theirs, and the arguments fit that tool's schema. Anything else stays the text that it is.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST = 20_000
"""Characters of a reply that is held back because it may yet be a call."""
_OPENINGS = ("```json", "```tool_call", "```xml", "```\n", "<tool_call>", "{", "[")
_WRAPPINGS = re.compile(r"```(?:json|tool_call|xml)?[ \t]*(?=\n|$)|</?tool_call>")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


class WrittenCalls:
    """Holds back the text of one reply while it may be calls, and tells at the end whether it was.

    Args:
        options: the call options of the request, in OpenAI's words.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        offered = options.get("tools") if options.get("tool_choice") != "none" else None
        functions = [tool.get("function") for tool in offered or () if isinstance(tool, Mapping)]
        self._tools = {str(one["name"]): one for one in functions if isinstance(one, Mapping) and "name" in one}
        self._one = options.get("parallel_tool_calls") is False
        self._held = ""
        self._holding = bool(self._tools)

    def add(self, text: str) -> str:
        """Takes in a piece of the reply; returns what of it can be shown."""
        if not self._holding:
            return text
        self._held += text
        begun = self._held.lstrip()
        if len(self._held) <= LONGEST and any(begun.startswith(one[: len(begun)]) for one in _OPENINGS):
            return ""
        return self._let_go()

    def end(self) -> tuple[str, list[dict[str, Any]]]:
        """The reply is over: text still to be shown, or the calls that it was, as deltas in OpenAI's form."""
        calls = self._calls(self._held) if self._holding else []
        return ("", calls) if calls else (self._let_go(), [])

    def _let_go(self) -> str:
        held, self._held, self._holding = self._held, "", False
        return held

    def _calls(self, text: str) -> list[dict[str, Any]]:
        try:
            written = list(_objects(_WRAPPINGS.sub("", text)))
        except ValueError:
            return []
        if not written or not all(map(self._is_call, written)):
            return []
        return [_delta(index, call) for index, call in enumerate(written[:1] if self._one else written)]

    def _is_call(self, written: Any) -> bool:
        if not isinstance(written, Mapping) or set(written) != {"name", "arguments"}:
            return False
        tool, arguments = self._tools.get(str(written["name"])), written["arguments"]
        return tool is not None and isinstance(arguments, Mapping) and _fits(arguments, tool.get("parameters") or {})


def _objects(text: str) -> Iterator[Any]:
    """The JSON values in a text, those of a list one by one. Raises ValueError where there is anything else."""
    decoder, place = json.JSONDecoder(), 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        try:
            value, place = decoder.raw_decode(text, place)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        yield from value if isinstance(value, list) else (value,)


def _fits(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Whether names, required ones, types and enumerations are as a schema has them, as far as its first level goes."""
    known = schema.get("properties")
    known = known if isinstance(known, Mapping) else {}
    required = schema.get("required")
    if not set(required if isinstance(required, Sequence) else ()) <= set(arguments):
        return False
    return all(name in known and _is_of(value, known[name]) for name, value in arguments.items())


def _is_of(value: Any, schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return True
    if isinstance(allowed := schema.get("enum"), Sequence) and value not in allowed:
        return False
    named = schema.get("type")
    types = [named] if isinstance(named, str) else named if isinstance(named, Sequence) else []
    if isinstance(value, bool) and types and "boolean" not in types:
        return False
    return not types or any(isinstance(value, _TYPES.get(one, object)) for one in types if isinstance(one, str))


def _delta(index: int, call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)}
    return {"index": index, "id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}
