"""What every kind of backend owes a block: one suite over scripted, embedded and OpenAI-compatible models."""

import json
import math

import pytest

from pilotage.agent.models import ModelClient, ScriptedChatModel, ScriptedReply, load_model

ECHO = ScriptedReply(text="one two three four five six seven eight nine ten", top=(("one", -0.1), ("1", -3.0)))


LIVE = [pytest.param(kind, marks=pytest.mark.live) for kind in ("embedded", "served")]


@pytest.fixture(params=["scripted", *LIVE])
def client(request) -> ModelClient:
    if request.param == "scripted":
        return ModelClient(ScriptedChatModel(lambda messages: ECHO))
    model = request.getfixturevalue("smollm2")
    if request.param == "embedded":
        return ModelClient(model)
    return load_model("smollm2", base_url=model.engine.base_url, api_key=model.engine.api_key)


class TestEveryBackend:
    async def test_text_stops_at_the_token_limit(self, client, ask_for):
        reply = await client.ask(ask_for(max_tokens=5))
        assert reply.text.strip()
        assert (reply.finish_reason, reply.usage.completion_tokens) == ("length", 5)

    async def test_usage_is_exact_and_the_same_with_and_without_streaming(self, client, ask_for):
        shown: list[str] = []
        whole = await client.ask(ask_for(max_tokens=6))
        streamed = await client.ask(ask_for(max_tokens=6), shown.append)
        assert "".join(shown) == streamed.text == whole.text
        assert len(shown) > 1
        for reply in (whole, streamed):
            assert (reply.usage.llm_calls, reply.usage.replayed_calls, reply.estimated) == (1, 0, False)
            assert reply.usage.prompt_tokens > 4
            assert 0 < reply.usage.seconds < 60
        assert whole.usage.total_tokens == streamed.usage.total_tokens

    @pytest.mark.parametrize("streaming", [False, True])
    async def test_each_token_has_its_log_probability(self, client, ask_for, streaming):
        on_token = (lambda text: None) if streaming else None
        reply = await client.ask(ask_for(max_tokens=4, logprobs=True, top_logprobs=2), on_token)
        assert len(reply.logprobs) == 4
        assert "".join(token.token for token in reply.logprobs) == reply.text
        assert all(token.logprob <= 0 and len(token.top) == 2 for token in reply.logprobs)
        assert reply.min_logprob <= reply.mean_logprob <= 0
        assert sum(math.exp(logprob) for _, logprob in reply.logprobs[0].top) <= 1.0001

    async def test_a_stop_sequence_ends_the_text_before_it(self, client, ask_for):
        full = await client.ask(ask_for(max_tokens=6))
        word = full.text.split()[2]
        reply = await client.ask(ask_for(max_tokens=6, stop=(word,)))
        assert (reply.text, reply.finish_reason) == (full.text.split(word)[0], "stop")

    async def test_unasked_log_probabilities_are_none(self, client, ask_for):
        reply = await client.ask(ask_for(max_tokens=2))
        assert (reply.logprobs, reply.mean_logprob, reply.min_logprob) == (None, None, None)

    async def test_constraints_hold_where_they_are_supported_and_never_break_the_call(self, client, ask_for):
        digit = await client.ask(ask_for(max_tokens=8, grammar="root ::= [0-3]"))
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        record = await client.ask(ask_for(max_tokens=60, json_schema=schema))
        assert digit.text
        if client.capabilities.grammar:
            assert digit.text in "0123"
        if client.capabilities.json_schema:
            assert isinstance(json.loads(record.text)["n"], int)
