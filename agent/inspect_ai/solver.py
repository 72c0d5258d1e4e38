"""The solver `pilotage/reason`: the agent solves each sample of an evaluation, in the evaluation's own process.

    inspect eval task.py --model openai/gpt-4o-mini --solver pilotage/reason -S policy=rules

Inspect finds it by the entry point `pilotage` of the group `inspect_ai`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from inspect_ai.log import transcript
from inspect_ai.model import Model, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from pydantic import ValidationError

from pilotage.agent import events
from pilotage.agent.budget import Budget
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.inspect_ai.chat_model import InspectChatModel, InspectRaised
from pilotage.agent.inspect_ai.sample import answer_with, task_of
from pilotage.agent.models.client import ModelClient
from pilotage.agent.models.transport.retry import RetryPolicy
from pilotage.agent.routing.policies import Effort
from pilotage.agent.run import Run, UnusableRun
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.task import KINDS, Kind, Task
from pilotage.common.faults import first_fault

SOURCE = "pilotage"


@solver
def reason(
    model: str | None = None,
    policy: str | list[str] = "default",
    effort: Effort = None,
    kind: Kind | None = None,
    memory: str | None = None,
    learn: bool = False,
    sandbox: str = "auto",
    max_tokens: int | None = None,
    max_calls: int | None = None,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    reply_tokens: int | None = None,
    seed: int = 0,
) -> Solver:
    """Routes each sample through logic blocks, and answers it.

    Args:
        model: the model of Inspect that the blocks ask; by default the one that is evaluated.
        policy: as for `ReasoningAgent`, as are `effort` and `seed`; a list where Inspect has cut it at its commas.
        effort: of the default policy or a trained one.
        kind: of the answers to questions: `numeric`, `text`, `program`, `grid` or `open`; by default read off each.
        memory: folder or URL of a concept memory to recall from.
        learn: whether what samples teach is written to it. Samples are then no longer judged independently.
        sandbox: for generated code; it is pilotage's own, and not that of the task.
        max_tokens: limits of each sample, with the four after it, as in `Budget`.
        max_calls: LLM calls.
        max_steps: blocks.
        max_seconds: time.
        reply_tokens: what every reply may have at least, for models that think.
        seed: of sampling.

    Raises:
        PilotageError: a part cannot be had as asked; the text says what to do.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"`kind` is one of {', '.join(KINDS)}, not {kind!r}")
    limits = {"max_tokens": max_tokens, "max_calls": max_calls, "max_steps": max_steps, "max_seconds": max_seconds}
    budget = _budget({**limits, "reply_tokens": reply_tokens})
    store = None
    if memory is not None:
        from pilotage.memory.store import ConceptStore

        store = ConceptStore.open(memory)
    policy = policy if isinstance(policy, str) else ",".join(policy)
    options: dict[str, Any] = {"policy": policy, "effort": effort, "sandbox": sandbox, "seed": seed}
    options |= {"memory": store, "learn": learn, "budget": budget}
    agents: dict[Model, ReasoningAgent] = {}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        _require_asyncio()
        asked = get_model(model)
        if asked not in agents:
            client = ModelClient(InspectChatModel(asked=asked), name=str(asked), retry=RetryPolicy(retries=0))
            agents[asked] = ReasoningAgent(client, **options)
        answer_with(state, await _run(agents[asked], await task_of(state, kind)), str(asked))
        return state

    return solve


async def _run(agent: ReasoningAgent, task: Task) -> Run:
    """Solves a task, and notes each step in the sample's transcript, behind the calls that it made.

    A reply that stayed unusable leaves the sample without an answer; whatever Inspect raised ends it.
    """
    why = ""
    try:
        async for event in agent.astream(task):
            if isinstance(event, events.Chosen):
                why = event.why
            elif isinstance(event, events.Stepped):
                step = {name: value for name, value in event.step.printed.items() if name != "text"}
                transcript().info({"why": why, **step}, source=SOURCE)
            elif isinstance(event, events.Finished):
                return event.run
    except InspectRaised as ended:
        raise ended.error from None
    except UnusableRun as error:
        if isinstance(error, ModelUnavailable):
            raise
        return agent.unsolved(task, error)
    raise AssertionError("a run ends with the event `Finished`")


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError("pilotage/reason runs on asyncio: leave INSPECT_ASYNC_BACKEND unset") from None


def _budget(given: dict[str, Any]) -> Budget:
    try:
        return Budget(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        fault = first_fault(error)
        raise UsageError(f"`{fault.place}`: {fault.reason}") from None
