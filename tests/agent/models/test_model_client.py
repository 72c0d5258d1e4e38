"""ModelClient against a real HTTP endpoint that misbehaves, and against scripts."""

import asyncio
import socket
import time

import pytest

from pilotage.agent.errors import BadReply, ModelError, ModelUnavailable
from pilotage.agent.models import Fault, ModelClient, RetryPolicy, ScriptedChatModel, UnusableReply, load_model
from pilotage.agent.trace import Usage, total
from tests.together import TogetherChatModel

FAST = RetryPolicy(retries=2, first_delay=0.01)


def client_of(endpoint, **settings) -> ModelClient:
    client = load_model("m", base_url=endpoint.url, **settings)
    client.retry = FAST
    return client


def without_seconds(usage: Usage) -> Usage:
    return usage.model_copy(update={"seconds": 0.0})


@pytest.mark.parametrize("streaming", [False, True])
async def test_usage_is_what_the_endpoint_counted(endpoint, ask_for, streaming):
    shown: list[str] = []
    endpoint.plan = [endpoint.ok("two| words")]
    reply = await client_of(endpoint).ask(ask_for(), shown.append if streaming else None)
    assert reply.text == "two words"
    assert "".join(shown) == ("two words" if streaming else "")  # in pieces: what may begin a credential waits
    assert without_seconds(reply.usage) == Usage(prompt_tokens=7, completion_tokens=2, cached_tokens=3, llm_calls=1)
    assert reply.usage.seconds > 0
    assert not reply.estimated


async def test_the_token_limit_reaches_servers_that_know_only_max_tokens(endpoint, ask_for):
    await client_of(endpoint).ask(ask_for(max_tokens=9, stop=("\n",)))
    assert endpoint.bodies[0]["max_tokens"] == 9
    assert endpoint.bodies[0]["stop"] == ["\n"]
    assert "max_completion_tokens" not in endpoint.bodies[0]


async def test_missing_usage_is_estimated_and_says_so(endpoint, ask_for):
    endpoint.plan = [endpoint.ok("x" * 10, usage=None)]
    reply = await client_of(endpoint).ask(ask_for("y" * 21))
    assert reply.estimated
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (6, 3)


@pytest.mark.parametrize(("status", "tries"), [(429, 2), (500, 3), (503, 2)])
@pytest.mark.parametrize("streaming", [False, True])
async def test_passing_failures_are_retried(endpoint, ask_for, status, tries, streaming):
    endpoint.plan = [endpoint.status(status), endpoint.drop(), endpoint.ok()]
    reply = await client_of(endpoint).ask(ask_for(), (lambda text: None) if streaming else None)
    assert reply.text == "fine"
    assert (reply.usage.llm_calls, reply.usage.estimated_calls) == (tries, tries - 1)
    assert len(endpoint.bodies) == 3


async def test_retry_after_is_honoured(endpoint, ask_for):
    endpoint.plan = [endpoint.status(429, Retry_After="0.4"), endpoint.ok()]
    await client_of(endpoint).ask(ask_for())
    assert 0.4 <= endpoint.times[1] - endpoint.times[0] < 2


async def test_a_retry_after_of_an_hour_fails_at_once(endpoint, ask_for):
    endpoint.plan = [endpoint.status(429, Retry_After="3600")]
    with pytest.raises(ModelUnavailable, match="HTTP 429"):
        await asyncio.wait_for(client_of(endpoint).ask(ask_for()), 5)
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(("status", "advice"), [(401, "API key"), (404, "model name"), (413, "message")])
async def test_other_refusals_are_not_retried(endpoint, ask_for, status, advice):
    endpoint.plan = [endpoint.status(status, "not you")]
    with pytest.raises(ModelUnavailable, match=rf"{status}.*not you.*{advice}"):
        await client_of(endpoint).ask(ask_for())
    assert len(endpoint.bodies) == 1


async def test_a_dead_endpoint_is_named(ask_for):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    client = load_model("m", base_url=url)
    client.retry = FAST
    with pytest.raises(ModelUnavailable, match=f"{url} could not be reached after 3 tries"):
        await client.ask(ask_for())


async def test_a_slow_answer_is_given_up_and_retried(endpoint, ask_for):
    endpoint.plan = [endpoint.slow(60), endpoint.ok()]
    started = time.monotonic()
    reply = await client_of(endpoint, timeout=3).ask(ask_for())
    assert reply.text == "fine"
    assert time.monotonic() - started < 50


async def test_an_endpoint_that_stays_slow_is_unavailable(endpoint, ask_for):
    endpoint.plan = [endpoint.slow(1)]
    with pytest.raises(ModelUnavailable, match=r"no answer within 0\.5 seconds"):
        await client_of(endpoint, timeout=0.5).ask(ask_for())
    assert len(endpoint.bodies) == 3


GARBAGE = [
    (b"<html>hello</html>", "text/html"),
    (b"{not json", "application/json"),
    (b"{}", "application/json"),
    (b"[]", "application/json"),
    (b'{"choices": null}', "application/json"),
    (b'{"choices": []}', "application/json"),
    (b'"text"', "application/json"),
    (b"", "application/json"),
]


