"""Kit: the only way by which a block reaches the model, the sandbox or memory, so that no cost can be forgotten."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Sequence
from copy import copy
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Protocol

from pilotage.agent.budget import Meter
from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.messages import Message, ReplyOptions
from pilotage.agent.models.calls import Asks, Calls, Listener
from pilotage.agent.models.named import NamedModels
from pilotage.agent.models.reply import Reply, Request
from pilotage.agent.prompting import conversation
from pilotage.agent.state import State
from pilotage.agent.telemetry.operations import found, searching
from pilotage.agent.telemetry.spans import span
from pilotage.agent.trace import Evidence, Hint, Recalled, Step, Turn, Usage, total

if TYPE_CHECKING:
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.sandbox import Execution, Sandbox


HINT_TOKENS = 160
"""What the hints that a run starts with may cost."""

REPLY_TOKENS = 65_536
"""What is read of the reply to a conversation whose caller sets no limit. None is sent then: the model's own holds."""


class Recall(Protocol):
    """Asks memory."""

    def __call__(
        self, query: str, max_tokens: int, kit: Kit | None = None, *, exclude: Collection[str] = (), tried: str = ""
    ) -> Coroutine[Any, Any, Recalled]:
        """What memory has for a task's text, as a part of a prompt of so many tokens; empty when it abstains.

        Args:
            query: the task's text.
            max_tokens: what the hints may cost.
            kit: pays for what a model is asked on the way; without one none is asked.
            exclude: ids of concepts that were shown already.
            tried: what a failed attempt showed.
        """


