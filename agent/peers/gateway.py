"""Gateway: the one way from a peer to the model of a run: counted, limited, with a key for that run alone.

An OpenAI-compatible endpoint on the loopback interface, in the event loop of the comparison. Each run of a peer has a
random key; what is asked under it is asked through that run's `Kit`, so that it is charged to the method, held by the
run's budget, and answered from the response cache as any other call. The key opens nothing else, and the model's own
credentials never leave this process.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.errors import BadReply, BudgetExceeded, MissingExtra, ModelUnavailable, PilotageError, UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Reply
from pilotage.agent.strategies.together import given_up

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pilotage.agent.serve.chat_request import ChatRequest

log = logging.getLogger(__name__)

MODEL = "pilotage"
"""What peers are told that the model is called; whatever they call it, it is the run's."""
MOST_BYTES = 2**22
"""Of a request."""
MOST_AT_ONCE = 256
"""Requests of a run that are read and answered; further ones wait."""
LEFT_OUT = (
    *("extra_body", "add_generation_prompt", "continue_final_message", "include_stop_str_in_output"),
    *("top_p", "presence_penalty", "frequency_penalty", "reasoning", "reasoning_effort"),
)
"""Fields that say nothing here: vLLM's, since a last message of the assistant is gone on with anyway; and those that
change how the model samples, which is by temperature alone for all methods."""
TICK = 0.01
"""Seconds between looks at whether it listens."""
KEY = "sk-"
"""What a key begins with: optillm passes on no other."""
FINAL = ("max_calls", "max_seconds")
"""Limits that no smaller request fits, once nothing is under way."""


class RunEnded(PilotageError):
    """A request came, or was read to its end, when its run was over."""


