"""Toolkits: which peers there are, how a method of one is written, and the environment that it needs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from pilotage.agent.errors import UsageError
from pilotage.common.paths import data_dir, expanded

PREFIX = "peer:"
"""What a method that is a peer's begins with."""
OPTILLM_APPROACHES = (
    *("none", "mcts", "bon", "moa", "rto", "z3", "self_consistency", "pvg", "rstar", "cot_reflection", "plansearch"),
    *("leap", "re2", "cepo", "mars"),
)
OPTILLM_NEEDS = (
    *("aiohttp", "cerebras_cloud_sdk", "flask", "math-verify", "networkx", "numpy", "openai", "pyyaml", "requests"),
    *("scikit-learn", "sympy", "z3-solver<=4.15.4.0"),
)
"""What optillm's approaches import; the rest of its dependencies, PyTorch among them, serve its plugins."""


@dataclass(frozen=True)
class Toolkit:
    """A peer.

    Attributes:
        name: as it is written, and its distribution's.
        version: that this was tried with.
        methods: their names.
        parameters: of all of them, with their defaults.
        install: arguments of `pip install`, a call each.
    """

    name: str
    version: str
    methods: tuple[str, ...]
    parameters: Mapping[str, int | float | str]
    install: tuple[tuple[str, ...], ...]

    def commands(self, home: Path) -> str:
        """What makes its environment in a folder."""
        installs = [shlex.join([str(home / "bin" / "pip"), "install", *given]) for given in self.install]
        return " && ".join([shlex.join(["python3", "-m", "venv", str(home)]), *installs])

    def python(self, folder: Path | None) -> Path:
        """Its own Python, in its environment under a folder (by default `peers` in the user's data folder).

        Raises:
            UsageError: there is none; it says how to make it.
        """
        home = (data_dir() / "peers" if folder is None else expanded(folder)).absolute() / self.name
        python = home / "bin" / "python"
        if not python.exists():
            raise UsageError(
                f"{self.name} has no environment at {home}: make it by `{self.commands(home)}`, or give the folder "
                "that has it by --peers"
            )
        return python


TOOLKITS = {
    one.name: one
    for one in (
        Toolkit(
            "its_hub",
            "1.2.0",
            ("self-consistency", "best-of-n", "beam-search", "particle-filtering"),
            {"budget": 8, "temperature": 0.7, "beam_width": 2, "max_steps": 6, "selection": "argmax"},
            (("its_hub[lm]==1.2.0",),),
        ),
        Toolkit(
            "optillm",
            "0.4.0",
            OPTILLM_APPROACHES,
            {"best_of_n": 3, "mcts_simulations": 2, "mcts_exploration": 0.2, "mcts_depth": 1},
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
            UsageError: there is no such toolkit, method or parameter, or a value is of the wrong type.
        """
        named, *pairs = (part.strip() for part in text.removeprefix(PREFIX).split(";"))
        name, _, method = named.partition("/")
        toolkit = TOOLKITS.get(name)
        if toolkit is None:
            raise UsageError(_unknown(f"{PREFIX}{name}", "toolkit", name, TOOLKITS))
        if method not in toolkit.methods:
            raise UsageError(_unknown(f"{PREFIX}{named}", "method", method, toolkit.methods))
        given: dict[str, Any] = {}
        for pair in filter(None, pairs):
            key, _, value = (part.strip() for part in pair.partition("="))
            if key not in toolkit.parameters:
                raise UsageError(_unknown(f"{PREFIX}{named};{key}", "parameter", key, toolkit.parameters))
            if key in given:
                raise UsageError(f"{PREFIX}{named} gives {key} twice: give it once")
            given[key] = _value(f"{PREFIX}{named};{pair}", value, toolkit.parameters[key])
        return cls(toolkit, method, {key: v for key, v in given.items() if v != toolkit.parameters[key]})

    @property
    def label(self) -> str:
        """How it is written, without what is the default."""
        pairs = [f"{key}={value}" for key, value in self.parameters.items()]
        return PREFIX + ";".join([f"{self.toolkit.name}/{self.method}", *pairs])

    @property
    def settings(self) -> dict[str, Any]:
        """All its parameters."""
        return {**self.toolkit.parameters, **self.parameters}


def is_peer(method: str) -> bool:
    """Whether a method is written as a peer's."""
    return method.startswith(PREFIX)


def _value(where: str, text: str, default: float | str) -> int | float | str:
    """A value of the type of its default; numbers are positive."""
    if isinstance(default, str):
        return text
    try:
        value = type(default)(text)
    except ValueError:
        value = type(default)(-1)
    if not 0 < value < 10_000:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise UsageError(f"{where!r:.120} needs {kind} above 0 and below 10,000")
    return value


def _unknown(where: str, what: str, given: str, known: Any) -> str:
    near = get_close_matches(given, known, n=1, cutoff=0.5)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"{where!r:.120} names no {what} of a peer{meant}: there are {', '.join(known)}"


if __name__ == "__main__":  # for `make test-peers`: the commands that make an environment
    print(TOOLKITS[sys.argv[1]].commands(Path(sys.argv[2]) / sys.argv[1]))
