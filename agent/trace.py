"""Usage, Evidence, Step and Trace: everything one run did, append-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from pilotage.agent.messages import ToolCall

TRACE_FORMAT = 1


_LATER = frozenset({"reasoning_tokens", "cost_usd", "priced_tokens", "others"})
"""Fields that older traces do not have."""


def _rounded(dollars: float) -> float:
    """Without what adding up binary fractions leaves behind."""
    return round(dollars, 12)


class Usage(BaseModel):
    """Cost of one or more LLM calls: exact, but for the calls of which `estimated_calls` says otherwise.

    A call replayed from the response cache costs what it cost at first.
    """

    model_config = ConfigDict(frozen=True)

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = Field(0, description="prompt tokens the backend did not have to read again")
    llm_calls: int = 0
    seconds: float = Field(0.0, description="wall-clock seconds spent in calls")
    replayed_calls: int = Field(0, description="calls answered by the response cache")
    estimated_calls: int = Field(0, description="calls whose tokens are estimated, because no backend counted them")
    reasoning_tokens: int = Field(0, description="completion tokens that were thinking, as the backend tells it")
    cost_usd: float = Field(0.0, description="US dollars that those of the tokens cost whose price is known")
    priced_tokens: int = Field(0, description="how many tokens those are")
    others: dict[str, Usage] = Field(
        default_factory=dict, description="what of it models other than the run's own did, by their names"
    )

    @model_serializer(mode="wrap")
    def _some_only_where_there_are_any(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told = {name: count for name, count in dump(self).items() if count or name not in _LATER}
        return told | ({"cost_usd": _rounded(self.cost_usd)} if "cost_usd" in told else {})

    @property
    def cost(self) -> float | None:
        """US dollars that all of it cost; None where the price of a part is not known, or where nothing was used."""
        return _rounded(self.cost_usd) if 0 < self.priced_tokens == self.total_tokens else None

    @property
    def own(self) -> Usage:
        """What of it the run's own model did."""
        if not self.others:
            return self
        return (self - total(self.others.values())).model_copy(update={"others": {}})

    def by(self, model: str) -> Usage:
        """The same, where a model of this name did what is said to be the own one's; an empty name changes nothing."""
        if not model:
            return self
        named = {**self.others, model: total([self.own, self.others.get(model, Usage())])}
        return self.model_copy(update={"others": named})

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together, what a budget counts."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def about(self) -> str:
        """`~` where a part of the tokens is estimated, to print before their number; else nothing."""
        return "~" if self.estimated_calls else ""

    def __add__(self, other: Usage) -> Usage:
        return total((self, other))

    def __sub__(self, other: Usage) -> Usage:
        return self + -other

    def __neg__(self) -> Usage:
        counts = {name: -getattr(self, name) for name in _COUNTS}
        return Usage(**counts, others={name: -part for name, part in self.others.items()})


def total(usages: Iterable[Usage]) -> Usage:
    """Sum of usages; zero for none."""
    sums, others = dict.fromkeys(_COUNTS, 0), dict[str, list[Usage]]()
    for usage in usages:
        counts = vars(usage)
        for name in _COUNTS:
            sums[name] += counts[name]
        for name, part in usage.others.items():
            others.setdefault(name, []).append(part)
    summed = {name: total(parts) for name, parts in others.items()}
    return Usage(**sums, others={name: part for name, part in summed.items() if part != Usage()})


_COUNTS = tuple(name for name in Usage.model_fields if name != "others")


class Hint(BaseModel):
    """One concept that memory recalled for this run, as the navigator and the reader may know it."""

    model_config = ConfigDict(frozen=True)

    concept_id: str
    title: str
    similarity: float = Field(description="cosine between query and concept, -1 to 1")
    posterior: float = Field(0.5, description="estimated probability that it helps, 0 to 1")


class Recalled(BaseModel):
    """What memory gave for a query: the concepts, and their text as a prompt shows it; empty where it abstained."""

    model_config = ConfigDict(frozen=True)

    text: str = ""
    hints: tuple[Hint, ...] = ()
    withheld: tuple[Hint, ...] = Field((), description="what a run of the control group would have been shown")

    def withhold(self) -> Recalled:
        """This, as a run of the control group gets it: nothing to read, and a note of what it misses."""
        return Recalled(withheld=self.hints)


class Evidence(BaseModel):
    """What a step showed about its candidate, free of any hidden answer."""

    model_config = ConfigDict(frozen=True)

    program: Literal["ok", "failed", "refused"] | None = Field(
        None, description="a program ran and printed; ran and failed; or could not be run as asked"
    )
    error: str | None = Field(None, description="last line of what a failed program wrote to stderr")
    examples_passed: float | None = Field(None, ge=0, le=1, description="share of the task's own worked examples")
    verdict: Literal["agrees", "disagrees"] | None = Field(
        None, description="an independent route compared with the candidate that led before it"
    )
    note: str | None = Field(None, description="what else a reader should know, for example why nothing was parsed")


class Turn(BaseModel):
    """One exchange with the model: what was asked, and what it replied. Later prompts repeat it word for word."""

    model_config = ConfigDict(frozen=True)

    asked: str
    replied: str


