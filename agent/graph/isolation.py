"""Isolation: a run of the agent's own beside a graph in whose node it may be called.

LangGraph takes what is invoked within a node for a part of it: it would keep the run in the other graph's checkpoints,
which may not even be asynchronous, and stream its state as the other's. What watches (callbacks, tags, metadata) is
wanted all the same.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.runnables.config import var_child_runnable_config

T = TypeVar("T")


def own_config(given: RunnableConfig | None, configurable: dict[str, Any], steps: int) -> RunnableConfig:
    """The config of a run of its own: what watches comes from the caller, else from the node that it is called in."""
    outer = ensure_config(given)
    config = RunnableConfig(
        callbacks=outer.get("callbacks"),
        tags=[tag for tag in outer.get("tags") or () if not tag.startswith("seq:")],
        metadata={key: value for key, value in (outer.get("metadata") or {}).items() if not _of_a_graph(key)},
        configurable=configurable,
        recursion_limit=steps,
    )
    if given is not None and "run_name" in given:
        config["run_name"] = given["run_name"]
    return config


def _of_a_graph(key: str) -> bool:
    return key.startswith(("langgraph_", "__pregel_", "checkpoint_")) or key in ("thread_id", "run_id")


def _outside() -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(var_child_runnable_config.set, None)
    return context


async def alone(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine that does not know which node it is called in."""
    return await asyncio.create_task(make(), context=_outside())


class AloneEach(AsyncIterator[T]):
    """The items of an iterator that does not know which node it is called in.

    It is no generator, because the end of an event loop closes every generator that is open, all of them at once.
    """

    def __init__(self, items: AsyncIterator[T]) -> None:
        self._items = items
        self._context = _outside()

    async def __anext__(self) -> T:
        async def following() -> T:
            return await anext(self._items)

        return await asyncio.create_task(following(), context=self._context)

    async def aclose(self) -> None:
        """Closes the items, unless somebody else is at it, as the end of an event loop is."""

        async def close() -> None:
            if isinstance(self._items, AsyncGenerator):
                try:
                    await self._items.aclose()
                except RuntimeError:
                    if not getattr(self._items, "ag_running", False):
                        raise

        await asyncio.create_task(close(), context=self._context)
