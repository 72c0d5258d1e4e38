"""Rates of upstreams: calls wait in order, for no longer than they may, and leave nothing behind where they go away."""

import asyncio
import json
import socket
import threading

import pytest

from pilotage.agent.errors import UpstreamBusy
from pilotage.agent.serve.keys.limits import Limits
from pilotage.agent.serve.upstreams.rate import UpstreamRate
from tests.agent.serve.test_metrics import told
from tests.agent.serve.test_over_an_upstream import HELLO
from tests.agent.serve.test_upstreams import asked, chain, wait_for  # noqa: F401  (fixture)
from tests.agent.serve.upstream import Line
from tests.together import pool_of

MODELS = ["pilotage@a", "passthrough@a"]
ONE = {"requests_per_minute": 1, "longest_wait": 0}


def rate_of(longest_wait=600, **limits):
    return UpstreamRate("a", Limits(**limits), longest_wait)


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_what_is_over_the_rate_for_too_long_is_refused_at_once():
    rate = rate_of(5, requests_per_minute=2)
    (await rate.turn(10)).end(10)
    (await rate.turn(10)).end(10)
    with pytest.raises(UpstreamBusy, match="limited to 2 requests a minute: try again in") as busy:
        await rate.turn(10)
    assert 1 <= busy.value.retry_after <= 61


@pytest.mark.asyncio
async def test_calls_wait_in_order_and_a_small_one_overtakes_no_large_one():
    rate, order = rate_of(tokens_per_minute=100), []
    holding = await rate.turn(90)

    async def ask(name, tokens):
        turn = await rate.turn(tokens)
        order.append(name)
        turn.end(0)

    waiting = []
    for name, tokens in [("large", 80), ("small", 5), ("next", 5)]:
        waiting.append(asyncio.create_task(ask(name, tokens)))
        await settled()
    assert order == []
    holding.end(10)
    await asyncio.wait_for(asyncio.gather(*waiting), 120)
    assert order == ["large", "small", "next"]


@pytest.mark.asyncio
async def test_who_gives_up_waiting_leaves_nothing_behind():
    rate = rate_of(tokens_per_minute=100)
    holding = await rate.turn(60)
    first, second = (asyncio.create_task(rate.turn(tokens)) for tokens in (70, 90))
    await settled()
    first.cancel()
    await settled()
    assert first.cancelled() and not second.done()
    holding.end(0)
    turn = await asyncio.wait_for(second, 120)
    turn.end(0)
    turn.end(100)  # a second time it does nothing
    await asyncio.wait_for(rate.turn(100), 120)


@pytest.mark.asyncio
async def test_the_wait_ends_while_calls_are_under_way():
    rate = rate_of(0.2, tokens_per_minute=100)
    await rate.turn(90)
    with pytest.raises(UpstreamBusy, match="100 tokens a minute"):
        await rate.turn(50)
    with pytest.raises(UpstreamBusy):
        await rate.turn(50)


@pytest.mark.parametrize("model", MODELS)
def test_beyond_the_rate_another_upstream_is_asked(chain, model):  # noqa: F811
    ups, http = chain(lambda body: "from a", lambda body: "from b", first=ONE)
    texts = [
        http.post("/v1/chat/completions", json={"model": model, "messages": HELLO}).json()["choices"][0]["message"][
            "content"
        ]
        for _ in range(3)
    ]
    assert texts == ["from a", "from b", "from b"]
    assert told(http, "pilotage_upstream_failures_total") == {'upstream="a",why="rate"': 2}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_beyond_the_rate_without_another_the_client_is_told_when_to_come_back(chain, model, stream):  # noqa: F811
    ups, http = chain(lambda body: "from a", first=ONE)
    body = {"model": model, "messages": HELLO}
    http.post("/v1/chat/completions", json=body).raise_for_status()
    reply = http.post("/v1/chat/completions", json={**body, "stream": stream})
    assert asked(ups) == [1]
    if stream and model.startswith("pilotage"):  # it had begun, so an event tells
        assert '"code":"upstream_rate_limit"' in reply.text
        return
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 61
    assert reply.json()["error"]["code"] == "upstream_rate_limit"
    assert told(http, "pilotage_upstream_calls_total") == {'upstream="a"': 1}


@pytest.mark.parametrize("model", MODELS)
def test_calls_that_wait_are_answered_when_there_is_room(chain, model):  # noqa: F811
    """The replies are shorter than they were taken to be, so each that ends makes room for the next."""
    ups, http = chain(lambda body: Line("one", delay=0.2), first={"tokens_per_minute": 400, "longest_wait": 600})
    body = {"model": model, "messages": HELLO}
    with pool_of(4) as pool:
        replies = list(pool.map(lambda _: http.post("/v1/chat/completions", json=body, timeout=600), range(4)))
    assert [reply.status_code for reply in replies] == [200] * 4
    assert asked(ups) == [4]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_client_that_leaves_while_it_waits_costs_nothing(chain, model, stream):  # noqa: F811
    going, came = threading.Event(), threading.Event()

    def script(body):
        came.set()
        going.wait(120)
        return "one"

    ups, http = chain(script, first={"tokens_per_minute": 300, "longest_wait": 600})
    body = {"model": model, "messages": HELLO}
    with pool_of(1) as pool:
        first = pool.submit(http.post, "/v1/chat/completions", json=body, timeout=600)
        assert came.wait(120)
        content = json.dumps({**body, "stream": stream}).encode()
        with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n\r\n"
            connection.sendall(head.encode() + content)
            wait_for_requests(http, 3)
        wait_for_requests(http, 2)
        going.set()
        assert first.result().status_code == 200
    assert asked(ups) == [1]
    assert told(http, "pilotage_upstream_calls_total") == {'upstream="a"': 1}


def wait_for_requests(http, count):
    """Until so many requests are in flight, the one that asks among them."""
    wait_for(lambda: told(http, "pilotage_requests_in_flight")[""] == count)


def test_waiting_counts_against_the_time_of_a_run(chain):  # noqa: F811
    ups, http = chain(lambda body: "from a", first={"requests_per_minute": 1, "longest_wait": 600})
    body = {"model": "pilotage@a", "messages": HELLO}
    http.post("/v1/chat/completions", json=body).raise_for_status()
    limited = {**body, "pilotage": {"budget": {"max_seconds": 0.5}}}
    reply = http.post("/v1/chat/completions", json=limited)
    assert reply.status_code >= 500
    assert "0.5 seconds is used up" in reply.json()["error"]["message"]
    assert asked(ups) == [1]
    assert told(http, "pilotage_upstream_calls_total") == {'upstream="a"': 1}
