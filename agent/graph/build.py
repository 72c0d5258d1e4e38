"""The LangGraph graph: begin -> navigate -> <block> -> navigate -> ... -> answer -> learn.

Where an observation costs a call of the model, a node `observe` stands before `navigate`.

The graph's state (`pilotage.agent.graph.run_state`) is plain JSON, so that any checkpointer can store it, and it holds
the task's public view only: no hidden answer can travel in it. Each node reads it as a `State`, does one thing, and
returns what is new.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
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
from pilotage.agent.chat.conversation import conversation_task, opening
from pilotage.agent.components import Components
from pilotage.agent.errors import BadReply, ModelError
from pilotage.agent.event_loop import EventLoopThread
from pilotage.agent.graph.advance import (
    abilities,
    charged,
    extended,
    keep_experience,
    kit_for,
    lessons,
    observe,
    remember,
    reply_kit,
    run_block,
)
from pilotage.agent.graph.failures import FAILED, forgone, given_up, is_of_endpoint, unusable, with_cost, without_memory
from pilotage.agent.graph.messages import ReplyListener, as_message, conversation_in, is_newer_than_task, messages_in
from pilotage.agent.graph.run_state import (
    BEFORE,
    Clock,
    Dumped,
    RunInput,
    RunOutput,
    RunState,
    added,
    read,
    trace_of,
)
from pilotage.agent.routing.policies import choose
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.tasks.kinds import as_task
from pilotage.agent.trace import DecisionRecord, Recalled, Step, Trace, Usage
from pilotage.memory.errors import ConceptStoreError
from pilotage.navigator.policies.policy import Decision, require_legal
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, decimals

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

RUN_ID = "pilotage_run"
"""Key of `config["configurable"]`: names the run in memory's history, which counts what came of it once."""

OPTIONS = "pilotage_options"
"""Key of `config["configurable"]`: the `RunMode` of a run that the agent itself starts."""

ACCOUNT = ("run", "answer", "recalled", "steps", "charges", "decisions", "learned", "followed", "stopped_by")
"""What the graph's output `pilotage` tells of a run."""

GOTO = "goto"
"""Where in its changes the work of a node names the node to go to."""

