"""What a bank is made of: its header (`BankMeta`), and of each task a `Tree` of a `TaskHeader` and recorded `Node`s.

A node is a state of reasoning: the blocks run so far, what the navigator saw there, and what stopping there gives. Its
id spells the way to it, `r/plan/program`, with `#1` behind a block's second sample; so the same work is recognised when
it is recorded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from pilotage.navigator.errors import BankError, SpecMismatch
from pilotage.navigator.spaces import ActionSpec, Feature, ObservationSpec, decimals

FORMAT = 1
"""Version of the files. A reader refuses another one."""

ROOT = "r"
SHOWS = "shows"
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
    """

    id: str
    parent: str | None
    action: str | None
    observation: Sequence[float]
    mask: Sequence[bool]
    candidate: str | None
    evidence: Mapping[str, Any]
    text: str
    usage: Mapping[str, float]
    answer: str | None
    score: float
    answer_usage: Mapping[str, float]
    sample: int = 0
    terminal: bool = False
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """Cost of the step that led here, in thousands of tokens."""
        return cost_of(self.usage)

    @property
    def stop_cost(self) -> float:
        """Cost of the terminal action here, in thousands of tokens."""
        return cost_of(self.answer_usage)

    def to_json(self) -> dict[str, Any]:
        """Plain data; observations as the shortest decimals that give the same float32."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["observation"] = decimals(self.observation)
        data["mask"] = [int(allowed) for allowed in self.mask]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The node of a line; raises BankError where a field is missing, unknown or of the wrong type."""
        values = _known(cls, data, "node")
        expected = _NODE_TYPES.items()
        wrong = [name for name, types in expected if name in values and not _is(values[name], types)]
        if wrong:
            raise BankError(f"the node's {wrong[0]} is of the wrong type: {values[wrong[0]]!r}")
        if not all(_is(value, int | float) for value in values["observation"]):
            raise BankError("the node's observation must be a list of numbers")
        if not all(isinstance(value, int) and value in (0, 1) for value in values["mask"]):
            raise BankError("the node's mask must be a list of 0 and 1")
        values["mask"] = [bool(allowed) for allowed in values["mask"]]
        return cls(**values)


def _is(value: object, types: Any) -> bool:
    """Whether a value of a JSON file is of these types; true and false are no numbers there."""
    return isinstance(value, types) and (types is bool or not isinstance(value, bool))


_NODE_TYPES: dict[str, Any] = {
    "id": str,
    "parent": str | None,
    "action": str | None,
    "observation": list,
    "mask": list,
    "candidate": str | None,
    "evidence": dict,
    "text": str,
    "usage": dict,
    "answer": str | None,
    "score": int | float,
    "answer_usage": dict,
    "sample": int,
    "terminal": bool,
    "extras": dict,
}


@dataclass(frozen=True)
class TaskHeader:
    """First line of a task's file. It holds no prompt and no hidden answer.

    Args:
        task: the task's id.
        family: what tasks are grouped by, `chain_sum` say; splits are stratified by it.
        kind: the kind of answer, `numeric` say.
        source: the spec that the task was loaded from.
    """

    task: str
    family: str
    kind: str = ""
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The header of a file's first line; raises BankError where it is none."""
        values = _known(cls, data, "task header")
        if not all(isinstance(value, str) for value in values.values()):
            raise BankError(f"the task header must be of text: {values}")
        return cls(**values)


