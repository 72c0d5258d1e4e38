"""What a bank is made of: its header (`BankMeta`), and of each task a `Tree` of a `TaskHeader` and recorded `Node`s.

A node is a state of reasoning: the blocks run so far, what the navigator saw there, and what stopping there gives. Its
id spells the way to it, `r/plan/program`, with `#1` behind a block's second sample; so the same work is recognised when
it is recorded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import ConfigDict, PlainValidator, StrictBool, StrictFloat, StrictInt, TypeAdapter, ValidationError

from pilotage.navigator.errors import BankError, SpecMismatch
from pilotage.navigator.spaces import ActionSpec, ObservationSpec, SpecsFile, decimals, first_fault

FORMAT = 1
"""Version of the files. A reader refuses another one."""

ROOT = "r"
CONTENT_FINGERPRINT = "shows"
"""Under which a root's `extras` keep the fingerprint of what its task shows, whatever the task's id."""

TOKENS_PER_COST = 1000.0
"""Costs are in thousands of tokens, prompt and completion together."""

EARLIER = "recorded with earlier blocks, which went on from failed attempts"
"""What is said of a bank that has earlier routes (`BankMeta.has_earlier_routes`)."""


def child_id(parent: str, action: str, sample: int = 0) -> str:
    """Id of the node that `action` leads to from `parent`; `sample` counts repeats of the same block there."""
    return f"{parent}/{action}" + (f"#{sample}" if sample else "")


def cost_of(usage: Mapping[str, float]) -> float:
    """Cost of a usage in thousands of tokens, prompt and completion together, cached ones included."""
    return (usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)) / TOKENS_PER_COST


def _numbers(given: object) -> list[float]:
    if not isinstance(given, list):
        raise ValueError("is of the wrong type")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        raise ValueError("must be a list of numbers")
    return given


def _flags(given: object) -> list[bool]:
    if not isinstance(given, list) or not all(isinstance(value, int) and value in (0, 1) for value in given):
        raise ValueError("must be a list of 0 and 1")
    return [bool(value) for value in given]


@dataclass(frozen=True)
class Node:
    """One recorded state.

    Args:
        id: `child_id` of the parent's; `ROOT` for the start.
        parent: id of the state before; None for the root.
        action: block that led here; None for the root.
        observation: what a navigator sees here; one number a feature, within the bounds.
        mask: which actions are legal here, recorded or not; the terminal one always is.
        candidate: the answer that this step reached, if it did.
        evidence: what the step showed, free of any hidden answer.
        text: what the model wrote.
        usage: what the step cost, self-assessment included: `prompt_tokens`, `completion_tokens`, `cached_tokens`,
            `llm_calls`, `seconds`.
        answer: what stopping here answers.
        score: the grader's score of that answer, 0 to 1.
        answer_usage: what the terminal action costs here, as `usage`.
        sample: 0 for the first run of this block from the parent, 1 for its first repeat, and so on.
        terminal: the run ended on reaching this state (its budget was used up); `score` follows without a decision.
        extras: what else the recorder noted.
        candidate_score: the grader's score of `candidate`, 0 to 1; None where there is none, or nobody graded it.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    id: str
    parent: str | None
    action: str | None
    observation: Annotated[Sequence[float], PlainValidator(_numbers)]
    mask: Annotated[Sequence[bool], PlainValidator(_flags)]
    candidate: str | None
    evidence: Mapping[str, Any]
    text: str
    usage: Mapping[str, Any]
    answer: str | None
    score: StrictInt | StrictFloat
    answer_usage: Mapping[str, Any]
    sample: StrictInt = 0
    terminal: StrictBool = False
    extras: Mapping[str, Any] = field(default_factory=dict)
    candidate_score: StrictInt | StrictFloat | None = None

    @property
    def cost(self) -> float:
        """Cost of the step that led here, in thousands of tokens."""
        return cost_of(self.usage)

    @property
    def answer_cost(self) -> float:
        """Cost of the terminal action here, in thousands of tokens."""
        return cost_of(self.answer_usage)

    def to_json(self) -> dict[str, Any]:
        """Plain data; observations as the shortest decimals that give the same float32."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.candidate_score is None:  # a line of a node that nobody graded is what it was before there were grades
            del data["candidate_score"]
        data["observation"] = decimals(self.observation)
        data["mask"] = [int(allowed) for allowed in self.mask]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Node:
        """The node of a line; raises BankError where a field is missing, unknown or of the wrong type."""
        return _record(_NODE, data, "the node")


@dataclass(frozen=True)
class TaskHeader:
    """First line of a task's file. It holds no prompt and no hidden answer.

    Args:
        task: the task's id.
        family: what tasks are grouped by, `chain_sum` say; splits are stratified by it.
        kind: the kind of answer, `numeric` say.
        source: the spec that the task was loaded from.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    task: str
    family: str
    kind: str = ""
    source: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TaskHeader:
        """The header of a file's first line; raises BankError where it is none."""
        return _record(_HEADER, data, "the task header")


