"""Callbacks: which of those that watch a chat model hear of the calls inside it.

Tracers do, which draw them below the call. Other callbacks count and show: to them a chat model is one call, and what
is inside would be counted twice. Whoever wants to hear of it all the same hears no tokens, which are those of the
reply once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler, AsyncCallbackManager, BaseCallbackHandler
from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers import BaseTracer

from pilotage.agent.models.quiet import QUIET

_caller: ContextVar[Caller | None] = ContextVar("pilotage_caller", default=None)


def inner_config(run: BaseRunManager | None, *, all_callbacks: bool) -> RunnableConfig:
    """The config of the agent's run inside a call of the chat model.

    Args:
        run: the call's run manager. LangChain gives none to `_stream` and `_astream`: then the caller is the one of
            `calling`.
        all_callbacks: whether others than tracers hear of the run.
    """
    caller = Caller.of(run) if run is not None else _caller.get()
    config = RunnableConfig(tags=[QUIET])
    if caller is not None:
        config["callbacks"] = caller.for_the_inside(all_callbacks=all_callbacks)
    return config


@contextmanager
def calling(by: Caller | BaseRunManager | None) -> Iterator[None]:
    """Where a call of the chat model begins."""
    token = _caller.set(Caller.of(by) if isinstance(by, BaseRunManager) else by)
    try:
        yield
    finally:
        _caller.reset(token)


class Caller(BaseCallbackHandler):
    """Who called a chat model: what watches it, and under which run.

    As a handler of the call it learns the run's id, which LangChain makes up inside.
    """

    run_inline = True

    def __init__(self, manager: AsyncCallbackManager) -> None:
        self._manager = manager

    @classmethod
    def of(cls, run: BaseRunManager) -> Caller:
        """The caller, by a run manager."""
        manager = AsyncCallbackManager(handlers=[], parent_run_id=run.run_id)
        manager.set_handlers(run.inheritable_handlers)
        manager.add_tags(run.inheritable_tags)
        manager.add_metadata(run.inheritable_metadata)
        return cls(manager)

    @classmethod
    def by(cls, config: RunnableConfig) -> Caller:
        """The caller, by the config of a call."""
        return cls(
            AsyncCallbackManager.configure(
                config.get("callbacks"),
                inheritable_tags=config.get("tags"),
                inheritable_metadata=config.get("metadata"),
            )
        )

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **_: Any) -> None:
        """Learns the id of the run."""
        self._manager.parent_run_id = run_id

    def for_the_inside(self, *, all_callbacks: bool) -> AsyncCallbackManager:
        """What watches the calls inside."""
        heard = {id(one): _inside(one, all_callbacks) for one in self._manager.inheritable_handlers}
        manager = self._manager.copy()
        manager.set_handlers([one for one in heard.values() if one is not None])
        return manager


class Deaf:
    """A handler that hears no tokens, and that does not make models stream; else it is the one inside."""

    def __init__(self, handler: BaseCallbackHandler) -> None:
        self._handler = handler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    async def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        """Hears nothing."""

    on_stream_event = on_llm_new_token


_UNHEARD = (BaseCallbackHandler.on_llm_new_token, AsyncCallbackHandler.on_llm_new_token)


def _inside(handler: BaseCallbackHandler, all_callbacks: bool) -> Any:
    """What of a handler hears of the inside; None for nothing."""
    if isinstance(handler, BaseTracer):
        return handler
    if not all_callbacks:
        return None
    return handler if type(handler).on_llm_new_token in _UNHEARD else Deaf(handler)
