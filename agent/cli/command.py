"""A command: options that several share are declared once, its help fits 80 columns, its output is guarded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from pilotage.agent.cli.terminal import guarded, interruptible
from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded

EXPERT = "Expert"
"""The panel of options that few need; the last of a help page."""
WORDS: dict[type, str] = {bool: "", int: "N", float: "X", Path: "PATH"}  # for the value of an option; others are TEXT


class ShortPage:
    """A command whose help has a short word for the value of each option, and none for a switch, which has no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, each with that word; those for experts last."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            param.metavar = _word_for(param) if param.metavar is None else param.metavar
            if param.param_type_name == "argument":
                param.display_type_rich = _no_type
        return sorted(params, key=lambda param: getattr(param, "rich_help_panel", None) == EXPERT)

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


class Command(ShortPage, TyperCommand):
    """A command whose standard streams are guarded while it runs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments; raises UsageError for a path of no text, which would be taken for the current folder."""
        rest = super().parse_args(ctx, list(args))
        written, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for param in self.params:
            texts, paths = _listed(written.get(param.name)), _listed(ctx.params.get(param.name))
            if "" in texts and any(isinstance(path, Path) for path in paths):
                name = param.opts[0] if param.opts[0].startswith("-") else str(param.name).upper()
                raise UsageError(f"{name} is empty: name a file or a folder, . for the current one")
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Runs it; Ctrl-C ends it as an error of its own, whatever it was doing."""
        ctx.params = {name: _meant(value) for name, value in ctx.params.items()}
        with guarded(), interruptible(lambda: "interrupted"):
            return super().invoke(ctx)


Registered = Callable[[Callable[..., None]], Callable[..., None]]


class App(typer.Typer):
    """A group of commands, all of them guarded."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=Group, no_args_is_help=True, **options)

    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **options: Any) -> Registered:  # type: ignore[override]
        """Registers a command. A parameter that is a dataclass stands for the options that are its fields."""
        register = super().command(name, cls=cls or Command, **options)
        return lambda command: register(_with_single_options(command))


def _with_single_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer can read it: with the fields of its dataclasses of options as parameters."""
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _options_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    if not groups:
        return command

    @wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


@cache
def _options_of(group: type[Any]) -> tuple[inspect.Parameter, ...]:
    return tuple(_options(group))


def _options(group: type[Any]) -> Iterator[inspect.Parameter]:
    """The fields as parameters; a group may name its `panel`, for all that are not for experts."""
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        option = copy(hints[field.name].__metadata__[0])
        if option.rich_help_panel != EXPERT:
            option.rich_help_panel = getattr(group, "panel", option.rich_help_panel)
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        annotation: Any = Annotated[hints[field.name].__origin__, option]
        yield inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _word_for(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.name).upper()
    annotation = param.type_descriptor.annotation
    (kind,) = get_args(annotation) or (annotation,)  # of a list, what it is a list of
    return WORDS.get(kind, "TEXT")


def _no_type(ctx: Any) -> str:
    return ""  # an argument's name is word enough


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _meant(value: Any) -> Any:
    """An option's value with every path as it was meant."""
    if isinstance(value, Path):
        return expanded(value)
    return [_meant(one) for one in value] if isinstance(value, list) else value


__all__ = ["EXPERT", "App", "Command"]