Change = dict[str, Any] | Command[str]
Work = Callable[[RunState, State, RunnableConfig], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class RunMode:
    """How one run goes."""

    stream_tokens: bool = False  # asks the model to stream, and makes each token an event
    learn_later: bool = False  # leaves memory as it is; `Nodes.conclude` credits and learns afterwards
    message: bool = True  # shows the answer in LangGraph's stream of messages
    budget: Budget | None = None  # of this run; that of the agent by default
    found: tuple[Step, ...] = ()  # what an earlier call of the same turn of a conversation has worked out and paid for

    @classmethod
    def of(cls, config: RunnableConfig) -> RunMode:
        """Those of a node's run; the defaults where the graph runs within another one."""
        return config.get("configurable", {}).get(OPTIONS) or cls()


@dataclass(frozen=True)
class Conclusion:
    """What memory made of a run: titles of the concepts written, ids of those followed, what that cost, the trace."""

    titles: Mapping[str, str]
    followed: tuple[str, ...]
    usage: Usage
    trace: Trace


def build_graph(
    components: Components,
    checkpointer: BaseCheckpointSaver[str] | bool | None = None,
    thread: EventLoopThread | None = None,
) -> CompiledStateGraph[RunState, None, RunInput, RunOutput]:
    """Compiles the graph of an agent. Use it as it is, or as a node of your own graph.

    As a node of another graph it shares that one's `checkpointer` by default, and with True it has a state of its own
    throughout a thread. `thread` is where its coroutines run for callers without an event loop.
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
    """A node for `ainvoke` and for `invoke`: the latter runs the coroutine in the agent's event loop thread."""

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
    """The graph's nodes over one agent's components: coroutines from a graph state to what changes in it."""

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
        if given and await is_newer_than_task(given, messages, config):
            given = None
        known = isinstance(given, Dumped)
        if known:
            task = read(Task, given)
        else:
            task = as_task(given).public() if given else conversation_task(conversation_in(messages))
        components, mode = self.components, RunMode.of(config)
        found, budget = mode.found, mode.budget or components.budget
        begun = opening(task, decides=components.decides_first)
        why = begun.straight or ("was worked on before" if found else "")
        if not task.messages:
            budget.require_room_for(shortest_prompt(task))
        now = State(task, Trace(steps=found), budget, components.abilities)
        update: dict[str, Any] = {
            **BEFORE,
            "working": Dumped(task),
            "worker": components.identity,
            "conversing": not given,
            "straight": why,
            "steps": [*map(Dumped, found)],
            "budget": Dumped(now.budget),
            "run": configurable.get(RUN_ID) or secrets.token_hex(8),
        }
        if begun.thinks and not why:
            get_stream_writer()(events.Decided(begun.thinks))
        if components.recall is not None and not why:
            kit = kit_for(components, now)
            try:
                recalled = await remember(components, now, kit)
            except ConceptStoreError as error:
                recalled = without_memory(now, error, Recalled())
            update |= added(now.trace, extended(charged(now, "recall", kit.usage), recalled=recalled).trace, state={})
            get_stream_writer()(events.Recalled(recalled.hints, recalled.withheld))
        return update | {"clock": clock.keep()}

    async def observe(self, state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
        """Computes what the navigator sees, where that costs a call: its own node, so that a kill loses none."""
        if state.get("straight"):
            return {}
        observer, kit = self.components.observer, kit_for(self.components, now)
        try:
            seen = await observe(observer, now, kit)
        except BadReply as error:
            raise unusable(now, kit, observer.preset, error) from error
        update = added(now.trace, charged(now, observer.preset, kit.usage).trace, state)
        update["observation"] = seen.observation.tolist()
        return update if seen.stopped_by is None else {**update, "stopped_by": seen.stopped_by}

    async def navigate(self, state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
        """Lets the policy choose the next block among the applicable ones."""
        observer, registry = self.components.observer, self.components.registry
        actions, stopped_by, update = registry.actions, state["stopped_by"], dict[str, Any]()
        if state.get("straight"):
            block, why, update = actions.terminal, state["straight"], {"stopped_by": "answer"}
        elif stopped_by:
            why = "a block's model failed it" if stopped_by == FAILED else f"the budget's {stopped_by} is reached"
            block = actions.terminal
        else:
            kit, mask = kit_for(self.components, now), registry.mask(now)
            observation = observer.vector(state["observation"]) if observer.asks else observer.without_asking(now)
            chosen = await choose(self.components.policy, now, observation, mask, kit)
            block = require_legal(chosen, mask, actions, f"the policy {self.components.policy.name!r}")
            why = chosen.why
            taken = _record(chosen, block, observation, mask, now, actions)
            update = {} if observer.asks else {"observation": observation.tolist()}
            after = extended(charged(now, "navigate", kit.usage), decisions=[taken])
            update |= added(now.trace, after.trace, state)
            if block == actions.terminal:
                update["stopped_by"] = "max_steps" if now.steps_left <= 1 else "answer"
        get_stream_writer()(events.Chosen(block, why))
        return {**update, "decision": {"block": block, "why": why}, GOTO: block}

    def running(self, block: Block) -> Work:
        """The node that runs one block."""
        last = block.name == self.components.registry.actions.terminal

        async def work(state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
            write, options = get_stream_writer(), RunMode.of(config)
            on_token = (lambda text: write(events.Token(block.name, text))) if options.stream_tokens else None
            kit = kit_for(self.components, now, on_token)
            if last and now.task.messages:
                on_thought = (lambda text: write(events.Thought(block.name, text))) if options.stream_tokens else None
                kit = reply_kit(self.components, now, on_token, on_thought)
            replies = ReplyListener() if last and options.message else None
            try:
                ran = await run_block(block, now, kit)
            except ModelError as error:
                if now.task.messages and not last and not is_of_endpoint(error):
                    ran = given_up(block, error, kit)
                elif isinstance(error, BadReply):
                    raise unusable(now, kit, block.name, error) from error
                else:
                    with_cost(now, kit, block.name, error)
                    raise
            except ConceptStoreError as error:
                ran = without_memory(now, error, forgone(block, kit))
            after, answer = extended(now, ran.step).trace, ran.step.candidate
            if last and now.task.messages:
                answer = ran.step.text.strip() or None
            update = added(now.trace, after, state)
            if ran.stopped_by is not None:
                update["stopped_by"] = ran.stopped_by
            write(events.Stepped(ran.step))
            if last:
                update["answer"] = answer
            if replies is not None:
                ended, id = ran.stopped_by or state["stopped_by"], replies.id_of(answer)
                update["reply"] = as_message(answer, after.usage, ended, cut=ran.step.cut, id=id)
            return update

        return work

    async def learn(self, state: RunState, now: State, config: RunnableConfig) -> dict[str, Any]:
        """Writes to memory what came of its hints and what the run teaches, and ends it."""
        concluded = nothing = Conclusion({}, (), Usage(), now.trace)
        if not RunMode.of(config).learn_later:
            try:
                concluded = await self.conclude(now, state["stopped_by"])
            except ConceptStoreError as error:
                concluded = without_memory(now, error, nothing)
            if self.components.learner is not None:
                get_stream_writer()(events.Learned(concluded.titles, concluded.usage))
        update: dict[str, Any] = {
            "learned": list(concluded.titles),
            "followed": list(concluded.followed),
            **added(now.trace, concluded.trace, state),
        }
        ended = {**state, **update}
        update["pilotage"] = {key: ended[key] for key in ACCOUNT}
        reply = state.get("reply")
        if state["conversing"] and reply is not None:
            update["messages"] = [reply]
        return update

    async def conclude(self, now: State, stopped_by: str) -> Conclusion:
        """Credits the concepts that a finished run was shown, learns from it, and keeps what its blocks came to."""
        components, titles, kit = self.components, dict[str, str](), kit_for(self.components, now)
        followed = await components.creditor.credit(now) if components.creditor is not None else ()
        with suppress(BadReply):  # the task is solved all the same; its trace shows a charge for nothing learnt
            titles = await lessons(components, now, kit)
        ended = charged(now, "distil", kit.usage)
        if components.experience is not None and stopped_by != FAILED:  # which says nothing of its blocks
            await asyncio.to_thread(keep_experience, components, ended)
        return Conclusion(titles, followed, kit.usage, ended.trace)

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


def _record(
    chosen: Decision, block: str, observation: Observation, mask: ActionMask, now: State, actions: ActionSpec
) -> DecisionRecord:
    drawn = None if chosen.probabilities is None else zip(actions.names, chosen.probabilities, strict=True)
    return DecisionRecord(
        observation=tuple(decimals(observation)),
        legal=tuple(name for name, allowed in zip(actions.names, mask, strict=True) if allowed),
        block=block,
        why=chosen.why,
        probabilities=None if drawn is None else {name: p for name, p in drawn if p > 0},
        tokens=now.usage.total_tokens,
    )
