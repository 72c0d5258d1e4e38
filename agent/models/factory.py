"""load_model: a ModelClient from one string."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pilotage.agent.errors import MissingExtra, ModelError, UnknownModel, UsageError, WeightsError
from pilotage.agent.models.cache import ResponseCache
from pilotage.agent.models.client import ModelClient
from pilotage.agent.models.transport.retry import RetryPolicy
from pilotage.agent.models.weights.weights import find, path_of
from pilotage.common.addresses import checked_address
from pilotage.common.paths import expanded
from pilotage.common.redaction import public_address

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel

FORMS = (
    "'embedded', 'embedded:0.5b', 'embedded:smollm2', a path to a .gguf file, 'provider:model' of LangChain "
    "such as 'openai:gpt-4o-mini' or 'ollama:qwen2.5', or with a base URL the name of a model served there"
)
DEFAULT_TIMEOUT = 300.0
CONNECT_SECONDS = 10.0

OPENAI_CLIENTS = frozenset({"openai", "azure_openai", "deepseek"})
# Their own retries would multiply with ours, and hide Retry-After.
HAVE_RETRIES = frozenset({"openai", "azure_openai", "deepseek", "anthropic", "groq", "mistralai", "google_genai"})


def load_model(
    spec: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    cache: ResponseCache | None = None,
    timeout: float | None = None,
    retries: int = 4,
    slots: int = 1,
) -> ModelClient:
    """Makes a client from a string; nothing is loaded or called yet.

    Args:
        spec: `embedded`, `embedded:NAME`, a path to a .gguf file, LangChain's `provider:model`,
            `scripted:FILE` (see `ScriptedChatModel.from_file`), or with `base_url` the name of a model there.
        base_url: address of an OpenAI-compatible API, usually ending in /v1.
        api_key: for `base_url`, by default OPENAI_API_KEY from the environment, or none; for a provider, by default
            what its own package finds.
        cache: answers repeated requests.
        timeout: seconds for one attempt; by default 300 for remote models, and no limit for embedded ones.
        retries: tries after the first, on failures that may pass.
        slots: calls that an embedded model works on at the same time; remote ones take what they are sent.

    Raises:
        UsageError: the base URL is no address, or a key is given to what takes none.
        UnknownModel: the string names nothing.
        MissingExtra: a package is missing; the text names it.
        WeightsError: the weights or the GGUF file are not there.
    """
    if timeout is not None and timeout <= 0:
        raise UsageError(f"The time-out must be above 0 seconds, not {timeout:g}.")
    client = _served(spec.strip(), base_url, api_key) if base_url else _named(spec.strip(), slots, api_key)
    client.cache = cache
    client.retry = RetryPolicy(retries=retries)
    if timeout is not None:
        client.timeout = timeout
    return client


def _named(spec: str, slots: int, api_key: str | None) -> ModelClient:
    kind, _, rest = spec.partition(":")
    if not spec:
        raise UnknownModel(f"The model string is empty. Use {FORMS}.")
    if not is_in_process(spec):
        return _integration(spec, api_key)
    if api_key is not None:
        raise _takes_no_key(spec)
    if spec.lower().endswith(".gguf"):
        path = expanded(spec)
        if not path.is_file():
            raise WeightsError(f"There is no model file {path}.")
        return ModelClient(_embedded_class()(path=path, slots=slots), name=path.name)
    if kind == "embedded":
        return _embedded(rest or "default", slots)
    from pilotage.agent.models.scripted import ScriptedChatModel

    return ModelClient(ScriptedChatModel.from_file(expanded(rest)), name=spec)


def is_embedded(spec: str) -> bool:
    """Whether a model string names weights for llama.cpp in this process."""
    return spec.lower().endswith(".gguf") or spec.partition(":")[0] == "embedded"


def is_in_process(spec: str) -> bool:
    """Whether a model string names what works in this process, and not at a provider."""
    kind, _, rest = spec.partition(":")
    return is_embedded(spec) or (kind == "scripted" and bool(rest))


def _takes_no_key(spec: str) -> UsageError:
    return UsageError(f"'{spec}' takes no key: leave it out, or give the provider's key as its own package wants it.")


def _embedded(name: str, slots: int) -> ModelClient:
    weights = find(name)
    if weights.is_folder:
        raise UnknownModel(f"{weights.name} makes embeddings and cannot chat. Use {FORMS}.")
    model = _embedded_class()
    path = path_of(weights.name)
    remedy = f"delete {path.parent} and run: pilotage models pull {weights.name}"
    return ModelClient(
        model(path=path, slots=slots, remedy=remedy),
        name=f"embedded:{weights.name}",
        identity=f"gguf:{weights.sha256}",
    )


def _embedded_class() -> type[EmbeddedChatModel]:
    """The embedded model's class, where llama.cpp is installed."""
    from importlib.util import find_spec

    if find_spec("xllamacpp") is None:
        raise MissingExtra("The embedded model needs llama.cpp; install it with: pip install 'pilotage[local]'")
    from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel

    return EmbeddedChatModel


