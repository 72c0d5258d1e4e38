"""Options that several commands share, each declared once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import EXPERT
from pilotage.agent.errors import UsageError
from pilotage.common.seeds import LARGEST

if TYPE_CHECKING:
    from pilotage.agent.settings import Settings

LIMITS = "Limits of a run"
TASKS = "Many tasks"

expert = partial(typer.Option, rich_help_panel=EXPERT)
run_limit = partial(typer.Option, rich_help_panel=LIMITS)
for_tasks = partial(typer.Option, rich_help_panel=TASKS)


def at_most(most: int) -> Callable[[int | None], int | None]:
    """A callback for an option; a `max` would stand on the help page, where a number of ten digits is in the way."""

    def checked(given: int | None) -> int | None:
        if given is not None and given > most:
            raise typer.BadParameter(f"it is at most {most:,}")
        return given

    return checked


A_SEED = at_most(LARGEST)
"""Callback of every option that is a seed."""

FORCE = typer.Option(False, "--force", help="Write over what is there.")
BANK = typer.Argument(..., metavar="BANK", help="Folder of a recorded bank.")
RECORDED_TASKS = typer.Option(..., help="The tasks that the bank was recorded with.")
GRADING_SANDBOX = typer.Option("auto", help="For grading programs: auto, bubblewrap, subprocess, or none.")
cost_weight = partial(typer.Option, help="What 1,000 tokens are worth, in right answers.")
HYPER = expert(None, metavar="NAME=VALUE", help="Change a hyperparameter; repeatable.")
STEPS = expert(None, min=20, help="Of each training. (default: the algorithm's)")
IN_SAMPLE = expert(False, "--in-sample", help="Judge policies on their own training tasks too, and say so.")
BOOTSTRAP = expert(10_000, min=100, max=100_000, help="Draws for the intervals.")
MODEL = typer.Option(None, help="embedded[:NAME], a GGUF path, PROVIDER:MODEL, or scripted:FILE. (default: embedded)")
BASE_URL = typer.Option(None, help="OpenAI-compatible server that has the model.")
MAX_TOKENS = run_limit(None, help="Tokens of a run. (default: 6000)")
MAX_STEPS = run_limit(None, help="Blocks of a run. (default: 8; as rlot observes: 6)")
MAP = for_tasks(
    None,
    "--map",
    metavar="prompt=F,...",
    help="Fields of a file, where they are not plain: prompt, answer, choices, ...",
)
ONLY = typer.Option(None, metavar="FAMILY,...", help="Keep these families alone; repeatable.")
LEAVE_OUT = typer.Option(None, metavar="FAMILY,...", help="Leave these families out; repeatable.")
LIMIT = for_tasks(None, min=1, callback=at_most(sys.maxsize), help="The first N tasks only.")
LIMIT_MINUTES = for_tasks(None, min=0.0, help="Begin no node after so many minutes.")


@dataclass(frozen=True)
class ModelOptions:
    """The model and the limits of a run, without what is drawn. The names are those of the settings."""

    model: str | None = MODEL
    base_url: str | None = BASE_URL
    concurrency: int | None = for_tasks(None, help="Tasks at once. (default: 1)")
    max_tokens: int | None = MAX_TOKENS
    max_steps: int | None = MAX_STEPS
    max_calls: int | None = run_limit(None, help="LLM calls of a run. (default: 24)")
    max_seconds: float | None = run_limit(None, help="Seconds of a run. (default: 600)")
    reply_tokens: int | None = run_limit(
        None, help="Least limit of every reply, for models that think. (default: each block's own)"
    )
    sandbox: str | None = expert(None, help="auto, bubblewrap, subprocess (weaker), or none. (default: auto)")
    cache: bool | None = expert(None, "--cache/--no-cache", help="Reuse recorded replies. (default: cache)")

    def settings(self, **others: Any) -> Settings:
        """The settings that these options and others give."""
        from pilotage.agent.settings import settings_from

        return settings_from(vars(self) | others)


@dataclass(frozen=True)
class SingleRunOptions(ModelOptions):
    """The model, the limits and the seed of a run."""

    seed: int | None = expert(None, min=0, callback=A_SEED, help="Of what is drawn. (default: 0)")


@dataclass(frozen=True)
class RunOptions(SingleRunOptions):
    """How tasks are run."""

    blocks: list[str] | None = expert(
        None, metavar="strategy:NAME;key=value", help="A strategy as one more block; repeatable."
    )

    def settings(self, **others: Any) -> Settings:
        """The settings that these options and others give."""
        return super().settings(**{"blocks": self.blocks or None} | others)


def _require_once(name: str, known: Collection[str], option: str) -> None:
    if name in known:
        raise UsageError(f"{name!r} stands twice in {option}: give it once")


def shares(parts: str) -> dict[str, float]:
    """Parts of a split from `train=0.7,test=0.3`."""
    shares: dict[str, float] = {}
    for part in parts.split(","):
        name, _, share = part.partition("=")
        _require_once(name.strip(), shares, "--parts")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise UsageError(f"{part!r} is no part of a split; write --parts train=0.7,test=0.3") from None
    return shares


def families(only: list[str] | None, leave_out: list[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The families to keep and those to leave out; raises UsageError where one is to be both."""
    kept, left = (tuple(name for one in given or () for name in names(one)) for given in (only, leave_out))
    if both := sorted(set(kept) & set(left)):
        raise UsageError(f"the family {both[0]!r:.80} cannot be kept and left out: name it once")
    return kept, left


def names(given: str | None) -> tuple[str, ...]:
    """Names from `gcd,chain_sum`, each once; none for None. Raises UsageError for a list without any."""
    found = tuple(dict.fromkeys(name for one in (given or "").split(",") if (name := one.strip())))
    if given is not None and not found and given:
        raise UsageError(f"{given!r} names nothing: write gcd,chain_sum")
    return found


def hyperparameters(given: list[str]) -> dict[str, Any]:
    """Hyperparameters from `learning_rate=0.001`, `hidden=64,64`."""
    values: dict[str, Any] = {}
    for item in given:
        name, _, text = item.partition("=")
        _require_once(name, values, "--hyper")
        try:
            if name == "hidden":
                values[name] = tuple(int(size) for size in text.split(","))
            else:
                values[name] = int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError:
            raise UsageError(
                f"{item!r} is no hyperparameter; write --hyper learning_rate=0.001 or --hyper hidden=64,64"
            ) from None
    return values