class Kit:
    """Tools for one block's run, and the account of what that run cost.

    Args:
        model: answers requests.
        meter: the run's budget; refuses calls that it does not cover.
        models: those that may be asked beside it, by name.
        sandbox: runs generated code, or None.
        recall: asks memory, or None.
        on_token: called with each piece of text as the model writes it.
        on_thought: called with each piece of thinking, where the backend shows it, of a conversation's reply.
        seed: sampling seed of the run.
    """

    def __init__(
        self,
        model: ModelClient,
        meter: Meter,
        *,
        models: NamedModels | None = None,
        sandbox: Sandbox | None = None,
        recall: Recall | None = None,
        on_token: Listener | None = None,
        on_thought: Listener | None = None,
        seed: int = 0,
    ) -> None:
        self.models = models or NamedModels(model)
        self._calls = Calls(model, meter, self._told(model))
        self._sandbox = sandbox
        self._recall = recall
        self._on_token = on_token
        self._on_thought = on_thought
        self.seed = seed
        self._branches: list[Kit] = []

    @property
    def model(self) -> ModelClient:
        """The model that is asked."""
        return self._calls.model

    @property
    def meter(self) -> Meter:
        """The run's budget."""
        return self._calls.meter

    @property
    def usage(self) -> Usage:
        """All that was spent through this kit and its branches."""
        return total([self._calls.usage, *(branch.usage for branch in self._branches)])

    def branch(self, model: ModelClient | None = None) -> Kit:
        """A kit on the same budget for one of several draws side by side, by another model where one is given.

        It keeps an account of its own, which this kit's has too, and is silent: what several draws write at once is
        nothing to read.
        """
        branch = copy(self)
        asked = model or self.model
        branch._calls, branch._branches = Calls(asked, self.meter, self._told(asked)), []
        branch._on_token = branch._on_thought = None
        self._branches.append(branch)
        return branch

    async def ask(
        self,
        state: State,
        instruction: str,
        *,
        max_tokens: int,
        turns: Sequence[Turn] = (),
        independent: bool = False,
        continuing: bool = False,
        temperature: float = 0.0,
        grammar: str | None = None,
        sample: int = 0,
    ) -> Reply:
        """Asks the model to go on from the run so far; attempts that came to nothing are left out of it.

        Args:
            state: the run so far; `pilotage.agent.prompting` decides what of it is read.
            instruction: the newest user turn.
            max_tokens: completion tokens; fewer are granted when the budget is nearly used up.
            turns: exchanges of the block at work, which the run does not hold yet.
            independent: leave out every attempt so far, those that reached an answer too.
            continuing: go on with, or repair, what the last step wrote, though it reached no answer.
            temperature: 0 decodes greedily.
            grammar: GBNF grammar for the reply, where the backend has grammars.
            sample: number of the repeat, for temperature above 0.

        Raises:
            BudgetExceeded: the call does not fit the budget, or ran past its time limit and was cancelled.
        """
        messages = conversation(state, instruction, turns, independent=independent, continuing=continuing)
        return await self.send(messages, max_tokens=max_tokens, temperature=temperature, grammar=grammar, sample=sample)

    async def send(
        self,
        messages: tuple[Message, ...],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        grammar: str | None = None,
        json_schema: dict[str, object] | None = None,
        top_logprobs: int = 0,
        sample: int = 0,
        silent: bool = False,
        stop: tuple[str, ...] = (),
        piece: bool = False,
        exact: bool = False,
    ) -> Reply:
        """Sends messages as they are; `silent` keeps the reply out of the token stream, `sample` numbers repeats.

        A reply ends before a text of `stop`. `piece` says that no whole is asked for, see `Request`; with `exact` the
        limit is one on thinking too, and a reply that is cut within it is such a piece. Else the limit is at least the
        budget's `reply_tokens`, and a model that thinks gets room besides: one that used up its limit by thinking is
        asked once more with room for more, if the budget has it, and gets it from then on.
        """
        request = Request(
            messages=messages,
            max_tokens=max_tokens if exact else max(max_tokens, self.meter.budget.reply_tokens),
            temperature=temperature,
            grammar=grammar,
            json_schema=json_schema,
            logprobs=True,
            top_logprobs=top_logprobs,
            stop=stop,
            seed=self.seed,
            sample=sample,
            piece=piece,
            thinking=piece and exact,
        )
        listener = None if silent else self._on_token
        return await (self._calls.ask(request, listener) if exact else self._calls.ask_with_room(request, listener))

    async def reply(self, messages: tuple[Message, ...], options: ReplyOptions) -> Reply:
        """Asks for the reply to a conversation, as its caller wants it and seen as it comes.

        A limit that the caller sets is one on all that the model writes, thinking too; without one the model's own
        holds.

        Raises:
            UnsupportedParameter: this model takes no such option.
            LimitUsedUp: the limit went before any answer.
        """
        request = Request(
            messages=messages,
            max_tokens=options.max_tokens or REPLY_TOKENS,
            temperature=options.temperature,
            stop=options.stop,
            logprobs=options.logprobs,
            top_logprobs=options.top_logprobs,
            seed=options.seed,
            sample=options.sample,
            tools=options.tools,
            more=options.more,
            exact=True,
            open_ended=options.max_tokens is None,
        )
        return await self._calls.ask(request, self._on_token, self._on_thought)

    async def consult(self, asks: Asks, request: Request, name: str) -> Reply:
        """Asks somebody else than the run's model, a reward model say: within the same limits, and charged by name."""
        branch = self.branch()
        branch._calls.name = name
        return await branch._calls.ask(request, asks=asks)

    def say(self, text: str) -> None:
        """Shows text that the model did not write, to whoever sees what it writes as it comes."""
        if self._on_token is not None:
            self._on_token(text)

    @property
    def heard(self) -> bool:
        """Whether somebody sees what the model writes as it comes, so that nothing of it can be taken back."""
        return self._on_token is not None

    async def execute(self, code: str, stdin: str = "") -> Execution:
        """Runs generated code in the sandbox; raises SandboxUnavailable where there is none."""
        if self._sandbox is None:
            raise SandboxUnavailable("this run has no sandbox; the program block is masked out without one")
        return await self._sandbox.run(code, stdin=stdin)

    async def recall(self, query: str, max_tokens: int, *, exclude: Collection[str] = (), tried: str = "") -> Recalled:
        """Asks memory for concepts, see `Recall`; empty where there is no memory or it abstains."""
        if self._recall is None:
            return Recalled()
        with span(searching, query) as search:
            recalled = await self._recall(query, max_tokens, self, exclude=exclude, tried=tried)
            search.tell(found, recalled)
        return recalled

    def step(
        self,
        block: str,
        replies: Sequence[Reply],
        *,
        turns: Sequence[Turn] = (),
        result: str = "",
        candidate: str | None | EllipsisType = ...,
        independent: bool = False,
        evidence: Evidence = Evidence(),  # noqa: B008 (frozen)
        program: str | None = None,
        hints: Sequence[Hint] = (),
    ) -> Step:
        """The finished step: text and log-probabilities of the last reply, and the cost of all of them.

        Args:
            block: name of the block.
            replies: the model's, in order.
            turns: the exchanges, for later blocks to read.
            result: what came from outside the model.
            candidate: the answer; None where one was sought and none reached, which makes the step an attempt that came
                to nothing. Left out, it says that none was sought: the step prepares, and later blocks read it.
            independent: whether the attempts before it were left out.
            evidence: what it showed.
            program: source of the program that was run.
            hints: what it recalled anew.
        """
        last = replies[-1] if replies else None
        return Step(
            block=block,
            text=last.text if last else "",
            turns=tuple(turns),
            result=result,
            candidate=None if candidate is ... else candidate,
            independent=independent,
            prepares=candidate is ...,
            cut=last is not None and last.cut,
            evidence=evidence,
            mean_logprob=last.mean_logprob if last else None,
            min_logprob=last.min_logprob if last else None,
            program=program,
            hints=tuple(hints),
            upstream=last.upstream if last else "",
            model=self._calls.name,
            usage=self.usage,
        )

    def _told(self, model: ModelClient) -> str:
        """What the trace and the account call a model: its name, and the run's own nothing."""
        return "" if model is self.models.own else model.name
