"""Chat completions: a request's way through an agent, whole or as a stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pilotage.agent import events
from pilotage.agent.chat.conversation import conversation_task
from pilotage.agent.chat.progress import Progress, told_afterwards
from pilotage.agent.chat.reply_account import finish_reason
from pilotage.agent.run import Run, UnusableRun
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.serve import sse
from pilotage.agent.serve.chat_reply import Envelope, called, require_reply, thought
from pilotage.agent.serve.chat_request import ChatRequest
from pilotage.agent.serve.chat_trace import traced
from pilotage.agent.serve.errors import ApiError, api_error
from pilotage.agent.serve.extras import OWN
from pilotage.agent.serve.stopping.drain import raised_by_cut
from pilotage.agent.task import Task

log = logging.getLogger("pilotage.serve")


@dataclass(frozen=True)
class Hooks:
    """What is done with the runs behind a reply.

    Attributes:
        keep: keeps what feedback needs of them, before the last of the reply is sent.
        count: counts them, however the reply ended.
    """

    keep: Callable[[Sequence[Run]], Awaitable[None]]
    count: Callable[[Sequence[Run]], None]


def task_of(request: ChatRequest, sample: int = 0) -> Task:
    """The task that a request sets; `sample` numbers its replies."""
    return conversation_task(request.messages, request.options.model_copy(update={"sample": sample}))


async def completion(
    agent: ReasoningAgent, request: ChatRequest, envelope: Envelope, hooks: Hooks, *, progress: bool
) -> dict[str, Any]:
    """The whole completion. What the first reply was worked out from serves the others too."""
    budget = request.extras.limits(agent.components.budget)
    runs: list[Run] = []
    try:
        runs.append(await agent.asolve(task_of(request), run_id=envelope.id, budget=budget))
        for sample in range(1, request.n):
            require_reply(runs[-1])
            runs.append(await agent.asolve(task_of(request, sample), found=runs[0], learn_later=True))
        require_reply(runs[-1])
    except UnusableRun as error:
        runs.append(agent.unsolved(task_of(request), error))
        raise
    finally:
        hooks.count(runs)
    await hooks.keep(runs)
    whole = envelope.completion(runs, [_reasoning(run, progress and not number) for number, run in enumerate(runs)])
    return {**whole, OWN: {"runs": [run.to_json() for run in runs]}} if request.extras.trace else whole


async def stream(
    agent: ReasoningAgent, request: ChatRequest, envelope: Envelope, hooks: Hooks, *, progress: bool
) -> AsyncGenerator[bytes]:
    """The events of a stream: the role first, reasoning, content, an ending for each choice, the usage, and `[DONE]`.

    An error once the stream has begun is an event with an `error`, and ends it.
    """
    runs: list[Run] = []
    try:
        budget = request.extras.limits(agent.components.budget)
        for index in range(request.n):
            task = task_of(request, index)
            run_id = envelope.id if index == 0 else ""
            happening = agent.astream(task, run_id=run_id, budget=budget, **_later(runs))
            trace = request.extras.trace and progress
            choice = _choice(happening, envelope, index, runs, progress=progress, trace=trace)
            async with aclosing(choice) as chunks:
                async for chunk in chunks:
                    yield sse.event(chunk)
        await hooks.keep(runs)
        if envelope.counts:
            yield sse.event(envelope.usage_chunk(runs))
    except (Exception, asyncio.CancelledError) as failed:
        error = raised_by_cut(failed)
        if isinstance(error, UnusableRun):
            runs.append(agent.unsolved(task_of(request), error))
        told = api_error(error)
        if told.status >= 500 and not isinstance(error, ApiError):
            log.warning(
                "the stream %s failed: %s", envelope.id, told, exc_info=told.body["error"]["code"] == "internal_error"
            )
        yield sse.event(told.body)
    finally:
        hooks.count(runs)
    yield sse.DONE


async def _choice(
    happening: AsyncGenerator[events.Event, None],
    envelope: Envelope,
    index: int,
    runs: list[Run],
    *,
    progress: bool,
    trace: bool,
) -> AsyncGenerator[dict[str, Any]]:
    """The chunks of one choice; its run is put behind `runs`. A trace tells the progress as data, not as text."""
    telling, ended = Progress(), False
    yield envelope.chunk({"role": "assistant", "content": ""}, index=index)
    async with aclosing(happening) as stream:
        async for event in stream:
            if trace and (data := traced(event)):
                yield envelope.chunk({}, index=index) | {"pilotage": data}
            if isinstance(event, events.Token) and event.block == "answer":
                yield envelope.chunk({"content": event.text}, index=index)
            elif isinstance(event, events.Thought):
                yield envelope.chunk(thought(event.text), index=index)
            elif isinstance(event, events.Stepped) and event.step.block == "answer":
                step = event.step
                if not step.text and not step.tool_calls:
                    continue  # it was not written, which the end of the run tells
                ended = True
                if step.tool_calls:
                    yield envelope.chunk(called(step.tool_calls), index=index)
                reason = "length" if step.cut else "tool_calls" if step.tool_calls else "stop"
                yield envelope.chunk({}, index=index, finish_reason=reason)
            elif isinstance(event, events.Finished):
                runs.append(event.run)
                require_reply(event.run)
            elif progress and not trace and not ended and (line := telling.line(event)):
                yield envelope.chunk(thought(line), index=index)
    if not ended and runs:
        yield envelope.chunk({}, index=index, finish_reason=finish_reason(runs[-1]))


def _later(runs: list[Run]) -> dict[str, Any]:
    return {"found": runs[0], "learn_later": True} if runs else {}


def _reasoning(run: Run, progress: bool) -> str:
    """What a whole completion tells of its work: the steps before the reply, and the upstream's own thinking."""
    return (told_afterwards(run) if progress else "") + run.thinking
