"""Navigation: what the navigator saw and chose in a run, as a result line keeps it for judging other policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict

from pilotage.agent.trace import DecisionRecord, Trace
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, decimals

if TYPE_CHECKING:
    from pilotage.agent.routing.observation import Observer


def decision_record(
    decision: Decision, observation: Observation, mask: ActionMask, actions: ActionSpec, trace: Trace
) -> DecisionRecord:
    """The record of a decision that was taken after this trace."""
    probabilities = None
    if decision.probabilities is not None:
        probabilities = {name: p for name, p in zip(actions.names, decision.probabilities, strict=True) if p > 0}
    return DecisionRecord(
        observation=tuple(decimals(observation)),
        legal=tuple(name for name, allowed in zip(actions.names, mask, strict=True) if allowed),
        block=actions.names[decision.action],
        probabilities=probabilities,
        tokens=trace.usage.total_tokens,
    )


class Navigation(BaseModel):
    """The decisions of a run, and by which actions and features they are to be read.

    Attributes:
        preset: of the observation.
        actions: hash of the action list (`ActionSpec.schema_hash`).
        features: hash of the features (`ObservationSpec.schema_hash`).
        decisions: in order. A step that a used-up budget forced is none.
    """

    model_config = ConfigDict(frozen=True)

    preset: str
    actions: str
    features: str
    decisions: tuple[DecisionRecord, ...]

    @classmethod
    def of(cls, observer: Observer, trace: Trace) -> Self | None:
        """The decisions of a trace; None where it has none."""
        if not trace.decisions:
            return None
        actions, features = observer.registry.actions.schema_hash, observer.spec.schema_hash
        return cls(preset=observer.preset, actions=actions, features=features, decisions=trace.decisions)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return self.model_dump(mode="json", exclude_none=True)
