"""ServedChat: `ChatOpenAI` for servers that only roughly speak its protocol. Importing it loads LangChain's client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from openai import BaseModel as ServerReply
from pydantic import SecretStr, model_validator

from pilotage.agent.errors import BadReply, ModelUnavailable
from pilotage.agent.models.embedded.llama import tokenizing
from pilotage.agent.models.likelihood import LONGEST, Way
from pilotage.agent.models.parsing.token_usage import UNREADABLE
from pilotage.agent.models.transport.completions import FirstChoice
from pilotage.agent.models.transport.deadline import within
from pilotage.agent.models.transport.guard import Elsewhere, Overlong, hooks
from pilotage.common.redaction import public_address

PROBE_SECONDS = 3.0
TOKENIZE_SECONDS = 60.0
LLAMACPP, VLLM = "llamacpp", "vllm"
"""What servers say owns their models."""
_PROMPT_TAIL = LONGEST + 16
"""So many of a prompt's last tokens are kept of a reply that tells the likelihood of all."""


class ServedChat(ChatOpenAI):
    """Keeps what `ChatOpenAI` loses: a reply whose account cannot be read, a refusal in a stream, and thinking."""

    # On Python 3.11 a wait for a chunk that has a time-out loses cancellations, and every call has a time-out anyway.
    stream_chunk_timeout: float | None = None

    @model_validator(mode="after")
    def _read_quietly(self) -> Self:
        self.async_client = FirstChoice(self.async_client)
        return self

    async def speaks_gbnf(self) -> bool:
        """Whether a llama.cpp server is behind this address, so that it takes GBNF grammars.

        Others ignore an unknown `grammar` field without a word, so it has to be asked.
        """
        return await self._owner() == LLAMACPP

    async def scores_given(self) -> Way | None:
        """How the server tells the likelihood of a given text (`pilotage.agent.models.likelihood`), if it can."""
        ways: dict[str, Way] = {LLAMACPP: "grammar", VLLM: "prompt"}
        return ways.get(await self._owner())

    async def tokenized(self, text: str) -> Any:
        """The text's tokens, as a llama.cpp server's `/tokenize` tells them. Raises ModelUnavailable, BadReply."""
        address = f"{self._base.removesuffix('/v1')}/tokenize"
        try:
            async with httpx.AsyncClient(headers=self._headers, event_hooks=hooks()) as client:
                answer = await within(TOKENIZE_SECONDS, client.post(address, json=tokenizing(text)))
                answer.raise_for_status()
                return answer.json()
        except (httpx.HTTPError, TimeoutError, Elsewhere) as error:
            raise ModelUnavailable(f"The tokenizer at {public_address(address)} does not answer ({error}).") from error
        except (ValueError, RecursionError, Overlong) as error:
            raise BadReply(f"The tokenizer at {public_address(address)} answered with no JSON.") from error

    async def _owner(self) -> str:
        """What the server says owns its first model; empty where it does not say.

        An endpoint that does not answer says nothing: the call itself will tell what is wrong with it.
        """
        unusable = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, Elsewhere, Overlong)
        nonsense = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
        try:
            return await within(PROBE_SECONDS, self._asked_owner())
        except (*unusable, *nonsense):
            return ""

    async def _asked_owner(self) -> str:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS, event_hooks=hooks()) as client:
            models = (await client.get(f"{self._base}/models", headers=self._headers)).json()["data"]
            return str(models[0].get("owned_by"))

    @property
    def _base(self) -> str:
        assert self.openai_api_base is not None
        return self.openai_api_base.rstrip("/")

    @property
    def _headers(self) -> dict[str, str]:
        assert isinstance(self.openai_api_key, SecretStr)
        return {"Authorization": f"Bearer {self.openai_api_key.get_secret_value()}"}

    def _create_chat_result(
        self, response: dict[str, Any] | ServerReply, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        answer = response if isinstance(response, dict) else response.model_dump(warnings=False)
        readable = _is_readable(answer.get("usage"))
        result = super()._create_chat_result(answer if readable else {**answer, "usage": None}, generation_info)
        for generation in result.generations[:1]:
            generation.message.additional_kwargs |= _beside(answer, "message")
            if (entries := _prompt_entries(answer)) is not None:
                generation.generation_info = {**(generation.generation_info or {}), "logprobs": {"content": entries}}
            if not readable:
                generation.message.usage_metadata = UNREADABLE  # type: ignore[attr-defined]
        return result

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        readable = _is_readable(chunk.get("usage"))
        if not readable:
            chunk = {**chunk, "usage": None}
        converted = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        if converted is not None:
            converted.message.additional_kwargs |= _beside(chunk, "delta")
            if not readable:
                converted.message.usage_metadata = UNREADABLE  # type: ignore[attr-defined]
        return converted


def _is_readable(usage: Any) -> bool:
    """Whether the parent can read an account: whole numbers or nothing where it looks for them."""
    if usage is None:
        return True
    if not isinstance(usage, Mapping):
        return False
    counts = [value for name, value in usage.items() if name.endswith("_tokens")]
    for detail in (usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")):
        if not isinstance(detail, Mapping | None):
            return False
        counts += (detail or {}).values()
    return all(count is None or type(count) is int for count in counts)


def _beside(answer: Mapping[str, Any], part: str) -> dict[str, str]:
    """What a server sent beside the text of its first choice: a refusal; thinking, under either of two names."""
    choices = answer.get("choices")
    message = choices[0].get(part) if choices else None
    if not isinstance(message, Mapping):
        return {}
    names = {"reasoning": "reasoning_content", "reasoning_content": "reasoning_content", "refusal": "refusal"}
    return {name: text for sent, name in names.items() if isinstance(text := message.get(sent), str)}


def _prompt_entries(answer: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The end of vLLM's `prompt_logprobs` in the form of OpenAI's; None where an answer has none that can be read.

    Each place holds a table by token number; its first entry is the token that stands there.
    """
    rows = answer.get("prompt_logprobs")
    if not isinstance(rows, list):
        return None
    firsts = [next(iter(row.values()), None) if isinstance(row, Mapping) else None for row in rows[-_PROMPT_TAIL:]]
    entries = [
        {"token": one.get("decoded_token"), "logprob": one.get("logprob")} for one in firsts if isinstance(one, Mapping)
    ]
    return entries or None
