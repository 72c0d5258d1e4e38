"""`pilotage bank score`: how good each recorded step is, by the bank's own values, a judge, or a reward model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import BANK, MAP
from pilotage.agent.cli.outputs import file_to_write
from pilotage.agent.cli.terminal import counting, interruptible, plain, screen

if TYPE_CHECKING:
    from pilotage.agent.banks.scorers import StepScorer
    from pilotage.agent.banks.scoring import Scored
    from pilotage.navigator.bank.bank import Bank

VALUES, JUDGE = "values", "judge"


@dataclass(frozen=True)
class ScorerOptions:
    """Who scores the steps."""

    panel = "Who scores"

    scorer: str = typer.Option(
        VALUES, help="values (of the bank; asks nobody), judge (a model), or the address of a reward model."
    )
    model: str | None = typer.Option(None, help="Of judge, as in `pilotage solve`; the name that the address wants.")
    base_url: str | None = typer.Option(None, help="OpenAI-compatible server that has the judge.")
    step_tag: str | None = typer.Option(None, help="What ends a step at .../pooling. (default: <extra_0>)")
    good_column: int | None = typer.Option(None, min=0, help="Column of the good class at .../pooling. (default: 1)")
    timeout: float = typer.Option(60.0, min=0.1, help="Seconds that an address has for one reply.")

    def open(self, bank: Bank) -> StepScorer:
        """The scorer that is named."""
        from pilotage.agent.banks.scorers import Judge, RemoteScorer, ValueScorer
        from pilotage.agent.errors import UsageError
        from pilotage.agent.models.reward import Pooling, RewardModel

        address = self.scorer.startswith(("http://", "https://"))
        if not address and (self.step_tag is not None or self.good_column is not None):
            raise UsageError("--step-tag and --good-column are for an address that ends in /pooling")
        if address:
            pooling = Pooling(
                self.step_tag or Pooling.tag, Pooling.good if self.good_column is None else self.good_column
            )
            return RemoteScorer(RewardModel(self.scorer, model=self.model, pooling=pooling, timeout=self.timeout))
        if self.scorer == VALUES:
            return ValueScorer(bank)
        if self.scorer == JUDGE:
            from pilotage.agent.models import ResponseCache, load_model

            return Judge(load_model(self.model or "embedded", base_url=self.base_url, cache=ResponseCache()))
        raise UsageError(
            f"unknown step scorer {self.scorer!r}; use {VALUES}, {JUDGE}, or an address that starts with http://"
        )


def score(
    bank: Path = BANK,
    *,
    by: ScorerOptions,
    tasks: list[str] | None = typer.Option(
        None, help="The tasks that the bank was recorded with; judge and address read them."
    ),
    fields: str | None = MAP,
    concurrency: int = typer.Option(1, min=1, max=256, help="Steps at once."),
    out: Path | None = typer.Option(None, help="File of scores. (default: BANK/step-scores/NAME.jsonl)"),
) -> Output:
    """Score every recorded step, for `pilotage train --step-scores`. The same command scores what is missing."""
    from pilotage.agent.banks.scoring import score_bank
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.tasks.fields import mapping
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.bank.step_scores import StepScoreWriter, default_file

    opened = Bank.open(bank)
    console = screen(errors=True)
    scorer = by.open(opened)
    given = {each.task.id: each.task for each in mixed(tasks, fields=mapping(fields))[0]} if tasks else {}
    file = out if out is not None else default_file(bank, scorer.name)
    file_to_write(file)
    kept = f"interrupted; what was scored is kept in {file}; the same command scores the rest"
    with (
        interruptible(lambda: kept),
        StepScoreWriter(file, scorer.name, scorer.identity) as writer,
        counting(console, "scoring") as show,
    ):

        def on_step(so_far: Scored) -> None:
            show(so_far.known + so_far.new, so_far.steps)

        scored = asyncio.run(score_bank(opened, scorer, writer, given, concurrency=concurrency, on_step=on_step))
    for (task, node), why in scored.refused.items():
        console.print_line(f"[red]no score[/] {plain(task)} {plain(node)}: {plain(why)}")
    usage = scored.usage
    counts = {name: getattr(scored, name) for name in ("steps", "known", "new", "unknown")}
    counts["refused"] = len(scored.refused)
    text = (
        f"{scored.new - scored.unknown} of {scored.steps} steps scored, {scored.known} were there before, "
        f"{scored.unknown} could not be told; {usage.llm_calls} calls, {usage.about}{usage.prompt_tokens} tokens in, "
        f"{usage.about}{usage.completion_tokens} out\n"
        f"written to {plain(file)}; next: pilotage train --step-scores {plain(file)}"
    )
    return Output(
        {"file": str(file), "scorer": scorer.name, **counts, "usage": usage.model_dump(mode="json")},
        lambda _: console.print_line(text),
        exit_code=int(bool(scored.refused)),
    )
