"""Refusals: what an endpoint does not take is found in its error, left out, and never tried in a loop."""

import json

import httpx
import pytest

from pilotage.agent.errors import ModelUnavailable
from pilotage.agent.models import ModelClient, RetryPolicy, load_model
from pilotage.agent.models.dialect import CallArguments
from pilotage.agent.models.transport.refused_parameters import Refusal, refusal_in
from tests.agent.models.wires import answer

EVERYTHING = frozenset(
    {"max_tokens", "temperature", "seed", "stop", "logprobs", "json_schema", "stream", "stream_options", "system"}
)


def error(status: int, body: object) -> Exception:
    request = httpx.Request("POST", "http://example.invalid")
    response = httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())
    return httpx.HTTPStatusError(f"Error code: {status} - {body}", request=request, response=response)


def openai(message: str, param: str | None = None, code: str | None = None) -> dict:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (
            openai(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                "max_tokens",
                "unsupported_parameter",
            ),
            {"max_tokens"},
        ),
        (
            openai(
                "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
                "supported.",
                "temperature",
                "unsupported_value",
            ),
            {"temperature"},
        ),
        (openai("Unsupported parameter: 'stop' is not supported with this model.", "stop"), {"stop"}),
        (openai("Unsupported value: 'messages[0].role' does not support 'system'.", "messages[0].role"), {"system"}),
        (openai("Your organization must be verified to stream this model.", "stream"), {"stream"}),
        (openai("Invalid parameter: 'response_format' of type 'json_schema'", "response_format"), {"json_schema"}),
        (openai("logprobs are not supported for reasoning models"), {"logprobs"}),
        (openai("property 'seed' is unsupported"), {"seed"}),
        (openai("temperature, seed and logprobs are not available"), {"temperature", "seed", "logprobs"}),
        (openai("System role not supported"), {"system"}),
        (openai("The system is overloaded", "messages"), set()),
        (openai("prompt is too long", "messages", "context_length_exceeded"), set()),
        (openai("This model's maximum context length is 4096, reduce max_tokens", None), set()),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "input": {"temperature": 0}}]}, {"seed"}),
        (
            {"object": "error", "message": [{"loc": ["body", "stop"], "msg": "Extra inputs are not permitted"}]},
            {"stop"},
        ),
        ({"type": "error", "error": {"message": "`temperature` may only be set to 1 when thinking"}}, {"temperature"}),
        (
            {
                "error": {
                    "code": 400,
                    "message": "Unknown name",
                    "details": [{"fieldViolations": [{"field": "c.seed"}]}],
                }
            },
            {"seed"},
        ),
        ({"error": "registry.ollama.ai/x does not support streaming: stream must be false"}, {"stream"}),
        (b"<html>Bad Request</html>", {"logprobs", "json_schema"}),
        (b"", {"logprobs", "json_schema"}),
        (json.loads("[" * 300 + "]" * 300), {"logprobs", "json_schema"}),
    ],
)
def test_what_is_refused_is_read_from_the_error(body, refused):
    found = refusal_in(error(400, body), CallArguments(carries=EVERYTHING), 400)
    assert found.features == refused


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_other_failures_refuse_nothing(status):
    assert not refusal_in(error(status, openai("temperature", "temperature")), CallArguments(carries=EVERYTHING), 400)


def test_only_what_was_sent_can_be_refused():
    said = CallArguments(carries=frozenset({"seed"}))
    assert not refusal_in(error(400, openai("no", "temperature")), said, 400)
    assert refusal_in(error(400, openai("no")), said, 400).features == {"seed"}
    assert not refusal_in(error(404, openai("no such model")), said, 400)


@pytest.mark.parametrize(("asked", "most"), [(100_000, 16_384), (400, None)])
def test_a_limit_that_is_too_large_is_lowered_to_what_the_error_names(asked, most):
    too_large = openai(
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.", "max_tokens"
    )
    assert refusal_in(error(400, too_large), CallArguments(carries=EVERYTHING), asked) == Refusal(most_tokens=most)


