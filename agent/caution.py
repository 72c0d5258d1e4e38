"""Caution: what becomes of a run whose answer is not sure enough. It is withheld, or a second model solves the task.

A cascade in the sense of FrugalGPT (Chen et al. 2023), by a calibrated confidence that asks nobody. The second model
sees the task alone, and its answer stands, however sure it is: there is nobody left to ask. Every call of both is
charged to the run, within one budget, and no grade has a part in the choice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pilotage.agent import events
from pilotage.agent.blocks.answer import shortest_prompt
from pilotage.agent.budget import Budget
from pilotage.agent.errors import ModelError, UsageError
from pilotage.agent.graph.advance import keep_experience
from pilotage.agent.run import Escalation, Run, UngradedRun, UnusableRun
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import CostEntry, Trace

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from pilotage.agent.routing.confidence import AnswerConfidence
    from pilotage.agent.runner import ReasoningAgent

ESCALATED = "first model"
"""By whom a run that was solved anew was charged for the attempt before."""


@dataclass(frozen=True)
class Caution:
    """How sure an answer has to be.

    Attributes:
        least: confidence below which an answer is withheld; 0 withholds none.
        second: solves what the first model is not sure enough of; None for nobody.
    """

    least: float = 0.0
    second: ReasoningAgent | None = None

    @classmethod
    def of(cls, least: object, confidence: AnswerConfidence | None, second: ReasoningAgent | None) -> Self:
        """That of an agent, of which None asks for none.

        Raises:
            UsageError: `least` is no probability, nothing says how sure its answers are, or the second model waits for
                nothing.
        """
        if second is not None and least is None:
            raise UsageError(
                "escalate_to (--escalate-to) needs min_confidence: how sure an answer has to be not to be solved anew"
            )
        if least is None:
            return cls()
        if not isinstance(least, int | float) or isinstance(least, bool) or not 0 <= least <= 1:
            raise UsageError(f"min_confidence is a probability from 0 to 1, not {least!r}")
        if confidence is None:
            raise UsageError(
                "min_confidence needs an observation preset with the features of the preset free (free, probe or "
                "rlot+free, or a confidence file that was made for this one), and a policy that is no strategy: how "
                "likely the answers of those are right was not measured"
            )
        return cls(float(least), second)

    def concerns(self, task: Task) -> bool:
        """Whether the answer of a task may be withheld: of an open task nothing says how sure it is, nor of a reply."""
        return self.least > 0 and task.kind != "open" and not task.messages

    def may_escalate(self, task: Task) -> bool:
        """Whether a second model may solve a task anew; what is learned from a run then waits until it is settled."""
        return self.second is not None and self.concerns(task)

    async def settled(self, agent: ReasoningAgent, task: Task, run: Run, **options: Any) -> Run:
        """What comes of a run: as it is, solved anew, or without its answer; `options` as for `going_on`."""
        async for event in self.going_on(agent, task, run, stream=False, **options):
            if isinstance(event, events.Finished):
                return event.run
        raise AssertionError("it ends with a run")

    async def going_on(
        self,
        agent: ReasoningAgent,
        task: Task,
        run: Run,
        *,
        budget: Budget | None,
        learn_later: bool,
        config: RunnableConfig | None,
        stream: bool = True,
    ) -> AsyncGenerator[events.Event, None]:
        """What comes of a run, as events: those of the second model, where they are to `stream`; then the run.

        Args:
            agent: whose run it is.
            task: the task.
            run: of the first model.
            budget: of both models together; that of the agent for None.
            learn_later: as it was asked of the agent.
            config: as for the agent.
            stream: whether the second model's events are wanted.
        """
        sure = not self.concerns(task) or (run.confidence or 0.0) >= self.least
        left = None if sure or self.second is None else _left(budget or agent.components.budget, run, task)
        if self.second is None or left is None:
            if self.may_escalate(task) and not learn_later:
                run = await agent.alearn(task, run)
            yield events.Finished(run if sure else withheld(run))
            return
        if not learn_later:
            await _note(agent, task, run)
        options: dict[str, Any] = {"run_id": run.id, "budget": left, "learn_later": learn_later, "config": config}
        with _charging(run, self.second.components.model.name):
            if not stream:
                yield events.Finished(joined(run, await self.second.asolve(task, **options)))
                return
            yield events.Escalated(self.second.components.model.name, run.confidence)
            async with aclosing(self.second.astream(task, **options)) as happening:
                async for event in happening:
                    yield events.Finished(joined(run, event.run)) if isinstance(event, events.Finished) else event


async def _note(agent: ReasoningAgent, task: Task, first: Run) -> None:
    """Keeps what the first model's blocks came to: else only the runs that it was sure of would speak for it."""
    components = agent.components
    if components.experience is None:
        return
    state = State(task.public(), first.trace, components.budget, components.abilities, f"{first.id}/first")
    await asyncio.to_thread(keep_experience, components, state)


@contextmanager
def _charging(first: Run, second: str) -> Iterator[None]:
    """Where the second model's run ends without a usable reply, its error tells what the first one's cost, too."""
    try:
        yield
    except (UnusableRun, UngradedRun) as error:
        raise type(error)(str(error), _charged(error.trace, first, second)) from error
    except ModelError as error:
        error.trace = _charged(error.trace or Trace(), first, second)
        raise


def _charged(trace: Trace, first: Run, second: str) -> Trace:
    """The trace of the second model's run, its costs told as that model's, charged for the first run, too."""
    steps = tuple(step.model_copy(update={"usage": step.usage.by(second)}) for step in trace.steps)
    charges = tuple(entry.model_copy(update={"usage": entry.usage.by(second)}) for entry in trace.charges)
    paid = CostEntry(by=ESCALATED, usage=first.usage)
    return trace.model_copy(update={"steps": steps, "charges": (*charges, paid)})


def withheld(run: Run) -> Run:
    """A run without its answer, which its trace still tells; it scores what no answer scores."""
    if run.answer is None:
        return run
    return run.model_copy(update={"answer": None, "abstained": True, "score": None if run.score is None else 0.0})


def joined(first: Run, second: Run) -> Run:
    """The run of the second model, charged for the first one's, which it tells of. Its policy decided neither alone."""
    escalation = Escalation(
        model=second.model,
        confidence=first.confidence,
        answer=first.answer,
        steps=tuple(first.trace.steps),
    )
    return second.model_copy(
        update={
            "trace": _charged(second.trace, first, second.model),
            "model": first.model,
            "escalated": escalation,
            "navigation": None,
            "seconds": first.seconds + second.seconds,
        }
    )


def _left(budget: Budget, run: Run, task: Task) -> Budget | None:
    """What of a run's budget is left for another attempt; None where it is not enough for one."""
    usage = run.usage
    left = {
        "max_tokens": budget.max_tokens - usage.total_tokens,
        "max_calls": budget.max_calls - usage.llm_calls,
        "max_seconds": budget.max_seconds - run.seconds,
    }
    if min(left.values()) <= 0:
        return None
    rest = budget.model_copy(update=left)
    try:
        rest.require_room_for(shortest_prompt(task))
    except UsageError:
        return None
    return rest
