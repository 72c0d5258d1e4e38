"""Call options: what a caller of a LangChain chat model asks of one reply, in the words of `ReplyOptions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from pilotage.agent.chat.reply_fields import HARMLESS, PASSED_ON
from pilotage.agent.errors import UnsupportedParameter, UsageError

OWN = frozenset({"max_tokens", "temperature", "stop", "seed", "tools", "tool_choice", "parallel_tool_calls"})
KNOWN = OWN | PASSED_ON
"""Options of a reply; the second lot goes to the model as it is, which honours or refuses it."""
OF_LANGCHAIN = frozenset({"stream"})
"""What LangChain itself has heeded by then."""
CHOICES = frozenset({"auto", "none", "required"})


def call_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set, by the names of `ReplyOptions` and of OpenAI's chat completions.

    Raises:
        UnsupportedParameter: one of them is none; the text names it.
        UsageError: the tool that has to be called is not on offer, or one of them has no form that could be sent.
    """
    left_out = HARMLESS | OF_LANGCHAIN
    options = {name: value for name, value in given.items() if value is not None and name not in left_out}
    if (limit := options.pop("max_completion_tokens", None)) is not None:
        options["max_tokens"] = limit
    if unknown := sorted(options.keys() - KNOWN):
        name = unknown[0]
        raise UnsupportedParameter(
            name, f"`{name}` is no option of a reply: leave it out, or use one of {', '.join(sorted(KNOWN))}"
        )
    if "tools" in options:
        options["tools"] = [convert_to_openai_tool(tool) for tool in options["tools"]]
    if not isinstance(options.get("response_format", {}), Mapping):
        raise UsageError("`response_format` is a dictionary in OpenAI's form; for a class use `with_structured_output`")
    if "tool_choice" in options:
        options["tool_choice"] = _choice(options["tool_choice"], options.get("tools", ()))
    return options


def _choice(given: Any, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any] | None:
    """LangChain's ways to say which tool has to be called, in OpenAI's: `any`, true, or a tool's name."""
    if isinstance(given, bool):
        return "required" if given else None
    if given == "any":
        return "required"
    if not isinstance(given, str) or given in CHOICES:
        return given  # type: ignore[no-any-return]
    if given not in (names := [str(tool.get("function", tool).get("name")) for tool in tools]):
        raise UsageError(
            f"`tool_choice` names the tool {given!r}, which is not on offer: {', '.join(names) or 'none is'}"
        )
    return {"type": "function", "function": {"name": given}}
