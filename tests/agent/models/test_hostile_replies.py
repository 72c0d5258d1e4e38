"""What an endpoint may send: only a whole, readable reply of bearable size is an answer, and only that is kept."""

import asyncio
import gzip
import json
import math
import resource
import zlib

import pytest
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage

from pilotage.agent.errors import BadReply, ModelUnavailable
from pilotage.agent.models import (
    ModelClient,
    ResponseCache,
    RetryPolicy,
    ScriptedChatModel,
    TokenLogprob,
    UnusableReply,
    load_model,
)
from pilotage.agent.models.parsing.collector import TokenRelay
from pilotage.agent.models.parsing.token_usage import Reports
from pilotage.agent.models.transport.guard import byte_limit, character_limit
from tests.agent.models.conftest import Endpoint, ended, line, send

FAST = RetryPolicy(retries=2, first_delay=0.01)
STREAMING = pytest.mark.parametrize("streaming", [False, True])


@pytest.fixture
def cache(tmp_path):
    with ResponseCache(tmp_path / "responses.sqlite") as cache:
        yield cache


def client_of(endpoint, **settings) -> ModelClient:
    client = load_model("m", base_url=endpoint.url, **settings)
    client.retry = FAST
    return client


def listener(streaming: bool):
    return (lambda text: None) if streaming else None


def body(choice: dict, **more):
    """A whole completion with this choice."""
    answer = {"id": "1", "created": 1, "model": "m", "object": "chat.completion"}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return json.dumps(answer | {"choices": [{"index": 0} | choice], "usage": usage} | more).encode()


def whole(choice: dict, **more):
    return Endpoint.raw(body(choice, **more), "application/json")


def said(text: str | None, reason: str | None = "stop", **message) -> dict:
    return {"message": {"role": "assistant", "content": text} | message, "finish_reason": reason}


