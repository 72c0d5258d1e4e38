"""Options that several commands share, each declared once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotage.agent.cli.command import EXPERT

if TYPE_CHECKING:
    from pilotage.agent.settings import Settings

LIMITS = "Limits of a run"
TASKS = "Many tasks"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]
Bank = Annotated[Path, typer.Argument(metavar="BANK", help="Folder of a recorded bank.")]
CostWeight = Annotated[float, typer.Option(help="What 1,000 tokens are worth, in right answers.")]
Hyper = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Change a hyperparameter; repeatable.", rich_help_panel=EXPERT),
]
Steps = Annotated[
    int | None,
    typer.Option(min=20, help="Of each training. (default: the algorithm's)", rich_help_panel=EXPERT),
]
InSample = Annotated[
    bool,
    typer.Option(
        "--in-sample", help="Judge policies on their own training tasks too, and say so.", rich_help_panel=EXPERT
    ),
]
Model = Annotated[str | None, typer.Option(help="embedded[:NAME], a GGUF path, or PROVIDER:MODEL. (default: embedded)")]
BaseUrl = Annotated[str | None, typer.Option(help="OpenAI-compatible server that has the model.")]
MaxTokens = Annotated[int | None, typer.Option(help="Tokens of a run. (default: 6000)", rich_help_panel=LIMITS)]
MaxSteps = Annotated[
    int | None,
    typer.Option(help="Blocks of a run. (default: 8; as rlot observes: 6)", rich_help_panel=LIMITS),
]
Limit = Annotated[int | None, typer.Option(min=1, help="The first N tasks only.", rich_help_panel=TASKS)]
LimitMinutes = Annotated[
    float | None, typer.Option(min=0.0, help="Begin no node after so many minutes.", rich_help_panel=TASKS)
]


@dataclass(frozen=True)
class RunOptions:
    """How tasks are run. The names are those of the settings."""

    model: Model = None
    base_url: BaseUrl = None
    concurrency: Annotated[int | None, typer.Option(help="Tasks at once. (default: 1)", rich_help_panel=TASKS)] = None
    max_tokens: MaxTokens = None
    max_steps: MaxSteps = None
    max_calls: Annotated[int | None, typer.Option(help="LLM calls of a run. (default: 24)", rich_help_panel=LIMITS)] = (
        None
    )
    max_seconds: Annotated[
        float | None, typer.Option(help="Seconds of a run. (default: 600)", rich_help_panel=LIMITS)
    ] = None
    reply_tokens: Annotated[
        int | None,
        typer.Option(
            help="Least limit of every reply, for models that think. (default: each block's own)",
            rich_help_panel=LIMITS,
        ),
    ] = None
    sandbox: Annotated[
        str | None,
        typer.Option(help="auto, bubblewrap, subprocess (weaker), or none. (default: auto)", rich_help_panel=EXPERT),
    ] = None
    seed: Annotated[int | None, typer.Option(help="Of what is drawn. (default: 0)", rich_help_panel=EXPERT)] = None
    cache: Annotated[
        bool | None,
        typer.Option("--cache/--no-cache", help="Reuse recorded replies. (default: cache)", rich_help_panel=EXPERT),
    ] = None

    def settings(self, **others: Any) -> Settings:
        """The settings that these options and others give."""
        from pilotage.agent.settings import settings_from

        return settings_from(vars(self) | others)
