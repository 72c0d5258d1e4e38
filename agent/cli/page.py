"""How a help page names parameters: shortly, so that at 80 columns the width is left to what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from typer.core import TyperGroup

WORDS: dict[type, str] = {bool: "", int: "N", float: "X", Path: "PATH"}  # for the value of an option; others are TEXT


class ShortPage:
    """A command whose help has a short word for the value of each option, and none for a switch, which has no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, each with that word."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            param.metavar = _word_for(param) if param.metavar is None else param.metavar
            if param.param_type_name == "argument":
                param.display_type_rich = _no_type
        return params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Its usage line: `NAME`, `[NAME]` where it may be left out, `NAME...` where there may be several."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        for number, argument in enumerate(arguments, len(pieces) - len(arguments)):
            piece = argument.metavar + ("..." if argument.nargs != 1 else "")
            pieces[number] = piece if argument.required else f"[{piece}]"
        return pieces


class Group(ShortPage, TyperGroup):
    """A group of commands."""


def _word_for(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.name).upper()
    annotation = param.type_descriptor.annotation
    (kind,) = get_args(annotation) or (annotation,)  # of a list, what it is a list of
    return WORDS.get(kind, "TEXT")


def _no_type(ctx: Any) -> str:
    return ""  # an argument's name is word enough


__all__ = ["Group", "ShortPage"]
