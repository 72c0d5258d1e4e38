"""Extras: what a request may say to this server alone, under `pilotage` in its body."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pilotage.agent.budget import Budget
from pilotage.agent.serve.fields import Fields, wrong
from pilotage.agent.serve.model_names import strategy_of
from pilotage.agent.strategies import PREFIX
from pilotage.common.faults import first_fault

OWN = "pilotage"
POLICIES = ("default", "rules", "one-bit", "network", "experience", "vote:3", "agree:2", "random")
"""Policies that a request may name; files are for whoever starts the server."""


class Extras(BaseModel):
    """What a request may change of how it is worked on.

    Attributes:
        budget: limits of the work before the reply, as `Budget` has them; no greater than the server's.
        memory: whether memory is asked and taught.
        policy: how blocks are chosen.
        trace: whether the reply has the whole run, under `pilotage`; a stream has it event by event (`chat_trace.py`).
        progress: whether what is done is told as reasoning; as the server is set by default.
        namespace: of the memory, in place of the caller's usual one; it has to be the caller's too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: dict[str, Any] = {}
    memory: bool = True
    policy: str = ""
    trace: bool = False
    progress: bool | None = None
    namespace: str | None = None

    def limits(self, most: Budget) -> Budget | None:
        """The limits of the run; None where the request sets none. Raises ApiError for more than the server's."""
        if not self.budget:
            return None
        try:
            asked = Budget(**{**most.model_dump(), **self.budget})
        except ValidationError as error:
            place, reason = first_fault(error)
            raise wrong(f"{OWN}.budget.{place}", f"is no limit of a run ({reason})") from None
        for name in Budget.model_fields:
            if getattr(asked, name) > getattr(most, name):
                raise wrong(f"{OWN}.budget.{name}", f"is at most {getattr(most, name)} here")
        return asked


def _policy(named: str) -> str:
    if named.startswith(PREFIX):
        return strategy_of(named, lambda why: wrong(f"{OWN}.policy", f"stands for no strategy: {why}"))
    if named and named not in POLICIES:
        raise wrong(f"{OWN}.policy", f"is one of {', '.join(POLICIES)}, or {PREFIX}NAME;PARAMETER=VALUE")
    return named


def extras_of(fields: Fields) -> Extras:
    """Takes them out of a request's fields. Raises ApiError that names what is wrong."""
    own = fields.object(OWN)
    memory = own.flag("memory")
    extras = Extras(
        budget=dict(own.mapping("budget")),
        memory=memory is not False,
        policy=_policy(own.text("policy") or ""),
        trace=own.flag("trace") or False,
        progress=own.flag("progress"),
        namespace=own.text("namespace", least=1),
    )
    own.end()
    return extras