VLLM = (
    "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 4096 tokens "
    "and your request has 58 input tokens (4096 > 4096 - 58)."
)
OLDER = (
    "This model's maximum context length is 4096 tokens. However, you requested 4154 tokens (58 in the messages, 4096 "
    "in the completion). Please reduce max_tokens."
)
TGI = "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 58 `inputs` tokens and 4096 `max_new_tokens`"
OTHER = "maximum context length is 4096 tokens, your messages have 58 tokens; max_tokens 4096 too large"


@pytest.mark.parametrize("message", [VLLM, OLDER, TGI, OTHER])
def test_what_a_context_has_left_is_for_this_prompt_only(message):
    found = refusal_in(error(400, openai(message, "max_tokens")), CallArguments(carries=EVERYTHING), 4096)
    assert found == Refusal(room=4096 - 58)


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens must be at most 8192, got 100000",
        "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
        "`max_tokens` must be less than or equal to `8192`, the maximum value is less than the `context_window`",
        "Invalid input: max_tokens must be at most 8192",
    ],
)
def test_a_models_own_maximum_is_for_good(message):
    found = refusal_in(error(400, openai(message, "max_tokens")), CallArguments(carries=EVERYTHING), 100_000)
    assert found == Refusal(most_tokens=8192)


async def test_a_shorter_prompt_gets_its_whole_limit_again(endpoint, ask_for):
    def crowded(handler, body):
        prompt = body["messages"][0]["content"]
        if len(prompt) > 50 and body["max_tokens"] > 4096 - 58:
            return endpoint.status(400, VLLM)(handler, body)
        return endpoint.ok()(handler, body)

    endpoint.plan = [crowded]
    client = client_of(endpoint)
    await client.ask(ask_for("x" * 60, max_tokens=4096))
    await client.ask(ask_for("x", max_tokens=4096))
    assert [body["max_tokens"] for body in endpoint.bodies] == [4096, 4038, 4096]


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_refusal_in_plain_text_is_learned(endpoint, ask_for, streaming):
    def plain(handler, body):
        if "max_tokens" not in body:
            return endpoint.ok()(handler, body)
        return answer(handler, 400, b"max_tokens: unknown field", "text/plain")

    endpoint.plan = [plain]
    assert (await client_of(endpoint).ask(ask_for(), (lambda text: None) if streaming else None)).text == "fine"
    assert "max_completion_tokens" in endpoint.bodies[-1]
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize("status", [401, 403, 422, 500])
async def test_what_a_server_says_in_plain_text_or_as_detail_is_shown(endpoint, ask_for, status):
    for content, kind in ((b"the moon is full", "text/plain"), (b'{"detail": "the moon is full"}', "application/json")):
        endpoint.plan = [lambda handler, body, said=(content, kind): answer(handler, status, *said)]
        with pytest.raises(ModelUnavailable, match="the moon is full"):
            await client_of(endpoint).ask(ask_for())


async def test_a_limit_that_is_refused_without_a_word_goes_by_its_other_name(endpoint, ask_for):
    def mute(handler, body):
        return answer(handler, 400, b"", "text/plain") if "max_tokens" in body else endpoint.ok()(handler, body)

    endpoint.plan = [mute]
    assert (await client_of(endpoint).ask(ask_for())).text == "fine"


def test_a_library_that_has_no_such_argument_refuses_it():
    unknown = TypeError("AsyncCompletions.create() got an unexpected keyword argument 'seed'")
    assert refusal_in(unknown, CallArguments(carries=EVERYTHING), 400).features == {"seed"}
    assert refusal_in(unknown, CallArguments(carries=EVERYTHING, movable=frozenset({"seed"})), 400).features == {
        "arguments"
    }
    assert not refusal_in(TypeError("unexpected keyword argument 'mine'"), CallArguments(carries=EVERYTHING), 400)
    assert not refusal_in(KeyError("temperature"), CallArguments(carries=EVERYTHING), 400)


