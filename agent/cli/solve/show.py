"""Show: a run on the terminal as it happens: what was recalled, each block and why, its text and cost, the answer.

What was learnt comes behind the answer, for which nobody should have to wait until memory is written.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from rich.markup import escape

from pilotage.agent import events
from pilotage.agent.blocks.answer import Answer
from pilotage.agent.cli.terminal import plain, screen, shortened
from pilotage.agent.run import Run
from pilotage.agent.trace import Draw, Step, Usage
from pilotage.common.text import one_line

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.task import Task

DRAW = 40
"""Characters of a draw's answer that are shown."""


def cost(usage: Usage) -> str:
    """Tokens and time of a usage, for people; `~` before counts of which a part is estimated."""
    if not usage.llm_calls:
        return "no LLM call"
    replayed = f", {usage.replayed_calls} replayed" if usage.replayed_calls else ""
    calls = f"{usage.llm_calls} call{'s' if usage.llm_calls > 1 else ''}{replayed}"
    tokens_in = f"{usage.about}{usage.prompt_tokens} tokens in ({usage.cached_tokens} cached)"
    others = "".join(f", {part.total_tokens} by {plain(name)}" for name, part in usage.others.items())
    return f"{tokens_in}, {usage.about}{usage.completion_tokens} out{others}, {calls}, {usage.seconds:.1f} s"


def summary(run: Ran, more: str = "") -> str:
    """A run in one line: its route, what it cost, `more`, and what ended it."""
    stopped = f" · stopped by {run.stopped_by}" if run.stopped_by != Answer.name else ""
    stopped += " · the reply is cut: raise --max-tokens" if run.cut else ""
    return f"{plain(' → '.join(run.route))} · {cost(run.usage)} · {run.seconds:.1f} s in all{more}{plain(stopped)}"


def likely(confidence: float | None) -> str:
    """How likely an answer is right, in words."""
    return "nothing says how likely it is right" if confidence is None else f"{confidence:.0%} likely to be right"


def _drawn(draw: Draw) -> str:
    """What a draw came to, and its score where draws were scored."""
    nothing = f"failed: {draw.error}" if draw.error else "no answer"
    answer = nothing if draw.candidate is None else shortened(one_line(draw.candidate), DRAW)
    return answer if draw.score is None else f"{answer} ({draw.score:.2f})"


class Ran(Protocol):
    """What of a run a line about it has to know; a `Run` is one."""

    @property
    def route(self) -> tuple[str, ...]:
        """Names of the blocks run, in order."""
        ...

    @property
    def usage(self) -> Usage:
        """All that it cost."""
        ...

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole run."""
        ...

    @property
    def stopped_by(self) -> str:
        """What ended it."""
        ...

    @property
    def cut(self) -> bool:
        """Whether a limit of tokens cut its answer short."""
        ...


class Show:
    """Prints events to a file. With `quiet` it prints nothing, for `--json`."""

    def __init__(self, file: TextIO, *, quiet: bool = False) -> None:
        self._console = screen(file=file, quiet=quiet, soft_wrap=True)
        self._open_line = False
        self._answered: str | None = None
        self._least: float | None = None

    @property
    def when(self) -> str:
        """When an interrupt comes now, for a sentence about it: after the answer, or empty."""
        return "" if self._answered is None else f" after the answer, {shortened(one_line(self._answered), 200)}"

    async def solving(self, agent: ReasoningAgent, task: Task, thread: str | None = None) -> dict[str, Any]:
        """Solves a task and prints what happens; the run, as `--json` prints it."""
        self._least = agent.caution.least if agent.caution.concerns(task) else None
        # Closed here, whatever becomes of the output: left to the event loop's end, its parts would be closed at once.
        async with aclosing(agent.astream(task, thread_id=thread)) as happening:
            async for event in happening:
                self(event)
                if isinstance(event, events.Finished):
                    return event.run.to_json()
        raise AssertionError("a run always finishes or raises")

    def __call__(self, event: events.Event) -> None:
        """Prints one event."""
        match event:
            case events.Recalled(hints, withheld):
                if withheld:
                    self._line(f"[cyan]held out[/]  runs without the {len(withheld)} hints that memory has for it")
                for hint in hints:
                    self._line(f"[cyan]recalled[/]  {plain(hint.title)}  [dim]similarity {hint.similarity:.2f}[/]")
            case events.Chosen(block, why):
                self._line(f"[bold green]{plain(block)}[/]  [dim]{plain(why)}[/]")
            case events.Token(_, text):
                self._console.print(f"[dim]{escape(text)}[/]", end="")
                self._open_line = True
            case events.Stepped(step):
                self._step(step)
                if step.block == Answer.name and self._least is None:
                    self._answer(step.candidate)
            case events.Learned(titles, usage):
                kept = "; ".join(titles.values()) or "nothing worth keeping"
                if usage.llm_calls:
                    self._line(f"[cyan]learned[/]  {plain(kept)}  [dim]{cost(usage)}[/]")
            case events.Escalated(model, confidence):
                self._line(f"[cyan]escalated[/]  {likely(confidence)}; {plain(model)} solves the task anew")
            case events.Finished(run):
                if self._answered is None:  # a run that went on behind its answer
                    self._answer(run.answer)
                self._run(run)

    def _line(self, markup: str) -> None:
        if self._open_line:
            self._console.print()
            self._open_line = False
        self._console.print(markup)

    def _step(self, step: Step) -> None:
        evidence = step.evidence
        notes = [f"check {evidence.verdict}"] if evidence.verdict else []
        notes += [evidence.error or ""] if evidence.program == "failed" else []
        notes += [evidence.note] if evidence.note else []
        if step.candidate is not None:
            first, *rest = step.candidate.splitlines() or [""]
            notes.insert(0, f"candidate {first}{' ...' if rest else ''}")
        self._line(f"  [yellow]{plain('; '.join(notes) or 'done')}[/]  [dim]{cost(step.usage)}[/]")
        if len(step.draws) > 1:
            self._line(f"  [dim]draws  {plain(' · '.join(map(_drawn, step.draws)))}[/]")

    def _answer(self, answer: str | None) -> None:
        self._answered = "none" if answer is None else answer
        self._line(f"\n[bold]Answer:[/] {'[red]none[/]' if answer is None else escape(answer)}")

    def _run(self, run: Run) -> None:
        if run.abstained:
            asked = "" if self._least is None else f", where {self._least:.0%} is asked for"
            self._line(f"[yellow]withheld[/]  {likely(run.confidence)}{asked}")
        more = f" · {likely(run.confidence)}" if run.confidence is not None and not run.abstained else ""
        more += f" · score {run.score:g}" if run.score is not None else ""
        self._line(f"[dim]{summary(run, more)}[/]")
