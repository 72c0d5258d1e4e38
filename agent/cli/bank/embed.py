"""`pilotage bank embed`: what a bank's tasks are about, as vectors, so that policies can look for like ones."""

from __future__ import annotations

from pathlib import Path

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import BANK, MAP, RECORDED_TASKS
from pilotage.agent.cli.terminal import plain


def embed(
    bank: Path = BANK,
    tasks: list[str] = RECORDED_TASKS,
    fields: str | None = MAP,
    embedder: str = typer.Option("minilm", help="As in `pilotage solve --embedder`."),
) -> Output:
    """Give a bank the embeddings of its tasks, for policies that look for like tasks; their texts stay out of it."""
    from pilotage.agent.banks.embedding import embed_tasks
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.tasks.fields import mapping
    from pilotage.memory.embedders.embedder import resolve_embedder
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.bank.embeddings import EMBEDDINGS_FILE

    opened = Bank.open(bank)
    given = {each.task.id: each.task for each in mixed(tasks, fields=mapping(fields))[0]}
    made = embed_tasks(opened, given, resolve_embedder(embedder))
    made.save(bank)
    file = bank / EMBEDDINGS_FILE
    text = f"{len(made.tasks)} tasks embedded by {plain(made.identity)}, written to {plain(file)}"
    return Output({"file": str(file), "tasks": len(made.tasks), "embedder": made.identity}, text)
