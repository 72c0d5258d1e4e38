"""The LangGraph graph: recall -> observe -> navigate -> <block> -> observe -> ... -> answer -> learn.

The graph's state is plain JSON, so that any checkpointer can store it, and it holds the task's public view only: no
hidden answer can travel in it. Each node reads it as a `State`, does one thing, and returns what is new.
"""

from __future__ import annotations

import operator
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from agent import events
from agent.blocks.base import Block
from agent.budget import Budget, Meter
from agent.credit import is_held_out
from agent.errors import BadReply, BudgetExceeded
from agent.kit import HINT_TOKENS, Kit
from agent.parts import Parts
from agent.state import Abilities, State
from agent.task import Task
from agent.trace import Charge, Evidence, Step, Trace, Usage
from navigator.policy import require_legal

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

STREAM_TOKENS = "pilotage_stream_tokens"
"""Key of `config["configurable"]`: true asks the model to stream, and each token becomes an event."""

LEARN_LATER = "pilotage_learn_later"
"""Key of `config["configurable"]`: true leaves memory as it is; `Nodes.conclude` credits and learns afterwards."""


class RunState(TypedDict, total=False):
    """What the graph carries from node to node, as plain JSON.

    Give `task`: a `Task` as a dictionary, or just the question as text. Read `answer`, and `steps` for how it came.
    Memory counts what came of a run once for each `run`, an id that is made up where none is given.
    """

    task: dict[str, Any] | str
    run: str
    budget: dict[str, Any]
    recalled: dict[str, Any]
    steps: Annotated[list[dict[str, Any]], operator.add]
    charges: Annotated[list[dict[str, Any]], operator.add]
    observation: list[float]
    decision: dict[str, str]
    answer: str | None
    stopped_by: str
    learned: list[str]
    followed: list[str]


@dataclass(frozen=True)
class Conclusion:
    """What memory made of a run: titles of the concepts written, ids of those followed, and what the writing cost."""

    titles: Mapping[str, str]
    followed: tuple[str, ...]
    usage: Usage


class UnusableRun(BadReply):
    """The model's reply stayed unusable, so the run has no answer; `trace` holds what it cost until then."""

    def __init__(self, message: str, trace: Trace) -> None:
        super().__init__(message)
        self.trace = trace


def trace_of(run: RunState) -> Trace:
    """The trace that a graph state holds."""
    kept = {key: run[key] for key in ("recalled", "steps", "charges") if key in run}
    return Trace.model_validate(kept)


def build_graph(
    parts: Parts, checkpointer: BaseCheckpointSaver[str] | None = None
) -> CompiledStateGraph[RunState, None, RunState, RunState]:
    """Compiles the graph of an agent. Use it as it is, or as a node of your own graph."""
    nodes = Nodes(parts)
    graph = StateGraph(RunState)
    names = parts.registry.actions.names
    graph.add_node("navigate", nodes.navigate, destinations=tuple(names))
    graph.add_node("observe", nodes.observe)
    graph.add_node("learn", nodes.learn)
    for block in parts.registry:
        graph.add_node(block.name, nodes.running(block))
        graph.add_edge(block.name, "learn" if block.name == parts.registry.actions.terminal else "observe")
    if "recall" not in names:
        graph.add_node("recall", nodes.recall)
        graph.add_edge("recall", "observe")
    graph.add_edge(START, "recall")
    graph.add_edge("observe", "navigate")
    graph.add_edge("learn", END)
    return graph.compile(checkpointer=checkpointer, name="pilotage")


