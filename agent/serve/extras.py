"""Extras: what a request may say to this server alone, under `pilotage` in its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pilotage.agent.budget import Budget
from pilotage.agent.serve.errors import ApiError

OWN = "pilotage"
POLICIES = ("default", "rules", "one-bit", "random")
"""Policies that a request may name; files are for whoever starts the server."""


class Extras(BaseModel):
    """What a request may change of how it is worked on.

    Attributes:
        budget: limits of the work before the reply, as `Budget` has them; no greater than the server's.
        memory: whether memory is asked and taught.
        policy: how blocks are chosen.
        trace: whether the reply has the whole run, under `pilotage`; a stream has it event by event (`chat_trace.py`).
        progress: whether what is done is told as reasoning; as the server is set by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: dict[str, Any] = {}
    memory: bool = True
    policy: str = ""
    trace: bool = False
    progress: bool | None = None

    def limits(self, most: Budget) -> Budget | None:
        """The limits of the run; None where the request sets none. Raises ApiError for more than the server's."""
        if not self.budget:
            return None
        try:
            asked = Budget(**{**most.model_dump(), **self.budget})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise _wrong(f"budget.{place}", first["msg"]) from None
        for name in Budget.model_fields:
            if getattr(asked, name) > getattr(most, name):
                raise _wrong(f"budget.{name}", f"at most {getattr(most, name)} is allowed here")
        return asked


def extras_of(given: Mapping[str, Any]) -> Extras:
    """Reads them. Raises ApiError that names what is wrong."""
    try:
        extras = Extras.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(".".join(map(str, first["loc"])), first["msg"]) from None
    if extras.policy and extras.policy not in POLICIES:
        raise _wrong("policy", f"use one of {', '.join(POLICIES)}")
    return extras


def _wrong(name: str, why: str) -> ApiError:
    return ApiError(400, f"`{OWN}.{name}`: {why}", param=f"{OWN}.{name}", code="invalid_value")
