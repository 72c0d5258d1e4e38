"""`pilotage traces`: what runs have written down, made ready for other uses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.command import App, Output
from pilotage.agent.cli.options import BASE_URL, GRADING_SANDBOX, MODEL, expert
from pilotage.agent.cli.outputs import file_to_write
from pilotage.agent.cli.terminal import counting, interruptible, number_of, plain, screen
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.pruning import MOST_STEPS

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.pruning.chains import Chain
    from pilotage.agent.pruning.run import Pruned

app = App(help="Make what runs have written down ready for other uses.")


class Kinds(StrEnum):
    """Who says what each step does."""

    model = "model"
    none = "none"


class Form(StrEnum):
    """What a line of the output looks like."""

    chat = "chat"
    plain = "plain"


@dataclass(frozen=True)
class Choosing:
    """Which chains are taken, and which of their steps go."""

    panel = "What is dropped"

    drop: str | None = typer.Option(
        None,
        metavar="SHARE",
        help="Share of each functional kind that goes, the least important first: 0.5, or verification=0.5,method=0.4. "
        "(default: 0.5)",
    )
    below: float | None = typer.Option(None, help="Or every step that may go and whose importance is below X.")
    kinds: Kinds = typer.Option(
        Kinds.model, metavar="model|none", help="Who says which steps are functional; none: any step may go."
    )
    only_right: bool = typer.Option(False, "--only-right", help="Only chains whose answer is graded right.")
    most_steps: int = typer.Option(MOST_STEPS, min=1, help="Leave out chains of more steps: each may cost a call.")


@app.command()
def prune(
    files: list[Path] = typer.Argument(
        ..., metavar="FILE", help="Results of solve or bench, or JSON Lines of question, reasoning and answer."
    ),
    out: Path = typer.Option(..., help="JSON Lines to write, a line a chain."),
    tasks: list[str] | None = typer.Option(None, help="The tasks that results were made of, which hold the questions."),
    fields: str | None = typer.Option(
        None, "--map", metavar="question=F,...", help="Fields of plain files: question, reasoning, answer, gold, id."
    ),
    form: Form = typer.Option(Form.chat, metavar="chat|plain", help="messages, or question, reasoning and answer."),
    *,
    choosing: Choosing,
    model: str | None = MODEL,
    base_url: str | None = BASE_URL,
    concurrency: int = typer.Option(1, min=1, max=256, help="Chains at once."),
    resume: bool = typer.Option(False, "--resume", help="Go on with what --out holds."),
    sandbox: str = GRADING_SANDBOX,
    cache: bool = expert(True, "--cache/--no-cache", help="Reuse recorded replies."),
) -> Output:
    """Drop the steps of reasoning that its answer needs least, for fine-tuning on the rest.

    Needed is what the answer becomes less likely without: the chain's own final answer, right or wrong.
    """
    from pilotage.agent.cli.solve.batch import identified
    from pilotage.agent.models import ResponseCache, load_model
    from pilotage.agent.models.likelihood import Likelihood
    from pilotage.agent.pruning.output import PrunedFile
    from pilotage.agent.pruning.rules import rule_of
    from pilotage.agent.pruning.run import prune_all

    console = screen(errors=True, soft_wrap=True)
    asks_kinds = choosing.kinds is Kinds.model
    rule = rule_of(choosing.drop, choosing.below, asks_kinds=asks_kinds)
    chains, left_out = _chains(files, tasks, fields, choosing.most_steps, console)
    file_to_write(out)
    # One slot: an embedded model that reads several prompts together reads each a little otherwise.
    client = load_model(model or "embedded", base_url=base_url, cache=ResponseCache() if cache else None)
    made_by = {
        "model": identified(client),
        "rule": rule.written,
        "kinds": choosing.kinds.value,
        "form": form.value,
    }

    async def everything() -> Pruned:
        ours = await _right(chains, sandbox) if choosing.only_right else chains
        passed.extend(chain.id for chain in chains if chain not in ours)
        likelihood = await Likelihood.of(client)
        with PrunedFile(out, resume=resume, made_by=made_by) as output, counting(console, "pruning") as show:

            def on_chain(so_far: Pruned) -> None:
                show(so_far.known + so_far.new, so_far.chains)

            pruned = await prune_all(
                ours, likelihood, rule, output, asks_kinds=asks_kinds, form=form.value, made_by=made_by,
                concurrency=concurrency, on_chain=on_chain,
            )  # fmt: skip
            lines.extend(output.done[chain.digest] for chain in ours if chain.digest in output.done)
        return pruned

    lines: list[Mapping[str, object]] = []
    passed: list[str] = []
    rest = f"what is pruned is kept in {out}; the same command with --resume goes on with the rest"
    with interruptible(lambda: f"interrupted; {rest}", also_by_sigterm=True):
        try:
            pruned = asyncio.run(everything())
        except ModelUnavailable as error:
            raise ModelUnavailable(f"{error} The pruning ends here; {rest}") from error
    console.print_left_out(pruned.left_out)
    return _output(pruned, lines, out, len(left_out) + len(pruned.left_out), len(passed))


def _chains(
    files: Sequence[Path], specs: Sequence[str] | None, fields: str | None, most_steps: int, console: Screen
) -> tuple[list[Chain], list[str]]:
    """The chains of the files; what is left out of them is named. Raises UsageError where there is none."""
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.pruning.chains import FIELDS, chains_in
    from pilotage.agent.tasks.fields import mapping

    given = {one.task.id: one.task for one in mixed(specs)[0]} if specs else {}
    chains, left_out = chains_in(files, given, mapping(fields, FIELDS), most_steps)
    console.print_left_out(left_out)
    if not chains:
        raise UsageError(f"no chain can be read of {', '.join(map(str, files))}; give results, or JSON Lines with "
                         "question, reasoning and answer")  # fmt: skip
    return chains, left_out


async def _right(chains: Sequence[Chain], sandbox: str) -> list[Chain]:
    """Those that are graded right. Raises UsageError where nothing says of any what is right."""
    from pilotage.agent.sandbox import open_sandbox

    opened = open_sandbox(sandbox) if any(chain.task and chain.task.kind == "program" for chain in chains) else None
    grades = [await chain.is_right(opened) for chain in chains]
    if all(grade is None for grade in grades):
        raise UsageError("--only-right needs to know what is right: results with a score, or a field `gold`")
    right = [chain for chain, grade in zip(chains, grades, strict=True) if grade]
    if not right:
        raise UsageError(f"none of the {len(chains)} chains is graded right, so that --only-right leaves nothing")
    return right


def _output(pruned: Pruned, lines: Sequence[Mapping[str, object]], out: Path, left_out: int, not_right: int) -> Output:
    from pilotage.agent.pruning.summary import summary_of

    figures = summary_of(lines)
    usage = pruned.usage
    data = {
        "file": str(out),
        "chains": pruned.chains,
        "new": pruned.new,
        "known": pruned.known,
        "left_out": left_out,
        "not_right": not_right,
        **figures,
        "usage": usage.model_dump(mode="json"),
    }
    about = "" if figures["counted"] else "~"
    passed = f", {not_right} not right" if not_right else ""
    earlier = bool(pruned.known)  # of which the sums tell too, but not what was paid now
    text = (
        f"{number_of(pruned.new, 'chain')} pruned, {pruned.known} were there before, {left_out} left out{passed}\n"
        f"{'in all ' if earlier else ''}{figures['dropped']} of {figures['steps']} steps dropped, reasoning from "
        f"{about}{figures['tokens_before']} to {about}{figures['tokens_after']} tokens, perplexity of the answers from "
        f"{figures['perplexity_before']:.3g} to {figures['perplexity_after']:.3g} (geometric means)\n"
        f"{'now ' if earlier else ''}{number_of(usage.llm_calls, 'call')}, {usage.about}{usage.prompt_tokens} tokens "
        f"in, {usage.about}{usage.completion_tokens} out\nwritten to {plain(out)}"
    )
    return Output(data, text, exit_code=int(left_out > 0))
