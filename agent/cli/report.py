"""`pilotage report`: the page and the figures of an evaluation, from its JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.memory_open import AsJson
from agent.cli.terminal import plain, print_json, screen


def report(
    evaluation: Annotated[Path, typer.Argument(metavar="FILE", help="The evaluation.json of `pilotage evaluate`.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write; made where it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Make the HTML report and the figures of an evaluation anew. The same file gives the same bytes."""
    from agent.errors import UsageError
    from navigator.report import read_evaluation, write_report

    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: name a folder")
    written = write_report(read_evaluation(evaluation), out)
    if as_json:
        print_json([str(path) for path in written])
    else:
        screen().print(f"{len(written)} files written; open {plain(written[0])}", soft_wrap=True)
