"""reasoning-gym's problems, made in a process whose string hashes are fixed, so that a seed means the same everywhere.

Some families, `isomorphic_strings` and `ransom_note` for example, walk through sets of strings, whose order Python
draws anew for every process: the same seed would be another problem at every start.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pilotage.agent.errors import MissingExtra, PilotageError

FIXED = {"PYTHONHASHSEED": "0"}


def entries(wanted: Sequence[tuple[str, int]], size: int, seed: int) -> Iterator[dict[str, Any]]:
    """The problems at some places of some families, in that order, as they are made.

    Args:
        wanted: family and place, below `size`.
        size: problems to a family; a problem does not depend on it.
        seed: reasoning-gym's own.

    Raises:
        MissingExtra: reasoning-gym is not installed.
        PilotageError: a problem could not be made.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-c", "from pilotage.agent.tasks.gym_entries import serve; serve()"]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | FIXED | {"PYTHONPATH": path}
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        with child.stdin:
            pickle.dump((list(wanted), size, seed), child.stdin)
        for family, place in wanted:
            try:
                made = pickle.load(child.stdout)
            except EOFError:
                raise PilotageError(f"reasoning-gym could not make problem {place} of {family}, see above") from None
            if isinstance(made, PilotageError):
                raise made
            yield made
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def serve() -> None:
    """The other side of `entries`: makes what is asked for on standard input."""
    from pilotage.agent.tasks.gym import load_gym

    wanted, size, seed = pickle.load(sys.stdin.buffer)
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # what a family prints must not come between
    datasets: dict[str, Any] = {}
    try:
        for family, place in wanted:
            if family not in datasets:
                datasets[family] = load_gym().create_dataset(family, size=size, seed=seed)
            pickle.dump(datasets[family][place], out)
            out.flush()
    except MissingExtra as error:
        pickle.dump(error, out)
        out.flush()
    except BrokenPipeError:
        pass  # no more are wanted
