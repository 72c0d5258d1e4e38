"""ReasoningAgent: solve, asolve, astream; and its graph, for people who embed it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, nullcontext
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from pilotage.agent import events
from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.answer import shortest_prompt
from pilotage.agent.budget import Budget
from pilotage.agent.caution import Caution
from pilotage.agent.chat.conversation import conversation_task, read_messages, reply_options
from pilotage.agent.chat.open_turns import OpenTurns, paid
from pilotage.agent.components import Components
from pilotage.agent.errors import ModelError, PilotageError, UsageError
from pilotage.agent.event_loop import EventLoopThread
from pilotage.agent.given import client_of, require_kind, seed_given
from pilotage.agent.graph.build import OPTIONS, RUN_ID, Nodes, RunMode, build_graph
from pilotage.agent.graph.checkpoints import KEPT, DurableGraph, goes_on, require_own_thread, thread_name
from pilotage.agent.graph.isolation import AloneEach, alone, own_config
from pilotage.agent.graph.run_state import Dumped, RunInput, trace_of
from pilotage.agent.learning.memory_parts import MemoryParts
from pilotage.agent.models.call_span import of_model
from pilotage.agent.models.named import GivenModel, NamedModels
from pilotage.agent.routing.confidence import DEFAULT, AnswerConfidence
from pilotage.agent.routing.observation import Observer, max_steps_for, registry_for
from pilotage.agent.routing.policies import Effort, Navigator, navigator_for
from pilotage.agent.run import Navigation, Run, UngradedRun
from pilotage.agent.sandbox import Sandbox, open_sandbox
from pilotage.agent.state import State, candidates
from pilotage.agent.strategies.method import is_strategy, registry_with, require_able, require_room
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import is_graded, require_grader, score_of
from pilotage.agent.tasks.kinds import as_task
from pilotage.agent.telemetry.operations import invoking, not_run, ran
from pilotage.agent.telemetry.spans import Span, tracer
from pilotage.agent.trace import Step, Trace
from pilotage.common.retention import Retention

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph

    from pilotage.agent.kit import Recall
    from pilotage.agent.learning.learning import Form
    from pilotage.agent.learning.recalling import Selection
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.models.prices import Price
    from pilotage.memory import ConceptStore
    from pilotage.navigator.confidence.model import ConfidenceModel
    from pilotage.navigator.policies.policy import Policy

SUPERSTEPS_PER_BLOCK = 3
TOOL = (
    "Works a question out by reasoning and by running programs, and checks the result. Give it the whole question "
    "with every fact that it needs; it knows nothing of the conversation."
)


class ReasoningAgent(AbstractContextManager["ReasoningAgent"], AbstractAsyncContextManager["ReasoningAgent"]):
    """An agent that routes each task through logic blocks.

    Args:
        model: a model string (see `pilotage.agent.models.load_model`), a LangChain chat model, or a `ModelClient`.
        policy: `default` (a program, reasoning where it gives no answer; more at an effort, or where memory learns),
            `rules`, `network`, `random`, `fixed:plan,program,answer`, `strategy:NAME;key=value` (docs/strategies.md), a
            policy file, `llm` (the model itself chooses, for a call a decision), a `Policy`, or a `Navigator`.
        effort: `low`, `medium` or `high`, for `default`; or 0 to 1, for a network with an effort input.
        memory: a `ConceptStore` to recall from and learn into; or a function of your own to recall through
            (`pilotage.agent.kit.Recall`), into which nothing is learnt; None for no memory.
        learn: whether runs are written to memory: what solved tasks taught, and what came of its concepts.
        holdout: share of the tasks that run without hints although memory has some, so that its worth is measured.
        memory_selection: `llm` lets the model choose among the nearest concepts, for one call a recall.
        memory_related: how many related concepts to name beside those that are shown.
        memory_caption: search memory with the model's sentence on what kind of task this is, for one more call.
        memory_form: what a solved task teaches: `program`, its program where it has one, or a `lesson` in words.
        keep_unverified: keep what an answer without evidence teaches as provisional, until feedback or a later success.
        sandbox: `auto`, `bubblewrap`, `subprocess` (weaker; an explicit choice), or `none`; or one that is open.
        budget: limits of each run.
        observation: preset of the observation: `free`, `probe`, `rlot` or `rlot+free`.
        confidence: what says how likely an answer is right: `default`, or a file of `pilotage bank confidence`.
        min_confidence: withhold the answer of a run that is less sure than this, 0 to 1.
        escalate_to: a second model, which solves anew what would be withheld; both are paid for by the run.
        models: models by names of yours, which a strategy's parameters may name (`strategy:cascade;large=NAME`).
        prices: of the other models that such a parameter names by their strings (`pilotage.agent.models.prices`).
        registry: blocks; those installed by default, with the preset `rlot` the five of its paper.
        blocks: strategies as blocks besides.
        checkpoints: a SQLite file by which a killed run resumes under its thread id.
        keep_checkpoints: how long that file keeps threads of such agents that nobody goes on with.
        open_turns: where turns of conversations wait that other agents' bound counts too; by default its own.
        seed: sampling seed.

    Raises:
        PilotageError: a part cannot be had as asked; the text says what to do.

    Use it as a context manager, sync or async, where it checkpoints; `close` releases what it holds.
    """

    def __init__(
        self,
        model: str | ModelClient | BaseChatModel = "embedded",
        *,
        policy: str | Policy | Navigator = "default",
        effort: Effort = None,
        memory: ConceptStore | Recall | None = None,
        learn: bool = True,
        holdout: float = 0.0,
        memory_selection: Selection = "embedding",
        memory_caption: bool = False,
        memory_related: int = 0,
        memory_form: Form = "program",
        keep_unverified: bool = False,
        sandbox: str | Sandbox = "auto",
        budget: Budget | None = None,
        observation: str = "free",
        blocks: Sequence[str] = (),
        confidence: str | Path | ConfidenceModel = DEFAULT,
        min_confidence: float | None = None,
        escalate_to: str | ModelClient | BaseChatModel | None = None,
        models: Mapping[str, GivenModel] | None = None,
        prices: Mapping[str, Price] | None = None,
        registry: Registry | None = None,
        checkpoints: str | Path | None = None,
        keep_checkpoints: Retention = KEPT,
        open_turns: OpenTurns | None = None,
        seed: int = 0,
    ) -> None:
        if isinstance(memory, str | os.PathLike):
            raise UsageError(f"memory is a ConceptStore: give memory=ConceptStore.open({os.fspath(memory)!r})")
        require_kind("registry", registry, Registry)
        require_kind("budget", budget, Budget)
        seed = seed_given(seed)
        client = client_of(model)
        registry = registry_with(policy, registry or registry_for(observation), blocks)
        observer = Observer(registry, observation)
        parts = MemoryParts.of(
            memory, client.name, observer, learn=learn, selection=memory_selection, caption=memory_caption,
            related=memory_related, keep_unverified=keep_unverified, form=memory_form,
        )  # fmt: skip
        study, spec = parts.study, observer.spec
        chosen = navigator_for(policy, registry, spec, seed, effort, experience=parts.index, study=study)
        if study is not None and getattr(chosen, "study", None) is not study:
            study = study.of_hints()
        self.components = Components(
            model=client,
            models=NamedModels(client, models, prices),
            policy=chosen,
            registry=registry,
            observer=observer,
            budget=budget or Budget(max_steps=max_steps_for(observation)),
            sandbox=sandbox if isinstance(sandbox, Sandbox) else open_sandbox(sandbox),
            recall=parts.recall,
            learner=parts.learner,
            creditor=parts.creditor,
            experience=parts.keeps,
            confidence=None if is_strategy(policy) else AnswerConfidence.of(confidence, observer),
            study=study,
            holdout=holdout,
            decides_first=not (isinstance(policy, str) and policy.startswith(("fixed:", "strategy:"))),
            seed=seed,
        )
        require_able(self.components)
        second = None
        if escalate_to is not None:
            second = ReasoningAgent(
                escalate_to, policy=policy, effort=effort, memory=memory, learn=learn, holdout=holdout,
                memory_selection=memory_selection, memory_caption=memory_caption, memory_related=memory_related,
                memory_form=memory_form, keep_unverified=keep_unverified, sandbox=sandbox, budget=budget,
                observation=observation, confidence=confidence, registry=registry, seed=seed, models=models,
                prices=prices,
            )  # fmt: skip
        self.caution = Caution.of(min_confidence, self.components.confidence, second)
        self.memory = parts.store
        self._turns = open_turns or OpenTurns()
        self._thread = EventLoopThread()
        self._durable = None
        if checkpoints is not None:
            self._durable = DurableGraph(checkpoints, self.components, self._thread, keep_checkpoints)

    @cached_property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled graph without checkpoints, to run as it is or to embed as a node of another graph.

        It reads `task`, or `messages` where no task is given, and writes `answer`, and a message where it read them.
        """
        return build_graph(self.components, thread=self._thread)

    def as_tool(self, name: str = "solve", description: str = TOOL) -> BaseTool:
        """A LangChain tool: a question in, the answer out; its artifact is the run as `--json` prints it.

        Args:
            name: what a model calls it by.
            description: what a model reads of it.
        """
        from pilotage.agent.graph.tool import tool_of

        return tool_of(self, name, description)

    async def asolve(
        self,
        task: Task | str,
        *,
        thread_id: str | None = None,
        run_id: str = "",
        learn_later: bool = False,
        found: Run | None = None,
        budget: Budget | None = None,
        config: RunnableConfig | None = None,
    ) -> Run:
        """Solves one task. With a `thread_id`, an unfinished run of that name goes on where it stopped.

        Args:
            task: the task, or a bare question.
            thread_id: name under which the run is kept; needs `checkpoints`. It goes on if its task and agent are the
                same; else it begins anew.
            run_id: names the run in memory's history, which counts what came of it once; made up if empty.
            learn_later: leave memory as it is; `alearn` then learns from the run.
            found: a run on the same conversation, of which another reply is wanted: its work serves this one too, and
                is not paid for again.
            budget: limits of this run; those of the agent by default.
            config: callbacks, tags, metadata and run name, which reach every call of the model.

        Raises:
            UsageError: another run of that thread is at work, or the task cannot be solved as it is given.
        """
        started, task = time.perf_counter(), as_task(task)
        waits = learn_later or self.caution.may_escalate(task)
        options = RunMode(False, waits, message=False, budget=budget, found=self._found(task, found))
        configurable = {OPTIONS: options, RUN_ID: run_id}
        with self._span() as span:
            with self._holding(thread_id):
                task, graph, start, config = await self._start(task, thread_id, config, configurable)
                with self._in_use(thread_id):
                    final = await alone(lambda: graph.ainvoke(start, config, durability=_durability(thread_id)))
            run = await self._finish(task, final["pilotage"], started, keeps=found is None)
            span.tell(ran, run)
        return await self.caution.settled(self, task, run, budget=budget, learn_later=learn_later, config=config)

    async def alearn(self, task: Task, run: Run) -> Run:
        """Credits and learns from a run that was solved with `learn_later`; returns it with what that gave and cost."""
        if run.escalated is not None and self.caution.second is not None:
            return await self.caution.second.alearn(task, run)
        state = State(task.public(), run.trace, self.components.budget, self.components.abilities, run.id)
        concluded = await Nodes(self.components, self._thread).conclude(state, run.stopped_by)
        learned = {"learned": tuple(concluded.titles), "followed": concluded.followed, "trace": concluded.trace}
        return run.model_copy(update=learned)

    async def afeedback(self, run: Run, *, helped: bool) -> None:
        """Records whether a run's answer was good, as credit for what it followed and taught."""
        from pilotage.agent.learning.credit import give_feedback

        await give_feedback(self.memory, run, helped)

    def feedback(self, run: Run, *, helped: bool) -> None:
        """`afeedback` for callers without an event loop."""
        self.components.process.enter()
        self._thread.call(lambda: self.afeedback(run, helped=helped))

    def unsolved(self, task: Task, error: PilotageError, run_id: str = "") -> Run:
        """A task that could not be solved, as a run without an answer: what it cost is not forgotten."""
        trace = (error.trace if isinstance(error, ModelError | UngradedRun) else None) or Trace()
        score, seconds = 0.0 if is_graded(task) else None, trace.seconds
        more = {"id": run_id, "answer": None, "score": score, "stopped_by": "error", "seconds": seconds}
        return self._run(task, trace, error=str(error), **more)

    async def astream(
        self,
        task: Task | str,
        *,
        thread_id: str | None = None,
        run_id: str = "",
        learn_later: bool = False,
        found: Run | None = None,
        budget: Budget | None = None,
        config: RunnableConfig | None = None,
    ) -> AsyncGenerator[events.Event, None]:
        """Solves one task and yields what happens as it happens, each token included; `Finished` comes last."""
        started, task = time.perf_counter(), as_task(task)
        waits = learn_later or self.caution.may_escalate(task)
        options = RunMode(True, waits, message=False, budget=budget, found=self._found(task, found))
        final: dict[str, Any] = {}
        with self._span(apart=True) as span:
            with self._holding(thread_id):
                configurable = {OPTIONS: options, RUN_ID: run_id}
                task, graph, start, config = await self._start(task, thread_id, config, configurable)
                modes: Any = ["custom", "values"]
                stream = graph.astream(start, config, stream_mode=modes, durability=_durability(thread_id))
                with span.within():
                    each = AloneEach(stream)
                with self._in_use(thread_id):
                    async with aclosing(each) as happening:
                        async for mode, data in happening:
                            if mode == "custom":
                                yield data
                            else:
                                final = data
            with span.within():
                run = await self._finish(task, final["pilotage"], started, keeps=found is None)
            span.tell(ran, run)
        later: dict[str, Any] = {"budget": budget, "learn_later": learn_later, "config": config}
        async with aclosing(self.caution.going_on(self, task, run, **later)) as happening:
            async for event in happening:
                yield event

    def solve(self, task: Task | str, *, thread_id: str | None = None, config: RunnableConfig | None = None) -> Run:
        """`asolve` for callers without an event loop."""
        self.components.process.enter()
        return self._thread.call(lambda: self.asolve(task, thread_id=thread_id, config=config))

    async def achat(self, messages: Sequence[Any], *, config: RunnableConfig | None = None, **options: Any) -> Run:
        """Replies to a conversation; the run's `message` is the assistant's next one.

        Its last message of the user is worked on first where it deserves thought (`pilotage.agent.chat`), with the
        limits of the agent's budget; the reply itself is written by one call, as the options say.

        Args:
            messages: of this package, of LangChain, or dictionaries in OpenAI's form. Where they end with what the
                caller's tools returned, the turn goes on with what was found before.
            config: callbacks, tags, metadata and run name, which reach every call of the model.
            options: fields of `ReplyOptions`, `tools` also as a plain list of OpenAI's tools.
        """
        return await self.asolve(conversation_task(read_messages(messages), reply_options(options)), config=config)

    def chat(self, messages: Sequence[Any], *, config: RunnableConfig | None = None, **options: Any) -> Run:
        """`achat` for callers without an event loop."""
        self.components.process.enter()
        return self._thread.call(lambda: self.achat(messages, config=config, **options))

    def astream_chat(
        self, messages: Sequence[Any], *, config: RunnableConfig | None = None, **options: Any
    ) -> AsyncGenerator[events.Event, None]:
        """`achat` that yields what happens as it happens: the reply's text is the tokens of the block `answer`."""
        return self.astream(conversation_task(read_messages(messages), reply_options(options)), config=config)

    def stream_chat(
        self, messages: Sequence[Any], *, config: RunnableConfig | None = None, **options: Any
    ) -> Iterator[events.Event]:
        """`astream_chat` for callers without an event loop."""
        self.components.process.enter()
        return self._thread.items(self.astream_chat(messages, config=config, **options))

    async def _start(
        self, given: Task | str, thread_id: str | None, config: RunnableConfig | None, configurable: dict[str, Any]
    ) -> tuple[Task, Any, RunInput | None, RunnableConfig]:
        """The task, the graph to run, what to start it with (None where a kept run goes on), and the run's config."""
        task, budget = as_task(given), (configurable.get(OPTIONS) or RunMode()).budget or self.components.budget
        require_grader(task)
        if not task.messages:
            budget.require_room_for(shortest_prompt(task))
            require_room(self.components.policy, task, budget)
        self.components.process.enter()
        own = own_config(config, configurable, SUPERSTEPS_PER_BLOCK * (budget.max_steps + 2))
        start: RunInput = {"task": Dumped(task.public())}
        if thread_id is None:
            return task, self.graph, start, own
        if self._durable is None:
            raise UsageError(
                f"no run is kept under the thread id {thread_id!r}: give the agent checkpoints=, or leave thread_id out"
            )
        if self.caution.second is not None:
            raise UsageError("a thread keeps the run of one model: leave out thread_id (--thread), or escalate_to")
        own["configurable"]["thread_id"] = thread_id = thread_name(thread_id)
        graph, saver = await self._durable.here()
        snapshot = await graph.aget_state(own)
        require_own_thread(snapshot, thread_id)
        unfinished = bool(snapshot.next) and goes_on(snapshot.values, task, self.components.identity)
        if not unfinished and snapshot.values:
            await saver.adelete_thread(thread_id)
        return task, graph, None if unfinished else start, own

    def _span(self, *, apart: bool = False) -> Span:
        model, policy = self.components.model, self.components.policy
        return Span(tracer(), lambda: invoking(of_model(model), policy.name), apart=apart, failure=not_run)

    def _found(self, task: Task, of: Run | None) -> tuple[Step, ...]:
        """What was found before in the turn of a conversation that a run replies to."""
        return self._turns.found(task) if of is None else paid(of.trace.steps[:-1])

    def _holding(self, thread_id: str | None) -> AbstractContextManager[object]:
        return nullcontext() if self._durable is None or thread_id is None else self._durable.holding(thread_id)

    def _in_use(self, thread_id: str | None) -> AbstractContextManager[None]:
        return nullcontext() if self._durable is None or thread_id is None else self._durable.in_use()

    async def _finish(self, task: Task, final: dict[str, Any], started: float, *, keeps: bool) -> Run:
        """The run of a graph's final state; `keeps` what it found for the rest of its turn, as a turn's first run."""
        answer, trace = final["answer"], trace_of(final)
        try:
            score = await score_of(task, answer, self.components.sandbox)
        except UsageError as error:
            raise UngradedRun(str(error), trace) from error
        if keeps:
            self._turns.keep(task, trace)
        reached = candidates(task, trace.steps)
        components = self.components
        ended = State(task.public(), trace, components.budget, components.abilities)
        return self._run(
            task,
            trace,
            id=final["run"],
            answer=answer,
            score=score,
            verified=bool(reached) and reached[0].verified,
            confidence=None if components.confidence is None else components.confidence(ended, answer),
            learned=tuple(final["learned"]),
            followed=tuple(final["followed"]),
            stopped_by=final["stopped_by"],
            seconds=time.perf_counter() - started,
        )

    def _run(self, task: Task, trace: Trace, **result: Any) -> Run:
        components = self.components
        return Run(
            task_id=task.id,
            trace=trace,
            model=components.model.name,
            policy=components.policy.name,
            seed=components.seed,
            navigation=Navigation.of(components.observer, trace),
            **result,
        )

    async def aclose(self) -> None:
        """Releases the checkpoint file, in the process that the agent belongs to."""
        if self._durable is not None and not self.components.process.elsewhere:
            await self._durable.aclose()

    def close(self) -> None:
        """Releases the checkpoint file and the thread behind `solve`; who still waits for that gets an `AgentClosed`.

        It may be called twice, from several threads at once, and in a forked child, where there is nothing to release.
        The next call of the agent opens them again.
        """
        if not self.components.process.elsewhere:
            self._thread.close(self.aclose)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _durability(thread_id: str | None) -> Literal["sync"] | None:
    """What is kept is kept before the next block begins, so that a kill costs no finished call."""
    return None if thread_id is None else "sync"
