"""Block: a run of a peer as the one step of a run, whose text is read as everybody's."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pilotage.agent.answers import extract
from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.answer import Answer
from pilotage.agent.blocks.base import Block, CutShort
from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.budget import Budget
from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.peers.gateway import MODEL, Gateway
from pilotage.agent.peers.toolkit import Peer
from pilotage.agent.peers.worker import DRIVER, PeerFailed, Worker
from pilotage.agent.prompting import content_fingerprint, conversation
from pilotage.agent.state import State
from pilotage.agent.strategies.drawing import asked_for
from pilotage.agent.task import Task
from pilotage.agent.trace import Evidence, Step
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.spaces import ActionMask, Observation


class PeerBlock(Block):
    """Has a method of another toolkit solve the task, with the run's own model and within the run's budget."""

    name = "peer"

    def __init__(self, peer: Peer, peers: Peers) -> None:
        self.peer = peer
        self._peers = peers

    def applicable(self, state: State) -> bool:
        """Once, on tasks that have an answer to read."""
        return not state.trace.has(self.name) and state.task.kind != "open"

    async def run(self, state: State, kit: Kit) -> Step:
        """The step of a text that the peer came to.

        Raises:
            CutShort: with the step, where a limit of the budget refused a call on the way.
            BudgetExceeded: it left the peer without a text.
            PeerFailed: it came to none.
            ModelUnavailable: nobody answers, whatever the peer made of that.
        """
        system, *rest = conversation(state, asked_for(state, "reason"), independent=True)
        asked = {
            "url": self._peers.gateway.url,
            "model": MODEL,
            "system": str(system.content),
            "prompt": "\n\n".join(str(message.content) for message in rest),
            "max_tokens": max(MAX_TOKENS, kit.meter.budget.reply_tokens),
            "method": self.peer.method,
            "settings": self.peer.settings,
            "seed": f"{kit.seed}/{content_fingerprint(state.task)}",
        }
        async with self._peers.gateway.account(kit) as (key, account):
            try:
                async with asyncio.timeout(kit.meter.seconds_left):
                    text, version = await self._peers.solve(self.peer, asked | {"key": key})
            except TimeoutError:
                seconds = kit.meter.budget.max_seconds
                raise BudgetExceeded(
                    "max_seconds", f"the budget of {seconds:g} seconds is used up by the peer"
                ) from None
            except PeerFailed:
                if account.failure is not None:
                    raise account.failure from None
                if account.limit is not None:
                    raise account.limit from None
                raise
        if account.failure is not None:
            raise account.failure
        step = Step(
            block=self.name,
            text=text,
            candidate=extract(state.task.kind, text, state.task.choices),
            independent=True,
            evidence=Evidence(note=f"{self.peer.label}, {self.peer.toolkit.name} {version}"),
            usage=kit.usage,
        )
        if account.limit is not None:
            raise CutShort(account.limit, step)
        return step


class PeerPolicy:
    """Has the peer solve the task, then answers.

    Args:
        peer: how it is configured.
        registry: with its block.
    """

    def __init__(self, peer: Peer, registry: Registry) -> None:
        self.name = peer.label
        self._least_calls = peer.least_calls
        self._peer = registry.actions.index(PeerBlock.name)
        self._terminal = registry.actions.index(registry.actions.terminal)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The peer, once."""
        return Decision(self._peer if mask[self._peer] else self._terminal)

    def require_room(self, task: Task, budget: Budget) -> None:
        """Raises BeyondBudget where a budget has fewer calls than the peer makes, whatever the task."""
        budget.require_calls(self._least_calls, self.name)


class Peers:
    """What all runs of peers share: the gateway, and workers that wait for their next run. An async context manager.

    Args:
        folder: of their environments; by default `peers` in the user's data folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._idle: dict[str, list[Worker]] = {}
        self._open = AsyncExitStack()
        self.gateway = Gateway()

    def command(self, peer: Peer) -> tuple[str, ...]:
        """What starts a worker. Raises UsageError where the toolkit has no environment."""
        return (str(peer.toolkit.python(self._folder)), "-I", str(DRIVER), peer.toolkit.name)

    def require(self, peer: Peer) -> None:
        """Looks once whether the toolkit's environment is there, with the version that is known.

        Raises:
            UsageError: it is not; it says how to make it.
        """
        if peer.toolkit.name not in self._idle:
            peer.toolkit.require(self._folder, DRIVER)
            self._idle[peer.toolkit.name] = []

    def of_agent(self, peer: Peer) -> dict[str, Any]:
        """What makes an agent one whose runs are a peer's: its blocks and its policy.

        Raises:
            UsageError: see `require`.
        """
        self.require(peer)
        registry = Registry([PeerBlock(peer, self), Answer()])
        return {"registry": registry, "policy": PeerPolicy(peer, registry)}

    async def __aenter__(self) -> Peers:
        await self._open.enter_async_context(self.gateway)
        return self

    async def __aexit__(self, *raised: object) -> None:
        for idle in self._idle.values():
            while idle:
                await idle.pop().close()
        await self._open.aclose()

    async def solve(self, peer: Peer, asked: dict[str, Any]) -> tuple[str, str]:
        """The text that a run comes to, and the toolkit's version. A worker that was left in the middle is ended.

        Raises:
            PeerFailed: it came to none.
        """
        idle = self._idle.setdefault(peer.toolkit.name, [])
        while idle and idle[-1].ended:
            await idle.pop().close()
        worker = idle.pop() if idle else Worker(self.command(peer), peer.toolkit.name)
        reusable = False
        try:
            text = await worker.run(asked)
            reusable = True
            return text, worker.version
        except PeerFailed:
            reusable = not worker.ended
            raise
        finally:
            if reusable:
                idle.append(worker)
            else:
                await worker.close()
