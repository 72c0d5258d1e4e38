"""What an agent is given, checked in one sentence each before anything is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.agent.errors import UsageError
from pilotage.common.plugins import described
from pilotage.common.seeds import checked_seed

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from pilotage.agent.models.client import ModelClient


def seed_given(given: int) -> int:
    """The seed; raises UsageError where it is none."""
    try:
        return checked_seed(given)
    except ValueError as error:
        raise UsageError(str(error)) from None


def require_kind(name: str, given: object, kind: type) -> None:
    """Raises UsageError where what was given is neither None nor of its kind."""
    if given is not None and not isinstance(given, kind):
        raise UsageError(f"{name} is {described(given)}: give a pilotage.agent.{kind.__name__}, or leave {name} out")


def client_of(model: str | ModelClient | BaseChatModel) -> ModelClient:
    """The client of a model string, of a LangChain model, or itself."""
    from pilotage.agent.models import ModelClient, load_model

    if isinstance(model, str):
        return load_model(model)
    return model if isinstance(model, ModelClient) else ModelClient(model)
