"""A command: options that several share are declared once, its help fits 80 columns, its output is guarded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from pilotage.agent.cli.terminal import guarded, interruptible, print_json, screen
from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen

EXPERT = "Expert"
"""The panel of options that few need; the last of a help page."""
WORDS: dict[type, str] = {bool: "", int: "N", float: "X", Path: "PATH"}  # for the value of an option; others are TEXT
AS_JSON = typer.Option(False, "--json", help="Print JSON.")


class ShortPage:
    """A command whose help has a short word for the value of each option, and none for a switch, which has no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, each with that word; those for experts last."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            param.metavar = _word_for(param) if param.metavar is None else param.metavar
            if param.param_type_name == "argument":
                param.display_type_rich = lambda ctx: ""  # its name is word enough
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
    """A group of commands, whose names may be two words, the first of them a command's too."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments begin with, and the rest of them."""
        two = " ".join(args[:2])
        return super().resolve_command(ctx, [two, *args[2:]] if two in self.commands else args)


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


@dataclass(frozen=True)
class Output:
    """What a command has to say; a command that returns one has `--json`.

    Attributes:
        data: as JSON.
        text: for people: a line with styles, or what prints it.
        exit_code: 1 where something is wrong with what was looked at.
    """

    data: Any
    text: str | Callable[[Screen], None]
    exit_code: int = 0

    def show(self, as_json: bool) -> None:
        """Prints it, and ends the command where there is an exit code."""
        if as_json:
            print_json(self.data)
        elif isinstance(self.text, str):
            screen().print_line(self.text)
        else:
            self.text(screen())
        if self.exit_code:
            raise typer.Exit(self.exit_code)


Registered = Callable[[Callable[..., Output | None]], Callable[..., None]]


class App(typer.Typer):
    """A group of commands, all of them guarded."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=Group, no_args_is_help=True, **options)

    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **options: Any) -> Registered:  # type: ignore[override]
        """Registers a command. A parameter that is a dataclass stands for the options that are its fields."""
        register = super().command(name, cls=cls or Command, **options)
        return lambda command: register(_with_single_options(command))


def _with_single_options(command: Callable[..., Any]) -> Callable[..., None]:
    """The command as Typer reads it: the fields of its dataclasses are parameters, and `--json` is where it returns."""
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    signature = inspect.signature(command, eval_str=True)
    for parameter in signature.parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _options_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    returns = signature.return_annotation is Output
    if returns:
        parameters.append(_parameter("as_json", AS_JSON, bool))

    @wraps(command)
    def run(**values: Any) -> None:
        as_json = returns and values.pop("as_json")
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        output = command(**values)
        if returns:
            output.show(as_json)

    run.__annotations__ = {}  # the signature has them, evaluated
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _options_of(group: type[Any]) -> Iterator[inspect.Parameter]:
    """The fields as parameters; a group may name its `panel`, for all that are not for experts."""
    types = get_type_hints(group)
    for field in fields(group):
        option: Any = copy(field.default)
        if option.rich_help_panel != EXPERT:
            option.rich_help_panel = getattr(group, "panel", option.rich_help_panel)
        yield _parameter(field.name, option, types[field.name])


def _parameter(name: str, option: Any, kind: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind)


def _word_for(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.name).upper()
    annotation = param.type_descriptor.annotation
    (kind,) = get_args(annotation) or (annotation,)  # of a list, what it is a list of
    return WORDS.get(kind, "TEXT")


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _meant(value: Any) -> Any:
    """An option's value with every path as it was meant."""
    if isinstance(value, Path):
        return expanded(value)
    return [_meant(one) for one in value] if isinstance(value, list) else value
