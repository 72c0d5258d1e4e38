"""Policy files: safetensors with one JSON header that says what the numbers mean and where they come from.

A file loads without torch and is refused where it does not fit the specs in use. One header entry only: the
safetensors format keeps several in no fixed order, and the same training must give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pilotage.common.files import replace
from pilotage.common.paths import expanded
from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.spaces import ActionSpec, ObservationSpec, SpecsFile, first_fault

POLICY_FORMAT = 1
SUFFIX = ".safetensors"
_KEY = "pilotage_policy"

Tensors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Header:
    """What a policy file says about itself.

    Attributes:
        kind: `network` (`LearnedPolicy`) or `nearest` (`NearestPolicy`).
        algorithm: what trained it.
        actions: action list of the training data.
        observations: features of the training data, with bounds.
        settings: what the kind needs besides its tensors.
        card: the training card, for people and reports.
    """

    kind: str
    algorithm: str
    actions: ActionSpec
    observations: ObservationSpec
    settings: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)

    def to_text(self) -> str:
        """The header as JSON, the same for equal headers."""
        content = {
            "format": POLICY_FORMAT,
            "kind": self.kind,
            "algorithm": self.algorithm,
            "actions": list(self.actions.names),
            "terminal": self.actions.terminal,
            "actions_hash": self.actions.schema_hash,
            "features": self.observations.to_json(),
            "features_hash": self.observations.schema_hash,
            "settings": self.settings,
            "card": self.card,
        }
        return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_text(cls, text: str, path: Path) -> Self:
        """The header of a file; raises PolicyError where it is not one that this version reads."""
        try:
            data = json.loads(text, parse_constant=_no_number)
            version = data["format"]
            if version != POLICY_FORMAT or isinstance(version, bool):
                raise PolicyError(
                    f"{path} has policy format {version!r}, this version reads {POLICY_FORMAT}: train the policy anew"
                )
            file = _HeaderFile.model_validate(data)
            header = cls(file.kind, file.algorithm, *file.specs(), file.settings, file.card)
        except PolicyError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            why = first_fault(error) if isinstance(error, ValidationError) else why
            raise PolicyError(f"the header of {path} is damaged ({why}): copy or train the policy anew") from error
        if (file.actions_hash, file.features_hash) != (header.actions.schema_hash, header.observations.schema_hash):
            raise PolicyError(f"the header of {path} was edited: its hashes do not fit its actions and features")
        return header

    def require(self, actions: ActionSpec, observations: ObservationSpec) -> None:
        """Raises SpecMismatch where the policy was trained for other actions or features than those in use."""
        if self.actions.schema_hash != actions.schema_hash:
            raise SpecMismatch(
                f"the policy was trained for the actions {', '.join(self.actions.names)}, in use are "
                f"{', '.join(actions.names)}: use the same blocks in the same order{self._preset}, or train anew"
            )
        if self.observations.schema_hash != observations.schema_hash:
            raise SpecMismatch(
                f"the policy was trained for other features ({_difference(self.observations, observations)}): use the "
                f"observation preset it was trained with{self._preset}, or train anew"
            )

    def require_part(self, actions: ActionSpec, observations: ObservationSpec) -> None:
        """Raises SpecMismatch where those in use lack an action or a feature of its training, by name and bounds."""
        if not set(self.actions.names) <= set(actions.names) or self.actions.terminal != actions.terminal:
            raise SpecMismatch(
                f"the policy was trained for the actions {', '.join(self.actions.names)}, in use are "
                f"{', '.join(actions.names)}: use the same blocks{self._preset}, or train anew"
            )
        bounds = {feature.name: (feature.low, feature.high) for feature in observations.features}
        own = self.observations.features
        missing = [feature.name for feature in own if bounds.get(feature.name) != (feature.low, feature.high)]
        if missing:
            raise SpecMismatch(
                f"the policy was trained for other features (not in use, or with other bounds: {', '.join(missing)}): "
                f"use the observation preset it was trained with{self._preset}, or train anew"
            )

    @property
    def bank(self) -> Mapping[str, Any]:
        """What the card says of the bank it was trained on; empty where it says nothing."""
        bank = self.card.get("bank")
        return bank if isinstance(bank, dict) else {}

    @property
    def _preset(self) -> str:
        preset = self.bank.get("preset")
        return f" (preset {preset!r})" if preset else ""


class _HeaderFile(SpecsFile):
    kind: str
    algorithm: str
    features_hash: str
    settings: dict[str, Any]
    card: dict[str, Any]


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no finite number")


def _difference(trained: ObservationSpec, used: ObservationSpec) -> str:
    gone, new = [n for n in trained.names if n not in used.names], [n for n in used.names if n not in trained.names]
    parts = [f"not in use: {', '.join(gone)}"] if gone else []
    parts += [f"unknown to it: {', '.join(new)}"] if new else []
    return "; ".join(parts) or "the same names with another order or other bounds"


def write_policy(path: Path, header: Header, tensors: Tensors) -> None:
    """Writes a policy file at once: a reader sees the old one or the new one, never a part.

    Raises:
        PolicyError: it cannot be written there; what was there before is there still.
    """
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, {_KEY: header.to_text()})
    try:
        replace(expanded(path), content)
    except OSError as error:
        raise PolicyError(f"a policy cannot be written to {path}: {error.strerror}; name another file") from error


def read_header(path: Path) -> Header:
    """The header of a policy file, without its tensors; raises PolicyError as `read_policy`."""
    return _read(path, tensors=False)[0]


def read_policy(path: Path) -> tuple[Header, Tensors]:
    """Header and tensors of a policy file; raises PolicyError where there is none, or it is damaged or another."""
    return _read(path, tensors=True)


def _read(path: Path, *, tensors: bool) -> tuple[Header, Tensors]:
    from safetensors import SafetensorError, safe_open

    path = expanded(path)
    if not path.is_file():
        raise PolicyError(f"there is no policy file {path}: train one with `pilotage train --bank BANK --out {path}`")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            held = {name: file.get_tensor(name) for name in (file.keys() if tensors else ())}
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:  # the last three: of dtypes
        raise PolicyError(f"{path} is cut off or no policy file ({error}): copy or train it anew") from error
    if _KEY not in metadata:
        raise PolicyError(f"{path} holds tensors but no policy: give a file that `pilotage train` wrote")
    header = Header.from_text(metadata[_KEY], path)
    odd = [name for name, tensor in held.items() if tensor.dtype != np.float32 or np.isinf(tensor).any()]
    if odd:
        raise PolicyError(f"{path}: the tensor {odd[0]!r} is damaged: copy or train the policy anew")
    return header, held
