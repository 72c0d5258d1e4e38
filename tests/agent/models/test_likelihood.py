"""Likelihood: how probable a model finds a text that it is given, against what it says where nobody holds it to it."""

import json
import threading

import pytest

from pilotage.agent.errors import BadReply, ModelUnavailable, UsageError
from pilotage.agent.messages import Message
from pilotage.agent.models import ModelClient, ResponseCache, ScriptedChatModel, ScriptedReply, load_model
from pilotage.agent.models.likelihood import LONGEST, Likelihood, _written
from pilotage.agent.models.reply import Capabilities, Reply, TokenLogprob, UnusableReply
from pilotage.agent.trace import Usage
from tests.agent.models.conftest import Endpoint

ASKED = (Message(role="user", content="A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?"),)
BEGUN = "A crate holds 12 * 8 = 96 pens.\n\n5 * 96 = 480.\n\nAnswer:\n"


def freely(model, begun):
    """Log-probabilities of all tokens that may come next, by text, as the model gives them without any grammar."""
    chunks = []
    body = {
        "messages": [{"role": "user", "content": ASKED[0].text}, {"role": "assistant", "content": begun}],
        "max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 49_152, "cache_prompt": False,
    }  # fmt: skip
    model.engine.submit(body | {"stream": True}, chunks.append, threading.Event()).result()
    [content] = [chunk["choices"][0]["logprobs"]["content"] for chunk in chunks if _has_logprobs(chunk)]
    found = {}
    for entry in content[0]["top_logprobs"]:  # the likeliest first; later ones of the same text are odd divisions
        found.setdefault(entry["token"], entry["logprob"])
    return found


def _has_logprobs(chunk):
    return bool(chunk.get("choices")) and bool(chunk["choices"][0].get("logprobs"))


@pytest.mark.live
@pytest.mark.parametrize("text", ["480", "481", "four hundred and eighty"])
async def test_a_grammar_tells_the_likelihood_that_the_model_gives_without_it(smollm2, text):
    given = await (await Likelihood.of(ModelClient(smollm2))).ask(ASKED, BEGUN, text)
    assert "".join(token.token for token in given.tokens) == text
    begun = BEGUN
    for token in given.tokens:
        # Read in other batches, a quantised model differs in the second or third digit.
        assert token.logprob == pytest.approx(freely(smollm2, begun)[token.token], rel=0.15, abs=0.15)
        begun += token.token
    assert min(token.logprob for token in given.tokens) < -1  # under the grammar each was certain
    assert given.usage.llm_calls == 1 and given.usage.completion_tokens > 0


@pytest.mark.live
async def test_a_right_answer_is_likelier_behind_the_steps_that_find_it(smollm2):
    likelihood = await Likelihood.of(ModelClient(smollm2))
    behind = await likelihood.ask(ASKED, BEGUN, "480")
    bare = await likelihood.ask(ASKED, "Answer:\n", "480")
    assert behind.perplexity < bare.perplexity


@pytest.mark.live
async def test_what_was_asked_before_makes_no_difference(smollm2):
    likelihood = await Likelihood.of(ModelClient(smollm2))
    shorter = BEGUN.replace("5 * 96 = 480.\n\n", "")
    first, _, again = [(await likelihood.ask(ASKED, begun, "480")).mean_logprob for begun in (BEGUN, shorter, BEGUN)]
    assert again == pytest.approx(first, abs=1e-6)  # up to 0.17 apart where what is cached was not read again


@pytest.mark.live
@pytest.mark.parametrize("text", ['\\frac{1}{2} "q"', "日本 🎉", "a\nb\t|", "<|im_end|>"])
async def test_any_text_can_be_asked_about(smollm2, text):
    likelihood = await Likelihood.of(ModelClient(smollm2))
    given = await likelihood.ask(ASKED, BEGUN, text)
    assert given.tokens and given.perplexity >= 1
    assert (await likelihood.count(text))[1]


@pytest.mark.live
async def test_a_llama_cpp_server_tells_the_same_as_the_embedded_model(smollm2):
    served = load_model("any", base_url=smollm2.engine.base_url, api_key=smollm2.engine.api_key)
    embedded = await (await Likelihood.of(ModelClient(smollm2))).ask(ASKED, BEGUN, "480")
    there = await (await Likelihood.of(served)).ask(ASKED, BEGUN, "480")
    assert [token.token for token in there.tokens] == ["4", "8", "0"]
    assert there.mean_logprob == pytest.approx(embedded.mean_logprob, rel=0.15, abs=0.15)


