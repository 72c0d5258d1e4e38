"""TrainedPolicy: what every policy with a file holds. A file comes from anywhere, so odd settings are refused."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, with_config
from typing_extensions import TypedDict

from pilotage.navigator.arguments import LARGEST_WEIGHT
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import ActionSupport, CostWeighting, Scaling, count_places
from pilotage.navigator.policies.policy_file import Header, Tensors, write_policy

Meaning = Literal["value", "preference"]
"""What an output is: the expected reward of an action, or only an order (a policy gradient's logits)."""

_Positive = Annotated[float, Field(gt=1e-9, lt=LARGEST_WEIGHT)]
_Count = Annotated[int, Field(ge=0, lt=2**31)]


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class _CostWeighting(TypedDict):
    half: _Positive
    top: _Positive


class Settings(BaseModel):
    """What a header's settings may be.

    Attributes:
        output: what the outputs of a network mean.
        dial: of the `CostWeighting`; None where the policy was trained for one cost weight.
        cost_weight: that weight.
        tried: pairs of counts and actions, see `ActionSupport`; None where the file does not tell.
        k: how many neighbours a nearest-neighbour policy looks at.
    """

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    output: Meaning = "value"
    dial: _CostWeighting | None = None
    cost_weight: Annotated[float, Field(ge=0, lt=LARGEST_WEIGHT)] | None = None
    tried: list[tuple[list[_Count], list[_Count]]] | None = None
    k: Annotated[int, Field(ge=1, lt=2**31)] | None = None


def settings_of(header: Header) -> Settings:
    """The settings of a policy file; raises PolicyError where one makes no sense."""
    try:
        settings = Settings.model_validate_json(json.dumps(dict(header.settings)))
        counted, actions = len(count_places(header.observations)), len(header.actions)
        if all(len(counts) == counted and max(acts, default=0) < actions for counts, acts in settings.tried or ()):
            return settings
        name: Any = "tried"
    except ValidationError as error:
        name = next(iter(error.errors()[0]["loc"]), "settings")
    shown = repr(header.settings.get(name))[:60]
    raise PolicyError(f"the policy's setting {name!r} is {shown}, which makes no sense: copy or train the policy anew")


class TrainedPolicy(ABC):
    """Base of the policies that were trained; raises PolicyError where a setting of the header makes no sense."""

    name: str

    def __init__(self, header: Header, scaling: Scaling) -> None:
        self.header, self.scaling, self.settings = header, scaling, settings_of(header)
        self.dial = CostWeighting(**self.settings.dial) if self.settings.dial is not None else None
        self.support: ActionSupport | None = None
        if self.settings.tried is not None:
            tried = {tuple(counts): actions for counts, actions in self.settings.tried}
            self.support = ActionSupport(header.observations, header.actions, tried)

    if not TYPE_CHECKING:  # or every name would pass for an attribute

        def __getattr__(self, name: str) -> Any:
            kind = type(self).__name__
            if name in ("header", "scaling", "settings", "dial", "support"):  # what `__init__` gives, or nobody has
                raise PolicyError(f"{kind} has no {name}: call super().__init__(header, scaling) in its __init__")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=self)

    @abstractmethod
    def tensors(self) -> Tensors:
        """What the file holds besides header and scaling."""

    def save(self, path: str | Path) -> None:
        """Writes the policy file; the effort at which it decides is not part of it."""
        write_policy(Path(path), self.header, self.scaling.tensors | self.tensors())
