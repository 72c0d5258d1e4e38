"""Progress: what a run does, as lines of reasoning that a client shows while it waits."""

from __future__ import annotations

from pilotage.agent import events
from pilotage.agent.run import Run
from pilotage.agent.trace import Step
from pilotage.common.text import printable

SHOWN = 300
"""Characters of a candidate."""


class Progress:
    """Tells what happens before the reply; nothing of a run that replies straight away."""

    def __init__(self, terminal: str = "answer") -> None:
        self._terminal = terminal

    def line(self, event: events.Event) -> str:
        """What an event is worth saying; empty for nothing."""
        if isinstance(event, events.Recalled) and event.hints:
            return f"memory: {', '.join(printable(hint.title) for hint in event.hints)}\n"
        if isinstance(event, events.Chosen) and event.block != self._terminal:
            return f"{event.block}: {printable(event.why)}\n" if event.why else f"{event.block}\n"
        if isinstance(event, events.Stepped) and event.step.block != self._terminal:
            return _outcome(event.step)
        if isinstance(event, events.Learned) and event.titles:
            return f"learned: {', '.join(map(printable, event.titles.values()))}\n"
        return ""


def told_afterwards(run: Run) -> str:
    """The same of a run that is over: what was recalled, and each block before the reply with why it was chosen."""
    telling, steps = Progress(), run.trace.steps[:-1]
    chosen = [decision for decision in run.trace.decisions if decision.block != run.trace.steps[-1].block]
    known = [""] * (len(steps) - len(chosen))  # steps of an earlier run of this turn bring no decision with them
    whys = [*known, *(decision.why for decision in chosen)]
    lines = [telling.line(events.Recalled(run.trace.hints))]
    for step, why in zip(steps, whys, strict=False):
        lines += [telling.line(events.Chosen(step.block, why)), telling.line(events.Stepped(step))]
    return "".join(lines)


def _outcome(step: Step) -> str:
    evidence = step.evidence
    said = [f"→ {printable(step.candidate)[:SHOWN]}"] if step.candidate is not None else []
    if evidence.program is not None:
        said.append(f"program {evidence.program}")
    if evidence.verdict is not None:
        said.append(f"{evidence.verdict} with what was found before")
    if evidence.error or evidence.note:
        said.append(printable(evidence.error or evidence.note or ""))
    tokens = step.usage.total_tokens
    return f"  {'; '.join(said) or 'done'} ({tokens} tokens, {step.seconds:.1f} s)\n"
