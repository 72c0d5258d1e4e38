"""Keeps a model's working out of LangGraph's stream of messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core.runnables import ensure_config
from langchain_core.runnables.config import var_child_runnable_config

QUIET = "nostream"
"""Tag by which LangGraph keeps a model's tokens out of its stream of messages: this is working, not a reply."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps what models say within it out of LangGraph's stream of messages; callbacks hear of it all the same."""
    config = ensure_config()
    config["tags"] = [*(config.get("tags") or ()), QUIET]
    token = var_child_runnable_config.set(config)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)