@pytest.mark.parametrize(("content", "kind"), GARBAGE)
@pytest.mark.parametrize("streaming", [False, True])
async def test_garbage_is_a_bad_reply_that_names_the_url(endpoint, ask_for, content, kind, streaming):
    endpoint.plan = [endpoint.raw(content, kind)]
    with pytest.raises(BadReply, match=endpoint.url):
        await client_of(endpoint).ask(ask_for(), (lambda text: None) if streaming else None)


async def test_empty_text_is_asked_for_once_more_and_both_are_charged(endpoint, ask_for):
    endpoint.plan = [endpoint.ok("", usage=(7, 1)), endpoint.ok("now", usage=(7, 2))]
    reply = await client_of(endpoint).ask(ask_for())
    assert reply.text == "now"
    assert (reply.usage.llm_calls, reply.usage.completion_tokens) == (2, 3)
    assert endpoint.bodies[0]["seed"] != endpoint.bodies[1]["seed"]


async def test_lasting_emptiness_is_a_bad_reply_that_carries_its_cost(endpoint, ask_for):
    endpoint.plan = [endpoint.ok(" \n", usage=(7, 1))]
    with pytest.raises(UnusableReply, match="empty text") as caught:
        await client_of(endpoint).ask(ask_for())
    assert (caught.value.usage.llm_calls, caught.value.usage.prompt_tokens) == (2, 14)


async def test_a_limit_used_up_before_any_text_is_not_tried_again(endpoint, ask_for):
    endpoint.plan = [endpoint.ok("", finish="length")]
    with pytest.raises(UnusableReply, match="raise --reply-tokens"):
        await client_of(endpoint).ask(ask_for())
    assert len(endpoint.bodies) == 1


async def test_a_stream_that_breaks_off_shows_each_token_once(endpoint, ask_for):
    chunk = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"one"}}]}\n\n'
    )
    endpoint.plan = [endpoint.drop(after=chunk), endpoint.ok("one| two")]
    shown: list[str] = []
    reply = await client_of(endpoint).ask(ask_for(), shown.append)
    assert reply.text == "one two"
    assert shown == ["one", " two"]


async def test_a_refused_feature_is_dropped_and_remembered(endpoint, ask_for):
    endpoint.plan = [endpoint.status(400, "logprobs is not supported"), endpoint.ok()]
    client = client_of(endpoint)
    request = ask_for(logprobs=True, top_logprobs=2, json_schema={"type": "object"})
    reply = await client.ask(request)
    assert (reply.text, reply.logprobs, reply.mean_logprob) == ("fine", None, None)
    await client.ask(request)
    assert ["logprobs" in body for body in endpoint.bodies] == [True, False, False]
    assert all("response_format" in body for body in endpoint.bodies)
    assert (client.capabilities.logprobs, client.capabilities.json_schema) == (False, True)


async def test_a_refusal_for_another_reason_keeps_the_features(endpoint, ask_for):
    endpoint.plan = [endpoint.status(400, "prompt too long")]
    client = client_of(endpoint)
    with pytest.raises(ModelUnavailable, match="prompt too long"):
        await client.ask(ask_for(logprobs=True))
    assert client.capabilities.logprobs


async def test_grammars_go_only_to_servers_that_know_them(endpoint, ask_for):
    client = client_of(endpoint)
    await client.ask(ask_for(grammar="root ::= [0-3]"))
    assert "grammar" not in endpoint.bodies[0]
    assert not client.capabilities.grammar


def test_one_client_works_in_one_event_loop_after_the_other(endpoint, ask_for):
    client = client_of(endpoint)
    assert [asyncio.run(client.ask(ask_for())).text for _ in range(3)] == ["fine"] * 3
    assert len(endpoint.bodies) == 3


async def test_what_is_charged_is_what_the_script_counted(ask_for):
    script = ScriptedChatModel(["a b c", Fault(status=503), Fault(status=429), "", "d", "e " * 40])
    client = ModelClient(script, retry=FAST)
    replies = [await client.ask(ask_for(f"question {number}")) for number in range(3)]
    assert without_seconds(total(reply.usage for reply in replies)) == script.counted
    assert script.counted.llm_calls == 4
    assert replies[-1].finish_reason == "length"


async def test_faults_without_end_end_in_a_typed_error(ask_for):
    client = ModelClient(ScriptedChatModel(lambda messages: Fault(status=429, retry_after=0.01)), retry=FAST)
    with pytest.raises(ModelUnavailable, match="after 3 tries"):
        await client.ask(ask_for())


async def test_an_error_of_the_script_is_not_taken_for_the_endpoints(ask_for):
    client = ModelClient(ScriptedChatModel([]), retry=FAST)
    with pytest.raises(ModelError, match="has 0 replies"):
        await client.ask(ask_for())


async def test_many_calls_run_side_by_side(ask_for):
    script = TogetherChatModel(lambda messages: "ok", parties=64)
    client, gate = ModelClient(script), asyncio.Semaphore(64)

    async def one(number: int) -> None:
        async with gate:
            await client.ask(ask_for(f"task {number}"))

    await asyncio.gather(*(one(number) for number in range(192)))
    assert script.counted.llm_calls == 192
