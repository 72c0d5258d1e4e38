"""The LangGraph graph: recall -> observe -> navigate -> <block> -> observe -> ... -> answer -> learn.

The graph's state is plain JSON, so that any checkpointer can store it, and it holds the task's public view only: no
hidden answer can travel in it. Each node reads it as a `State`, does one thing, and returns what is new.
"""

from __future__ import annotations

import operator
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from agent import events
from agent.advance import abilities, kit_for, observe, remember, run_block
from agent.blocks.base import Block
from agent.budget import Budget
from agent.errors import BadReply
from agent.kit import Kit
from agent.navigation import decided
from agent.navigators import choose
from agent.parts import Parts
from agent.state import State
from agent.task import Task
from agent.trace import Charge, Trace, Usage
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
    decisions: Annotated[list[dict[str, Any]], operator.add]
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
    kept = {key: run[key] for key in ("recalled", "steps", "charges", "decisions") if key in run}
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
            kit = kit_for(self.parts, now)
            recalled = await remember(self.parts, now, kit)
            update |= _charged("recall", kit)
            update["recalled"] = recalled.model_dump()
            get_stream_writer()(events.Recalled(recalled.hints, recalled.withheld))
        return update

    async def observe(self, state: RunState) -> dict[str, Any]:
        """Computes what the navigator sees."""
        now = self._view(state)
        kit = kit_for(self.parts, now)
        try:
            seen = await observe(self.parts.observer, now, kit)
        except BadReply as unusable:
            raise _unusable(now, kit, self.parts.observer.preset, unusable) from unusable
        update = {"observation": seen.observation.tolist(), **_charged(self.parts.observer.preset, kit)}
        return update if seen.stopped_by is None else {**update, "stopped_by": seen.stopped_by}

    async def navigate(self, state: RunState) -> Command[str]:
        """Lets the policy choose the next block among the applicable ones."""
        parts, now = self.parts, self._view(state)
        actions = parts.registry.actions
        update: dict[str, Any] = {}
        kit = kit_for(parts, now)
        if state.get("stopped_by"):
            decision = {"block": actions.terminal, "why": f"the budget's {state['stopped_by']} is reached"}
        else:
            observation, mask = parts.observer.vector(state["observation"]), parts.registry.mask(now)
            chosen = await choose(parts.policy, now, observation, mask, kit)
            decision = {"block": require_legal(chosen, mask, actions), "why": chosen.why}
            update["decisions"] = [decided(chosen, observation, mask, actions, now.trace).model_dump()]
            update |= _charged("navigate", kit)
        update["decision"] = decision
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
        now, write = self._view(state), get_stream_writer()
        streaming = config.get("configurable", {}).get(STREAM_TOKENS, False)
        kit = kit_for(self.parts, now, (lambda text: write(events.Token(block.name, text))) if streaming else None)
        try:
            ran = await run_block(block, now, kit)
        except BadReply as unusable:
            raise _unusable(now, kit, block.name, unusable) from unusable
        update: dict[str, Any] = {} if ran.stopped_by is None else {"stopped_by": ran.stopped_by}
        write(events.Stepped(ran.step))
        if block.name == self.parts.registry.actions.terminal:
            update["answer"] = ran.step.candidate
        return {"steps": [ran.step.model_dump()], **update}

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
        kit = kit_for(self.parts, now)
        try:
            titles = await self.parts.learner.learn(now, kit)
        except BadReply:  # the task is solved all the same; its trace shows a charge for nothing learnt
            titles = {}
        return Conclusion(titles, followed, kit.usage)

    def _view(self, state: RunState) -> State:
        given = state["task"]
        task = self.parts.question(given) if isinstance(given, str) else Task.model_validate(given).public()
        trace = trace_of(state)
        return State(
            task=task,
            trace=trace,
            budget=Budget.model_validate(state["budget"]) if "budget" in state else self.parts.budget,
            abilities=abilities(self.parts, trace.recalled),
            run=state.get("run", ""),
        )


def learning_charges(concluded: Conclusion) -> list[Charge]:
    """What writing to memory cost, as charges of the run."""
    return [Charge(by="distil", usage=concluded.usage)] if concluded.usage.llm_calls else []


def _unusable(now: State, kit: Kit, by: str, error: BadReply) -> UnusableRun:
    spent = Charge(by=by, usage=kit.usage)
    return UnusableRun(str(error), now.trace.model_copy(update={"charges": (*now.trace.charges, spent)}))


def _charged(by: str, kit: Kit) -> dict[str, Any]:
    return {"charges": [Charge(by=by, usage=kit.usage).model_dump()]} if kit.usage.llm_calls else {}