@dataclass(frozen=True)
class Tree:
    """One task's recorded states.

    Args:
        header: what the task is.
        nodes: states by id, parents before children; the root first.
    """

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
    def shows(self) -> str:
        """Fingerprint of what the task shows, by which it is known under another id; empty where nobody noted it."""
        noted = self.root.extras.get(SHOWS)
        return noted if isinstance(noted, str) else ""

    def route(self, id: str) -> tuple[str, ...]:
        """The actions from the root to a node; empty for the root."""
        actions: list[str] = []
        node = self.nodes[id]
        while node.parent is not None and node.action is not None:
            actions.append(node.action)
            node = self.nodes[node.parent]
        return tuple(reversed(actions))

    def path_cost(self, id: str) -> float:
        """Cost of reaching a node, its own step included, in thousands of tokens; what stopping costs is apart."""
        node = self.nodes[id]
        cost = node.cost
        while node.parent is not None:
            node = self.nodes[node.parent]
            cost += node.cost
        return cost


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
        found = [
            name for name in ("preset", "model", "budget", "prompt_hash") if getattr(self, name) != getattr(other, name)
        ]
        found += ["actions"] if self.actions.schema_hash != other.actions.schema_hash else []
        found += ["observations"] if self.observations.schema_hash != other.observations.schema_hash else []
        return found

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
            "preset": self.preset,
            "model": self.model,
            "budget": dict(self.budget),
            "prompt_hash": self.prompt_hash,
            "created": self.created,
            "package_version": self.package_version,
            "extras": dict(self.extras),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The header of a bank.

        Raises:
            BankError: another format version, a missing field, or a schema hash that does not fit its names.
        """
        if data.get("format") != FORMAT or isinstance(data["format"], bool):
            raise BankError(
                f"the bank has format version {data.get('format')!r}, this version reads {FORMAT}: "
                "record it anew, or use the version of pilotage that wrote it"
            )
        try:
            odd = [name for name, types in _META_TYPES.items() if name in data and not _is(data[name], types)]
            odd += ["actions"] if not all(isinstance(name, str) for name in data["actions"]) else []
            if odd:
                raise TypeError(f"its {odd[0]} is {str(data[odd[0]])[:60]!r}")
            features = [_feature(f) for f in data["features"]]
            actions = ActionSpec(tuple(data["actions"]), data["terminal"])
            observations = ObservationSpec(tuple(features))
            kept = {name: data[name] for name in ("preset", "model", "budget", "prompt_hash")}
            hashes = (data["actions_hash"], data["observations_hash"])
        except (KeyError, TypeError, SpecMismatch) as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise BankError(f"bank.json is damaged ({why}): restore it from a copy of the bank") from error
        if hashes != (actions.schema_hash, observations.schema_hash):
            raise BankError("bank.json was edited: its schema hashes do not fit its actions and features; restore it")
        optional = {name: data[name] for name in ("created", "package_version", "extras") if name in data}
        return cls(actions, observations, **kept, **optional)


_META_TYPES: dict[str, Any] = {
    "actions": list,
    "terminal": str,
    "features": list,
    "preset": str,
    "model": str,
    "budget": dict,
    "prompt_hash": str,
    "created": str,
    "package_version": str,
    "extras": dict,
}


def _feature(data: Mapping[str, Any]) -> Feature:
    feature = Feature(data["name"], data["low"], data["high"], data.get("about", ""))
    texts, bounds = (feature.name, feature.about), (feature.low, feature.high)
    if not all(isinstance(text, str) for text in texts) or not all(
        _is(bound, int | float) and abs(bound) < _LARGEST_BOUND for bound in bounds
    ):
        raise TypeError(f"a feature is {str(dict(data))[:60]!r}")
    return feature


_LARGEST_BOUND = 1e30  # a float32 goes to 3e38


def _known(cls: type, data: Mapping[str, Any], what: str) -> dict[str, Any]:
    names = {f.name for f in fields(cls)}
    required = {name for name in names if name not in ("sample", "terminal", "extras", "kind", "source")}
    if not isinstance(data, Mapping):
        raise BankError(f"this is no {what}: {str(data)[:60]!r}")
    if missing := sorted(required - data.keys()):
        raise BankError(f"the {what} has no {missing[0]!r}")
    if unknown := sorted(data.keys() - names):
        raise BankError(f"the {what} has an unknown field {unknown[0]!r}")
    return dict(data)
