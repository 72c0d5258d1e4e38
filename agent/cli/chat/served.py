"""Served: the partner is a server, of pilotage or any other that speaks OpenAI's chat completions.

A server of pilotage tells what it does as data in its chunks (`pilotage.agent.serve.chat_trace`); they become the
events that an agent in this process gives. What another server says of its thinking is shown, and there is no more.
What a server sends is looked at before it counts, and limited.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pilotage.agent import events
from pilotage.agent.cli.chat.here import feedback_sentence, taken_back_sentence
from pilotage.agent.cli.chat.partner import Refused
from pilotage.agent.cli.chat.reply import ANSWER, Begun, Ended, Event, Reply
from pilotage.agent.errors import BadReply, ModelUnavailable, UsageError
from pilotage.agent.messages import Message
from pilotage.agent.trace import Hint, Step, Usage
from pilotage.common.redaction import remember
from pilotage.common.text import carriable, one_line

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OWN = "pilotage"
CONNECT_SECONDS = 10.0
SILENT_SECONDS = 600.0
"""Without a byte, after which a server is given up; one of pilotage sends comments in silence."""
NO_LIST = (404, 405, 501)
"""How a server says that it has no list of models."""
MOST_BYTES = 64 << 20
"""Of a reply with all that is told of it."""


class Served:
    """A partner behind an address.

    Args:
        url: of the API, usually ending in /v1.
        key: opens it; "none" where it wants none.
        model: name of the model to ask; empty for `pilotage`, or the first that the server has.
        memory: whether memory is asked and taught.
    """

    def __init__(self, url: str, key: str, model: str = "", *, memory: bool = True) -> None:
        remember(key)
        self._url = url
        self._key = key
        self._model = model
        self._memory = memory
        self._own = False
        self._asked = False
        self._opened: AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        """The model and where it is."""
        return f"{self._model or 'a model'} at {self._url}"

    @property
    def _client(self) -> AsyncOpenAI:
        if self._opened is None:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

            from pilotage.agent.models.transport.guard import hooks

            timeout = Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
            http = DefaultAsyncHttpxClient(timeout=timeout, event_hooks=hooks())
            key, url = self._key, self._url
            self._opened = AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=timeout, http_client=http)
        return self._opened

    async def reply(self, messages: Sequence[Message], sample: int) -> AsyncGenerator[Event, None]:
        """Asks for a stream, and for its trace where the server has one."""
        await self._look()
        heard, started = _Stream(), time.monotonic()
        asked: dict[str, Any] = {"model": self._model, "messages": [message.openai() for message in messages]}
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
        if self._own:
            asked["extra_body"] = {OWN: {"trace": True, **({} if self._memory else {"memory": False})}}
        if sample:
            asked["seed"] = sample
        with _told(self._url, MOST_BYTES):
            async with await self._client.chat.completions.create(**asked) as stream:
                async for chunk in stream:
                    for event in heard.told(chunk):
                        yield event
        if not heard.finish:
            raise BadReply(f"the reply of {self._url} ended before it was whole; ask again with /retry")
        yield heard.ended(time.monotonic() - started)

    async def feedback(self, reply: Reply, helped: bool, correction: str) -> str:
        """Gives it by the id of the completion."""
        await self._require_own("feedback")
        body = {"completion_id": reply.id, "helped": helped, **({"correction": correction} if correction else {})}
        said = await self._json("post", "/feedback", body)
        lesson, why = said.get("lesson"), carriable(str(said.get("why") or ""))
        return feedback_sentence(reply, helped, lesson, one_line(why) if correction else "")

    async def take_back(self, reply: Reply) -> str:
        """Undoes, newest first, every event of the reply and of feedback on it in the histories of its concepts."""
        ids = dict.fromkeys([*reply.learned, *reply.followed, *(hint.concept_id for hint in reply.hints)])
        if not reply.id or not ids:
            return ""
        await self._require_own("taking back")
        mine: list[tuple[int, str]] = []
        for id in ids:
            history = (await self._json("get", f"/concepts/{id}/history"))["data"]
            undone = {event["undoes"] for event in history if event.get("undoes") is not None}
            runs = (reply.id, f"feedback:{reply.id}")
            mine += [(one["seq"], id) for one in history if one["run"] in runs and one["seq"] not in undone]
        for seq, id in sorted(mine, reverse=True):
            await self._json("post", f"/concepts/{id}/undo", {"event": seq})
        return taken_back_sentence(len(mine))

    async def models(self) -> list[str]:
        """Those that the server lists."""
        listed = (await self._json("get", "/models")).get("data")
        entries = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []
        self._own = any(entry.get("owned_by") == OWN for entry in entries)
        return [one_line(carriable(entry["id"])) for entry in entries if isinstance(entry.get("id"), str)]

    async def choose(self, name: str) -> None:
        """Asks that model from now on; the server refuses at the next message what it does not have."""
        self._model = name

    async def set_effort(self, effort: str) -> None:
        """Has the model of that effort reply."""
        await self._require_own("effort")
        self._model = f"{OWN}:{effort}"

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._opened is not None:
            await self._opened.close()

    async def _look(self) -> None:
        """Finds out, once, whose server it is and which model to ask. A server need not list its models."""
        if self._asked:
            return
        try:
            names = await self.models()
        except (ModelUnavailable, BadReply) as error:
            if not self._model:
                raise
            if isinstance(error, ModelUnavailable) and getattr(error, "status", None) not in NO_LIST:
                return
            names = []
        self._model = self._model or (OWN if self._own else next(iter(names), ""))
        if not self._model:
            raise UsageError(f"{self._url} lists no model: name one with --model")
        self._asked = True

    async def _require_own(self, what: str) -> None:
        await self._look()
        if not self._own:
            raise UsageError(f"{self._url} is no server of pilotage, and takes no {what}")

    async def _json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        with _told(self._url):
            if method == "get":
                said = await self._client.get(path, cast_to=object)
            else:
                said = await self._client.post(path, body=body, cast_to=object)
        if not isinstance(said, dict):
            raise BadReply(f"{self._url}{path} answered with something that is no JSON object")
        return said


class _Run(BaseModel):
    """What the trace of a server tells of a run that is over."""

    model_config = ConfigDict(frozen=True)

    verified: bool = False
    stopped_by: str = ANSWER
    usage: Usage = Usage()
    followed: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()


class _Stream:
    """Reads the chunks of one reply."""

    def __init__(self) -> None:
        self.finish = ""
        self._facts: dict[str, Any] = {}

    def told(self, chunk: Any) -> list[Event]:
        """What one chunk tells."""
        found: list[Event] = []
        if (id := carriable(str(chunk.id or ""))) and id != self._facts.get("id"):
            self._facts["id"] = id
            found.append(Begun({"id": id}))
        if isinstance(trace := (chunk.model_extra or {}).get(OWN), Mapping):
            found += [event for event in [self._traced(trace)] if event is not None]
        if chunk.usage is not None:
            self._count(chunk.usage)
        for choice in (chunk.choices or [])[:1]:
            delta, extra = choice.delta, choice.delta.model_extra or {}
            thought = extra.get("reasoning_content") or extra.get("reasoning")
            if isinstance(thought, str) and thought:
                found.append(events.Thought(ANSWER, carriable(thought)))
            if delta.content:
                found.append(events.Token(ANSWER, carriable(delta.content)))
            self.finish = choice.finish_reason or self.finish
        return found

    def _traced(self, told: Mapping[str, Any]) -> events.Event | None:
        """An event of the trace as the agent gave it; None for what this version does not know."""
        try:
            match told.get("event"):
                case "recalled":
                    hints, withheld = (tuple(map(Hint.model_validate, told[name])) for name in ("concepts", "withheld"))
                    return events.Recalled(hints, withheld)
                case "decided":
                    return events.Decided(str(told["why"]))
                case "chosen":
                    return events.Chosen(str(told["block"]), str(told["why"]))
                case "wrote":
                    return events.Token(str(told["block"]), str(told["text"]))
                case "stepped":
                    return events.Stepped(Step.model_validate(told["step"]))
                case "learned":
                    titles = {str(one["concept_id"]): str(one["title"]) for one in told["concepts"]}
                    return events.Learned(titles, Usage.model_validate(told["usage"]))
                case "finished":
                    run = _Run.model_validate(told["run"])
                    self._facts |= {name: getattr(run, name) for name in _Run.model_fields}
        except (ValidationError, KeyError, TypeError) as error:
            raise BadReply(f"the server's trace is not as pilotage writes it ({type(error).__name__})") from None
        return None

    def _count(self, usage: Any) -> None:
        cost = (usage.model_extra or {}).get("cost")
        if isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost):
            self._facts["cost"] = float(cost)
        if "usage" not in self._facts:
            details = usage.prompt_tokens_details
            self._facts["usage"] = Usage(
                prompt_tokens=usage.prompt_tokens or 0,
                completion_tokens=usage.completion_tokens or 0,
                cached_tokens=(details and details.cached_tokens) or 0,
                llm_calls=1,
            )

    def ended(self, seconds: float) -> Ended:
        """The end of it, after so many seconds."""
        usage = self._facts.get("usage", Usage(llm_calls=1, estimated_calls=1))
        if not usage.seconds:
            usage = usage.model_copy(update={"seconds": seconds})
        return Ended({**self._facts, "usage": usage, "cut": self.finish == "length", "seconds": seconds})


class _told:  # noqa: N801  (a context manager)
    """Turns what the client library raises within it into one sentence; limits what is read."""

    def __init__(self, url: str, most_bytes: int = 4 << 20) -> None:
        self._url = url
        self._most = most_bytes

    def __enter__(self) -> None:
        from pilotage.agent.models.transport import guard

        guard.current.set(guard.Reading(self._most))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, Exception):
            return
        from openai import APIConnectionError, APIStatusError, OpenAIError

        from pilotage.agent.models.transport.retry import diagnose

        if isinstance(error, APIStatusError):
            body = error.body if isinstance(error.body, Mapping) else {}
            said = body.get("message") if isinstance(body.get("message"), str) else f"status {error.status_code}"
            raise Refused(f"{self._url} refused ({error.status_code}): {said}", error.status_code) from None
        failure = diagnose(error)
        if isinstance(error, APIConnectionError) and failure is not None and not failure.reached:
            raise ModelUnavailable(f"nobody answers at {self._url}: start the server, or check --url") from None
        if isinstance(error, OpenAIError) or failure is not None or type(error).__module__.startswith("pilotage"):
            said = str(getattr(error, "message", "") or error) or type(error).__name__
            raise ModelUnavailable(f"{self._url} failed: {said}") from None
