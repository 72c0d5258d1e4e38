"""What most blocks are made of: exchanges with the model, and programs that it wrote and that are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilotage.agent.answers import extract, normal_form
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Reply
from pilotage.agent.state import State
from pilotage.agent.trace import Evidence, Step, Turn

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Execution

MAX_TOKENS = 400


class Exchanges:
    """The exchanges of one block's run: each sees those before it, and the step has them all.

    `how` they are asked is as for `Kit.ask`: `independent`, `continuing`, `temperature`, `sample`.
    """

    def __init__(self, block: str, state: State, kit: Kit, **how: Any) -> None:
        self._block, self._state, self._kit, self._how = block, state, kit, how
        self._replies: list[Reply] = []
        self._turns: list[Turn] = []

    async def ask(self, asked: str, max_tokens: int = MAX_TOKENS, grammar: str | None = None) -> Reply:
        """The model's reply to the next instruction."""
        reply = await self._kit.ask(
            self._state, asked, max_tokens=max_tokens, turns=self._turns, grammar=grammar, **self._how
        )
        self._replies.append(reply)
        self._turns.append(Turn(asked=asked, replied=reply.text))
        return reply

    @property
    def answer(self) -> str | None:
        """The candidate in the last reply; an answer that is not marked is a miss."""
        task, last = self._state.task, self._replies[-1]
        return extract(task.kind, last.text, task.choices, cut=last.cut)

    def step(self, **fields: Any) -> Step:
        """The finished step, see `Kit.step`."""
        independent = self._how.get("independent", False)
        return self._kit.step(self._block, self._replies, turns=self._turns, **{"independent": independent} | fields)


async def reasoned(block: str, state: State, kit: Kit, asked: str, **how: Any) -> Step:
    """One call whose reply marks its answer at the end."""
    exchanges = Exchanges(block, state, kit, **how)
    await exchanges.ask(asked)
    return exchanges.step(candidate=exchanges.answer)


async def programmed(block: str, state: State, kit: Kit, asked: str, **how: Any) -> Step:
    """One call whose reply is a program; it is run, and what it printed is the answer."""
    exchanges = Exchanges(block, state, kit, **how)
    reply = await exchanges.ask(asked)
    ran = await run_program(state, kit, reply.text, cut=reply.cut)
    return exchanges.step(result=ran.result, candidate=ran.candidate, evidence=ran.evidence, program=ran.source)


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
    candidate = _read_output(state, printed)
    unread = candidate is None and state.task.kind != "open"
    note = "what the program printed is no answer" if unread else None
    result = f"The program printed:\n{printed[:SHOWN_OUTPUT] or '(nothing)'}"
    return ProgramRun(source, candidate, Evidence(program="ok", note=note), result)


def _read_output(state: State, printed: str) -> str | None:
    """The answer in a program's output: the whole of it for text and grids, the last line's value otherwise.

    None for an open task: what a program printed is material for the reply.
    """
    task = state.task
    if not printed or task.kind == "open":
        return None
    if task.kind in ("numeric", "choice"):
        return extract(task.kind, printed.splitlines()[-1], task.choices)
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
