"""Service: the agents behind the endpoint, one for each way to route and each namespace of the memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING

from pilotage.agent.blocks import installed
from pilotage.agent.routing.policies import Effort
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.extras import Extras
from pilotage.agent.serve.keys.key import USERS as BELOW
from pilotage.agent.serve.model_names import EFFORTS, PASSTHROUGH, ROUTED, ModelName, model_named
from pilotage.agent.serve.upstreams.chain import Chain
from pilotage.agent.serve.upstreams.link import Link, Listener
from pilotage.agent.serve.upstreams.upstream import DEFAULT, OPENAI_KEY, Upstream, line

if TYPE_CHECKING:
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.settings import Settings
    from pilotage.memory import ConceptStore
    from pilotage.memory.edits.erase import Erasure


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
    """Makes agents when they are first asked for, and keeps them.

    Attributes:
        erasers: called with a namespace that was erased with all below it, by whoever keeps things outside the memory.
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
        self.blocks = installed().actions.names
        self._place = place
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
        self._agents: dict[tuple[object, ...], ReasoningAgent] = {}
        self._stores: dict[str, ConceptStore] = {}
        self.erasers: list[Callable[[str], None]] = []
        self._lock = RLock()

    def model_named(self, text: str) -> ModelName:
        """What a request's `model` stands for. Raises ApiError."""
        return model_named(text, self.blocks, self.upstreams.keys())

    @property
    def model_names(self) -> tuple[str, ...]:
        """Names that `/v1/models` lists; blocks can be named besides."""
        names = (ROUTED, *(f"{ROUTED}:{effort}" for effort in EFFORTS), PASSTHROUGH)
        others = [name for name in self.upstreams if name not in (DEFAULT, self.config.embeddings)]
        return (*names, *(f"{name}@{upstream}" for upstream in others for name in (ROUTED, PASSTHROUGH)))

    def links(self, upstream: str) -> tuple[Link, ...]:
        """An upstream, and those that stand in for it where it fails."""
        return tuple(self._links[name] for name in line(upstream or DEFAULT, self.upstreams))

    def client(self, upstream: str) -> ModelClient:
        """Asks an upstream, and those that stand in for it; nothing of a model is loaded yet."""
        name = upstream or DEFAULT
        with self._lock:
            if name not in self._chains:
                self._chains[name] = Chain(self.links(name))
            return self._chains[name]

    def agent(self, name: ModelName, caller: Caller, extras: Extras = Extras()) -> ReasoningAgent:  # noqa: B008 (frozen)
        """The agent that answers a request."""
        client = self.client(name.upstream)
        namespace = caller.namespace if extras.memory and self._place is not None else None
        if namespace is not None:
            self.store(namespace)  # where it was erased meanwhile, its agents are forgotten
        policy = f"fixed:{','.join((*name.blocks, 'answer'))}" if name.blocks else extras.policy or self.settings.policy
        effort = None if name.blocks or extras.policy else name.effort or self.settings.effort
        # By tenant also where there is no memory: an agent keeps the open turns of its conversations.
        key = (caller.namespace, policy, effort, name.upstream, namespace, caller.learn)
        with self._lock:
            agent = self._agents.get(key)
            if agent is None:
                agent = self._agents[key] = self._made(client, policy, effort, namespace, caller.learn)
            return agent

    def store(self, namespace: str) -> ConceptStore:
        """The memory of a namespace. Raises ApiError where the server has none."""
        if self._place is None:
            raise ApiError(404, "this server has no memory; start it with --memory", code="no_memory")
        from pilotage.memory import ConceptStore

        with self._lock:
            opened = self._stores.get(namespace)
            if opened is not None and opened.is_erased():
                self.forget(namespace)
                opened = None
            if opened is None:
                embedder, index = self.settings.embedder, self.config.index
                opened = ConceptStore.open(self._place, embedder=embedder, namespace=namespace, index=index)
                self._stores[namespace] = opened
            return opened

    def erase(self, namespace: str) -> Erasure:
        """Erases a namespace with all below it, and whatever this process holds of them."""
        erased = self.store(namespace).erase(below=True)
        with self._lock:
            held = {*self._stores, *(str(key[0]) for key in self._agents)}
            for name in held:
                if name == namespace or name.startswith(namespace + BELOW):
                    self.forget(name)
            for store in self._stores.values():
                store.finish_erasures()
        for also in self.erasers:
            also(namespace)
        return erased

    def forget(self, namespace: str) -> None:
        """Lets go of an erased namespace: its agents with their open turns, and its store."""
        with self._lock:
            self._agents = {key: agent for key, agent in self._agents.items() if key[0] != namespace}
            if (store := self._stores.pop(namespace, None)) is not None:
                store.close()

    def _made(
        self, client: ModelClient, policy: str, effort: Effort, namespace: str | None, learn: bool
    ) -> ReasoningAgent:
        settings = self.settings
        return ReasoningAgent(
            client,
            policy=policy,
            effort=effort,
            memory=self.store(namespace) if namespace is not None else None,
            learn=settings.learn and learn,
            holdout=settings.holdout,
            memory_selection=settings.memory_selection,
            memory_caption=settings.memory_caption,
            memory_related=settings.memory_related,
            keep_unverified=settings.keep_unverified,
            sandbox=settings.sandbox,
            budget=settings.budget,
            observation=settings.observation,
            seed=settings.seed,
        )

    async def close(self) -> None:
        """Releases agents and stores."""
        for agent in self._agents.values():
            await agent.aclose()
        for store in self._stores.values():
            store.close()


def _first(settings: Settings, config: ServeConfig) -> Upstream:
    """The first upstream: of the settings what its part of the configuration leaves open."""
    given = config.upstreams.get(DEFAULT, Upstream())
    given = given.model_copy(update={"api_key_env": given.api_key_env or OPENAI_KEY})
    if given.model:
        return given
    return given.model_copy(update={"model": settings.model, "base_url": given.base_url or settings.base_url})


def _others(config: ServeConfig) -> dict[str, Upstream]:
    return {name: upstream for name, upstream in config.upstreams.items() if name != DEFAULT}