class TestEndings:
    async def test_a_stream_that_just_stops_is_no_answer_and_is_not_cached(self, endpoint, ask_for, cache):
        endpoint.plan = [endpoint.events("Step by step: 6 *", done=False)]
        with pytest.raises(UnusableReply, match=r"broke off its reply.*without a finish reason") as caught:
            await client_of(endpoint, cache=cache).ask(ask_for(), listener(True))
        assert len(endpoint.bodies) == 2
        assert caught.value.usage.llm_calls == caught.value.usage.estimated_calls == 2
        assert cache.stats().entries == 0

    async def test_a_stream_that_stopped_once_is_asked_for_again_and_both_are_charged(self, endpoint, ask_for):
        endpoint.plan = [endpoint.events("6 * 7", done=False), endpoint.ok("6 * 7| is 42")]
        shown: list[str] = []
        reply = await client_of(endpoint).ask(ask_for(), shown.append)
        assert (reply.text, "".join(shown)) == ("6 * 7 is 42", "6 * 7 is 42")
        assert (reply.usage.llm_calls, reply.usage.estimated_calls) == (2, 1)

    @pytest.mark.parametrize("end", [b"data: [DONE]\n\n", line(ended())])
    async def test_a_finish_reason_or_done_ends_a_stream(self, endpoint, ask_for, end):
        endpoint.plan = [endpoint.events("42", end, done=False)]
        reply = await client_of(endpoint).ask(ask_for(), listener(True))
        assert (reply.text, reply.finish_reason) == ("42", "stop")

    async def test_done_in_a_text_ends_nothing(self, endpoint, ask_for):
        endpoint.plan = [endpoint.events("\ndata: [DONE]\n\n", done=False)]
        with pytest.raises(UnusableReply, match="broke off"):
            await client_of(endpoint).ask(ask_for(), listener(True))

    async def test_models_that_never_name_an_ending_are_taken_at_their_word(self, ask_for):
        client = ModelClient(GenericFakeChatModel(messages=iter([AIMessage("one two")])))
        assert (await client.ask(ask_for(), listener(True))).text == "one two"

    @STREAMING
    async def test_a_cut_reply_says_so_and_is_asked_for_again_next_time(self, endpoint, ask_for, cache, streaming):
        endpoint.plan = [endpoint.ok("Answer: 4", finish="length"), endpoint.ok("Answer: 42")]
        client = client_of(endpoint, cache=cache)
        first = await client.ask(ask_for(), listener(streaming))
        second = await client.ask(ask_for(), listener(streaming))
        assert (first.text, first.cut, second.text, second.cut) == ("Answer: 4", True, "Answer: 42", False)
        assert (await client.ask(ask_for())).replayed

    async def test_a_comparison_sees_one_cut_reply_and_others_ask_anew(self, endpoint, ask_for, cache):
        endpoint.plan = [endpoint.ok("Answer: 4", finish="length"), endpoint.ok("Answer: 42")]
        client = client_of(endpoint, cache=cache)
        client.keeps_cut = True
        first, second = await client.ask(ask_for()), await client.ask(ask_for())
        assert (second.text, second.cut, second.replayed) == ("Answer: 4", True, True)
        assert second.usage.completion_tokens == first.usage.completion_tokens > 0, "charged in full to each"
        assert (await client_of(endpoint, cache=cache).ask(ask_for())).text == "Answer: 42"
        assert (await client.ask(ask_for())).text == "Answer: 42", "a whole reply is the better one"

    async def test_a_reply_read_by_its_first_tokens_is_kept_though_it_is_cut(self, ask_for, cache):
        script = ScriptedChatModel(["yes indeed"])
        client = ModelClient(script, cache=cache)
        request = ask_for(max_tokens=1, logprobs=True, top_logprobs=3)
        assert (await client.ask(request)).cut
        assert (await client.ask(request)).replayed

    @STREAMING
    @pytest.mark.parametrize(
        ("reason", "words"),
        [("content_filter", "content filter"), ("SAFETY", "content filter"), ("error", "broke off")],
    )
    async def test_a_filtered_or_failed_reply_is_no_answer(self, endpoint, ask_for, cache, reason, words, streaming):
        endpoint.plan = [endpoint.ok("half an answer", finish=reason)]
        with pytest.raises(UnusableReply, match=words) as caught:
            await client_of(endpoint, cache=cache).ask(ask_for(), listener(streaming))
        assert caught.value.usage.completion_tokens > 0
        assert cache.stats().entries == 0

    @STREAMING
    async def test_a_refusal_is_reported_as_one(self, endpoint, ask_for, streaming):
        refusal = "I cannot help with that."
        delta = {"choices": [{"index": 0, "delta": {"refusal": refusal}}]}
        endpoint.plan = [endpoint.events(delta, ended()) if streaming else whole(said(None, refusal=refusal))]
        with pytest.raises(UnusableReply, match=r"refused to answer: 'I cannot help with that\.'"):
            await client_of(endpoint).ask(ask_for(), listener(streaming))
        assert len(endpoint.bodies) == 1

    @STREAMING
    async def test_a_tool_call_is_reported_as_one(self, endpoint, ask_for, streaming):
        call = {"index": 0, "id": "1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
        delta = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
        choice = said(None, "tool_calls", tool_calls=[call])
        endpoint.plan = [endpoint.events(delta, ended("tool_calls")) if streaming else whole(choice)]
        with pytest.raises(UnusableReply, match=r"called a tool \(search\) instead"):
            await client_of(endpoint).ask(ask_for(), listener(streaming))
        assert len(endpoint.bodies) == 1


class TestText:
    @STREAMING
    async def test_what_utf8_cannot_carry_is_replaced(self, endpoint, ask_for, cache, streaming):
        tokens = {"content": [{"token": "\ud83d", "logprob": -0.1, "top_logprobs": []}]}
        choice = said("x \ud83d y") | {"logprobs": tokens}
        delta = {"choices": [{"index": 0, "delta": {"content": "x \ud83d y"}, "logprobs": tokens}]}
        endpoint.plan = [endpoint.events(delta, ended()) if streaming else whole(choice)]
        client = client_of(endpoint, cache=cache)
        reply = await client.ask(ask_for(), listener(streaming))
        assert reply.text == "x \ufffd y"
        assert reply.logprobs[0].token == "\ufffd"
        assert (await client.ask(ask_for())).text == reply.text

    async def test_a_character_cut_between_two_chunks_is_joined(self, endpoint, ask_for):
        endpoint.plan = [endpoint.events("a \ud83d", "\ude00 b", "\ud83d", ended())]
        shown: list[str] = []
        reply = await client_of(endpoint).ask(ask_for(), shown.append)
        assert reply.text == "".join(shown) == "a \U0001f600 b\ufffd"

    async def test_a_prompt_that_utf8_cannot_carry_is_sent_all_the_same(self, endpoint, ask_for):
        assert (await client_of(endpoint).ask(ask_for("what is \udcff?"))).text == "fine"
        assert endpoint.bodies[0]["messages"][0]["content"] == "what is \ufffd?"


class TestLogprobs:
    @STREAMING
    @pytest.mark.parametrize("value", [-math.inf, math.nan, None, "low", True, 3.0, [], 10**400])
    async def test_one_that_is_no_probability_makes_all_unknown(self, endpoint, ask_for, cache, value, streaming):
        entries = [{"token": "4", "logprob": -0.5}, {"token": "2", "logprob": value}]
        tokens = {"content": [entry | {"top_logprobs": []} for entry in entries]}
        delta = {"choices": [{"index": 0, "delta": {"content": "42"}, "logprobs": tokens}]}
        endpoint.plan = [
            endpoint.events(delta, ended()) if streaming else whole(said("42") | {"logprobs": tokens}),
        ]
        client = client_of(endpoint, cache=cache)
        for reply in [await client.ask(ask_for(logprobs=True), listener(streaming)) for _ in range(2)]:
            assert (reply.text, reply.logprobs, reply.mean_logprob, reply.min_logprob) == ("42", None, None, None)
        assert len(endpoint.bodies) == 1

    async def test_alternatives_that_cannot_be_drawn_are_left_out(self, endpoint, ask_for, cache):
        top = [{"token": "4", "logprob": -0.5}, {"token": "5", "logprob": -math.inf}, {"token": 6, "logprob": -1}, None]
        tokens = {"content": [{"token": "4", "logprob": -0.5, "top_logprobs": top}]}
        endpoint.plan = [whole(said("4") | {"logprobs": tokens})]
        client = client_of(endpoint, cache=cache)
        for reply in [await client.ask(ask_for(logprobs=True)) for _ in range(2)]:
            assert reply.logprobs[0].top == (("4", -0.5),)


def usage(prompt, completion, cached=0) -> dict:
    details = {"prompt_tokens_details": {"cached_tokens": cached}}
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": 0} | details


class TestUsage:
    async def test_a_count_that_runs_on_is_not_added_up(self, endpoint, ask_for):
        text = [{"choices": [{"index": 0, "delta": {"content": "x"}}], "usage": usage(10, n)} for n in range(1, 8)]
        endpoint.plan = [endpoint.events(*text, ended(usage=usage(10, 8)), {"choices": [], "usage": usage(10, 8)})]
        reply = await client_of(endpoint).ask(ask_for(), listener(True))
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.estimated) == (10, 8, False)

    async def test_a_count_in_parts_is_added_up(self, ask_for):
        from langchain_core.messages import AIMessageChunk

        from pilotage.agent.models.parsing.collector import Collector

        collector = Collector(ask_for())
        for prompt, completion in ((10, 0), (0, 3), (0, 4)):
            counted = {"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion}
            collector.add(AIMessageChunk(content="x", usage_metadata=counted))
        assert (collector.usage.prompt_tokens, collector.usage.completion_tokens) == (10, 7)
        assert collector.usage.estimated_calls == 0

    @STREAMING
    @pytest.mark.parametrize(
        "counted",
        [
            usage(-7, 2),
            usage(7, -2),
            usage(0, 0),
            usage(7, 0),
            usage(None, None),
            usage(7.5, 2),
            usage("seven", "2"),
            usage(10**9, 2),
            usage(7, 10**12),
            usage(7, 2, 8),
            usage(7, 2, -1),
            usage(7, 2, "three"),
            usage([], {}),
            {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": [1]},
            {"prompt_tokens": 7, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": "x"}},
            "many",
            [7, 2],
            17,
        ],
    )
    async def test_counts_that_cannot_be_true_are_estimated_and_marked(self, endpoint, ask_for, counted, streaming):
        text = "x" * 10
        endpoint.plan = [
            endpoint.events(text, ended(), {"choices": [], "usage": counted})
            if streaming
            else whole(said(text), usage=counted)
        ]
        reply = await client_of(endpoint).ask(ask_for("y" * 21), listener(streaming))
        assert (reply.text, reply.estimated, reply.usage.estimated_calls, reply.usage.llm_calls) == (text, True, 1, 1)
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cached_tokens) == (6, 3, 0)

    @pytest.mark.parametrize("count", [True, "7", 7.0, None, -1, [7]])
    def test_a_users_model_counts_in_whole_numbers_or_not_at_all(self, ask_for, count):
        reports = Reports()
        reports.add({"input_tokens": count, "output_tokens": 2, "total_tokens": 9})
        assert reports.usage(ask_for(), "x").estimated_calls == 1

    async def test_thinking_that_the_text_does_not_show_is_believed(self, endpoint, ask_for):
        endpoint.plan = [endpoint.ok("42", usage=(900, 5000))]
        reply = await client_of(endpoint).ask(ask_for())
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.estimated) == (900, 5000, False)


def peak() -> int:
    """Most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class TestSize:
    @pytest.mark.parametrize(
        ("kind", "piece", "head"),
        [
            ("text/event-stream", b": nothing yet\n\n" * 4096, b""),
            ("text/event-stream", b"x" * 65536, b'data: {"id": "'),
            ("application/json", b" " * 65536, b""),
            ("application/json", b"x" * 65536, b'{"choices": [{"message": {"content": "'),
            ("text/html", b"<p>" * 20000, b""),
        ],
    )
    @STREAMING
    async def test_an_endless_body_is_left(self, endpoint, ask_for, kind, piece, head, streaming):
        endpoint.plan = [endpoint.endless(piece, head=head, kind=kind)]
        request = ask_for()
        with pytest.raises(UnusableReply, match="answered with too much.*16 tokens were asked for") as caught:
            await client_of(endpoint).ask(request, listener(streaming))
        assert await asyncio.to_thread(endpoint.left.wait, 15)
        assert endpoint.sent < byte_limit(request) + 32 * 2**20  # the rest is in the buffers of both sides
        assert caught.value.usage.llm_calls == 1
        assert len(endpoint.bodies) == 1

    async def test_an_endless_text_is_cut_and_says_so(self, endpoint, ask_for, cache):
        endpoint.plan = [endpoint.endless(line("word " * 50))]
        request = ask_for()
        shown: list[str] = []
        reply = await client_of(endpoint, cache=cache).ask(request, shown.append)
        assert len(reply.text) == character_limit(request)
        assert "".join(shown) == reply.text
        assert (reply.cut, reply.estimated) == (True, True)
        assert cache.stats().entries == 0
        assert await asyncio.to_thread(endpoint.left.wait, 15)

    async def test_a_long_reply_to_a_short_request_is_cut(self, endpoint, ask_for):
        endpoint.plan = [whole(said("word " * 50_000))]
        request = ask_for()
        reply = await client_of(endpoint).ask(request)
        assert (len(reply.text), reply.cut) == (character_limit(request), True)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    async def test_a_bomb_is_left_before_it_goes_off(self, endpoint, ask_for, encoding):
        packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS + 16 * (encoding == "gzip"))
        bomb = b"".join([packer.compress(b" " * 2**20) for _ in range(1024)] + [packer.flush()])
        headers = {"Content-Encoding": encoding}
        endpoint.plan = [lambda handler, asked: send(handler, 200, bomb, "application/json", headers)]
        before = peak()
        with pytest.raises(UnusableReply, match="too much"):
            await client_of(endpoint).ask(ask_for())
        assert peak() - before < 200 * 2**20

    @STREAMING
    async def test_packed_replies_are_read(self, endpoint, ask_for, streaming):
        if streaming:
            content, kind = line("fine") + line(ended()) + b"data: [DONE]\n\n", "text/event-stream"
        else:
            content, kind = body(said("fine")), "application/json"
        headers = {"Content-Encoding": "gzip"}
        endpoint.plan = [lambda handler, asked: send(handler, 200, gzip.compress(content), kind, headers)]
        assert (await client_of(endpoint).ask(ask_for(), listener(streaming))).text == "fine"

    @pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip"])
    async def test_a_body_that_cannot_be_unpacked_is_one_sentence(self, endpoint, ask_for, encoding):
        headers = {"Content-Encoding": encoding}
        endpoint.plan = [lambda handler, asked: send(handler, 200, b"plain", "application/json", headers)]
        with pytest.raises(BadReply, match="the body"):
            await client_of(endpoint).ask(ask_for())

    async def test_headers_without_end_are_left(self, endpoint, ask_for):
        def headers(handler, asked) -> None:
            handler.close_connection = True
            try:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while True:
                    handler.wfile.write(b"X-Bomb: " + b"y" * 8000 + b"\r\n")
            except ConnectionError:
                pass

        endpoint.plan = [headers]
        with pytest.raises(ModelUnavailable):
            await client_of(endpoint).ask(ask_for())

    def test_passing_text_on_takes_time_in_proportion_to_it(self):
        shown: list[str] = []
        relay = TokenRelay(shown.append)
        for _ in range(2):
            attempt = relay.attempt()
            for _ in range(400_000):  # takes minutes where each piece costs as much as all before it
                attempt.add("word ")
        assert len(shown) == 400_000


class TestRedirects:
    @STREAMING
    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_nothing_is_sent_to_another_host(self, endpoint, ask_for, status, streaming):
        other = Endpoint()
        try:
            target = other.url.replace("http://", "http://user:secret@") + "/chat/completions?key=secret"
            endpoint.plan = [endpoint.status(status, Location=target)]
            with pytest.raises(
                ModelUnavailable, match=rf"{endpoint.url} redirects to {other.url}/chat/completions, "
            ) as caught:
                await client_of(endpoint).ask(ask_for(), listener(streaming))
            assert "secret" not in str(caught.value)
            assert (len(endpoint.bodies), other.bodies) == (1, [])
        finally:
            other.close()

    async def test_another_path_on_the_same_host_is_followed(self, endpoint, ask_for):
        endpoint.plan = [endpoint.status(307, Location="/v1/chat/completions/"), endpoint.ok()]
        assert (await client_of(endpoint).ask(ask_for())).text == "fine"

    @pytest.mark.parametrize("location", ["/v1/again", "http://[bad", "//", ""])
    async def test_a_redirect_that_leads_nowhere_is_one_sentence(self, endpoint, ask_for, location):
        endpoint.plan = [endpoint.status(302, Location=location)]
        with pytest.raises((ModelUnavailable, BadReply)) as caught:
            await client_of(endpoint).ask(ask_for())
        assert "\n" not in str(caught.value)


async def test_openais_own_models_are_read_under_the_same_rules(endpoint, ask_for, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    client = load_model("openai:gpt-4o-mini")
    endpoint.plan = [endpoint.status(307, Location="http://127.0.0.1:9/v1"), endpoint.endless(b" " * 65536)]
    with pytest.raises(ModelUnavailable, match="redirects to http://127.0.0.1:9/v1, another address"):
        await client.ask(ask_for())
    with pytest.raises(UnusableReply, match="too much"):
        await client.ask(ask_for())


class Own(BaseChatModel):
    """A user's own model object that raises whatever it is told to."""

    raises: type[Exception] = RecursionError

    @property
    def _llm_type(self) -> str:
        return "own"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise self.raises("it went wrong\nbadly")


class TestErrors:
    @STREAMING
    @pytest.mark.parametrize("kind", [RecursionError, KeyError, AssertionError, NotImplementedError, MemoryError])
    async def test_whatever_a_users_model_raises_is_an_unusable_reply(self, ask_for, kind, streaming):
        with pytest.raises(UnusableReply, match=rf"own.*{kind.__name__}.*it went wrong") as caught:
            await ModelClient(Own(raises=kind), retry=FAST).ask(ask_for(), listener(streaming))
        assert isinstance(caught.value.__cause__, kind)

    async def test_what_the_listener_raises_is_the_listeners(self, endpoint, ask_for):
        endpoint.plan = [endpoint.ok("one| two")]

        def gone(text: str) -> None:
            raise BrokenPipeError("nobody reads")

        with pytest.raises(BrokenPipeError, match="nobody reads"):
            await client_of(endpoint).ask(ask_for(), gone)
        assert len(endpoint.bodies) == 1

    @STREAMING
    async def test_deeply_nested_json_is_an_unusable_reply(self, endpoint, ask_for, streaming):
        nested = b"[" * 100_000
        endpoint.plan = [
            endpoint.events(b"data: " + nested + b"\n\n") if streaming else endpoint.raw(nested, "application/json")
        ]
        with pytest.raises(BadReply, match=endpoint.url):
            await client_of(endpoint).ask(ask_for(), listener(streaming))

    @STREAMING
    @pytest.mark.parametrize(
        "content",
        [
            {"error": {"message": "overloaded", "type": "t"}},
            {"error": "overloaded"},
            {"choices": 5},
            {"choices": "text"},
            {"choices": [None]},
            {"choices": [{"message": 7, "delta": 7, "finish_reason": "stop"}]},
            {"choices": [{"message": {"content": 5}, "delta": {"content": 5}, "finish_reason": "stop"}]},
            {"choices": [{"message": {"content": {"a": 1}}, "delta": {"content": {"a": 1}}}]},
            {"choices": [{"finish_reason": "stop"}]},
        ],
    )
    async def test_wrong_types_are_one_sentence(self, endpoint, ask_for, content, streaming):
        endpoint.plan = [
            endpoint.events(content) if streaming else endpoint.raw(json.dumps(content).encode(), "application/json")
        ]
        with pytest.raises((BadReply, ModelUnavailable)) as caught:
            await client_of(endpoint).ask(ask_for(), listener(streaming))
        assert "\n" not in str(caught.value)
        assert endpoint.url in str(caught.value)

    @pytest.mark.parametrize("reason", [5, ["stop"], {"a": 1}, True, ""])
    async def test_a_finish_reason_that_is_no_word_is_none(self, endpoint, ask_for, reason):
        endpoint.plan = [endpoint.events("42", ended(reason), done=False)]
        with pytest.raises(BadReply):
            await client_of(endpoint).ask(ask_for(), listener(True))

    @pytest.mark.parametrize("status", [204, 304, 300, 600, 999])
    async def test_odd_statuses_are_one_sentence(self, endpoint, ask_for, status):
        endpoint.plan = [endpoint.status(status)]
        with pytest.raises((BadReply, ModelUnavailable)) as caught:
            await client_of(endpoint).ask(ask_for())
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "value", ["nan", "inf", "-inf", "1e999", "soon", "Fri, 31 Dec 99999 23:59:59 GMT", "-5", ""]
    )
    async def test_a_retry_after_that_says_nothing_is_as_good_as_none(self, endpoint, ask_for, value):
        endpoint.plan = [endpoint.status(429, Retry_After=value), endpoint.ok()]
        assert (await client_of(endpoint).ask(ask_for())).text == "fine"


