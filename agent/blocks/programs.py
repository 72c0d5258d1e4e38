"""Programs that the model wrote: take the source out of a reply, run it in the sandbox, read what it printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.answers import extract, normal_form
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Evidence

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Execution

SHOWN_OUTPUT = 400


@dataclass(frozen=True)
class ProgramRun:
    """What came of running a program: its source, the answer it gave, the evidence, and what to tell the model."""

    source: str | None
    candidate: str | None
    evidence: Evidence
    result: str


async def run_program(state: State, kit: Kit, reply: str, *, cut: bool = False) -> ProgramRun:
    """Runs the program in a reply, on the task's worked examples where the answer is itself a program.

    The program of a reply that was `cut` in the middle of it is not run: what half of it prints is no answer.
    """
    source = extract("program", reply, cut=cut)
    if source is None:
        why = "the reply was cut before its program was whole" if cut else "the reply holds no Python program"
        return ProgramRun(None, None, Evidence(program="refused", note=why), "")
    if state.task.kind == "program":
        return await _try_on_examples(state, kit, source)
    execution = await kit.execute(source)
    if execution.exit_code != 0 or execution.stopped_by:
        error = _complaint(execution) or None
        result = f"The program failed: {error or f'it ended with exit code {execution.exit_code} and no message'}"
        return ProgramRun(source, None, Evidence(program="failed", error=error), result)
    printed = execution.stdout.strip()
    candidate = read_output(state, printed)
    unread = candidate is None and state.task.kind != "open"
    note = "what the program printed is no answer" if unread else None
    result = f"The program printed:\n{printed[:SHOWN_OUTPUT] or '(nothing)'}"
    return ProgramRun(source, candidate, Evidence(program="ok", note=note), result)


def read_output(state: State, printed: str) -> str | None:
    """The answer in a program's output: the whole of it for text and grids, the last line's value otherwise."""
    if not printed:
        return None
    task = state.task
    if task.kind == "open":  # what a program printed is material for the reply
        return None
    if task.kind in ("numeric", "choice"):
        last = printed.splitlines()[-1]
        return extract(task.kind, last, task.choices)
    return extract(task.kind, printed, task.choices) or printed


async def _try_on_examples(state: State, kit: Kit, source: str) -> ProgramRun:
    passed, complaint = 0, ""
    for example in state.task.examples:
        execution = await kit.execute(source, example.input)
        same = normal_form("text", execution.stdout) == normal_form("text", example.output)
        right = execution.ok and same
        passed += right
        if not right and not complaint:
            seen = _complaint(execution) or execution.stdout.strip()[:SHOWN_OUTPUT]
            complaint = f"On the input\n{example.input}\nit gave\n{seen}\ninstead of\n{example.output}"
    share = passed / len(state.task.examples) if state.task.examples else None
    evidence = Evidence(program="ok" if not complaint else "failed", examples_passed=share)
    return ProgramRun(source, source, evidence, complaint)


def _complaint(execution: Execution) -> str:
    """What a program ended with: the limit that stopped it, whatever it had printed, else its last line of errors."""
    lines = execution.stderr.strip().splitlines()
    last = lines[-1].strip()[:SHOWN_OUTPUT] if lines else ""
    if execution.stopped_by and last != "MemoryError":  # which says as much
        return f"stopped by its {execution.stopped_by} limit"
    return last
