"""Service: the agents behind the endpoint, one for each way to route and each namespace of the memory.

An agent is made in a few milliseconds, so what was closed costs little to open again. Turns of conversations that wait
for the results of tools lie in one table, so they outlive the agent that began them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from pilotage.agent.chat.open_turns import OpenTurns, TurnTable
from pilotage.agent.errors import PilotageError, UsageError
from pilotage.agent.routing.observation import registry_for
from pilotage.agent.routing.policies import Effort
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.extras import Extras
from pilotage.agent.serve.keys.key import USERS as BELOW
from pilotage.agent.serve.model_names import EFFORTS, PASSTHROUGH, ROUTED, ModelName, model_named, unknown
from pilotage.agent.serve.tenants.holding import hold, holding
from pilotage.agent.serve.tenants.pool import Pool
from pilotage.agent.serve.tenants.tenant import Tenant
from pilotage.agent.serve.upstreams.chain import Chain
from pilotage.agent.serve.upstreams.link import Link, Listener
from pilotage.agent.serve.upstreams.upstream import DEFAULT, OPENAI_KEY, Upstream, line
from pilotage.agent.strategies.method import registry_with
from pilotage.common.text import printable

if TYPE_CHECKING:
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.settings import Settings
    from pilotage.memory import ConceptStore
    from pilotage.memory.edits.erase import Erasure
    from pilotage.memory.embedders.embedder import Embedder
    from pilotage.memory.ledger.erasures import Erased

log = logging.getLogger("pilotage.serve")


MOST_OPENING = 32
"""Namespaces that are opened at the same time."""


@dataclass(frozen=True)
class Caller:
    """For whom a request is answered.

    Attributes:
        key: id of the API key; empty where none was needed.
        namespace: of the memory.
        learn: whether the conversation may teach the memory.
    """

    key: str = ""
    namespace: str = "default"
    learn: bool = True


class Service:
    """Makes agents when they are first asked for, and keeps those that are in use or were used last.

    Attributes:
        tenants: what is open, by namespace and whether with its memory.
        registry: the blocks of every agent.
        blocks: names of blocks that a request may ask for.
        erasers: of those who keep things outside the memory: each erases theirs of a namespace and all below it.
        listener: is told of the calls of upstreams.
        upstreams: how each is configured, by name.

    Args:
        settings: what a run is made of.
        config: what the server is.
        place: folder or URL of the memory; None for none.
        model: of the first upstream, where it is there already.
    """

    def __init__(
        self, settings: Settings, config: ServeConfig, *, place: str | None = None, model: ModelClient | None = None
    ) -> None:
        self.settings = settings
        self.config = config
        self.upstreams: Mapping[str, Upstream] = {DEFAULT: _first(settings, config), **_others(config)}
        self.listener = Listener()
        self._prices = config.known_prices
        self._links = {
            name: Link(
                name,
                upstream,
                config.price_of(name, upstream.model),
                slots=settings.concurrency,
                listener=lambda: self.listener,
                client=model if name == DEFAULT else None,
            )
            for name, upstream in self.upstreams.items()
        }
        self._chains: dict[str, Chain] = {}
        # Once: to look for plugins takes longer than all else.
        self.registry = registry_with(settings.policy, registry_for(settings.observation), settings.blocks)
        self.blocks = self.registry.actions.names
        self._place = place
        self._embedder: Embedder | None = None
        self._turns = TurnTable()
        self.tenants = Pool(config.most_namespaces, self._opened, Tenant.close)
        self.erasers: list[Callable[[str], Erasure]] = []
        self._lock = Lock()
        self._openers = ThreadPoolExecutor(MOST_OPENING, thread_name_prefix="tenants")
        self._opening: dict[tuple[str, bool], asyncio.Future[None]] = {}

    def model_named(self, text: str) -> ModelName:
        """What a request's `model` stands for. Raises ApiError."""
        named = model_named(text, self.blocks, self.upstreams.keys(), self.settings.budget.max_steps)
        if named.direct and not self._links[named.upstream or DEFAULT].speaks_openai:
            raise unknown(text, f"this upstream speaks another protocol; use {ROUTED}")
        return named

    def check_models(self) -> None:
        """Sets up the client of every upstream, so that one that names no model is told of before any request.

        What may still come (weights, a package, a key) is said in the log: other upstreams may be all that is asked.

        Raises:
            UsageError: an upstream has none; the text says which, and what to write.
        """
        for name, link in self._links.items():
            try:
                _ = link.client
            except PilotageError as error:
                why = error.__cause__ if isinstance(error.__cause__, PilotageError) else error
                if isinstance(why, UsageError):
                    raise UsageError(f"the upstream {name}: {why}" if name != DEFAULT else str(why)) from None
                log.warning("the upstream %s cannot be asked: %s", name, printable(str(why)))

    def check_embedder(self) -> None:
        """Finds what makes vectors for the memory, without which every request would fail. Raises EmbedderError."""
        if self._place is not None:
            self._embedding()

    @property
    def model_names(self) -> tuple[str, ...]:
        """Names that `/v1/models` lists; blocks can be named besides."""
        names = [ROUTED, *(f"{ROUTED}:{effort}" for effort in EFFORTS)]
        for upstream, link in self._links.items():
            at = "" if upstream == DEFAULT else f"@{upstream}"
            if upstream == self.config.embeddings and at:
                continue
            names += [f"{ROUTED}{at}"] if at else []
            names += [f"{PASSTHROUGH}{at}"] if link.speaks_openai else []
        return tuple(names)

    def links(self, upstream: str) -> tuple[Link, ...]:
        """An upstream, and those that stand in for it where it fails."""
        return tuple(self._links[name] for name in line(upstream or DEFAULT, self.upstreams))

    def client(self, upstream: str) -> ModelClient:
        """Asks an upstream, and those that stand in for it; nothing of a model is loaded yet."""
        name = upstream or DEFAULT
        # Without a lock: to import a provider's package takes seconds, in which others are to be served.
        return self._chains.get(name) or self._chains.setdefault(name, Chain(self.links(name)))

    async def ready(self, namespace: str, remembers: bool = True) -> None:
        """Opens what is kept of a namespace, if it is not open, so that `agent` and `store` hardly wait.

        It is opened in threads that nothing else needs, and once for all that wait for it: the store of one tenant may
        take long to open, or be out of reach. What it raises is raised to each of them.
        """
        key = (namespace, remembers and self._place is not None)
        if self.tenants.has(key):
            return
        opening = self._opening.get(key)
        if opening is None:
            opening = self._opening[key] = asyncio.get_running_loop().run_in_executor(
                self._openers, lambda: self.tenants.take(key).end()
            )
            opening.add_done_callback(lambda _: self._opening.pop(key, None))
        await asyncio.shield(opening)

    async def ready_agent(self, name: ModelName, caller: Caller, extras: Extras) -> ReasoningAgent:
        """The agent that answers a request, made beside the event loop."""
        await self.ready(caller.namespace, extras.memory)
        return await asyncio.to_thread(self.agent, name, caller, extras)

    def agent(self, name: ModelName, caller: Caller, extras: Extras = Extras()) -> ReasoningAgent:  # noqa: B008 (frozen)
        """The agent that answers a request, kept open until that ends (`tenants/holding.py`)."""
        client = self.client(name.upstream)
        remembers = extras.memory and self._place is not None
        blocks = f"fixed:{','.join((*name.blocks, 'answer'))}" if name.blocks else ""
        asked = blocks or name.strategy or extras.policy
        policy, effort = asked or self.settings.policy, None if asked else name.effort or self.settings.effort
        # By tenant also where there is no memory: an agent knows the open turns of its conversations.
        key = (caller.namespace, policy, effort, name.upstream, remembers, caller.learn)

        def make(store: ConceptStore | None) -> ReasoningAgent:
            return self._made(client, policy, effort, store, caller.learn, self._turns.of(key))

        return self._tenant(caller.namespace, remembers).agent(key, make)

    def store(self, namespace: str) -> ConceptStore:
        """The memory of a namespace, kept open until the request ends. Raises ApiError where the server has none."""
        if self._place is None:
            raise ApiError(404, "this server has no memory; start it with --memory", code="no_memory")
        store = self._tenant(namespace, remembers=True).store
        assert store is not None, "it was asked for one with a memory"
        return store

    def erase(self, namespace: str) -> Erasure:
        """Erases a namespace with all below it, and whatever this process holds of them, with or without a memory."""

        def is_gone(name: object) -> bool:
            return name == namespace or str(name).startswith(namespace + BELOW)

        gone: list[Erasure] = []
        try:
            if self._place is not None or not self.erasers:
                gone.append(self.store(namespace).erase(below=True))
        finally:  # what is kept outside the memory goes also where that cannot be reached
            with self.tenants.every() as leases:
                for lease in leases:
                    if is_gone(lease.key[0]):
                        self.tenants.drop(lease.key, lease.value)
                    elif lease.value.store is not None:
                        lease.value.store.finish_erasures()
            self._turns.forget(lambda owner: is_gone(owner[0]))
            gone += [also(namespace) for also in self.erasers]
        return reduce(lambda all, more: all.joined(more), gone)

    def erased_after(self, number: int) -> list[Erased]:
        """What was erased of the memory after its tombstone with this number, by whichever process."""
        from pilotage.memory.ledger.erasures import erased_after
        from pilotage.memory.location import LEDGER

        place = self._place
        if place is None or ("://" not in place and not (Path(place) / LEDGER).is_file()):
            return []
        with holding(), self.store(Caller().namespace).ledger.read() as connection:
            return erased_after(connection, number)

    def _tenant(self, namespace: str, remembers: bool) -> Tenant:
        """What is open of a namespace; opened anew where another process has erased it."""
        while True:
            lease = self.tenants.take((namespace, remembers))
            hold(lease)
            store = lease.value.store
            if store is None or not store.is_erased():
                return lease.value
            self.tenants.drop(lease.key, lease.value)
            self._turns.forget(lambda owner: owner[0] == namespace)

    def _opened(self, key: tuple[str, bool]) -> Tenant:
        namespace, remembers = key
        if not remembers:
            return Tenant(None)
        from pilotage.memory import ConceptStore

        assert self._place is not None, "it is not asked for where there is none"
        embedder, index = self._embedding(), self.config.index
        store = ConceptStore.open(
            self._place, embedder=embedder, namespace=namespace, index=index, share_connections=True
        )
        return Tenant(store)

    def _embedding(self) -> Embedder:
        from pilotage.memory.embedders.embedder import resolve_embedder

        with self._lock:  # one for all: a model of vectors takes as much as everything else
            self._embedder = self._embedder or resolve_embedder(self.settings.embedder)
            return self._embedder

    def _made(
        self,
        client: ModelClient,
        policy: str,
        effort: Effort,
        store: ConceptStore | None,
        learn: bool,
        turns: OpenTurns,
    ) -> ReasoningAgent:
        settings = self.settings
        return ReasoningAgent(
            client,
            policy=policy,
            effort=effort,
            memory=store,
            learn=settings.learn and learn,
            holdout=settings.holdout,
            memory_selection=settings.memory_selection,
            memory_caption=settings.memory_caption,
            memory_related=settings.memory_related,
            memory_form=settings.memory_form,
            keep_unverified=settings.keep_unverified,
            sandbox=settings.sandbox,
            budget=settings.budget,
            observation=settings.observation,
            registry=self.registry,
            prices=self._prices,
            open_turns=turns,
            seed=settings.seed,
        )

    async def close(self) -> None:
        """Releases agents and stores."""
        self._openers.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self.tenants.close)


def _first(settings: Settings, config: ServeConfig) -> Upstream:
    """The first upstream: of the settings what its part of the configuration leaves open."""
    given = config.upstreams.get(DEFAULT, Upstream())
    if given.model:
        return given
    more = {"model": settings.model, "base_url": given.base_url or settings.base_url}
    if given.base_url is None and settings.base_url is not None:
        more["api_key_env"] = given.api_key_env or OPENAI_KEY
    return given.model_copy(update=more)


def _others(config: ServeConfig) -> dict[str, Upstream]:
    return {name: upstream for name, upstream in config.upstreams.items() if name != DEFAULT}
