"""ScriptedChatModel: a chat model that answers from a script, for tests, examples and benchmarks."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import BaseModel, ConfigDict, PrivateAttr

from pilotage.agent.errors import ModelError, UsageError
from pilotage.agent.models.reply import Capabilities
from pilotage.agent.trace import Usage
from pilotage.common.faults import reason_of
from pilotage.common.json_text import read_json


class Fault(BaseModel):
    """A scripted failure: an HTTP status, or without one a dropped connection. The script counts none."""

    model_config = ConfigDict(frozen=True)

    status: int | None = None
    retry_after: float | None = None

    def error(self) -> Exception:
        """The exception that a client library would raise."""
        if self.status is None:
            return ConnectionResetError("the script drops the connection")
        import httpx

        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        response = httpx.Response(self.status, headers=headers)
        request = httpx.Request("POST", "http://scripted/v1/chat/completions")
        return httpx.HTTPStatusError("a scripted fault", request=request, response=response)


class ScriptedReply(BaseModel):
    """A scripted text with the log-probability and the alternatives that each of its words gets."""

    model_config = ConfigDict(frozen=True)

    text: str
    logprob: float = -0.1
    top: tuple[tuple[str, float], ...] = ()

    def entry(self, word: str) -> dict[str, Any]:
        """One word in the form of OpenAI's log-probabilities."""
        top = [{"token": other, "logprob": logprob} for other, logprob in self.top]
        return {"token": word, "logprob": self.logprob, "top_logprobs": top}


class ScriptedCall(BaseModel):
    """One call that the model got: its messages and its options."""

    model_config = ConfigDict(frozen=True)

    messages: tuple[BaseMessage, ...]
    options: dict[str, Any]

    @property
    def text(self) -> str:
        """All message texts, one after the other."""
        return "\n".join(str(message.text) for message in self.messages)


ScriptLine = str | ScriptedReply | Fault
Script = (
    Sequence[ScriptLine] | Mapping[str, ScriptLine | Sequence[ScriptLine]] | Callable[[list[BaseMessage]], ScriptLine]
)