class Draw(BaseModel):
    """One of several draws of which a step chose, in the order they were asked for."""

    model_config = ConfigDict(frozen=True)

    candidate: str | None = Field(None, description="the answer it came to; None where it abstained")
    score: float | None = Field(None, description="its weight, 0 to 1, where draws were scored")
    mean_logprob: float | None = None
    usage: Usage = Usage()
    view: str = Field("", description="the view of a puzzle that it was drawn from; empty for the puzzle as it is")
    error: str = Field("", description="why it had no reply that could be used; such a draw did not abstain")

    @model_serializer(mode="wrap")
    def _some_only_where_there_are_any(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value or name not in ("view", "error")}


class Step(BaseModel):
    """One block's work.

    `turns` extends the conversation that later blocks continue, and `result`, what came from outside the model (a
    program's output), stands behind it in their prompts. An `independent` step was worked out from the task alone,
    without sight of the attempts before it, so that its agreement with them is evidence (`pilotage.agent.prompting`).
    """

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _as_older_traces_mean(cls, data: Any) -> Any:
        """Steps of older traces do not say whether they prepare; those of these two blocks did."""
        if isinstance(data, dict) and "prepares" not in data and data.get("block") in ("plan", "recall"):
            return {**data, "prepares": True}
        return data

    block: str
    text: str = ""
    turns: tuple[Turn, ...] = ()
    result: str = ""
    candidate: str | None = None
    independent: bool = False
    prepares: bool = Field(False, description="it sought no answer: what it wrote is for later blocks to read")
    cut: bool = Field(False, description="its last reply ended at its token limit, so there is more to say")
    thinking: str = Field("", description="what the model thought before the reply of a conversation")
    tool_calls: tuple[ToolCall, ...] = Field((), description="calls of the caller's tools that end a turn")
    evidence: Evidence = Evidence()
    mean_logprob: float | None = None
    min_logprob: float | None = None
    program: str | None = Field(None, description="source of the program that was run, if one was")
    hints: tuple[Hint, ...] = Field((), description="concepts that this step recalled anew")
    upstream: str = Field("", description="which of a server's upstreams gave the last reply")
    model: str = Field("", description="which model wrote it, where that is not the run's own")
    error: str = Field("", description="why a draw had no reply that could be used; empty for a step of a run")
    routes: int = Field(1, ge=1, description="independent draws of this step that reached its candidate")
    draws: tuple[Draw, ...] = Field((), description="of a step that drew several times: each of them")
    usage: Usage = Usage()
    unseen_tokens: int = Field(0, description="tokens, without thinking, of replies that another one took the place of")
    seconds: float = Field(0.0, description="wall-clock seconds of the whole step, programs included")

    @property
    def printed(self) -> dict[str, Any]:
        """The step as JSON shows it to a reader: without the exchanges that later prompts repeat."""
        none = {name for name in ("upstream", "model", "error") if not getattr(self, name)}
        whole = self.model_dump(mode="json", exclude={"turns", *none})
        return whole | {"evidence": self.evidence.model_dump(exclude_none=True)}


class CostEntry(BaseModel):
    """An LLM cost outside a block's step: a self-assessment (`probe`), or writing to memory (`distil`)."""

    model_config = ConfigDict(frozen=True)

    by: str
    usage: Usage


class DecisionRecord(BaseModel):
    """What the navigator saw and chose before a step, so that other policies can be judged by this run."""

    model_config = ConfigDict(frozen=True)

    observation: tuple[float, ...]
    legal: tuple[str, ...] = Field(description="blocks that could be chosen, in the order of the action list")
    block: str = Field(description="the one that was")
    why: str = Field("", description="the reason that was given for it")
    probabilities: dict[str, float] | None = Field(
        None, description="how likely each block was, where the policy draws; none has a chance that is not named"
    )
    tokens: int = Field(description="what the run had spent by then, prompt and completion together")


class Trace(BaseModel):
    """Everything one run did so far."""

    model_config = ConfigDict(frozen=True)

    recalled: Recalled = Recalled()
    steps: tuple[Step, ...] = ()
    charges: tuple[CostEntry, ...] = ()
    decisions: tuple[DecisionRecord, ...] = ()

    def __iter__(self) -> Iterator[Step]:  # type: ignore[override]  # of a model, pairs of name and value
        return iter(self.steps)

    @property
    def usage(self) -> Usage:
        """What the run has cost: every block, every self-assessment, every write to memory."""
        return total([*(step.usage for step in self.steps), *(charge.usage for charge in self.charges)])

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all steps."""
        return sum(step.seconds for step in self.steps)

    @property
    def hints(self) -> tuple[Hint, ...]:
        """Every concept recalled, at the start and by the recall block."""
        return (*self.recalled.hints, *(hint for step in self.steps for hint in step.hints))

    @property
    def route(self) -> tuple[str, ...]:
        """Names of the blocks run, in order."""
        return tuple(step.block for step in self.steps)

    def count(self, block: str) -> int:
        """How often a block was run."""
        return self.route.count(block)

    def has(self, block: str) -> bool:
        """Whether a block was run."""
        return block in self.route
