"""The gateway of peers: what is answered is paid, and nobody else's connection keeps a run from its model."""

import asyncio
import json
import logging
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest
import uvicorn

from pilotage.agent.budget import Budget, Meter
from pilotage.agent.errors import BudgetExceeded, UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient
from pilotage.agent.peers import gateway as gateways
from pilotage.agent.peers.gateway import Account, Gateway, RunEnded
from pilotage.agent.serve.chat_request import chat_request
from pilotage.agent.serve.stopping import connections
from pilotage.agent.strategies.known.skilled import skilled
from tests.agent.bench.peering import asked, solved


def kit_of(model=None, **budget):
    return Kit(ModelClient(model or skilled(1.0)), Meter(Budget(**budget)))


def request(content="Right or wrong?", **more):
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


def post(url, key, body):
    """The status of a request."""
    asked = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(asked) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def address(gateway):
    host, _, port = gateway.url.removeprefix("http://").removesuffix("/v1").partition(":")
    return host, int(port)


async def test_a_closed_account_takes_nothing_more():
    kit = kit_of()
    account = Account(kit)
    await account.close()
    with pytest.raises(RunEnded):
        await account.complete(chat_request(request()))
    assert kit.usage.llm_calls == 0


async def test_a_request_that_was_read_before_the_end_is_refused_after_it():
    model = skilled(1.0)
    kit = kit_of(model)
    async with Gateway() as gateway, asyncio.timeout(60):
        body = json.dumps(request()).encode()
        async with gateway.account(kit) as (key, _):
            reader, writer = await asyncio.open_connection(*address(gateway))
            fields = ("Host: x", f"Authorization: Bearer {key}", "Expect: 100-continue", f"Content-Length: {len(body)}")
            writer.write("\r\n".join(("POST /v1/chat/completions HTTP/1.1", *fields, "", "")).encode())
            await reader.readuntil(b"100 Continue\r\n\r\n")  # its key has been looked at
        writer.write(body)
        answered = await reader.readuntil(b"}}")
        writer.close()
    assert b"400 Bad Request" in answered and b"run_ended" in answered
    assert kit.usage.llm_calls == model.counted.llm_calls == 0


async def test_what_is_kept_of_requests_is_small_and_a_final_limit_refuses_at_once():
    account = Account(kit_of(max_calls=1, max_tokens=10**9))
    assert len(await account.complete(chat_request(request("x" * 100_000)))) == 1
    for number in range(5):
        with pytest.raises(BudgetExceeded):
            await account.complete(chat_request(request(f"{number}" + "x" * 100_000)))
    assert not account._calls, "what is done is forgotten"
    assert len(account._asked) == 2 and all(len(what) == 32 for what in account._asked)


async def test_idle_connections_keep_no_run_from_its_model(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    async with Gateway() as gateway, gateway.account(kit_of()) as (key, _):
        with ExitStack() as idle:
            opened = [idle.enter_context(socket.create_connection(address(gateway))) for _ in range(300)]
            assert await asyncio.to_thread(post, gateway.url, key, request()) == 200
            opened[0].settimeout(60)
            assert b"408" in await asyncio.to_thread(opened[0].recv, 100), "and they do not last"


async def test_requests_past_the_bound_wait_their_turn(monkeypatch):
    monkeypatch.setattr(gateways, "MOST_AT_ONCE", 2)
    kit = kit_of()
    async with Gateway() as gateway, gateway.account(kit) as (key, _):
        posts = [asyncio.to_thread(post, gateway.url, key, request()) for _ in range(8)]
        assert await asyncio.gather(*posts) == [200] * 8
    assert kit.usage.llm_calls == 8


def test_a_malformed_field_is_named_and_nothing_reaches_the_terminal(environments, capfd):
    (run,) = solved(environments, asked("malformed"), skilled(1.0))
    told = ["400 response_format", "400 response_format.json_schema", "400 response_format.json_schema.schema"]
    assert run.trace.steps[0].text.splitlines() == told
    assert "Traceback" not in capfd.readouterr().err


async def test_an_unforeseen_error_is_a_plain_500_and_nothing_reaches_the_terminal(monkeypatch, caplog):
    async def fails(*given):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(Account, "complete", fails)
    async with Gateway() as gateway, gateway.account(kit_of()) as (key, _):
        assert await asyncio.to_thread(post, gateway.url, key, request()) == 500
    assert not [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


async def test_it_listens_once_it_is_entered():
    async with Gateway() as gateway:
        socket.create_connection(address(gateway)).close()


async def test_one_that_cannot_listen_says_so(monkeypatch):
    async def fails(self, sockets=None):
        raise OSError("no buffer space")

    monkeypatch.setattr(uvicorn.Server, "startup", fails)
    with pytest.raises(UsageError, match="cannot listen at http.*no buffer space"):
        async with Gateway():
            pass