_NODE, _HEADER = TypeAdapter(Node), TypeAdapter(TaskHeader)
_Record = TypeVar("_Record")


def _record(adapter: TypeAdapter[_Record], data: object, what: str) -> _Record:
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise BankError(first_fault(error, what)) from error


@dataclass(frozen=True)
class Tree:
    """One task's recorded states by id, parents before children, the root first."""

    header: TaskHeader
    nodes: dict[str, Node]

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    @property
    def task(self) -> str:
        """The task's id."""
        return self.header.task

    @property
    def family(self) -> str:
        """The task's family."""
        return self.header.family

    @property
    def root(self) -> Node:
        """The state before any block."""
        return self.nodes[ROOT]

    @property
    def content_fingerprint(self) -> str:
        """Of what the task shows, by which it is known under another id; empty where nobody noted it."""
        noted = self.root.extras.get(CONTENT_FINGERPRINT)
        return noted if isinstance(noted, str) else ""

    def path(self, id: str) -> list[Node]:
        """The nodes from the root to this one."""
        nodes = [self.nodes[id]]
        while (parent := nodes[-1].parent) is not None:
            nodes.append(self.nodes[parent])
        return nodes[::-1]

    def route(self, id: str) -> tuple[str, ...]:
        """The actions from the root to a node; empty for the root."""
        return tuple(node.action for node in self.path(id) if node.action is not None)

    def path_cost(self, id: str) -> float:
        """Cost of reaching a node, its own step included, in thousands of tokens; what stopping costs is apart."""
        return sum(node.cost for node in self.path(id)[::-1])


@dataclass(frozen=True)
class BankMeta:
    """`bank.json`: what all nodes of a bank share.

    Args:
        actions: the action list while recording.
        observations: features and bounds of the observations.
        preset: name of the observation preset.
        model: id of the model that reasoned.
        budget: limits of a run.
        prompt_hash: changes with the blocks' prompts.
        created: ISO time, UTC.
        package_version: version of pilotage that recorded it.
        extras: what else the recorder noted.
    """

    actions: ActionSpec
    observations: ObservationSpec
    preset: str = "free"
    model: str = ""
    budget: Mapping[str, float] = field(default_factory=dict)
    prompt_hash: str = ""
    created: str = ""
    package_version: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_earlier_routes(self) -> bool:
        """Whether it was recorded with earlier blocks, which went on from failed attempts; they did not say so."""
        return "model_identity" in self.extras and "routes" not in self.extras

    def differences(self, other: BankMeta) -> list[str]:
        """What keeps nodes of the two banks from standing in one tree; empty where nothing does."""
        names = ("preset", "model", "budget", "prompt_hash", "actions")
        differ = [name for name in names if getattr(self, name) != getattr(other, name)]
        return differ + ["observations"] * (self.observations.schema_hash != other.observations.schema_hash)

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the format version and the schema hashes."""
        features = self.observations.features
        return {
            "format": FORMAT,
            "actions": list(self.actions.names),
            "terminal": self.actions.terminal,
            "features": [{"name": f.name, "low": f.low, "high": f.high, "about": f.about} for f in features],
            "actions_hash": self.actions.schema_hash,
            "observations_hash": self.observations.schema_hash,
            **{name: getattr(self, name) for name in _KEPT},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The header of a bank; raises BankError where it is of another format, damaged or edited."""
        if data.get("format") != FORMAT or isinstance(data["format"], bool):
            raise BankError(
                f"the bank has format version {data.get('format')!r}, this version reads {FORMAT}: "
                "record it anew, or use the version of pilotage that wrote it"
            )
        try:
            file = _MetaFile.model_validate(data)
            actions, observations = file.specs()
        except (ValidationError, SpecMismatch) as error:
            why = first_fault(error) if isinstance(error, ValidationError) else str(error)
            raise BankError(f"bank.json is damaged ({why}): restore it from a copy of the bank") from error
        if not file.model.isprintable():
            raise BankError(f"bank.json names the model {file.model!r:.80}, which is no line of text: restore it")
        if (file.actions_hash, file.observations_hash) != (actions.schema_hash, observations.schema_hash):
            raise BankError("bank.json was edited: its schema hashes do not fit its actions and features; restore it")
        return cls(actions, observations, **{name: getattr(file, name) for name in _KEPT})


_KEPT = ("preset", "model", "budget", "prompt_hash", "created", "package_version", "extras")


class _MetaFile(SpecsFile):
    observations_hash: str
    preset: str
    model: str
    budget: dict[str, Any]
    prompt_hash: str
    created: str = ""
    package_version: str = ""
    extras: dict[str, Any] = {}
