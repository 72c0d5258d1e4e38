"""`pilotage strategies`: the test-time methods that are installed, and what each one's parameters do."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.terminal import plain, table

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.strategies import Strategy

TOKENS = "Tokens: "
"""What the paragraph of a docstring begins with that tells what a strategy costs."""


def strategies(
    name: str | None = typer.Argument(None, help="One of them, with its source and parameters.", show_default=False),
) -> Output:
    """List test-time strategies, or tell about one: how to write it, its source, and when it helps."""
    from pilotage.agent.strategies import PREFIX, installed, kind_named

    if name is None:
        rows = [_told(kind) for kind in installed().values()]
        return Output(rows, lambda console: _list(console, rows))
    about = _told(kind_named(name.removeprefix(PREFIX)))
    return Output(about, lambda console: _show(console, about))


def _told(kind: type[Strategy]) -> dict[str, Any]:
    first, _, rest = cleandoc(kind.__doc__ or "").partition("\n\n")
    parameters = [
        {
            "name": name,
            "default": None if field.is_required() else field.default,
            "required": field.is_required(),
            "about": field.description or "",
        }
        for name, field in kind.model_fields.items()
    ]
    tokens = next((part for part in rest.split("\n\n") if part.startswith(TOKENS)), "").removeprefix(TOKENS)
    told = {"name": kind.name, "about": first, "tokens": " ".join(tokens.split()), "details": rest}
    return told | {"parameters": parameters}


def _list(console: Screen, rows: list[dict[str, Any]]) -> None:
    listed = table("strategy", "what it does", "tokens", pad_edge=True)
    for row in rows:
        listed.add_row(row["name"], plain(row["about"]), plain(row["tokens"].partition(". ")[0].rstrip(".")))
    console.print(listed)
    console.print(
        'pilotage solve "..." --policy "strategy:NAME;parameter=value"; pilotage strategies NAME tells its parameters '
        "with their defaults, its source, and where it helps"
    )


def _show(console: Screen, about: dict[str, Any]) -> None:
    console.print(f"[bold]strategy:{about['name']}[/]  {plain(about['about'])}\n")
    for paragraph in about["details"].split("\n\n"):
        console.print(plain(" ".join(paragraph.split())) + "\n")
    listed = table("parameter", "default", "what it does", pad_edge=True)
    for one in about["parameters"]:
        listed.add_row(one["name"], "(needed)" if one["required"] else plain(str(one["default"])), plain(one["about"]))
    console.print(listed)
