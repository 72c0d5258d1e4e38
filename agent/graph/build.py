"""The LangGraph graph: begin -> navigate -> <block> -> navigate -> ... -> answer -> learn.

Where an observation costs a call of the model, a node `observe` stands before `navigate`.

The graph's state (`pilotage.agent.graph.run_state`) is plain JSON, so that any checkpointer can store it, and it holds
the task's public view only: no hidden answer can travel in it. Each node reads it as a `State`, does one thing, and
returns what is new.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from pilotage.agent import events
from pilotage.agent.blocks.answer import shortest_prompt
from pilotage.agent.blocks.base import Block
from pilotage.agent.budget import Budget
from pilotage.agent.components import Components
from pilotage.agent.errors import BadReply, ModelUnavailable
from pilotage.agent.event_loop import EventLoopThread
from pilotage.agent.graph.advance import abilities, charged, extended, kit_for, observe, remember, run_block
from pilotage.agent.graph.messages import asks_since, listen_for_replies
from pilotage.agent.graph.run_state import (
    Clock,
    Dumped,
    RunInput,
    RunOutput,
    RunState,
    added,
    anew,
    as_message,
    messages_in,
    question_in,
    read,
    trace_of,
)
from pilotage.agent.kit import Kit
from pilotage.agent.routing.navigators import choose
from pilotage.agent.run import decision_record
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import CostEntry, Trace, Usage
from pilotage.navigator.policies.policy import require_legal

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

STREAM_TOKENS = "pilotage_stream_tokens"
"""Key of `config["configurable"]`: true asks the model to stream, and each token becomes an event."""

LEARN_LATER = "pilotage_learn_later"
"""Key of `config["configurable"]`: true leaves memory as it is; `Nodes.conclude` credits and learns afterwards."""

RUN_ID = "pilotage_run"
"""Key of `config["configurable"]`: names the run in memory's history, which counts what came of it once."""

WITHOUT_MESSAGE = "pilotage_without_message"
"""Key of `config["configurable"]`: true keeps the answer out of LangGraph's stream of messages."""

ACCOUNT = ("run", "answer", "recalled", "steps", "charges", "decisions", "learned", "followed", "stopped_by")
"""What the graph's output `pilotage` tells of a run."""

GOTO = "goto"
"""Where in its changes the work of a node names the node to go to."""

Change = dict[str, Any] | Command[str]
Work = Callable[[RunState, State, RunnableConfig], Awaitable[dict[str, Any]]]


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


class RefusedRun(UnusableRun, ModelUnavailable):
    """The endpoint would not answer a request of this run; other runs it may well answer."""


def build_graph(
    components: Components,
    checkpointer: BaseCheckpointSaver[str] | bool | None = None,
    thread: EventLoopThread | None = None,
) -> CompiledStateGraph[RunState, None, RunInput, RunOutput]:
    """Compiles the graph of an agent. Use it as it is, or as a node of your own graph.

    Args:
        components: what the agent is made of.
        checkpointer: keeps runs; as a node of another graph it shares that one's by default, and with True it has a
            state of its own throughout a thread.
        thread: where its coroutines run for callers without an event loop.
    """
    nodes = Nodes(components, thread or EventLoopThread())
    graph = StateGraph(RunState, input_schema=RunInput, output_schema=RunOutput)
    actions, onwards = components.registry.actions, "observe" if components.observer.asks else "navigate"
    graph.add_node("begin", Node(nodes, nodes.begin))
    graph.add_node("navigate", nodes.timed(nodes.navigate), destinations=tuple(actions.names))
    if components.observer.asks:
        graph.add_node("observe", nodes.timed(nodes.observe))
        graph.add_edge("observe", "navigate")
    graph.add_node("learn", nodes.timed(nodes.learn))
    for block in components.registry:
        graph.add_node(block.name, nodes.timed(nodes.running(block)))
        graph.add_edge(block.name, "learn" if block.name == actions.terminal else onwards)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", onwards)
    graph.add_edge("learn", END)
    return graph.compile(checkpointer=checkpointer, name="pilotage")


