"""Options that several commands share, each declared once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotage.agent.cli.command import EXPERT
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.settings import Settings

LIMITS = "Limits of a run"
TASKS = "Many tasks"

expert = partial(typer.Option, rich_help_panel=EXPERT)
run_limit = partial(typer.Option, rich_help_panel=LIMITS)
for_tasks = partial(typer.Option, rich_help_panel=TASKS)

Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]
BankFolder = Annotated[Path, typer.Argument(metavar="BANK", help="Folder of a recorded bank.")]
CostWeight = Annotated[float, typer.Option(help="What 1,000 tokens are worth, in right answers.")]
Hyper = Annotated[list[str] | None, expert(metavar="NAME=VALUE", help="Change a hyperparameter; repeatable.")]
Steps = Annotated[int | None, expert(min=20, help="Of each training. (default: the algorithm's)")]
InSample = Annotated[bool, expert("--in-sample", help="Judge policies on their own training tasks too, and say so.")]
Model = Annotated[str | None, typer.Option(help="embedded[:NAME], a GGUF path, or PROVIDER:MODEL. (default: embedded)")]
BaseUrl = Annotated[str | None, typer.Option(help="OpenAI-compatible server that has the model.")]
MaxTokens = Annotated[int | None, run_limit(help="Tokens of a run. (default: 6000)")]
MaxSteps = Annotated[int | None, run_limit(help="Blocks of a run. (default: 8; as rlot observes: 6)")]
Limit = Annotated[int | None, for_tasks(min=1, help="The first N tasks only.")]
LimitMinutes = Annotated[float | None, for_tasks(min=0.0, help="Begin no node after so many minutes.")]


@dataclass(frozen=True)
class RunOptions:
    """How tasks are run. The names are those of the settings."""

    model: Model = None
    base_url: BaseUrl = None
    concurrency: Annotated[int | None, for_tasks(help="Tasks at once. (default: 1)")] = None
    max_tokens: MaxTokens = None
    max_steps: MaxSteps = None
    max_calls: Annotated[int | None, run_limit(help="LLM calls of a run. (default: 24)")] = None
    max_seconds: Annotated[float | None, run_limit(help="Seconds of a run. (default: 600)")] = None
    reply_tokens: Annotated[
        int | None, run_limit(help="Least limit of every reply, for models that think. (default: each block's own)")
    ] = None
    sandbox: Annotated[str | None, expert(help="auto, bubblewrap, subprocess (weaker), or none. (default: auto)")] = (
        None
    )
    seed: Annotated[int | None, expert(help="Of what is drawn. (default: 0)")] = None
    cache: Annotated[bool | None, expert("--cache/--no-cache", help="Reuse recorded replies. (default: cache)")] = None

    def settings(self, **others: Any) -> Settings:
        """The settings that these options and others give."""
        from pilotage.agent.settings import settings_from

        return settings_from(vars(self) | others)


def shares(parts: str) -> dict[str, float]:
    """Parts of a split from `train=0.7,test=0.3`."""
    shares: dict[str, float] = {}
    for part in parts.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise UsageError(f"{part!r} is no part of a split; write --parts train=0.7,test=0.3") from None
    return shares


def hyperparameters(given: list[str]) -> dict[str, Any]:
    """Hyperparameters from `learning_rate=0.001`, `hidden=64,64`."""
    values: dict[str, Any] = {}
    for item in given:
        name, sign, text = item.partition("=")
        try:
            if name == "hidden":
                values[name] = tuple(int(size) for size in text.split(","))
            else:
                values[name] = int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError:
            sign = ""
        if not sign:
            raise UsageError(
                f"{item!r} is no hyperparameter; write --hyper learning_rate=0.001 or --hyper hidden=64,64"
            )
    return values
