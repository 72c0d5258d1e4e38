"""Toolkits: which peers there are, how a method of one is written, and the environment that it needs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from pilotage.agent.errors import UsageError
from pilotage.agent.routing.policies import PEER as PREFIX
from pilotage.common.paths import data_dir, expanded

OPTILLM_APPROACHES = (
    *("none", "mcts", "bon", "moa", "rto", "z3", "self_consistency", "pvg", "rstar", "cot_reflection", "plansearch"),
    *("leap", "re2", "cepo", "mars"),
)
OPTILLM_NEEDS = (
    *("aiohttp", "cerebras_cloud_sdk", "flask", "math-verify", "networkx", "numpy", "openai", "pyyaml", "requests"),
    *("scikit-learn", "sympy", "z3-solver<=4.15.4.0"),
)
"""What optillm's approaches import; the rest of its dependencies, PyTorch among them, serve its plugins."""
VERSION_SECONDS = 60.0
"""That an environment may take to say which version it has."""


@dataclass(frozen=True)
class Parameter:
    """What a method may be given.

    Attributes:
        default: whose type is that of all values.
        least: of a number.
        most: of a number.
        choices: of a text.
    """

    default: int | float | str
    least: float = 1
    most: float = 9999
    choices: tuple[str, ...] = ()

    @property
    def due(self) -> str:
        """What it takes, in words."""
        if self.choices:
            return " or ".join(self.choices)
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} from {self.least:g} to {self.most:,g}"

    def value(self, where: str, text: str) -> int | float | str:
        """The value that a text stands for.

        Raises:
            UsageError: it is none of those that it takes.
        """
        if isinstance(self.default, str):
            if text in self.choices:
                return text
        else:
            with suppress(ValueError):
                value = type(self.default)(text)
                if self.least <= value <= self.most:
                    return value
        raise UsageError(f"{where!r:.120} needs {self.due}")


