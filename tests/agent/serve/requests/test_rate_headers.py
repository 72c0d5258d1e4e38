"""What is left of a key's limits, as its replies tell: as much as is then admitted, and no more."""

import re

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.errors import LimitReached
from pilotage.agent.serve.keys.limits import Limiter, Limits
from pilotage.agent.serve.keys.rate_headers import NAMES, duration
from tests.agent.serve.tenants import ask, error_of, seller
from tests.agent.serve.test_limits import Clock, pauses
from tests.agent.serve.upstream import Upstream


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0s"),
        (0.00001, "1ms"),
        (0.12, "120ms"),
        (0.9991, "1s"),
        (1, "1s"),
        (59.2, "1m0s"),
        (60.375, "1m1s"),
        (360, "6m0s"),
        (600, "10m0s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(seconds, told):
    assert duration(seconds) == told


@given(
    st.integers(1, 5),
    st.integers(1, 200),
    st.lists(st.tuples(pauses, st.integers(0, 300), st.integers(0, 400), st.integers(0, 2)), max_size=20),
)
def test_what_remains_is_what_is_admitted_and_after_the_reset_nothing_counts(requests, tokens, steps):
    clock, limits, running = Clock(), Limits(requests_per_minute=requests, tokens_per_minute=tokens), []
    limiter = Limiter(clock)
    for pause, estimate, used, overlap in steps:
        clock.now += pause
        while len(running) > overlap:
            running.pop(0).close()
        try:
            running.append(limiter.admit("key", limits, estimate))
            running[-1].settle(used)
        except LimitReached:
            pass
    before = limiter.remaining("key", limits)
    assert limiter.remaining("key", limits) == before  # to look costs nothing
    for name in ("requests", "tokens"):
        left = before[name]
        assert left.limit == (requests if name == "requests" else tokens) and 0 <= left.remaining <= left.limit
        assert (left.reset > 0) >= (left.remaining < left.limit)
    alone = Limits(tokens_per_minute=tokens)
    if (most := before["tokens"].remaining) < tokens:
        with pytest.raises(LimitReached):
            limiter.admit("key", alone, most + 1)
    if most:
        limiter.admit("key", alone, most).settle(0)
    for admission in running:
        admission.settle(0)
        admission.close()
    clock.now += max(left.reset for left in before.values())
    after = limiter.remaining("key", limits)
    assert {name: (one.remaining, one.reset) for name, one in after.items()} == {
        "requests": (requests, 0),
        "tokens": (tokens, 0),
    }


def test_a_limit_that_was_lowered_below_what_was_used_leaves_nothing():
    limiter = Limiter(Clock())
    for _ in range(5):
        limiter.admit("key", Limits(requests_per_minute=9)).close()
    assert limiter.remaining("key", Limits(requests_per_minute=2))["requests"].remaining == 0
    assert limiter.remaining("other", Limits(requests_per_minute=2))["requests"].reset == 0


def told(headers):
    return {name: headers[name] for name in NAMES if name in headers}


def test_each_limit_of_a_key_has_its_three_headers_and_no_other_has(house):
    started = house()
    assert not told(started.nobody.get("/health").headers) and not told(started.nobody.get("/v1/models").headers)
    assert not told(started.key("a").get("/v1/models").headers)
    assert not told(started.key("a", limits=Limits(concurrent_requests=3)).get("/v1/models").headers)
    for limits, of in ((Limits(requests_per_minute=3), "requests"), (Limits(tokens_per_minute=3000), "tokens")):
        assert set(told(started.key("a", limits=limits).get("/v1/models").headers)) == {n for n in NAMES if of in n}


def test_openais_client_reads_what_remains_until_nothing_does(house):
    client = house().key("a", limits=Limits(requests_per_minute=2), scopes=["chat"])
    url, secret = f"{client.base_url}/v1", client.headers["Authorization"].partition(" ")[2]
    with openai.OpenAI(base_url=url, api_key=secret, max_retries=0, timeout=60) as official:
        asked = {"model": "pilotage", "messages": [{"role": "user", "content": "hi"}]}
        seen = [official.chat.completions.with_raw_response.create(**asked).headers for _ in range(2)]
        with pytest.raises(openai.RateLimitError) as refused:
            official.chat.completions.create(**asked)
    seen.append(refused.value.response.headers)
    assert [one["x-ratelimit-limit-requests"] for one in seen] == ["2"] * 3
    assert [one["x-ratelimit-remaining-requests"] for one in seen] == ["1", "0", "0"]
    assert all(re.fullmatch(r"1m[01]s|[45]\ds", one["x-ratelimit-reset-requests"]) for one in seen)
    other = client.get("/v1/concepts")
    assert error_of(other, 403) and other.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize("model", ["pilotage", "passthrough"])
def test_a_whole_reply_tells_what_remains_after_it(house, running, model):
    upstream = Upstream(lambda body: "Hello there!")
    client = house(base_url=running(upstream.app) + "/v1").key("a", limits=Limits(tokens_per_minute=5000))
    left = 5000
    for _ in range(3):
        reply = ask(client, "hi", model=model, max_tokens=3000)
        left -= reply.json()["usage"]["total_tokens"]
        assert reply.headers["x-ratelimit-remaining-tokens"] == str(left)
        assert re.fullmatch(r"1m[01]s", reply.headers["x-ratelimit-reset-tokens"])
    assert error_of(ask(client, "hi", max_tokens=left), 429)  # beside its prompt


def test_a_refusal_for_tokens_tells_what_a_smaller_request_could_take(house):
    client = house().key("a", limits=Limits(tokens_per_minute=5000))
    used = ask(client, "hi").json()["usage"]["total_tokens"]
    reply = ask(client, "hi", max_tokens=4990)
    assert error_of(reply, 429) and reply.headers["x-ratelimit-remaining-tokens"] == str(5000 - used)


def test_a_stream_tells_what_remains_beside_what_it_has_reserved(house):
    client = house(seller("word " * 20)).key("a", limits=Limits(tokens_per_minute=5000))
    body = {"model": "pilotage", "stream": True, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3000}
    with client.stream("POST", "/v1/chat/completions", json=body) as stream:
        remaining = int(stream.headers["x-ratelimit-remaining-tokens"])
        stream.read()
    assert 1000 < remaining < 2000
    assert int(client.get("/v1/models").headers["x-ratelimit-remaining-tokens"]) > 4000