def row(token, logprob, *others):
    table = {"1": {"logprob": logprob, "rank": 2, "decoded_token": token}}
    return table | {str(n): {"logprob": -0.1, "rank": 1, "decoded_token": one} for n, one in enumerate(others, 2)}


def vllm(rows, text=""):
    message = {"role": "assistant", "content": text}
    answer = {
        "id": "1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 1, "total_tokens": 41}, "prompt_logprobs": rows,
    }  # fmt: skip
    return Endpoint.raw(json.dumps(answer).encode(), "application/json")


async def test_vllm_tells_it_as_a_part_of_the_prompt(endpoint, tmp_path):
    endpoint.owner = "vllm"
    endpoint.plan = [vllm([None, row("Answer", -9.0), row(":\n", -3.0), row("4", -1.0, "5"), row("80", -0.5)])]
    client = load_model("m", base_url=endpoint.url, cache=ResponseCache(tmp_path / "c.sqlite"))
    likelihood = await Likelihood.of(client)
    for calls in (0, 1):
        given = await likelihood.ask(ASKED, BEGUN, "480")
        assert [(token.token, token.logprob) for token in given.tokens] == [("4", -1.0), ("80", -0.5)]
        assert (given.usage.prompt_tokens, given.usage.replayed_calls) == (40, calls)
    [body] = endpoint.bodies
    assert body["messages"][-1] == {"role": "assistant", "content": f"{BEGUN}480"}
    assert (body["prompt_logprobs"], body["continue_final_message"], body["add_generation_prompt"]) == (0, True, False)


@pytest.mark.parametrize("rows", [None, [], [row("9", -1.0)], [{}, 3, {"1": {"logprob": "x"}}], "text"])
async def test_what_is_no_likelihood_of_the_text_is_no_use_and_is_charged(endpoint, rows):
    endpoint.owner = "vllm"
    endpoint.plan = [vllm(rows, text="x")]
    likelihood = await Likelihood.of(load_model("m", base_url=endpoint.url))
    with pytest.raises(UnusableReply, match="did not tell the likelihood") as told:
        await likelihood.ask(ASKED, BEGUN, "480")
    assert told.value.usage.prompt_tokens == 40


@pytest.mark.parametrize("answer", [Endpoint.raw(b"no"), Endpoint.raw(b'{"tokens": [7]}', "application/json")])
async def test_a_tokenizer_that_answers_nonsense_is_named(endpoint, answer):
    endpoint.owner, endpoint.plan = "llamacpp", [answer]
    likelihood = await Likelihood.of(load_model("m", base_url=endpoint.url))
    with pytest.raises(BadReply, match="tokens|no JSON"):
        await likelihood.ask(ASKED, BEGUN, "480")
    endpoint.plan = [Endpoint.status(500)]
    with pytest.raises(ModelUnavailable, match="tokenizer"):
        await likelihood.ask(ASKED, BEGUN, "480")


async def test_others_are_refused_before_any_call(endpoint):
    for client in (load_model("m", base_url=endpoint.url), ModelClient(ScriptedChatModel(["x"]))):
        with pytest.raises(UsageError, match="cannot tell how likely a given text is: use an embedded model"):
            await Likelihood.of(client)
    assert not endpoint.bodies


async def test_a_text_whose_tokens_are_others_is_no_use():
    usage = {"prompt_tokens": 4, "completion_tokens": 1}
    for tokens, told in ((("480", " apples"), True), (("480",), False), (("48", "1 apples"), False)):
        logprobs = tuple(TokenLogprob(token=token, logprob=-1.0) for token in tokens)
        reply = Reply(text="480 apples", usage=Usage(**usage), finish_reason="stop", model="m", logprobs=logprobs)
        assert (_written("", "480 apples", reply) is not None) is told


async def test_a_script_that_says_something_else_than_it_is_held_to_is_no_use():
    can = Capabilities(logprobs=True, grammar=True, prefill=True)
    likelihood = await Likelihood.of(
        ModelClient(ScriptedChatModel([ScriptedReply(text="480", logprob=-0.5), "12"], capabilities=can))
    )
    assert (await likelihood.ask(ASKED, BEGUN, "480")).mean_logprob == -0.5
    with pytest.raises(UnusableReply, match="did not tell"):
        await likelihood.ask(ASKED, BEGUN, "480")
    with pytest.raises(UnusableReply, match="longer than"):
        await likelihood.ask(ASKED, BEGUN, "x" * (LONGEST + 1))