@dataclass(frozen=True)
class Toolkit:
    """A peer.

    Attributes:
        name: as it is written, and its distribution's.
        version: that its methods are known of; no other is run.
        methods: their names, each with those of its parameters.
        parameters: by name.
        install: arguments of `pip install`, a call each.
    """

    name: str
    version: str
    methods: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Parameter]
    install: tuple[tuple[str, ...], ...]

    def installs(self, home: Path) -> str:
        """What puts it into its environment in a folder."""
        return " && ".join(shlex.join([str(home / "bin" / "pip"), "install", *given]) for given in self.install)

    def commands(self, home: Path) -> str:
        """What makes its environment in a folder."""
        return f"{shlex.join(['python3', '-m', 'venv', str(home)])} && {self.installs(home)}"

    def home(self, folder: Path | None) -> Path:
        """Its environment under a folder, by default `peers` in the user's data folder."""
        return (data_dir() / "peers" if folder is None else expanded(folder)).absolute() / self.name

    def python(self, folder: Path | None) -> Path:
        """The Python of its environment under a folder.

        Raises:
            UsageError: there is none; it says how to make it.
        """
        home = self.home(folder)
        python = home / "bin" / "python"
        if not python.exists():
            raise UsageError(
                f"{self.name} has no environment at {home}: make it by `{self.commands(home)}`, or give the folder "
                f"in which `{self.name}` is one by --peers"
            )
        return python

    def require(self, folder: Path | None, driver: Path) -> None:
        """Asks its environment for the version that it has.

        Raises:
            UsageError: there is no environment, it cannot be started, or it has another version than is known.
        """
        python, home = self.python(folder), self.home(folder)
        try:
            asked = subprocess.run(
                [python, "-I", driver, self.name, "--version"],
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=VERSION_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(
                f"{self.name} cannot be started at {home} ({getattr(error, 'strerror', None) or 'it says nothing'}): "
                f"remove that folder, and make it anew by `{self.commands(home)}`"
            ) from None
        there = asked.stdout.decode(errors="replace").strip()
        if there != self.version:
            raise UsageError(
                f"{home} has {f'version {there!r:.40}' if there else 'no version'} of {self.name}, whose methods are "
                f"known of {self.version} alone: install that by `{self.installs(home)}`"
            )


SAMPLES = ("budget", "best_of_n")
"""Parameters that say how many replies a method draws."""
STEPWISE = ("budget", "temperature", "max_steps")
TREE = ("mcts_simulations", "mcts_exploration", "mcts_depth")

TOOLKITS = {
    one.name: one
    for one in (
        Toolkit(
            "its_hub",
            "1.2.0",
            {
                "self-consistency": ("budget", "temperature"),
                "best-of-n": ("budget", "temperature"),
                "beam-search": (*STEPWISE, "beam_width"),
                "particle-filtering": (*STEPWISE, "selection"),
            },
            {
                "budget": Parameter(8),
                "temperature": Parameter(0.7, 0, 2),
                "beam_width": Parameter(2),
                "max_steps": Parameter(6),
                "selection": Parameter("argmax", choices=("argmax", "sample")),
            },
            (("its_hub[lm]==1.2.0",),),
        ),
        Toolkit(
            "optillm",
            "0.4.0",
            dict.fromkeys(OPTILLM_APPROACHES, ()) | {"bon": ("best_of_n",), "mcts": TREE},
            {
                "best_of_n": Parameter(3),
                "mcts_simulations": Parameter(2),
                "mcts_exploration": Parameter(0.2, 0, 100),
                "mcts_depth": Parameter(1),
            },
            (("--no-deps", "optillm==0.4.0"), OPTILLM_NEEDS),
        ),
    )
}


@dataclass(frozen=True)
class Peer:
    """A method of a toolkit, configured.

    Attributes:
        parameters: those that are not the default.
    """

    toolkit: Toolkit
    method: str
    parameters: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str) -> Self:
        """A peer from `peer:TOOLKIT/METHOD;key=value;…`.

        Raises:
            UsageError: there is no such toolkit or method, it takes no such parameter or value, or an effort is given.
        """
        named, *pairs = (part.strip() for part in text.removeprefix(PREFIX).split(";"))
        name, _, method = named.partition("/")
        toolkit = TOOLKITS.get(name)
        if toolkit is None:
            raise UsageError(_unknown(f"{PREFIX}{name}", "toolkit", name, TOOLKITS))
        if "@" in text:
            raise UsageError(f"{text!r:.120} has an effort, and peers take none: leave out what stands after the @")
        if method not in toolkit.methods:
            raise UsageError(_unknown(f"{PREFIX}{named}", "method", method, toolkit.methods))
        takes, given = {key: toolkit.parameters[key] for key in toolkit.methods[method]}, dict[str, Any]()
        for pair in filter(None, pairs):
            key, _, value = (part.strip() for part in pair.partition("="))
            if key not in takes:
                raise UsageError(_untaken(f"{PREFIX}{named};{key}", method, key, takes))
            if key in given:
                raise UsageError(f"{PREFIX}{named} gives {key} twice: give it once")
            given[key] = takes[key].value(f"{PREFIX}{named};{pair}", value)
        peer = cls(toolkit, method, {key: v for key, v in given.items() if v != takes[key].default})
        width, budget = peer.settings.get("beam_width", 1), peer.settings.get("budget", 1)
        if budget % width:
            raise UsageError(f"{peer.label} needs a budget that is a multiple of its beam_width {width}, not {budget}")
        return peer

    @property
    def label(self) -> str:
        """How it is written, without what is the default."""
        pairs = [f"{key}={value}" for key, value in self.parameters.items()]
        return PREFIX + ";".join([f"{self.toolkit.name}/{self.method}", *pairs])

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters that its method takes."""
        taken = self.toolkit.methods[self.method]
        return {key: self.toolkit.parameters[key].default for key in taken} | dict(self.parameters)

    @property
    def least_calls(self) -> int:
        """Calls that it makes whatever the task: its samples, of which a toolkit asks for all at once."""
        return max([1, *(int(self.settings[key]) for key in SAMPLES if key in self.settings)])


def is_peer(method: str) -> bool:
    """Whether a method is written as a peer's."""
    return method.startswith(PREFIX)


def _untaken(where: str, method: str, given: str, takes: Mapping[str, Parameter]) -> str:
    told = ", ".join(f"{key} ({one.due}; {one.default} by default)" for key, one in takes.items())
    near = get_close_matches(given, takes, n=1, cutoff=0.5)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"{where!r:.120} names no parameter of {method}{meant}: it takes {told or 'none'}"


def _unknown(where: str, what: str, given: str, known: Any) -> str:
    near = get_close_matches(given, known, n=1, cutoff=0.5)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"{where!r:.120} names no {what} of a peer{meant}: choose from {', '.join(known)}"


if __name__ == "__main__":  # for `make test-peers`: the commands that make an environment
    print(TOOLKITS[sys.argv[1]].commands(Path(sys.argv[2]) / sys.argv[1]))
