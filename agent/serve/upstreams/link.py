"""Link: one upstream as it is asked, with what is known of it while the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any

from pilotage.agent.errors import ModelUnavailable, PilotageError
from pilotage.agent.models import load_model
from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel
from pilotage.agent.models.factory import is_embedded
from pilotage.agent.models.prices import Price
from pilotage.agent.models.transport.retry import RetryPolicy
from pilotage.agent.serve.keys.limits import Limits
from pilotage.agent.serve.upstreams.circuit import Circuit
from pilotage.agent.serve.upstreams.failing import DOUBTFUL
from pilotage.agent.serve.upstreams.rate import UpstreamRate
from pilotage.agent.serve.upstreams.upstream import NO_KEY, Upstream
from pilotage.agent.trace import Usage
from pilotage.common.redaction import remember
from pilotage.common.text import one_line

if TYPE_CHECKING:
    from pilotage.agent.models.client import ModelClient

log = logging.getLogger("pilotage.serve")

MOST_LOGGED = 300
"""Characters of a failure: what an upstream says of it may repeat the whole prompt."""
_OPENAI = "openai:"
_OPENAI_CHAT = "openai-chat"
"""What LangChain calls the type of OpenAI's own models."""


class Listener:
    """What is told of calls; it does nothing by itself."""

    def spent(self, upstream: str, model: str, usage: Usage) -> None:
        """An upstream's model was asked, which cost this, however it ended."""

    def failed(self, upstream: str, why: str) -> None:
        """An upstream has failed at a request."""


class Link:
    """An upstream: its client, its rate, its price, and whether it has failed of late.

    Args:
        name: of the upstream.
        upstream: how it is configured.
        price: of its tokens, where that is known.
        slots: calls that an embedded model works on at the same time.
        listener: is told of its calls.
        client: asks it, where it is there already.
    """

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        price: Price | None,
        *,
        slots: int,
        listener: Callable[[], Listener],
        client: ModelClient | None = None,
    ) -> None:
        self.name = name
        self.upstream = upstream
        remember(upstream.key or "")  # before the upstream can echo it
        self.price = price
        self.circuit = Circuit(upstream.cooldown)
        limits = Limits(requests_per_minute=upstream.requests_per_minute, tokens_per_minute=upstream.tokens_per_minute)
        self.rate = UpstreamRate(name, limits, upstream.longest_wait) if limits != Limits() else None
        self._slots = slots
        self._listener = listener
        self._client = client if client is None else self._set_up(client)
        self._lock = RLock()

    @property
    def is_set_up(self) -> bool:
        """Whether its client is there already."""
        return self._client is not None

    @property
    def client(self) -> ModelClient:
        """Asks it; nothing of a model is loaded yet. Raises ModelUnavailable where it cannot be set up."""
        with self._lock:
            if self._client is None:
                to = self.upstream
                try:  # no cache: a reply to one client is none to another, and `regenerate` asks for a new one
                    made = load_model(
                        to.model, base_url=to.base_url, api_key=to.key, timeout=self._limit, slots=self._slots
                    )
                except PilotageError as error:
                    log.error("the upstream %s cannot be set up: %s", self.name, one_line(str(error)))
                    what = f"the upstream {self.name} cannot be asked: it is not set up as it should be"
                    raise ModelUnavailable(what) from error
                self._client = self._set_up(made)
            return self._client

    @property
    def speaks_openai(self) -> bool:
        """Whether it has an address where requests of OpenAI's protocol can be sent; the embedded model has one too.

        Nothing is loaded to know it.
        """
        if self.upstream.base_url is not None:
            return True
        if self._client is not None:
            return isinstance(self._client.model, EmbeddedChatModel) or self._client.main._llm_type == _OPENAI_CHAT
        return is_embedded(self.upstream.model) or self.upstream.model.startswith(_OPENAI)

    async def address(self) -> tuple[str, str, str]:
        """Base URL, key and model of one that speaks OpenAI's protocol; an embedded model is loaded for it."""
        to = self.upstream
        if to.base_url is not None:
            return to.base_url.rstrip("/"), to.key or NO_KEY, to.model
        return await asyncio.to_thread(self._found)

    def _found(self) -> tuple[str, str, str]:
        model = self.client.model
        if isinstance(model, EmbeddedChatModel):
            return model.engine.base_url, model.engine.api_key, "default"
        openai: Any = self.client.main
        to = openai.root_async_client
        return str(to.base_url).rstrip("/"), to.api_key, openai.model_name

    def spent(self, usage: Usage) -> None:
        """Calls of it have cost this."""
        self._listener().spent(self.name, self.upstream.model, usage)

    def failed(self, why: str, what: str) -> None:
        """It has failed at a request; `what` is said in the log."""
        self._listener().failed(self.name, why)
        if why != "rate":
            self.circuit.failed(surely=why not in DOUBTFUL)
        said = one_line(what)
        said = said if len(said) <= MOST_LOGGED else f"{said[:MOST_LOGGED]}…"
        log.warning("the upstream %s failed (%s): %s", self.name, why, said)

    @property
    def _limit(self) -> float | None:
        """Seconds for a call; what works in this process takes as long as it takes, unless it was told otherwise."""
        to = self.upstream
        return to.timeout if to.base_url is not None or "timeout" in to.model_fields_set else None

    def _set_up(self, client: ModelClient) -> ModelClient:
        to = self.upstream
        client.price, client.rate, client.alias = self.price, self.rate, f"the upstream {self.name}"
        if to.model_fields_set & {"retries", "fallback", "longest_wait"}:
            # Where another can be asked, it is worth more than the same again; a time-out twice leaves no time for it.
            alone = not to.fallback
            client.retry = RetryPolicy(
                retries=to.tries_again, longest_wait=to.longest_wait, after_timeouts=alone, unusable=int(alone)
            )
        return client


def in_turn(links: Sequence[Link]) -> Iterator[Link]:
    """Links in the order of asking, without those that have failed of late; where all have, one of them all the same.

    Each is decided on when it is its turn, so whoever needs no further one leaves the others as they are.
    """
    asked = False
    for link in links:
        if link.circuit.admits():
            asked = True
            yield link
    if not asked:
        yield min(links, key=lambda link: link.circuit.until)
