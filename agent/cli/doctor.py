"""`pilotage doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from pilotage.agent.cli.options import AsJson
from pilotage.agent.cli.terminal import plain, print_json, screen

EXTRAS = {
    "local": ("xllamacpp", "sentence-transformers", "torch"),
    "tasks": ("reasoning-gym",),
    "train": ("gymnasium", "stable-baselines3", "sb3-contrib"),
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is there, and what to do if not."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Show what is installed, what is missing, and how to get it."""
    findings = [*_machine(), *_extras(), *_weights(), *_sandbox(), *_memory()]
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return

    console = screen(soft_wrap=True)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[yellow]--[/]"
        remedy = f"  [yellow]{plain(finding.remedy)}[/]" if not finding.ok else ""
        console.print(f"{mark}  {finding.what:{width}}  {plain(finding.found)}{remedy}")


def _machine() -> Iterator[Finding]:
    yield Finding("python", True, platform.python_version())
    yield Finding("pilotage", True, version("pilotage"))
    yield Finding("processors", True, str(os.cpu_count()))


def _extras() -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        for package in packages:
            try:
                yield Finding(package, True, version(package))
            except PackageNotFoundError:
                yield Finding(package, False, "not installed", f"pip install 'pilotage[{extra}]'")


def _weights() -> Iterator[Finding]:
    from pilotage.agent.models.weights.weights import WEIGHTS, is_present

    for weights in WEIGHTS:
        present = is_present(weights.name)
        found = f"{weights.bytes / 1e6:.0f} MB" if present else "not pulled"
        yield Finding(f"weights {weights.name}", present, found, f"pilotage models pull {weights.name}")


def _sandbox() -> Iterator[Finding]:
    from pilotage.agent.sandbox import detect

    report = detect()
    remedy = "install bubblewrap; or accept a weaker isolation with --sandbox subprocess"
    yield Finding("sandbox", report.available, report.reason, remedy)


def _memory() -> Iterator[Finding]:
    from pilotage.common.paths import data_dir

    folder = data_dir() / "memory"
    yield Finding("memory", True, str(folder) if folder.exists() else f"{folder} (created on first use)")
