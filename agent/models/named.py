"""Models by name: the run's own, and those that a strategy names beside it, each loaded once a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, TypeAlias

from pydantic import SecretStr

from pilotage.agent.errors import UnknownModel

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.models.prices import Price

GivenModel: TypeAlias = "str | ModelClient | BaseChatModel"
"""A model as it is handed over: a model string, a LangChain chat model, or a client."""
_LOADED: dict[tuple[object, ...], ModelClient] = {}
_LOADING = threading.Lock()


class NamedModels:
    """The models that a run may ask.

    A name is one that was handed over, or else a model string (`pilotage.agent.models.load_model`). What is loaded here
    shares the response cache and the retries of the run's own model, and where this is one of a server, other models
    are looked for there too. A name of the run's own model is that model.

    Args:
        own: the run's model, which the empty name stands for.
        given: models by names of the caller's.
        prices: of the models that are loaded here, by their strings.
    """

    def __init__(
        self,
        own: ModelClient,
        given: Mapping[str, GivenModel] | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        self.own = own
        self._given = dict(given or {})
        self._prices = dict(prices or {})
        self._clients: dict[str, ModelClient] = {"": own}

    def named(self, name: str) -> ModelClient:
        """The model of a name; its weights are loaded at its first call.

        Raises:
            PilotageError: there is none, or it cannot be had; the text says why.
        """
        if name not in self._clients:
            self._clients[name] = self._found(name)
        return self._clients[name]

    @property
    def identities(self) -> dict[str, str]:
        """What was handed over by name, as the response cache knows it."""
        return {name: self.named(name).identity for name in sorted(self._given)}

    def _found(self, name: str) -> ModelClient:
        given = self._given.get(name, name)
        if isinstance(given, str):
            client = self.own if given == self.own.name else _loaded(given, self.own)
            if client.identity == self.own.identity:
                return self.own
            client.price = self._prices.get(given, client.price)
            return client
        from pilotage.agent.models.client import ModelClient

        if isinstance(given, ModelClient):
            return given
        return ModelClient(given, name=name, cache=self.own.cache, retry=self.own.retry)


def _loaded(spec: str, own: ModelClient) -> ModelClient:
    """A client of a model string beside a run's own, over what this process has loaded of it already."""
    from pilotage.agent.models.factory import is_embedded

    slots = getattr(own.main, "slots", 1)
    if not is_embedded(spec):  # no weights, so nothing is gained by sharing it with other runs
        client = _of_provider_or_server(spec, own)
    else:
        from pilotage.agent.models.factory import load_model

        with _LOADING:
            place = (os.getpid(), spec, slots)
            if place not in _LOADED:
                _LOADED[place] = load_model(spec, slots=slots)
            client = copy(_LOADED[place])
    client.cache, client.retry, client.alias = own.cache, own.retry, own.alias
    if client.where == own.where:  # one server, whose limits are for all that is asked there
        client.rate, client.timeout = own.rate, own.timeout
    return client


def _of_provider_or_server(spec: str, own: ModelClient) -> ModelClient:
    """What a string names by itself, or at the server of the run's own model: a bare name is one there."""
    from pilotage.agent.models.factory import is_in_process, load_model

    address, key = getattr(own.main, "openai_api_base", None), getattr(own.main, "openai_api_key", None)
    if not isinstance(address, str) or is_in_process(spec):
        return load_model(spec)
    try:
        if ":" in spec:
            return load_model(spec)
    except UnknownModel:
        pass  # names on servers may have colons
    return load_model(spec, base_url=address, api_key=key.get_secret_value() if isinstance(key, SecretStr) else None)
