"""Loading a policy file of any kind."""

from __future__ import annotations

from pathlib import Path

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Scaling
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.nearest import NearestPolicy
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.policies.policy_file import Header, read_policy
from pilotage.navigator.policies.projected import ProjectedPolicy
from pilotage.navigator.policies.ridge import RidgePolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

PLAIN = ("nearest", "ridge")
"""Kinds that are fitted for one cost weight."""


def load_policy(
    path: str | Path, actions: ActionSpec, observations: ObservationSpec, effort: str | float | None = None
) -> LearnedPolicy | NearestPolicy | RidgePolicy:
    """The policy in a file that `pilotage train` or `save` wrote.

    Args:
        path: the file.
        actions: the action list in use.
        observations: the features in use.
        effort: at which it decides, `low`, `medium`, `high` or 0 to 1; medium if None.

    Raises:
        PolicyError: the file is missing, damaged or of an unknown kind, or was trained for one effort alone.
        SpecMismatch: it was trained for other actions or features.
    """
    policy = read(path, effort)
    policy.header.require(actions, observations)
    return policy


def among(policy: Policy, header: Header, actions: ActionSpec, observations: ObservationSpec) -> Policy:
    """A policy of that header for the actions and features in use, of which it may know a part only.

    Raises:
        SpecMismatch: it was trained for actions or features that are not in use.
    """
    known, seen = header.actions, header.observations
    if (known.schema_hash, seen.schema_hash) == (actions.schema_hash, observations.schema_hash):
        return policy
    header.require_part(actions, observations)
    return ProjectedPolicy(policy, (known, actions), (seen, observations))


def read(path: str | Path, effort: str | float | None = None) -> LearnedPolicy | NearestPolicy | RidgePolicy:
    """The policy in a file, for the actions and features that it was trained for; `among` fits it to those in use.

    Raises:
        PolicyError: as `load_policy`.
    """
    path = Path(path)
    header, tensors = read_policy(path)
    if header.kind not in ("network", *PLAIN):
        raise PolicyError(f"{path} holds a policy of the kind {header.kind!r}, which this version does not know")
    if header.kind in PLAIN and effort is not None:
        raise PolicyError(f"a policy of the kind {header.kind} has no effort to set: leave --effort out")
    try:
        scaling = Scaling.from_tensors(tensors)
        if header.kind == "nearest":
            return NearestPolicy(header, scaling, tensors["states"], tensors["values"])
        if header.kind == "ridge":
            return RidgePolicy(header, scaling, tensors["weights"], tensors["covariance"])
        count = sum(name.startswith("layer.") and name.endswith(".weight") for name in tensors)
        layers = [(tensors[f"layer.{n}.weight"], tensors[f"layer.{n}.bias"]) for n in range(count)]
    except KeyError as error:
        raise PolicyError(f"{path} has no tensor {error}: copy or train the policy anew") from error
    return LearnedPolicy(header, layers, scaling, effort)