class Nodes:
    """The graph's nodes over one agent's parts. Every node is a coroutine from a graph state to what changes in it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    async def recall(self, state: RunState) -> dict[str, Any]:
        """Asks memory about the task, before anything else."""
        now = self._view(state)
        update: dict[str, Any] = {"task": now.task.model_dump(), "budget": now.budget.model_dump()}
        update["run"] = state.get("run") or secrets.token_hex(8)
        if self.parts.recall is not None:
            kit = self._kit(now)
            recalled = await kit.recall(now.task.prompt, HINT_TOKENS)
            update |= _charged("recall", kit)
            if is_held_out(now.task.id, self.parts.seed, self.parts.holdout):
                recalled = recalled.withhold()
            update["recalled"] = recalled.model_dump()
            get_stream_writer()(events.Recalled(recalled.hints, recalled.withheld))
        return update

    async def observe(self, state: RunState) -> dict[str, Any]:
        """Computes what the navigator sees."""
        now = self._view(state)
        kit = self._kit(now)
        try:
            observation = await self.parts.observer.observe(now, kit)
        except BudgetExceeded as limit:
            observation = self.parts.observer.without_asking(now)
            return {"observation": observation.tolist(), "stopped_by": limit.limit}
        except BadReply as unusable:
            raise _unusable(now, kit, self.parts.observer.preset, unusable) from unusable
        return {"observation": observation.tolist(), **_charged(self.parts.observer.preset, kit)}

    async def navigate(self, state: RunState) -> Command[str]:
        """Lets the policy choose the next block among the applicable ones."""
        parts, now = self.parts, self._view(state)
        actions = parts.registry.actions
        if state.get("stopped_by"):
            decision = {"block": actions.terminal, "why": f"the budget's {state['stopped_by']} is reached"}
        else:
            mask = parts.registry.mask(now)
            chosen = parts.policy.decide(parts.observer.vector(state["observation"]), mask)
            decision = {"block": require_legal(chosen, mask, actions), "why": chosen.why}
        update: dict[str, Any] = {"decision": decision}
        if decision["block"] == actions.terminal and not state.get("stopped_by"):
            update["stopped_by"] = "max_steps" if now.steps_left <= 1 else "answer"
        get_stream_writer()(events.Chosen(decision["block"], decision["why"]))
        return Command(update=update, goto=decision["block"])

    def running(self, block: Block) -> Any:
        """The node that runs one block. The node `recall` is also where a run starts, before any decision."""

        async def node(state: RunState, config: RunnableConfig) -> dict[str, Any]:
            if "decision" not in state:
                return await self.recall(state)
            return await self._run(block, state, config)

        return node

    async def _run(self, block: Block, state: RunState, config: RunnableConfig) -> dict[str, Any]:
        started = time.monotonic()
        now, write = self._view(state), get_stream_writer()
        streaming = config.get("configurable", {}).get(STREAM_TOKENS, False)
        kit = self._kit(now, (lambda text: write(events.Token(block.name, text))) if streaming else None)
        update: dict[str, Any] = {}
        try:
            step = await block.run(now, kit)
        except BudgetExceeded as limit:
            step = Step(block=block.name, evidence=Evidence(note=str(limit)), usage=kit.usage)
            update["stopped_by"] = limit.limit
        except BadReply as unusable:
            raise _unusable(now, kit, block.name, unusable) from unusable
        step = step.model_copy(update={"seconds": time.monotonic() - started})
        write(events.Stepped(step))
        if block.name == self.parts.registry.actions.terminal:
            update["answer"] = step.candidate
        return {"steps": [step.model_dump()], **update}

    async def learn(self, state: RunState, config: RunnableConfig) -> dict[str, Any]:
        """Writes to memory what came of its hints, and what public evidence says has worked."""
        if config.get("configurable", {}).get(LEARN_LATER, False):
            return {"learned": []}
        concluded = await self.conclude(self._view(state))
        if self.parts.learner is not None:
            get_stream_writer()(events.Learned(concluded.titles, concluded.usage))
        return {
            "learned": list(concluded.titles),
            "followed": list(concluded.followed),
            "charges": [charge.model_dump() for charge in learning_charges(concluded)],
        }

    async def conclude(self, now: State) -> Conclusion:
        """Credits the concepts that a finished run was shown, then learns from it."""
        followed = await self.parts.creditor.credit(now) if self.parts.creditor is not None else ()
        if self.parts.learner is None:
            return Conclusion({}, followed, Usage())
        kit = self._kit(now)
        try:
            titles = await self.parts.learner.learn(now, kit)
        except BadReply:  # the task is solved all the same; its trace shows a charge for nothing learnt
            titles = {}
        return Conclusion(titles, followed, kit.usage)

    def _view(self, state: RunState) -> State:
        given = state["task"]
        task = self.parts.question(given) if isinstance(given, str) else Task.model_validate(given).public()
        return State(
            task=task,
            trace=trace_of(state),
            budget=Budget.model_validate(state["budget"]) if "budget" in state else self.parts.budget,
            abilities=self._abilities(state),
            run=state.get("run", ""),
        )

    def _abilities(self, state: RunState) -> Abilities:
        """Those of the agent; a run that is held out has no memory, wherever it is."""
        withheld = state.get("recalled", {}).get("withheld")
        return replace(self.parts.abilities, memory=False) if withheld else self.parts.abilities

    def _kit(self, now: State, on_token: Callable[[str], None] | None = None) -> Kit:
        return Kit(
            self.parts.model,
            Meter(now.budget, now.trace.usage, now.trace.seconds),
            sandbox=self.parts.sandbox,
            recall=self.parts.recall,
            on_token=on_token,
            seed=self.parts.seed,
        )


def learning_charges(concluded: Conclusion) -> list[Charge]:
    """What writing to memory cost, as charges of the run."""
    return [Charge(by="distil", usage=concluded.usage)] if concluded.usage.llm_calls else []


def _unusable(now: State, kit: Kit, by: str, error: BadReply) -> UnusableRun:
    spent = Charge(by=by, usage=kit.usage)
    return UnusableRun(str(error), now.trace.model_copy(update={"charges": (*now.trace.charges, spent)}))


def _charged(by: str, kit: Kit) -> dict[str, Any]:
    return {"charges": [Charge(by=by, usage=kit.usage).model_dump()]} if kit.usage.llm_calls else {}
