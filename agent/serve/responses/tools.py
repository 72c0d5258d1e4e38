"""Tools of a request: functions, alone or in namespaces, as the upstream's chat protocol has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pilotage.agent.messages import ToolCall, ToolOffer
from pilotage.agent.serve.fields import Fields, untaken, wrong

JOINT = "__"
"""Between the namespace of a function and its name, where the protocol knows one name only."""
MODES = ("none", "auto", "required")


@dataclass(frozen=True)
class Tools:
    """What a model may call.

    Attributes:
        told: the tools as the response repeats them.
        choice: likewise.
        parallel: likewise.
        offer: for the upstream; None for nothing.
        spaced: namespace and name of each function that is in one, by its joint name.
    """

    told: tuple[dict[str, Any], ...] = ()
    choice: str | dict[str, Any] = "auto"
    parallel: bool = True
    offer: ToolOffer | None = None
    spaced: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def called(self, call: ToolCall) -> dict[str, str]:
        """The name of a call, and its namespace where it has one."""
        if call.name not in self.spaced:
            return {"name": call.name}
        namespace, name = self.spaced[call.name]
        return {"name": name, "namespace": namespace}


def read_tools(fields: Fields) -> Tools:
    """Takes `tools`, `tool_choice` and `parallel_tool_calls` out of the fields of a request.

    Raises:
        ApiError: 400; a tool that the provider would run is refused by its name.
    """
    given, choice, parallel = fields.take("tools"), fields.take("tool_choice"), fields.flag("parallel_tool_calls")
    if not isinstance(given, list | None):
        raise wrong("tools", "is a list of functions")
    told: list[dict[str, Any]] = []
    functions: dict[str, dict[str, Any]] = {}
    spaced: dict[str, tuple[str, str]] = {}
    for place, tool in enumerate(given or ()):
        where = f"tools.{place}"
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if not isinstance(kind, str):
            raise wrong(where, "is an object with a type")
        if kind == "namespace":
            space, inner = _namespace(tool, where)
            told.append(space)
            spaced |= {f"{space['name']}{JOINT}{one['name']}": (space["name"], one["name"]) for one in inner}
            new = {f"{space['name']}{JOINT}{one['name']}": _behind(space["description"], one) for one in inner}
        elif kind == "function":
            told.append(one := _function(tool, where))
            new = {one["name"]: one}
        else:
            raise untaken(where, f"is of the type {kind!r}: this server runs no tools, so give functions only")
        if twice := sorted(new.keys() & functions.keys()):
            raise wrong(where, f"has a name of its own; there are two tools {twice[0]!r}")
        functions |= new
    told_choice, names, wanted = _choice(choice, functions)
    offer = None
    if names:
        chat = tuple(_chat(name, functions[name]) for name in names)
        offer = ToolOffer(tools=chat, choice=wanted, parallel=parallel)
    return Tools(tuple(told), told_choice, parallel is not False, offer, spaced)


def _function(tool: Any, where: str) -> dict[str, Any]:
    """A function as a response repeats it."""
    if not isinstance(tool, Mapping) or tool.get("type", "function") != "function":
        raise wrong(where, "is a function")
    fields = Fields(tool, f"{where}.")
    fields.take("type")
    name, description = fields.text("name", least=1), fields.text("description")
    if name is None:
        raise wrong(f"{where}.name", "names the function")
    parameters, strict = fields.take("parameters"), fields.flag("strict")
    if not isinstance(parameters, Mapping | None):
        raise wrong(f"{where}.parameters", "is a JSON schema")
    fields.end()
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
        "strict": strict,
    }


def _namespace(tool: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A namespace as a response repeats it, and its functions."""
    fields = Fields(tool, f"{where}.")
    fields.take("type")
    name, description, inner = fields.text("name", least=1), fields.text("description"), fields.take("tools")
    if name is None:
        raise wrong(f"{where}.name", "names the namespace")
    if not isinstance(inner, list):
        raise wrong(f"{where}.tools", "is a list of functions")
    fields.end()
    functions = [_function(one, f"{where}.tools.{place}") for place, one in enumerate(inner)]
    return {"type": "namespace", "name": name, "description": description, "tools": functions}, functions


def _behind(description: str | None, function: dict[str, Any]) -> dict[str, Any]:
    """A function whose description says first what its namespace is for."""
    texts = [text for text in (description, function["description"]) if text]
    return {**function, "description": "\n\n".join(texts) or None}


def _chat(name: str, function: dict[str, Any]) -> dict[str, Any]:
    more = {key: function[key] for key in ("description", "parameters", "strict") if function[key] is not None}
    return {"type": "function", "function": {"name": name, **more}}


def _choice(
    choice: Any, functions: Mapping[str, Any]
) -> tuple[str | dict[str, Any], tuple[str, ...], str | dict[str, Any] | None]:
    """The choice as a response repeats it, the functions that may be called, and the choice for the upstream.

    Of functions that may not be called none is offered, so that the bound holds whatever the upstream does.
    """
    names = tuple(functions)
    if choice is None or choice in MODES:
        if choice == "required" and not names:
            raise wrong("tool_choice", "needs `tools`")
        return choice or "auto", names, choice
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if kind == "function":
        name = _named(choice, functions, "tool_choice")
        return {"type": "function", "name": choice["name"]}, names, {"type": "function", "function": {"name": name}}
    if kind == "allowed_tools":
        mode, allowed = choice.get("mode", "auto"), choice.get("tools")
        if mode not in MODES or not isinstance(allowed, list) or not allowed:
            raise wrong("tool_choice", f"has a mode ({', '.join(MODES)}) and a list of tools")
        few = tuple(_named(one, functions, f"tool_choice.tools.{place}") for place, one in enumerate(allowed))
        told = [{"type": "function", "name": one["name"]} for one in allowed]
        return {"type": "allowed_tools", "mode": mode, "tools": told}, tuple(dict.fromkeys(few)), mode
    raise wrong("tool_choice", f"is {', '.join(MODES)}, or names functions")


def _named(choice: Any, functions: Mapping[str, Any], where: str) -> str:
    """The function that an object names."""
    given = choice if isinstance(choice, Mapping) else {}
    name, namespace = given.get("name"), given.get("namespace")
    joint = f"{namespace}{JOINT}{name}" if namespace else name
    if given.get("type") != "function" or joint not in functions:
        raise wrong(where, "names one of the functions in `tools`")
    return str(joint)
