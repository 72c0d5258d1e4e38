"""Tool calls: those of one reply, put together from LangChain messages, whole or in chunks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilotage.agent.messages import ToolCall
from pilotage.common.text import carriable

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


class ToolCalls:
    """Adds up the calls in the messages of one reply."""

    def __init__(self) -> None:
        self._calls: dict[Any, dict[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def first_name(self) -> str:
        """Name of the first tool called; empty where there is none, or where it has no name."""
        return next((call["name"] for call in self._calls.values()), "")

    def add(self, message: BaseMessage) -> str:
        """Takes in the calls of one message or chunk; returns the text that came with it, to be counted."""
        if chunks := getattr(message, "tool_call_chunks", None):
            return "".join(self._add(chunk.get("index"), chunk, chunk.get("args") or "") for chunk in chunks)
        raw = _raw_arguments(message)
        whole = [*getattr(message, "tool_calls", ()), *getattr(message, "invalid_tool_calls", ())]
        return "".join(self._add(None, call, raw.get(str(call.get("id"))) or _arguments(call)) for call in whole)

    def _add(self, index: Any, call: Mapping[str, Any], arguments: str) -> str:
        """One call, or the next piece of the one with this index; one without an index stands alone."""
        place = f"alone-{len(self._calls)}" if index is None else index
        kept = self._calls.setdefault(place, {"id": "", "name": "", "arguments": ""})
        kept["id"] = kept["id"] or carriable(str(call.get("id") or ""))
        kept["name"] += carriable(str(call.get("name") or ""))
        kept["arguments"] += carriable(arguments)
        return kept["name"] + arguments

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls, each with an id of its own, also where the server gave none or one twice."""
        taken: set[str] = set()
        whole = []
        for call in self._calls.values():
            id = call["id"] if call["id"] and call["id"] not in taken else f"call_{secrets.token_hex(12)}"
            taken.add(id)
            whole.append(ToolCall(id=id, name=call["name"], arguments=call["arguments"] or "{}"))
        return tuple(whole)


def _raw_arguments(message: BaseMessage) -> dict[str, str]:
    """The arguments of each call as the server wrote them, by its id, where LangChain keeps them beside."""
    kept = message.additional_kwargs.get("tool_calls")
    written: dict[str, str] = {}
    for call in kept if isinstance(kept, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and isinstance(text := function.get("arguments"), str):
            written[str(call.get("id"))] = text
    return written


def _arguments(call: Mapping[str, Any]) -> str:
    arguments = call.get("args")
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