def test_what_is_not_finite_cannot_be_part_of_a_reply():
    with pytest.raises(ValueError, match="finite"):
        TokenLogprob(token="x", logprob=-math.inf)


def answer_of(text: str, reason: str | None = "stop", index: int = 0) -> dict:
    return {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": reason}]}


class TestHowRepliesEnd:
    @STREAMING
    @pytest.mark.parametrize(
        "reason",
        ["time_limit", "token_limit", "max_new_tokens", "context_length_exceeded", "length-limit", "maxTokens"],
    )
    async def test_words_for_a_limit_are_a_limit(self, endpoint, ask_for, cache, reason, streaming):
        endpoint.plan = [endpoint.ok("Answer: 4", finish=reason)]
        assert (await client_of(endpoint, cache=cache).ask(ask_for(), listener(streaming))).cut
        assert cache.stats().entries == 0

    @STREAMING
    @pytest.mark.parametrize("reason", ["not_finished", "unload", "interrupted", "preempted", "sunspots"])
    async def test_a_word_that_nobody_knows_ends_no_whole_reply(self, endpoint, ask_for, cache, reason, streaming):
        endpoint.plan = [endpoint.ok("Answer: 4", finish=reason)]
        with pytest.raises(UnusableReply, match="broke off"):
            await client_of(endpoint, cache=cache).ask(ask_for(), listener(streaming))
        assert cache.stats().entries == 0

    @pytest.mark.parametrize(
        "reason", ["stop", "eos_token", "COMPLETE", "endTurn", "FinishReason.STOP", "stop-sequence"]
    )
    async def test_the_known_words_for_a_whole_reply_are_one(self, endpoint, ask_for, reason):
        endpoint.plan = [endpoint.ok("Answer: 42", finish=reason)]
        assert (await client_of(endpoint).ask(ask_for())).finish_reason == "stop"

    async def test_a_later_stop_does_not_mend_a_cut(self, endpoint, ask_for):
        endpoint.plan = [endpoint.events("Answer: 4", ended("length"), ended("stop"))]
        assert (await client_of(endpoint).ask(ask_for(), listener(True))).cut

    async def test_a_whole_reply_that_does_not_say_why_it_ended_is_none(self, endpoint, ask_for):
        endpoint.plan = [whole(said("Answer: 4", None))]
        with pytest.raises(UnusableReply, match="broke off"):
            await client_of(endpoint).ask(ask_for())

    async def test_a_finished_reply_counts_though_the_connection_stays_open(self, endpoint, ask_for):
        endpoint.plan = [endpoint.endless(b": still here\n\n", 0.05, head=line("Answer: 42") + line(ended()))]
        reply = await client_of(endpoint, timeout=60).ask(ask_for(), listener(True))
        assert (reply.text, reply.finish_reason) == ("Answer: 42", "stop")
        assert await asyncio.to_thread(endpoint.left.wait, 20)


class TestChoices:
    @pytest.mark.parametrize("own", [False, True], ids=["served", "object"])
    async def test_only_the_first_choice_of_a_stream_counts(self, endpoint, ask_for, own):
        pieces = [("Ans", "I say "), ("wer: ", "it is "), ("42", "77")]
        chunks = [answer_of(text, None, index) for both in pieces for index, text in enumerate(both)]
        chunks += [answer_of("", "length", 1), answer_of("", "stop", 0)]
        endpoint.plan = [endpoint.events(*chunks)]
        client = own_client(endpoint) if own else client_of(endpoint)
        reply = await client.ask(ask_for(), listener(True))
        assert (reply.text, reply.finish_reason) == ("Answer: 42", "stop")

    @pytest.mark.parametrize("own", [False, True], ids=["served", "object"])
    async def test_only_the_first_choice_of_a_list_counts(self, endpoint, ask_for, own):
        choices = [said("Answer: 77", "length") | {"index": 1}, said("Answer: 42") | {"index": 0}]
        endpoint.plan = [whole({}, choices=choices)]
        client = own_client(endpoint) if own else client_of(endpoint)
        reply = await client.ask(ask_for())
        assert (reply.text, reply.finish_reason) == ("Answer: 42", "stop")

    @STREAMING
    async def test_an_owner_who_asked_for_several_gets_one(self, endpoint, ask_for, streaming):
        await own_client(endpoint, n=2).ask(ask_for(), listener(streaming))
        client = ModelClient(own_client(endpoint).model.bind(n=2), retry=FAST)
        await client.ask(ask_for(), listener(streaming))
        assert [sent.get("n", 1) for sent in endpoint.bodies] == [1, 1]


def own_client(endpoint, **own) -> ModelClient:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="m", base_url=endpoint.url, api_key="k", max_retries=0, **own)
    return ModelClient(model, retry=FAST)