def client_of(endpoint) -> ModelClient:
    client = load_model("m", base_url=endpoint.url)
    client.retry = RetryPolicy(retries=1, first_delay=0.01)
    return client


def strict(endpoint, *refused: str, names: bool = True, check=lambda body: None):
    """An endpoint like a reasoning model's: it refuses these parameters one at a time."""

    def step(handler, body) -> None:
        found = next((name for name in refused if name in body), None) or check(body)
        if found is None:
            endpoint.ok()(handler, body)
            return
        message = f"Unsupported parameter: '{found}' is not supported with this model." if names else "invalid request"
        refuse = endpoint.raw(json.dumps(openai(message, found if names else None, "unsupported_parameter")).encode())
        send_status(handler, refuse, body)

    def send_status(handler, refuse, body) -> None:
        original = handler.send_response
        handler.send_response = lambda code, *rest: original(400, *rest)
        refuse(handler, body)
        handler.send_response = original

    return step


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_reasoning_models_refusals_are_learned_one_after_another_and_kept(endpoint, ask_for, streaming):
    endpoint.plan = [strict(endpoint, "max_tokens", "temperature", "seed", "stop", "logprobs", "response_format")]
    client, on_token = client_of(endpoint), (lambda text: None) if streaming else None
    request = ask_for(max_tokens=30, stop=("x",), logprobs=True, json_schema={"type": "object"})
    assert (await client.ask(request, on_token)).text == "fine"
    assert len(endpoint.bodies) == 7
    assert endpoint.bodies[-1]["max_completion_tokens"] == 30
    assert (await client.ask(request, on_token)).text == "fine"
    assert len(endpoint.bodies) == 8


async def test_an_endpoint_without_any_limit_parameter_is_asked_without(endpoint, ask_for):
    endpoint.plan = [strict(endpoint, "max_tokens", "max_completion_tokens")]
    assert (await client_of(endpoint).ask(ask_for())).text == "fine"
    assert len(endpoint.bodies) == 3


async def test_refusals_that_name_nothing_cost_the_least_needed_first(endpoint, ask_for):
    endpoint.plan = [strict(endpoint, "temperature", names=False)]
    client = client_of(endpoint)
    assert (await client.ask(ask_for(logprobs=True))).text == "fine"
    assert ["logprobs" in body for body in endpoint.bodies] == [True, False, False]


async def test_an_endpoint_that_refuses_everything_is_given_up_after_few_tries(endpoint, ask_for):
    endpoint.plan = [endpoint.status(400, "max_tokens temperature seed logprobs stream system role stop")]
    with pytest.raises(ModelUnavailable, match="HTTP 400"):
        await client_of(endpoint).ask(ask_for(logprobs=True, stop=("x",)))
    assert len(endpoint.bodies) <= 5


async def test_an_endpoint_that_takes_no_system_role_gets_it_in_the_users(endpoint, ask_for):
    from pilotage.agent.messages import Message

    def no_system(body):
        return "messages[0].role" if body["messages"][0]["role"] == "system" else None

    endpoint.plan = [strict(endpoint, check=no_system)]
    request = ask_for().model_copy(
        update={"messages": (Message(role="system", content="Be brief."), Message(role="user", content="Why?"))}
    )
    assert (await client_of(endpoint).ask(request)).text == "fine"
    assert endpoint.bodies[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nWhy?"}]


async def test_an_endpoint_that_does_not_stream_is_asked_for_the_whole(endpoint, ask_for):
    shown: list[str] = []
    endpoint.plan = [strict(endpoint, check=lambda body: "stream" if body.get("stream") else None)]
    assert (await client_of(endpoint).ask(ask_for(), shown.append)).text == "fine"
    assert "".join(shown) == "fine"
    assert [body.get("stream", False) for body in endpoint.bodies] == [True, False]