def _served(name: str, base_url: str, api_key: str | None) -> ModelClient:
    try:
        base_url = checked_address(base_url.strip(), "a model server")
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not name:
        raise UnknownModel(f"The model string is empty. Name a model that {base_url} serves.")
    from openai import DefaultAsyncHttpxClient, Timeout
    from pydantic import SecretStr

    from pilotage.agent.models.transport.guard import hooks
    from pilotage.agent.models.transport.served import ServedChat

    timeout = Timeout(None, connect=CONNECT_SECONDS)
    model = ServedChat(
        model=name,
        base_url=base_url,
        api_key=SecretStr(api_key or os.environ.get("OPENAI_API_KEY") or "none"),
        max_retries=0,
        stream_usage=True,
        timeout=timeout,
        http_async_client=DefaultAsyncHttpxClient(timeout=timeout, event_hooks=hooks()),
    )
    return ModelClient(
        model,
        name=name,
        identity=f"{public_address(base_url).rstrip('/')}#{name}",
        timeout=DEFAULT_TIMEOUT,
    )


def _meant(spec: str) -> str:
    """Weights that are called like this, as a question."""
    try:
        return f", but 'embedded:{find(spec).name}' does" if not find(spec).is_folder else ""
    except UnknownModel:
        return ""


def _integration(spec: str, api_key: str | None) -> ModelClient:
    from langchain.chat_models import init_chat_model

    from pilotage.agent.models.transport.credentials import holds

    provider = spec.partition(":")[0] if ":" in spec else ""
    options: dict[str, Any] = {"max_retries": 0} if provider in HAVE_RETRIES else {}
    if api_key is not None:
        options["api_key"] = api_key
    if provider in OPENAI_CLIENTS:  # so that no limit of ours is lost
        from langchain_openai import ChatOpenAI
        from openai import DefaultAsyncHttpxClient

        from pilotage.agent.models.transport.guard import hooks

        options["http_async_client"] = DefaultAsyncHttpxClient(event_hooks=hooks())
        if "stream_chunk_timeout" in ChatOpenAI.model_fields:
            options["stream_chunk_timeout"] = None
    try:
        model: BaseChatModel = init_chat_model(spec, **options)
    except ImportError as error:
        raise MissingExtra(f"'{spec}' needs another package. {error}") from error
    except Exception as error:  # every integration complains about a missing key in its own way
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "provider" in text.lower():
            raise UnknownModel(f"'{spec}' names no model{_meant(spec)}. Use {FORMS}.") from error
        raise ModelError(f"'{spec}' could not be set up: {text}") from error
    if api_key is not None and not holds(model, api_key):  # or another account's key would be used in its place
        raise _takes_no_key(spec)
    return ModelClient(model, name=spec, timeout=DEFAULT_TIMEOUT)
