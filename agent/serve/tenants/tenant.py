"""Tenant: the memory of a namespace, and the agents over it, one for each way to route."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.memory import ConceptStore

MOST_AGENTS = 8
"""Of one namespace: `pilotage:BLOCKS` has more names than anybody should be able to fill a server with."""


@dataclass
class Tenant:
    """What is kept open of one namespace. An agent of the server holds nothing that has to be released.

    Attributes:
        store: its memory; None where the server has none, or the request wants none.
    """

    store: ConceptStore | None
    _agents: OrderedDict[Hashable, ReasoningAgent] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def agent(self, key: Hashable, make: Callable[[ConceptStore | None], ReasoningAgent]) -> ReasoningAgent:
        """The agent of a key, made over the memory when it is first asked for; the last used ones are kept."""
        with self._lock:
            agent = self._agents.get(key)
            if agent is None:
                agent = self._agents[key] = make(self.store)
            self._agents.move_to_end(key)
            while len(self._agents) > MOST_AGENTS:
                self._agents.popitem(last=False)  # who works with it keeps it
            return agent

    def close(self) -> None:
        """Lets go of the agents and closes the memory."""
        with self._lock:
            self._agents.clear()
        if self.store is not None:
            self.store.close()
