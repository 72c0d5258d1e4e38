"""`pilotage cache info|prune`: what pilotage keeps by itself, and making it less."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import App, Output
from pilotage.agent.cli.terminal import counting, plain, screen, table
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.cache.places import Place
    from pilotage.agent.cli.screen import Screen
    from pilotage.common.retention import Count, Retention

WEIGHTS = "weights"
CONFIG = typer.Option(None, "--config", help="TOML file of the server, where that names another file of responses.")
_UNITS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
_SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_MOST_KINDS = 8

app = App(help="Show and prune what pilotage keeps on this machine by itself.")


@app.command()
def info(config: Path | None = CONFIG) -> Output:
    """Show what is kept where: entries, size, oldest and newest, replies by model."""
    from pilotage.agent.cli.cache.places import others

    known = _places(config)
    found = [(place, place.count()) for place in known]
    rest = others(known)
    data = {
        "places": [_told(place, one) for place, one in found],
        "others": [{"path": str(path), "bytes": size} for path, size in rest.items()],
    }

    def show(console: Screen) -> None:
        listed = table("what", "where", right=("entries", "size", "oldest", "newest"), pad_edge=True)
        for place, one in found:
            times = _day(one.oldest), _day(one.newest)
            listed.add_row(place.name, plain(place.path), f"{one.entries:,}", _size(place.bytes(one)), *times)
        for path, size in rest.items():
            listed.add_row("[dim]other[/]", plain(path), "", _size(size), "", "")
        console.print(listed)
        for place, one in found:
            if place.name == "replies" and one.kinds:
                console.print("")
                models = table("replies of", right=("entries",), pad_edge=True)
                for model, entries in list(one.kinds.items())[:_MOST_KINDS]:
                    models.add_row(plain(model), f"{entries:,}")
                if len(one.kinds) > _MOST_KINDS:
                    models.add_row(f"[dim]{len(one.kinds) - _MOST_KINDS} more, see --json[/]", "")
                console.print(models)

    return Output(data, show)


@dataclass(frozen=True)
class KeepOptions:
    """What stays."""

    older_than: str | None = typer.Option(None, metavar="AGE", help="Delete what is older: 30d, 12h, 8w.")
    max_size: str | None = typer.Option(None, metavar="SIZE", help="Delete the oldest of each beyond it: 500MB, 1GB.")

    def retention(self) -> Retention:
        """What they say. Raises UsageError where they say nothing, or nothing that can be read."""
        from pilotage.common.retention import Retention

        if self.older_than is None and self.max_size is None:
            raise UsageError("say what is too old (--older-than 30d) or too much (--max-size 1GB)")
        return Retention(_days(self.older_than), _bytes(self.max_size))


@app.command()
def prune(
    keep: KeepOptions,
    what: str = typer.Option(
        "replies,checkpoints,responses,completions", help="Which of them; weights only where they are named."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would go, delete nothing."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    config: Path | None = CONFIG,
) -> Output:
    """Delete what is too old or too much; what a run works with stays. Safe beside running programs."""
    retention, chosen = keep.retention(), _chosen(what, _places(config))
    doomed = [(place, _prune(place, retention, dry_run=True)) for place in chosen]
    if dry_run or not any(one.entries for _, one in doomed):
        return _pruned(doomed, dry_run)
    if not yes:
        _ask(doomed)
    return _pruned([(place, _prune(place, retention)) for place, one in doomed if one.entries], dry_run=False)


def _prune(place: Place, keep: Retention, *, dry_run: bool = False) -> Count:
    with counting(screen(errors=True, quiet=dry_run), place.name, transient=True) as on_progress:
        return place.prune(keep, dry_run=dry_run, on_progress=on_progress)


def _pruned(gone: list[tuple[Place, Count]], dry_run: bool) -> Output:
    lines = [
        f"{'would delete' if dry_run else 'deleted'} {_several(place, one)} "
        f"[dim]{_day(one.oldest)} to {_day(one.newest)}[/]"
        for place, one in gone
        if one.entries
    ]
    data = {"dry_run": dry_run, "deleted": [_told(place, one) for place, one in gone]}
    return Output(data, "\n".join(lines) or "nothing is too old or too much")


def _ask(doomed: list[tuple[Place, Count]]) -> None:
    """Asks on a terminal. Raises UsageError where there is none, or the answer is no."""
    sentence = f"this deletes {', '.join(_several(place, one) for place, one in doomed if one.entries)}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{sentence}: say --yes to do it")
    if not typer.confirm(f"{sentence}. Do it?", err=True):
        raise UsageError("nothing was deleted")


def _places(config: Path | None) -> list[Place]:
    from pilotage.agent.cli.cache.places import places
    from pilotage.agent.serve.config import serve_config
    from pilotage.agent.settings import settings_from

    file = serve_config(config, {}).responses_file if config is not None else None
    return places(settings_from({}), file)


def _chosen(what: str, known: list[Place]) -> list[Place]:
    names = [name.strip() for name in what.split(",") if name.strip()]
    all_names = ("replies", "checkpoints", "responses", "completions", WEIGHTS)
    if unknown := next((name for name in names if name not in all_names), None):
        raise UsageError(f"{unknown!r} is nothing that is kept: --what takes {', '.join(all_names)}")
    if not names:
        raise UsageError(f"--what is empty: name some of {', '.join(all_names)}")
    return [place for place in known if place.name in names]


def _told(place: Place, one: Count) -> dict[str, Any]:
    told = {"what": place.name, "path": str(place.path), "file_bytes": place.bytes(one), **asdict(one)}
    return {**told, "oldest": _moment(one.oldest), "newest": _moment(one.newest)}


def _several(place: Place, one: Count) -> str:
    return f"{place.name}: {one.entries:,} ({_size(one.bytes)})"


def _days(text: str | None) -> float | None:
    if text is None:
        return None
    if (given := re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*([hdw])", text.strip().lower())) is None:
        raise UsageError(f"{text!r} is no age: write 30d, 12h or 8w")
    return float(given[1]) * _UNITS[given[2]]


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    if (given := re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([KMG]I?B)", text.strip().upper())) is None:
        raise UsageError(f"{text!r} is no size: write 500MB, 1GB or 2GiB")
    return int(float(given[1]) * _SIZES[given[2]])


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _day(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
