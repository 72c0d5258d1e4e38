"""What a try that failed counts as: work that may have been done is a call, and what was refused before it is none."""

import asyncio
import json
import socket
from types import SimpleNamespace

import httpx
import pytest

from pilotage.agent.errors import BudgetExceeded, ContextExceeded, ModelUnavailable
from pilotage.agent.models import Message, ResponseCache, RetryPolicy, UnusableReply, load_model
from pilotage.agent.models.reply import Bill, RequestRefused
from pilotage.agent.models.transport.work import may_have_worked
from tests.agent.models.conftest import Endpoint

PROMPT = "y" * 21
ESTIMATE = 6
TOLD = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
STREAMING = pytest.mark.parametrize("streaming", [False, True])


def client_of(endpoint, retries=2, **settings):
    client = load_model("m", base_url=endpoint.url, **settings)
    client.retry = RetryPolicy(retries=retries, first_delay=0.01)
    return client


def without_choice(usage):
    answer = {"id": "x", "object": "chat.completion", "model": "m", "choices": [], "usage": usage}
    return Endpoint.raw(json.dumps(answer).encode(), "application/json")


def broken_off(handler, body) -> None:
    """A whole reply that ends after its first bytes."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"id":"x","choices":[')
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


async def failing(client, request, streaming=False, kind=Exception):
    """The error of a request, and its bill."""
    bill = Bill()
    with pytest.raises(kind) as caught:
        await client.ask(request, (lambda text: None) if streaming else None, bill=bill)
    return caught.value, bill.usage


async def test_a_reply_that_is_no_completion_counts_with_the_usage_that_it_tells(endpoint, ask_for, tmp_path):
    endpoint.plan = [without_choice(TOLD)]
    with ResponseCache(tmp_path / "responses.sqlite") as cache:
        error, usage = await failing(client_of(endpoint, cache=cache), ask_for(PROMPT), kind=UnusableReply)
        assert cache.stats().entries == 0
    assert (usage.prompt_tokens, usage.completion_tokens, usage.llm_calls, usage.estimated_calls) == (100, 10, 1, 0)
    assert error.usage == usage
    assert "without a choice" in str(error)


@pytest.mark.parametrize("told", [None, [1, 2], {"prompt_tokens": -5, "completion_tokens": 1}, {"total_tokens": 9}])
async def test_a_usage_that_cannot_be_true_is_estimated(endpoint, ask_for, told):
    endpoint.plan = [without_choice(told)]
    _, usage = await failing(client_of(endpoint), ask_for(PROMPT), kind=UnusableReply)
    assert (usage.prompt_tokens, usage.llm_calls, usage.estimated_calls) == (ESTIMATE, 1, 1)


@STREAMING
async def test_a_reply_that_is_no_json_is_estimated(endpoint, ask_for, streaming):
    endpoint.plan = [endpoint.raw(b'{"a":', "application/json")]
    _, usage = await failing(client_of(endpoint), ask_for(PROMPT), streaming, UnusableReply)
    assert (usage.prompt_tokens, usage.llm_calls, usage.estimated_calls) == (ESTIMATE, 1, 1)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 501, 503, 529])
async def test_a_refusal_is_no_call(endpoint, ask_for, status):
    endpoint.plan = [endpoint.status(status)]
    _, usage = await failing(client_of(endpoint), ask_for(PROMPT), kind=ModelUnavailable)
    assert len(endpoint.bodies) >= 1
    assert usage.total_tokens == usage.llm_calls == 0


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_server_that_fails_may_have_worked(endpoint, ask_for, status):
    endpoint.plan = [endpoint.status(status)]
    error, usage = await failing(client_of(endpoint), ask_for(PROMPT), kind=RequestRefused)
    assert usage.llm_calls == usage.estimated_calls == len(endpoint.bodies) == 3
    assert usage.prompt_tokens == 3 * ESTIMATE
    assert error.usage == usage


async def test_every_reply_that_breaks_off_is_a_call_with_its_prompt(endpoint, ask_for):
    endpoint.plan = [broken_off]
    _, usage = await failing(client_of(endpoint), ask_for(PROMPT), kind=RequestRefused)
    assert usage.llm_calls == usage.estimated_calls == len(endpoint.bodies) == 3
    assert (usage.prompt_tokens, usage.completion_tokens) == (3 * ESTIMATE, 0)


async def test_a_refusal_whose_body_breaks_off_is_none(endpoint, ask_for):
    def refused(handler, body) -> None:
        handler.send_response(503)
        handler.send_header("Content-Length", "500")
        handler.end_headers()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    endpoint.plan = [refused]
    _, usage = await failing(client_of(endpoint), ask_for(PROMPT))
    assert usage.llm_calls == 0


async def test_nobody_there_costs_nothing(ask_for):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = SimpleNamespace(url=f"http://127.0.0.1:{port}/v1")
    _, usage = await failing(client_of(nobody), ask_for(PROMPT), kind=ModelUnavailable)
    assert usage.llm_calls == 0


async def test_a_try_that_took_too_long_or_was_cancelled_is_a_call(endpoint, ask_for):
    endpoint.plan = [endpoint.slow(1.0)]
    _, usage = await failing(client_of(endpoint, retries=0, timeout=0.2), ask_for(PROMPT))
    assert (usage.prompt_tokens, usage.llm_calls, usage.estimated_calls) == (ESTIMATE, 1, 1)
    bill = Bill()
    going = asyncio.ensure_future(client_of(endpoint).ask(ask_for(PROMPT), bill=bill))
    while len(endpoint.bodies) < 2:
        await asyncio.sleep(0.01)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert (bill.usage.prompt_tokens, bill.usage.llm_calls) == (ESTIMATE, 1)


@pytest.mark.parametrize(("step", "tries"), [(broken_off, 2), (Endpoint.status(500), 2), (Endpoint.status(503), 5)])
async def test_the_limit_of_calls_holds_for_tries_that_may_be_work_and_not_for_refusals(endpoint, kit_for, step, tries):
    endpoint.plan = [step]
    kit = kit_for(client_of(endpoint, retries=4), max_calls=2)
    with pytest.raises(RequestRefused):
        await kit.send((Message(role="user", content=PROMPT),), max_tokens=40)
    assert len(endpoint.bodies) == tries
    assert kit.usage.llm_calls == kit.meter.spent.llm_calls == (2 if tries == 2 else 0)
    if tries == 2:
        with pytest.raises(BudgetExceeded, match="all 2 LLM calls"):
            await kit.send((Message(role="user", content=PROMPT),), max_tokens=40)


@pytest.mark.parametrize(
    ("error", "worked"),
    [
        (httpx.ConnectTimeout("no"), False),
        (httpx.WriteError("no"), False),
        (httpx.ReadTimeout("no"), True),
        (httpx.RemoteProtocolError("left"), True),
        (ConnectionError("ollama is not there"), False),
        (ConnectionResetError("reset"), True),
        (ContextExceeded("too long"), False),
        (UnusableReply("no message"), True),
        (ValueError("unreadable"), True),
    ],
)
def test_an_error_tells_whether_the_model_may_have_worked(error, worked):
    assert may_have_worked(error) is worked
