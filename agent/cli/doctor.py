"""`pilotage doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.terminal import check_line

EXTRAS = {
    "local": ("xllamacpp", "sentence-transformers", "torch"),
    "tasks": ("reasoning-gym",),
    "train": ("gymnasium", "stable-baselines3", "sb3-contrib"),
}


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is there, and what to do if not."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def doctor() -> Output:
    """Show what is installed, what is missing, and how to get it."""
    checks = [*_machine(), *_extras(), *_weights(), *_sandbox(), *_memory()]
    width = max(len(check.what) for check in checks)
    lines = (check_line(one.ok, f"{one.what:{width}}", one.found, one.remedy, "yellow") for one in checks)
    return Output([asdict(check) for check in checks], "\n".join(lines))


def _machine() -> Iterator[Check]:
    yield Check("python", True, platform.python_version())
    yield Check("pilotage", True, version("pilotage"))
    yield Check("processors", True, str(os.cpu_count()))


def _extras() -> Iterator[Check]:
    for extra, packages in EXTRAS.items():
        for package in packages:
            try:
                yield Check(package, True, version(package))
            except PackageNotFoundError:
                yield Check(package, False, "not installed", f"pip install 'pilotage[{extra}]'")


def _weights() -> Iterator[Check]:
    from pilotage.agent.models.weights.weights import WEIGHTS, is_present

    for weights in WEIGHTS:
        present = is_present(weights.name)
        size = f"{weights.bytes / 1e6:.0f} MB" if present else "not pulled"
        yield Check(f"weights {weights.name}", present, size, f"pilotage models pull {weights.name}")


def _sandbox() -> Iterator[Check]:
    from pilotage.agent.errors import SandboxUnavailable
    from pilotage.agent.sandbox import detect

    remedy = "install bubblewrap; or accept a weaker isolation with --sandbox subprocess"
    try:
        report = detect()
    except SandboxUnavailable as error:
        yield Check("sandbox", False, str(error), remedy)
    else:
        yield Check("sandbox", report.available, report.reason, remedy)


def _memory() -> Iterator[Check]:
    from pilotage.common.paths import data_dir

    folder = data_dir() / "memory"
    yield Check("memory", True, str(folder) if folder.exists() else f"{folder} (created on first use)")
