"""EmbeddedChatModel: a GGUF file as a LangChain chat model, without server, account or network."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from pilotage.agent.models.embedded.llama import DEFAULT_CONTEXT, Chunk, LlamaEngine
from pilotage.agent.models.embedded.written_calls import WrittenCalls
from pilotage.agent.models.reply import Capabilities

_END = object()
MOST_TOKENS = 2048
"""Of a reply where nobody says otherwise: a small model may repeat itself, and would hold the processor for minutes."""


class EmbeddedChatModel(BaseChatModel):
    """Chats with a GGUF model through llama.cpp in this process.

    Call options are those of llama.cpp's chat completions: `max_tokens`, `temperature`, `seed`, `stop`,
    `logprobs`, `top_logprobs`, `grammar` (GBNF), `response_format`. The weights load at the first call, or by
    `load()`. Cancelling an asynchronous call stops the generation.

    Args:
        path: the GGUF file.
        n_ctx: context size in tokens, prompt and reply together.
        threads: CPU threads; all that this process may use by default.
        slots: calls that are worked on at the same time; the others wait.
        remedy: what to do about a broken file, as the end of a sentence.
    """

    reads_text_alone: ClassVar[bool] = True

    path: Path
    n_ctx: int = DEFAULT_CONTEXT
    threads: int | None = None
    slots: int = 1
    remedy: str = "delete it and download it again"
    capabilities: Capabilities = Capabilities(logprobs=True, json_schema=True, grammar=True, prefill=True)

    _engine: LlamaEngine = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Makes the engine; nothing is read yet."""
        super().model_post_init(context)
        self._engine = LlamaEngine(
            self.path, n_ctx=self.n_ctx, threads=self.threads, slots=self.slots, remedy=self.remedy
        )

    @property
    def _llm_type(self) -> str:
        return "embedded"

    @property
    def identity(self) -> str:
        """What the response cache knows this model by.

        Hashing gigabytes at every start would cost seconds; a replaced file has another time or size.
        """
        if not self.path.is_file():
            return f"gguf:{self.path.resolve()}"
        stat = self.path.stat()
        return f"gguf:{self.path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"

    @property
    def engine(self) -> LlamaEngine:
        """The llama.cpp engine, which also has an OpenAI-compatible address."""
        return self._engine

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._engine.loaded

    def load(self, *, quick: bool = False) -> None:
        """Loads the weights; once, however many threads ask; see `LlamaEngine.load`."""
        self._engine.load(quick=quick)

    async def scores_given(self) -> str:
        """By a grammar (`pilotage.agent.models.likelihood`)."""
        return "grammar"

    async def tokenized(self, text: str) -> Any:
        """The text's tokens, as llama.cpp's `/tokenize` tells them."""
        return await asyncio.to_thread(self._engine.tokenized, text)

    # Where LangChain streams, it tells callbacks of each chunk itself; where it wants the whole, we do.
    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **options))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **options))

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> Iterator[ChatGenerationChunk]:
        received: queue.SimpleQueue[Any] = queue.SimpleQueue()
        abort = threading.Event()
        done = self._engine.submit(_body(messages, stop, options), received.put, abort)
        done.add_done_callback(lambda _: received.put(_END))
        try:
            written = WrittenCalls(options)
            while (raw := received.get()) is not _END:
                for chunk in _generation_chunks(raw, written):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            done.result()
        finally:
            abort.set()

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        loop = asyncio.get_running_loop()
        received: asyncio.Queue[Any] = asyncio.Queue()
        abort = threading.Event()

        def hand_over(item: Any) -> None:
            if not abort.is_set():  # afterwards nobody listens, and the loop may be gone
                loop.call_soon_threadsafe(received.put_nowait, item)

        done = self._engine.submit(_body(messages, stop, options), hand_over, abort)
        done.add_done_callback(lambda _: hand_over(_END))
        try:
            written = WrittenCalls(options)
            while (raw := await received.get()) is not _END:
                for chunk in _generation_chunks(raw, written):
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            done.result()
        finally:
            abort.set()


def _body(messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]) -> dict[str, Any]:
    body = {
        "max_tokens": MOST_TOKENS,
        "cache_prompt": True,
        **options,
        "messages": convert_to_openai_messages(messages),
    }
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body | ({"stop": stop} if stop else {})


def _generation_chunks(raw: Chunk, written: WrittenCalls) -> Iterator[ChatGenerationChunk]:
    """A streamed chunk in LangChain's terms; nothing of those that only report progress."""
    if usage := raw.get("usage"):
        counted = UsageMetadata(
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            total_tokens=usage["total_tokens"],
            input_token_details=InputTokenDetails(cache_read=usage["prompt_tokens_details"]["cached_tokens"]),
        )
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=counted))
    elif raw.get("choices"):
        choice = raw["choices"][0]
        delta = choice["delta"]
        text, called = written.add(delta.get("content") or ""), delta.get("tool_calls") or []
        thought = delta.get("reasoning_content")
        info = {key: choice[key] for key in ("logprobs", "finish_reason") if choice.get(key)}
        if "finish_reason" in info:
            rest, also = written.end()
            text, called = text + rest, called + also
            info |= {"finish_reason": "tool_calls"} if also else {}
        calls = [_call_chunk(call) for call in called]
        if text or info or calls or thought:
            beside = {"reasoning_content": thought} if thought else {}
            message = AIMessageChunk(content=text, tool_call_chunks=calls, additional_kwargs=beside)
            yield ChatGenerationChunk(message=message, generation_info=info or None)


def _call_chunk(call: dict[str, Any]) -> ToolCallChunk:
    function = call.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"), args=function.get("arguments"), id=call.get("id"), index=call.get("index")
    )
