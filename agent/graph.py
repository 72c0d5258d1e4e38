"""The LangGraph graph: recall -> observe -> navigate -> <block> -> observe -> ... -> answer -> learn.

The graph's state is plain JSON, so that any checkpointer can store it, and it holds the task's public view only: no
hidden answer can travel in it. Each node reads it as a `State`, does one thing, and returns what is new.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from agent import events
from agent.blocks.base import Block
from agent.budget import Budget, Meter
from agent.errors import BudgetExceeded
from agent.kit import Kit
from agent.parts import Parts
from agent.state import State
from agent.task import Task
from agent.trace import Charge, Evidence, Step, Trace
from navigator.policy import require_legal

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

INITIAL_HINT_TOKENS = 160
STREAM_TOKENS = "pilotage_stream_tokens"
"""Key of `config["configurable"]`: true asks the model to stream, and each token becomes an event."""


class RunState(TypedDict, total=False):
    """What the graph carries from node to node, as plain JSON.

    Give `task`: a `Task` as a dictionary, or just the question as text. Read `answer`, and `steps` for how it came.
    """

    task: dict[str, Any] | str
    budget: dict[str, Any]
    recalled: dict[str, Any]
    steps: Annotated[list[dict[str, Any]], operator.add]
    charges: Annotated[list[dict[str, Any]], operator.add]
    observation: list[float]
    decision: dict[str, str]
    answer: str | None
    stopped_by: str
    learned: list[str]


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
        if self.parts.recall is not None:
            recalled = await self.parts.recall(now.task.prompt, INITIAL_HINT_TOKENS)
            update["recalled"] = recalled.model_dump()
            get_stream_writer()(events.Recalled(recalled.hints))
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
        step = step.model_copy(update={"seconds": time.monotonic() - started})
        write(events.Stepped(step))
        if block.name == self.parts.registry.actions.terminal:
            update["answer"] = step.candidate
        return {"steps": [step.model_dump()], **update}

    async def learn(self, state: RunState) -> dict[str, Any]:
        """Writes to memory what public evidence says has worked."""
        if self.parts.learner is None:
            return {"learned": []}
        now = self._view(state)
        kit = self._kit(now)
        learned = await self.parts.learner.learn(now, kit)
        get_stream_writer()(events.Learned(learned, kit.usage))
        return {
            "learned": list(learned),
            **_charged("distil", kit),
        }

    def _view(self, state: RunState) -> State:
        given = state["task"]
        task = self.parts.question(given) if isinstance(given, str) else Task.model_validate(given).public()
        return State(
            task=task,
            trace=trace_of(state),
            budget=Budget.model_validate(state["budget"]) if "budget" in state else self.parts.budget,
            abilities=self.parts.abilities,
        )

    def _kit(self, now: State, on_token: Callable[[str], None] | None = None) -> Kit:
        return Kit(
            self.parts.model,
            Meter(now.budget, now.trace.usage, now.trace.seconds),
            sandbox=self.parts.sandbox,
            recall=self.parts.recall,
            on_token=on_token,
            seed=self.parts.seed,
        )


def _charged(by: str, kit: Kit) -> dict[str, Any]:
    return {"charges": [Charge(by=by, usage=kit.usage).model_dump()]} if kit.usage.llm_calls else {}
