"""reasoning-gym: procedural task families with verifiers, `gym:FAMILY,FAMILY;size=20;seed=1`.

`size` is the number of tasks in all (20 by default), dealt out to the families in turn, so that any first part of
them is mixed too. Seeds are spread: reasoning-gym itself makes problem i of seed s from the number s + i, so that its
neighbouring seeds share nearly all their problems, and a model trained on one would be tested on what it has seen.

Problems are made in a process whose string hashes are fixed, so that a seed means the same everywhere: some families,
`isomorphic_strings` and `ransom_note` for example, walk through sets of strings, whose order Python draws anew for
every process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pilotage.agent.errors import MissingExtra, PilotageError, UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.jsonl import PLAIN_NUMBER
from pilotage.agent.tasks.source import Source, Spec, TaskDefect, did_you_mean

DEFAULT_SIZE = 20
# A prime beyond the number of problems anybody takes of one seed.
_SEED_STRIDE = 1_000_003
# Made of other families by a configuration that a specification can't give.
_NOT_OFFERED = frozenset({"composite"})


def load_gym() -> Any:
    """The module `reasoning_gym`; it takes seconds to import.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import reasoning_gym
    except ModuleNotFoundError as error:
        if error.name != "reasoning_gym":
            raise
        raise MissingExtra("reasoning-gym is not installed: run `pip install 'pilotage[tasks]'`") from None
    return reasoning_gym


def families() -> list[str]:
    """Names of all families, sorted."""
    load_gym()
    from reasoning_gym.factory import DATASETS

    return sorted(set(DATASETS) - _NOT_OFFERED)


def _read(spec: Spec) -> Iterator[Task | TaskDefect]:
    names = [name.strip() for name in spec.target.split(",") if name.strip()]
    known = families()
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; it has {', '.join(known)}"
            raise UsageError(f"reasoning-gym has no family {name!r}{hint}")
    if not names or len(set(names)) != len(names):
        raise UsageError(f"name each reasoning-gym family once, not {spec.target!r}")
    return _generate(names, spec)


def _generate(names: list[str], spec: Spec) -> Iterator[Task]:
    stop = spec.offset + (spec.size or DEFAULT_SIZE)
    seed = spec.seed or 0
    dealt = (divmod(place, len(names)) for place in range(spec.offset, stop))
    places = [(names[turn], index) for index, turn in dealt]
    made = _entries(places, -(-stop // len(names)), seed * _SEED_STRIDE % 2**32)
    for (name, index), entry in zip(places, made, strict=True):
        yield _task_from(entry, name, f"{name}-{seed}-{index}")


def _entries(places: Sequence[tuple[str, int]], size: int, seed: int) -> Iterator[dict[str, Any]]:
    """The problems at some places, below `size`, of some families, in that order, as they are made.

    Raises:
        MissingExtra: reasoning-gym is not installed.
        PilotageError: a problem could not be made.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-c", "from pilotage.agent.tasks.gym import serve; serve()"]
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": path}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert child.stdin is not None and child.stdout is not None
    try:
        with child.stdin:
            pickle.dump((list(places), size, seed), child.stdin)
        for family, place in places:
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
    """The other side of `_entries`: makes what is asked for on standard input."""
    places, size, seed = pickle.load(sys.stdin.buffer)
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # what a family prints must not come between
    datasets: dict[str, Any] = {}
    try:
        for family, place in places:
            if family not in datasets:
                datasets[family] = load_gym().create_dataset(family, size=size, seed=seed)
            pickle.dump(datasets[family][place], out)
            out.flush()
    except MissingExtra as error:
        pickle.dump(error, out)
        out.flush()
    except BrokenPipeError:
        pass  # no more are wanted


def _task_from(entry: dict[str, Any], family: str, name: str) -> Task:
    gold = entry["answer"]
    is_number = isinstance(gold, str) and PLAIN_NUMBER.fullmatch(gold) is not None
    return Task(
        id=name,
        prompt=entry["question"],
        kind="numeric" if is_number else "text",
        gold=gold,
        metadata={"grader": "gym", "family": family, "entry": entry},
    )


GYM = Source("gym", "gym:FAMILY,FAMILY;size=20;seed=1", _read)