class TestErrorsThatComeWithStatus200:
    ERRORS = (
        b'event: error\ndata: {"message":"boom"}\n\n',
        b'data: {"object":"error","message":"boom"}\n\n',
        b'data: {"error":{"message":"boom"}}\n\n',
        b'data: {"error":"boom"}\n\n',
    )

    @pytest.mark.parametrize("event", ERRORS)
    async def test_in_a_stream_they_end_the_reply(self, endpoint, ask_for, cache, event):
        endpoint.plan = [endpoint.events("Answer: 4", event)]
        with pytest.raises(ModelUnavailable, match="answered with an error") as caught:
            await client_of(endpoint, cache=cache).ask(ask_for(), listener(True))
        assert "could not be reached" not in str(caught.value)
        assert cache.stats().entries == 0

    @STREAMING
    @pytest.mark.parametrize("content", [{"error": {"message": "boom"}}, {"object": "error", "message": "boom"}])
    async def test_as_a_body_they_are_told(self, endpoint, ask_for, content, streaming):
        endpoint.plan = [endpoint.raw(json.dumps(content).encode(), "application/json")]
        with pytest.raises(ModelUnavailable, match="answered with an error.*boom"):
            await client_of(endpoint).ask(ask_for(), listener(streaming))

    @pytest.mark.parametrize("event", ERRORS)
    async def test_in_a_stream_that_nobody_asked_for_they_are_told(self, endpoint, ask_for, event):
        endpoint.plan = [endpoint.events("Answer: 4", event)]
        with pytest.raises(ModelUnavailable, match="answered with an error.*boom"):
            await client_of(endpoint).ask(ask_for())

    @pytest.mark.parametrize(
        ("content", "kind", "why"),
        [
            (line("Answer: 4") + b"data: [DONE]\n\n", "text/event-stream", "a stream that nobody asked for"),
            (b'data: {"half', "text/event-stream", "a stream that nobody asked for"),
            (b"data: " + b"[" * 100_000 + b"\n\n", "text/event-stream", "a stream that nobody asked for"),
            (b"<html>hello</html>", "text/html", "a text that is no JSON"),
            (b"", "text/plain", "a text that is no JSON"),
        ],
    )
    async def test_a_text_where_a_completion_should_be_is_told_as_such(self, endpoint, ask_for, content, kind, why):
        endpoint.plan = [endpoint.raw(content, kind)]
        with pytest.raises(BadReply, match=f"not with a chat completion.*{why}") as caught:
            await client_of(endpoint).ask(ask_for())
        assert "AttributeError" not in str(caught.value)

    @pytest.mark.parametrize("code", [400, "400", None])
    @pytest.mark.parametrize("kind", ["event", "body"])
    @STREAMING
    async def test_a_refused_parameter_is_learned(self, endpoint, ask_for, kind, code, streaming):
        error = {"error": {"message": "seed is not supported", "param": "seed", "code": code}}

        def step(handler, asked):
            if "seed" not in asked:
                return endpoint.ok()(handler, asked)
            if streaming and kind == "event":
                return endpoint.events(error)(handler, asked)
            return endpoint.raw(json.dumps(error).encode(), "application/json")(handler, asked)

        endpoint.plan = [step]
        assert (await client_of(endpoint).ask(ask_for(), listener(streaming))).text == "fine"
        assert len(endpoint.bodies) == 2

    async def test_a_whole_completion_where_a_stream_was_asked_for_is_read(self, endpoint, ask_for):
        shown: list[str] = []
        endpoint.plan = [whole(said("Answer: 42"))]
        reply = await client_of(endpoint).ask(ask_for(), shown.append)
        assert (reply.text, "".join(shown), reply.usage.completion_tokens) == ("Answer: 42", "Answer: 42", 2)