class Account:
    """What one run of a peer asks.

    Attributes:
        limit: of the budget, that refused a call.
        failure: that is the run's own, whatever the peer makes of it: nobody answers, say.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._asked: Counter[bytes] = Counter()
        self._calls: set[asyncio.Future[Reply]] = set()
        self._closed = False
        self._under_way = 0
        self._one_ended = asyncio.Condition()
        self.turn = asyncio.Semaphore(MOST_AT_ONCE)
        self.limit: BudgetExceeded | None = None
        self.failure: PilotageError | None = None

    async def complete(self, request: ChatRequest, schema: dict[str, Any] | None = None) -> list[Reply]:
        """Replies, as many as are asked for, or as the budget has room for.

        Equal requests are numbered, so that each of them draws anew, and the same in every run of a seed.

        Args:
            request: what is asked.
            schema: of JSON that is asked for.

        Raises:
            RunEnded: nobody is left to pay.
            BudgetExceeded: the run's budget has no room for one, and nothing is under way that may leave some.
            PilotageError: the model gave no usable reply.
        """
        # Nothing is awaited before the calls are noted: `close` gives up all that was let in.
        if self._closed:
            raise RunEnded("the run has ended")
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        if self.limit is not None and self.limit.limit in FINAL:
            raise self.limit.with_traceback(None)
        options = request.options
        asked = {"messages": request.messages, "temperature": options.temperature, "stop": options.stop}
        what = sha256(orjson.dumps(asked, default=lambda message: message.model_dump(mode="json"))).digest()
        first = self._asked[what] + 1
        self._asked[what] += request.n
        wanted = [asyncio.ensure_future(self._one(request, schema, first + place)) for place in range(request.n)]
        for one in wanted:
            self._calls.add(one)
            one.add_done_callback(self._calls.discard)
        came = await asyncio.gather(*wanted, return_exceptions=True)
        replies = [one for one in came if isinstance(one, Reply)]
        if not replies:
            raise next(one for one in came if isinstance(one, BaseException))
        return replies

    async def close(self) -> None:
        """Lets nothing more in, and gives up what is under way, so that the cost is known."""
        self._closed = True
        await given_up(self._calls)

    async def _one(self, request: ChatRequest, schema: dict[str, Any] | None, number: int) -> Reply:
        options = request.options
        while True:
            self._under_way += 1
            try:
                return await self._kit.send(
                    request.messages,
                    max_tokens=options.max_tokens or MAX_TOKENS,
                    temperature=1.0 if options.temperature is None else options.temperature,
                    json_schema=schema,
                    stop=options.stop,
                    sample=number,
                    silent=True,
                    piece=request.messages[-1].role == "assistant",
                )
            except BudgetExceeded as limit:
                if self._under_way == 1 or limit.limit == "max_seconds":
                    self.limit = limit
                    raise
            except PilotageError as failure:
                if isinstance(failure, ModelUnavailable) or not isinstance(failure, BadReply):
                    self.failure = failure
                raise
            finally:
                self._under_way -= 1
                async with self._one_ended:
                    self._one_ended.notify_all()
            async with self._one_ended:  # calls under way seldom use all that they reserve
                if self._under_way:
                    await self._one_ended.wait()


class Gateway:
    """Serves accounts; an async context manager.

    Attributes:
        url: the base URL for OpenAI's clients.

    Raises:
        MissingExtra: the server's libraries are not installed.
        UsageError: it cannot listen.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self.url = ""

    @asynccontextmanager
    async def account(self, kit: Kit) -> AsyncGenerator[tuple[str, Account]]:
        """A key, and what is asked under it for as long as this lasts; afterwards the key opens nothing."""
        key = KEY + secrets.token_urlsafe(32)
        self._accounts[key] = account = Account(kit)
        try:
            yield key, account
        finally:
            del self._accounts[key]
            await account.close()

    async def __aenter__(self) -> Gateway:
        try:
            import uvicorn
            from starlette.applications import Starlette
            from starlette.routing import Route
        except ImportError as error:
            raise MissingExtra("peers need a gateway; install it with: pip install 'pilotage[serve]'") from error
        from pilotage.agent.serve.stopping.connections import BoundedProtocol
        from pilotage.agent.serve.stopping.server import listening

        app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])
        sockets = listening("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1"
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off", "ws": "none"}
        config = uvicorn.Config(app, http=BoundedProtocol, **quiet)
        self._server = uvicorn.Server(config)
        self._server.capture_signals = nullcontext  # type: ignore[assignment,method-assign]  # they are the comparison's own
        self._serving = asyncio.create_task(self._server.serve(sockets))
        while not self._server.started:
            if self._serving.done():
                for one in sockets:
                    one.close()
                why = self._serving.exception() or "it stopped at once"
                raise UsageError(f"the gateway of peers cannot listen at {self.url} ({why}): run the command again")
            await asyncio.sleep(TICK)
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        await self._serving

    async def _complete(self, request: Request) -> Response:
        from pilotage.agent.serve.errors import ApiError, error_response

        try:
            account = self._accounts.get(request.headers.get("Authorization", "").removeprefix("Bearer ").strip())
            if account is None:
                raise ApiError(401, "this key opens no run")
            async with account.turn:
                return await _answered(account, request)
        except BudgetExceeded as limit:
            return error_response(ApiError(400, str(limit), code="budget_used_up"))  # which no client tries again
        except RunEnded as late:
            return error_response(ApiError(400, str(late), code="run_ended"))
        except PilotageError as error:
            return error_response(ApiError(422, str(error), code="unusable_reply"))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return error_response(ApiError(400, "the run has ended", code="run_ended"))
        except ApiError as error:
            return error_response(error)
        except Exception:  # of whatever a peer sends, nothing is to reach the terminal
            log.debug("a request of a peer failed", exc_info=True)
            return error_response(ApiError(500, "the gateway failed at this request", code="internal_error"))


async def _answered(account: Account, request: Request) -> Response:
    """The completion that a request asks for."""
    from pilotage.agent.serve.body import read_body
    from pilotage.agent.serve.chat_request import chat_request
    from pilotage.agent.serve.errors import ApiError
    from pilotage.agent.serve.fields import Fields

    body = await read_body(request, MOST_BYTES)
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in LEFT_OUT}
    asked = chat_request(body)
    if asked.stream or asked.options.tools is not None:
        raise ApiError(400, "a peer is given no stream and no tools")
    form = Fields(asked.options.more.get("response_format") or {}, "response_format.")
    schema = dict(form.object("json_schema").mapping("schema"))
    return _response(asked.model, await account.complete(asked, schema or None))


def _response(model: str, replies: list[Reply]) -> Response:
    """Replies as a completion."""
    from starlette.responses import Response

    from pilotage.agent.serve.chat_reply import completion_id

    read, written = replies[0].usage.prompt_tokens, sum(reply.usage.completion_tokens for reply in replies)
    completion: dict[str, Any] = {
        "id": completion_id(),
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": reply.text},
                "finish_reason": "length" if reply.cut else "stop",
            }
            for index, reply in enumerate(replies)
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }
    return Response(orjson.dumps(completion), media_type="application/json")