class Node(Runnable[RunState, Change]):
    """A node for `ainvoke` and for `invoke`: the latter runs the coroutine in the agent's event loop thread.

    Args:
        nodes: whose node it is.
        work: what it does.
    """

    def __init__(self, nodes: Nodes, work: Callable[[RunState, RunnableConfig], Awaitable[Change]]) -> None:
        self._nodes = nodes
        self._work = work

    async def ainvoke(self, input: RunState, config: RunnableConfig | None = None, **_: Any) -> Change:
        """Does it on this event loop."""
        self._nodes.components.process.enter()
        return await self._work(input, config or {})

    def invoke(self, input: RunState, config: RunnableConfig | None = None, **_: Any) -> Change:
        """Does it on the agent's event loop thread."""
        self._nodes.components.process.enter()
        return self._nodes.thread.call(lambda: self.ainvoke(input, config))


class Nodes:
    """The graph's nodes over one agent's components: coroutines from a graph state to what changes in it.

    Args:
        components: what the agent is made of.
        thread: where they run for callers without an event loop.
    """

    def __init__(self, components: Components, thread: EventLoopThread) -> None:
        self.components = components
        self.thread = thread

    def timed(self, work: Work) -> Node:
        """A node that does some work on the run as it stands, and keeps the run's clock."""

        async def node(state: RunState, config: RunnableConfig) -> Change:
            clock = Clock.read(state.get("clock"), config.get("configurable", {}))
            change = await work(state, self._view(state, clock), config)
            goto = change.pop(GOTO, None)
            change["clock"] = clock.keep()
            return change if goto is None else Command(update=change, goto=goto)

        return Node(self, node)

    async def begin(self, state: RunState, config: RunnableConfig) -> dict[str, Any]:
        """Sets the state for a new run, and asks memory about the task before anything else."""
        clock, configurable = Clock.start(), config.get("configurable", {})
        given, messages = state.get("task"), messages_in(state)
        if given and await asks_since(given, messages, config):
            given = None
        known = isinstance(given, Dumped)
        task = read(Task, given) if known else Components.task(given or question_in(messages)).public()
        self.components.budget.require_room_for(shortest_prompt(task))
        now = State(task, Trace(), self.components.budget, self.components.abilities)
        update: dict[str, Any] = {
            **anew(),
            "working": Dumped(task),
            "worker": self.components.identity,
            "conversing": not given,
            "budget": Dumped(now.budget),
            "run": configurable.get(RUN_ID) or secrets.token_hex(8),
        }
        if self.components.recall is not None:
            kit = kit_for(self.components, now)
            recalled = await remember(self.components, now, kit)
            update |= added(now.trace, extended(charged(now, "recall", kit.usage), recalled=recalled).trace, state={})
            get_stream_writer()(events.Recalled(recalled.hints, recalled.withheld))
        return update | {"clock": clock.keep()}

    async def observe(self, state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
        """Computes what the navigator sees, where that costs a call: its own node, so that a kill loses none."""
        observer, kit = self.components.observer, kit_for(self.components, now)
        try:
            seen = await observe(observer, now, kit)
        except BadReply as unusable:
            raise _unusable(now, kit, observer.preset, unusable) from unusable
        update = added(now.trace, charged(now, observer.preset, kit.usage).trace, state)
        update["observation"] = seen.observation.tolist()
        return update if seen.stopped_by is None else {**update, "stopped_by": seen.stopped_by}

    async def navigate(self, state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
        """Lets the policy choose the next block among the applicable ones."""
        observer, registry = self.components.observer, self.components.registry
        actions, after, stopped_by, observed = registry.actions, now, state["stopped_by"], dict[str, Any]()
        if stopped_by:
            decision = {"block": actions.terminal, "why": f"the budget's {stopped_by} is reached"}
        else:
            kit, mask = kit_for(self.components, now), registry.mask(now)
            observation = observer.vector(state["observation"]) if observer.asks else observer.without_asking(now)
            observed = {} if observer.asks else {"observation": observation.tolist()}
            chosen = await choose(self.components.policy, now, observation, mask, kit)
            decision = {"block": require_legal(chosen, mask, actions), "why": chosen.why}
            taken = decision_record(chosen, observation, mask, actions, now.trace)
            after = extended(charged(now, "navigate", kit.usage), decisions=[taken])
            if decision["block"] == actions.terminal:
                stopped_by = "max_steps" if now.steps_left <= 1 else "answer"
        get_stream_writer()(events.Chosen(decision["block"], decision["why"]))
        update = {**observed, **added(now.trace, after.trace, state), "decision": decision, GOTO: decision["block"]}
        return update if stopped_by == state["stopped_by"] else {**update, "stopped_by": stopped_by}

    def running(self, block: Block) -> Work:
        """The node that runs one block."""
        last = block.name == self.components.registry.actions.terminal

        async def work(state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
            write, configurable = get_stream_writer(), config.get("configurable", {})
            streaming = configurable.get(STREAM_TOKENS, False)
            kit = kit_for(
                self.components, now, (lambda text: write(events.Token(block.name, text))) if streaming else None
            )
            replies = listen_for_replies() if last and not configurable.get(WITHOUT_MESSAGE, False) else None
            try:
                ran = await run_block(block, now, kit)
            except BadReply as unusable:
                raise _unusable(now, kit, block.name, unusable) from unusable
            after = extended(now, ran.step)
            update = added(now.trace, after.trace, state)
            if ran.stopped_by is not None:
                update["stopped_by"] = ran.stopped_by
            write(events.Stepped(ran.step))
            if last:
                update["answer"] = ran.step.candidate
            if replies is not None:
                stopped_by, id = ran.stopped_by or state["stopped_by"], replies.id_of(ran.step.candidate)
                update["reply"] = as_message(ran.step.candidate, after.trace.usage, stopped_by, cut=ran.step.cut, id=id)
            return update

        return work

    async def learn(self, state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
        """Writes to memory what came of its hints and what public evidence says has worked, and ends the run."""
        concluded = Conclusion({}, (), Usage())
        if not config.get("configurable", {}).get(LEARN_LATER, False):
            concluded = await self.conclude(now)
            if self.components.learner is not None:
                get_stream_writer()(events.Learned(concluded.titles, concluded.usage))
        update: dict[str, Any] = {
            "learned": list(concluded.titles),
            "followed": list(concluded.followed),
            **added(now.trace, learnt(now, concluded).trace, state),
        }
        ended = {**state, **update}
        update["pilotage"] = {key: ended[key] for key in ACCOUNT}
        reply = state.get("reply")
        if state["conversing"] and reply is not None:
            update["messages"] = [reply]
        return update

    async def conclude(self, now: State) -> Conclusion:
        """Credits the concepts that a finished run was shown, then learns from it."""
        followed = await self.components.creditor.credit(now) if self.components.creditor is not None else ()
        if self.components.learner is None:
            return Conclusion({}, followed, Usage())
        kit = kit_for(self.components, now)
        try:
            titles = await self.components.learner.learn(now, kit)
        except BadReply:  # the task is solved all the same; its trace shows a charge for nothing learnt
            titles = {}
        return Conclusion(titles, followed, kit.usage)

    def _view(self, state: RunState, clock: Clock) -> State:
        trace = trace_of(state)
        return State(
            task=read(Task, state["working"]),
            trace=trace,
            budget=read(Budget, state["budget"]),
            abilities=abilities(self.components, trace.recalled),
            run=state["run"],
            elapsed=clock.elapsed,
        )


def learnt(state: State, concluded: Conclusion) -> State:
    """The state after what writing to memory cost."""
    return charged(state, "distil", concluded.usage)


def _unusable(now: State, kit: Kit, by: str, error: BadReply) -> UnusableRun:
    kind = RefusedRun if isinstance(error, ModelUnavailable) else UnusableRun
    return kind(str(error), extended(now, charges=[CostEntry(by=by, usage=kit.usage)]).trace)
