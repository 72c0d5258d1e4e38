"""Assembly: an agent from settings. What is slow to load is loaded side by side, and only if it is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.settings import Settings
from pilotage.common.paths import data_dir, expanded

if TYPE_CHECKING:
    from pilotage.agent.models.cache import ResponseCache
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.memory import ConceptStore

CHECKPOINTS = "checkpoints.sqlite"
"""In the data folder: the file of `pilotage solve --thread`."""
OF_AGENT = (
    *("policy", "effort", "learn", "holdout", "memory_selection", "memory_caption", "memory_related"),
    *(
        "memory_form",
        "keep_unverified",
        "sandbox",
        "observation",
        "blocks",
        "confidence",
        "min_confidence",
        "budget",
        "seed",
    ),
)
"""Settings that an agent takes by their own names."""


@contextmanager
def assemble(
    settings: Settings,
    *,
    checkpoints: bool = False,
    quick: bool = False,
    model: ModelClient | None = None,
    **others: Any,
) -> Iterator[ReasoningAgent]:
    """An agent as the settings describe it; its store and its model are released at the end.

    The weights start loading in a thread of llama.cpp before anything heavy is imported here, and the embedder in
    another as soon as the store turns out to hold concepts.

    Args:
        settings: what the agent is made of.
        checkpoints: keep the run by its thread id, so that it can be resumed.
        quick: somebody waits for the first token, which matters more than speed over many tasks.
        model: a model that is loaded already, for several agents over the same one.
        others: arguments of the agent that take the place of what the settings say.

    Raises:
        PilotageError: a part cannot be had as asked.
        ConceptStoreError: the memory folder cannot be opened.
    """
    if model is None:
        model = model_of(settings)
    loading = ThreadPoolExecutor(1, thread_name_prefix="load-model")
    loading.submit(model.load, quick=quick)  # a failure shows again at the first call, which loads what is not loaded
    store = _open_store(settings)
    try:
        yield agent_of(settings, model, store, data_dir() / CHECKPOINTS if checkpoints else None, **others)
    finally:
        if store is not None:
            store.close()
        loading.shutdown()


def agent_of(
    settings: Settings, model: ModelClient, store: ConceptStore | None, checkpoints: Path | None = None, **others: Any
) -> ReasoningAgent:
    """An agent over a model and a memory that are there already; `others` take the place of what the settings say."""
    from pilotage.agent.runner import ReasoningAgent

    chosen = {name: getattr(settings, name) for name in OF_AGENT} | others
    keep = settings.keep_checkpoints
    return ReasoningAgent(
        model,
        memory=store,
        escalate_to=second_model_of(settings, model.cache),
        checkpoints=checkpoints,
        keep_checkpoints=keep,
        **chosen,
    )


def model_of(settings: Settings) -> ModelClient:
    """The model that the settings name; nothing of it is loaded yet."""
    from pilotage.agent.models import ResponseCache

    return _model(settings, settings.model, ResponseCache(keep=settings.keep_cache) if settings.cache else None)


def second_model_of(settings: Settings, cache: ResponseCache | None = None) -> ModelClient | None:
    """The model that what would be withheld goes to, if the settings name one; nothing of it is loaded yet."""
    return None if settings.escalate_to is None else _model(settings, settings.escalate_to, cache)


def _model(settings: Settings, name: str, cache: ResponseCache | None) -> ModelClient:
    from pilotage.agent.models import load_model

    return load_model(name, base_url=settings.base_url, cache=cache, slots=settings.concurrency)


def _open_store(settings: Settings) -> ConceptStore | None:
    if settings.memory == "none":
        return None
    from pilotage.memory import ConceptStore

    store = ConceptStore.open(memory_place(settings), embedder=settings.embedder)
    store.warm()
    return store


def memory_place(settings: Settings) -> str:
    """The folder or the URL of the memory that the settings name; the default one lies in the user's data folder."""
    if settings.memory == "default":
        return str(data_dir() / "memory")
    return settings.memory if "://" in settings.memory else str(expanded(settings.memory))
