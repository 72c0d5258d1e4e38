"""`pilotage report`: the page and the figures of an evaluation, from its JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pilotage.agent.cli.memory.open import AsJson
from pilotage.agent.cli.outputs import Force, folder_to_write, keep
from pilotage.agent.cli.terminal import plain, print_json, screen


def report(
    evaluation: Annotated[Path, typer.Argument(metavar="FILE", help="The evaluation.json of `pilotage evaluate`.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write; made where it is not there.")],
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make the HTML report and the figures of an evaluation anew. The same file gives the same bytes."""
    from pilotage.navigator.report import read_evaluation, write_report

    content = read_evaluation(evaluation)
    folder_to_write(out)
    if not _is_its_own(content, out):
        keep(out / "report.html", force)
    written = write_report(content, out)
    if as_json:
        print_json([str(path) for path in written])
    else:
        screen().print(f"{len(written)} files written; open {plain(written[0])}", soft_wrap=True)


def _is_its_own(content: dict[str, Any], folder: Path) -> bool:
    """Whether the report in the folder is of this same evaluation, and may be made anew."""
    from pilotage.navigator.errors import NavigatorError
    from pilotage.navigator.report import read_evaluation

    try:
        return read_evaluation(folder / "evaluation.json") == content
    except NavigatorError:
        return False