class ScriptedChatModel(BaseChatModel):
    """Answers from a script, without a network and at no cost. A token is a word (what whitespace separates).

    Like a real model it stops at `max_tokens` and at stop sequences, streams word by word, and reports usage.

    Args:
        script: replies in order; or rules, regular expression -> reply, of which the first that is found in
            the messages answers, by one of its replies that the call's seed draws where it has several; or a function
            of the messages.
        latency: seconds that each call takes.
        capabilities: what it claims to support; log-probabilities by default.
        identity: what the response cache knows this script by.
        keeps_calls: remember every call, to be looked at; a script from a file does not, however many there are.
    """

    script: Any
    latency: float = 0.0
    capabilities: Capabilities = Capabilities(logprobs=True)
    identity: str = "scripted"
    keeps_calls: bool = True

    _calls: list[ScriptedCall] = PrivateAttr(default_factory=list)
    _taken: int = PrivateAttr(default=0)
    _counted: Usage = PrivateAttr(default_factory=Usage)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, script: Script, **settings: Any) -> None:
        super().__init__(script=script, **settings)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Reads a script from JSON: a list of replies, or an object `{"rules": {...}, "latency": 0.0}`.

        Raises:
            UsageError: the file cannot be read, or is neither.
        """
        try:
            content = read_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"The script {path} cannot be read as JSON ({reason_of(error)}).") from error
        whole: dict[str, Any] = content if isinstance(content, dict) else {"rules": content}
        script: Any = whole.get("rules")
        texts = script
        if isinstance(script, dict):
            texts = [text for reply in script.values() for text in (reply if isinstance(reply, list) else [reply])]
        empty = isinstance(script, dict) and [] in script.values()
        if empty or not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UsageError(
                f'The script {path} is neither a list of texts nor {{"rules": {{"regex": "text", "regex": ["drawn", '
                f'"drawn"]}}}}.'
            )
        latency = whole.get("latency", 0.0)
        if not isinstance(latency, int | float) or latency < 0:
            raise UsageError(f"The latency in the script {path} must be a number of seconds, not {latency!r}.")
        identity = f"scripted:{json.dumps(content, sort_keys=True)}"
        return cls(script, latency=latency, identity=identity, keeps_calls=False)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    async def scores_given(self) -> str | None:
        """By a grammar, where it is said to have them: the script then has to reply what it is held to."""
        return "grammar" if self.capabilities.grammar and self.capabilities.logprobs else None

    @property
    def calls(self) -> tuple[ScriptedCall, ...]:
        """Every call so far, in order of arrival."""
        return tuple(self._calls)

    @property
    def counted(self) -> Usage:
        """What all calls together cost, as counted here (without seconds), to compare what others charge."""
        return self._counted

    # LangChain itself tells callbacks of each chunk.
    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        call, line = self._take(messages, stop, options)
        time.sleep(self.latency)
        return generate_from_stream(self._chunks(call, line, whole=True))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        call, line = self._take(messages, stop, options)
        await asyncio.sleep(self.latency)
        return generate_from_stream(self._chunks(call, line, whole=True))

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> Iterator[ChatGenerationChunk]:
        call, line = self._take(messages, stop, options)
        time.sleep(self.latency)
        yield from self._chunks(call, line)

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        call, line = self._take(messages, stop, options)
        await asyncio.sleep(self.latency)
        for chunk in self._chunks(call, line):
            yield chunk

    def _take(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> tuple[ScriptedCall, ScriptLine]:
        """Records the call and takes its line of the script."""
        call = ScriptedCall(messages=tuple(messages), options={**options, "stop": stop})
        with self._lock:
            if self.keeps_calls:
                self._calls.append(call)
            self._taken += 1
            return call, self._line(call, self._taken)

    def _chunks(self, call: ScriptedCall, line: ScriptLine, whole: bool = False) -> Iterator[ChatGenerationChunk]:
        """The reply word by word, or whole; the last chunk has usage and finish reason."""
        if isinstance(line, Fault):
            raise line.error()
        reply = line if isinstance(line, ScriptedReply) else ScriptedReply(text=line)
        words, reason = _cut(reply.text, call.options["stop"] or [], call.options.get("max_tokens"))
        read = len(call.text.split())
        with self._lock:
            self._counted += Usage(prompt_tokens=read, completion_tokens=len(words), llm_calls=1)
        usage = UsageMetadata(input_tokens=read, output_tokens=len(words), total_tokens=read + len(words))
        logprobs = self.capabilities.logprobs and call.options.get("logprobs")
        runs = [words] if whole or not words else [[word] for word in words]
        for number, run in enumerate(runs, start=1):
            last = number == len(runs)
            info: dict[str, Any] = {"finish_reason": reason} if last else {}
            if logprobs and run:
                info["logprobs"] = {"content": [reply.entry(word) for word in run]}
            message = AIMessageChunk(content="".join(run), usage_metadata=usage if last else None)
            yield ChatGenerationChunk(message=message, generation_info=info or None)

    def _line(self, call: ScriptedCall, number: int) -> ScriptLine:
        line: Any
        if callable(self.script):
            line = self.script(list(call.messages))
        elif isinstance(self.script, Mapping):
            line = next((line for pattern, line in self.script.items() if re.search(pattern, call.text)), None)
            if isinstance(line, list | tuple):
                line = stream_of(call).choice(line)
            if line is None:
                raise ModelError(f"No rule of the script matches call {number}: {call.text[:200]!r}.")
        elif number > len(self.script):
            raise ModelError(f"The script has {len(self.script)} replies, but this is call {number}; add one.")
        else:
            line = self.script[number - 1]
        drawn: ScriptLine = line
        return drawn


def stream_of(call: ScriptedCall) -> Random:
    """The random stream of a call.

    The same messages under the same seed get the same one, whatever was asked before or beside them; at temperature 0
    the seed counts for nothing, as for a greedy model.
    """
    seed = call.options.get("seed") if call.options.get("temperature") else None
    return Random(f"{seed}\n{call.text}")


def _cut(text: str, stop: list[str], max_tokens: int | None) -> tuple[list[str], str]:
    """Words (with the whitespace around them) up to the first stop sequence or the limit, and why they end."""
    ends = [text.find(sequence) for sequence in stop if sequence in text]
    words = re.findall(r"\s*\S+(?:\s+$)?", text[: min(ends)] if ends else text)
    if max_tokens is not None and len(words) > max_tokens:
        return words[:max_tokens], "length"
    return words, "stop"
