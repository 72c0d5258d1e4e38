"""What every provider's LangChain class owes a block: one suite over six of them against one local server."""

import asyncio
import gc

import pytest

from pilotage.agent import Budget, ReasoningAgent
from pilotage.agent.errors import PilotageError, UsageError
from pilotage.agent.models import ModelClient, ResponseCache, RetryPolicy, load_model
from tests.agent.models.wires import CACHED, COMPLETION, PROMPT, PROVIDERS, Refuse, Say, Wires

# Client libraries leave connections in their pools when an event loop ends, and Google's one warns about itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]
FAST = RetryPolicy(retries=1, first_delay=0.01)
STREAMING = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module", autouse=True)
def _leave_no_connections_to_other_tests():
    yield
    gc.collect()


@pytest.fixture
def wires():
    server = Wires()
    yield server
    server.close()


@pytest.fixture(params=PROVIDERS, ids=str)
def provider(request):
    return request.param


def client_of(provider, wires, **own) -> ModelClient:
    return ModelClient(provider.make(wires.url, **own), retry=FAST)


@STREAMING
class TestEveryProvider:
    async def test_the_request_is_in_its_own_words(self, provider, wires, ask_for, streaming):
        shown: list[str] = []
        request = ask_for(max_tokens=77, temperature=0.7, seed=9, stop=("END",), logprobs=True)
        reply = await client_of(provider, wires).ask(request, shown.append if streaming else None)
        body = wires.bodies[-1]
        assert reply.text == "fine"
        assert "".join(shown) == ("fine" if streaming else "")
        assert provider.get(body, provider.limit) == 77
        assert provider.get(body, provider.temperature) == 0.7
        assert provider.get(body, provider.stop) == ["END"]
        if provider.seed:
            assert provider.get(body, provider.seed) == 9
        else:
            assert "seed" not in str(body)
        assert len(wires.bodies) == 1

    async def test_usage_is_read_with_its_cached_tokens(self, provider, wires, ask_for, streaming):
        reply = await client_of(provider, wires).ask(ask_for(), (lambda text: None) if streaming else None)
        usage = reply.usage
        cached = CACHED if provider.cached else 0
        assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (PROMPT, COMPLETION, cached)
        assert (usage.llm_calls, reply.estimated, reply.finish_reason) == (1, False, "stop")

    async def test_a_cut_reply_is_known_as_cut(self, provider, wires, ask_for, streaming):
        wires.say = Say("half a th", cut=True)
        reply = await client_of(provider, wires).ask(ask_for(), (lambda text: None) if streaming else None)
        assert (reply.text, reply.finish_reason, reply.cut) == ("half a th", "length", True)

    async def test_a_reply_that_does_not_say_why_it_ended_is_no_answer_and_not_cached(
        self, provider, wires, ask_for, streaming, tmp_path
    ):
        wires.say = Say("Answer: 4", broken=True)
        client = client_of(provider, wires)
        with ResponseCache(tmp_path / "responses.sqlite") as client.cache:
            with pytest.raises(PilotageError):
                await client.ask(ask_for(), (lambda text: None) if streaming else None)
            assert client.cache.stats().entries == 0

    async def test_thinking_is_kept_apart(self, provider, wires, ask_for, streaming):
        shown: list[str] = []
        wires.say = Say("42", thinking="six times seven")
        reply = await client_of(provider, wires).ask(ask_for(), shown.append if streaming else None)
        assert reply.text == "42"
        assert "".join(shown) == ("42" if streaming else "")
        assert reply.thinking in ("six times seven", "")  # plain `ChatOpenAI` drops what is not OpenAI's

    async def test_thinking_between_tags_is_kept_apart(self, provider, wires, ask_for, streaming):
        shown: list[str] = []
        wires.say = Say("<think>six times seven</think>\n\n42")
        reply = await client_of(provider, wires).ask(ask_for(), shown.append if streaming else None)
        assert (reply.text, reply.thinking) == ("42", "six times seven")
        assert "".join(shown) == ("42" if streaming else "")

    async def test_the_owners_temperature_stays_until_a_block_samples(self, provider, wires, ask_for, streaming):
        on_token = (lambda text: None) if streaming else None
        owned, plain = client_of(provider, wires, temperature=0.3), client_of(provider, wires)
        await owned.ask(ask_for(temperature=0.0), on_token)
        await owned.ask(ask_for(temperature=0.9), on_token)
        await plain.ask(ask_for(temperature=0.0), on_token)
        assert [provider.get(body, provider.temperature) for body in wires.bodies] == [0.3, 0.9, 0.0]

    async def test_wrapped_models_work_alike(self, provider, wires, ask_for, streaming):
        from langchain_core.output_parsers import StrOutputParser

        model, on_token = provider.make(wires.url), (lambda text: None) if streaming else None
        wrapped = [
            model.with_retry(stop_after_attempt=2),
            model.with_config(tags=["mine"]),
            model.bind(stop=["never"]),
            model.with_fallbacks([provider.make(wires.url)]),
            model.with_retry().with_config(run_name="x").with_fallbacks([model]),
            model | StrOutputParser(),
        ]
        for one in wrapped:
            reply = await ModelClient(one, retry=FAST).ask(ask_for(max_tokens=77), on_token)
            assert reply.text == "fine", one
            assert provider.get(wires.bodies[-1], provider.limit) == 77
        assert len(wires.bodies) == len(wrapped)

    async def test_parameters_that_it_refuses_are_left_out_and_stay_out(self, provider, wires, ask_for, streaming):
        def says(name: str, path: str | None) -> Refuse:
            error = {
                "message": f"'{name}' is not supported with this model.",
                "code": 400,
                "status": "INVALID_ARGUMENT",
            }
            return Refuse({"error": error}, when=lambda body: provider.get(body, path) is not None)

        wires.refusals = [says("temperature", provider.temperature), says("stop", provider.stop)]
        if provider.seed:
            wires.refusals.append(says(provider.seed.rpartition(".")[2], provider.seed))
        client, on_token = client_of(provider, wires), (lambda text: None) if streaming else None
        assert (await client.ask(ask_for(stop=("END",)), on_token)).text == "fine"
        before = len(wires.bodies)
        assert before == len(wires.refusals) + 1
        assert (await client.ask(ask_for(stop=("END",)), on_token)).text == "fine"
        assert len(wires.bodies) == before + 1

    def test_agents_one_after_the_other_and_side_by_side_in_one_process(self, provider, wires, streaming):
        model = provider.make(wires.url)
        wires.say = Say("Answer: 42")
        budget = Budget(max_tokens=2000)
        with ReasoningAgent(model, policy="fixed:answer", budget=budget) as first:
            assert first.solve("What is 6*7?").answer
        second = ReasoningAgent(model, policy="fixed:answer", budget=budget)
        third = ReasoningAgent(model, policy="fixed:answer", budget=budget)
        try:
            for agent in (second, third, second):
                assert agent.solve("What is 6*7?").answer
        finally:
            second.close()
            third.close()

    def test_one_client_works_in_one_event_loop_after_the_other(self, provider, wires, ask_for, streaming):
        client, on_token = client_of(provider, wires), (lambda text: None) if streaming else None

        async def ask() -> str:
            return (await client.ask(ask_for(), on_token)).text

        assert [asyncio.run(ask()) for _ in range(3)] == ["fine"] * 3


async def test_a_reply_that_never_ends_is_left_and_its_connection_closed(provider, wires, ask_for):
    wires.say = Say("fine", endless=True)
    call = asyncio.create_task(client_of(provider, wires).ask(ask_for(max_tokens=4000), lambda text: None))
    while not wires.bodies:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(wires.left.wait, 20)


async def test_what_cannot_be_left_out_is_one_clear_sentence(provider, wires, ask_for):
    wires.refusals = [Refuse({"error": {"message": "the prompt is not allowed", "code": 400}})]
    with pytest.raises(PilotageError, match="the prompt is not allowed") as caught:
        await client_of(provider, wires).ask(ask_for())
    assert "\n" not in str(caught.value)
    assert len(wires.bodies) <= 3


async def test_models_of_one_class_are_told_apart_by_the_cache(provider, wires):
    def identity(**own) -> str:
        return client_of(provider, wires, **own).identity

    assert identity() == identity() != identity(model="gemini-2.5-pro")


async def test_servers_of_one_model_are_told_apart_by_the_cache(provider, wires):
    identity = client_of(provider, wires).identity
    assert ModelClient(provider.make("http://127.0.0.1:9")).identity != identity
    headers = {"default_headers", "default_query", "additional_headers", "client_kwargs"}
    for name in headers & type(provider.make(wires.url)).model_fields.keys():
        secret = f"{name}-value-7301"
        own = {"headers": {"x-route": secret}} if name == "client_kwargs" else {"x-route": secret}
        routed = client_of(provider, wires, **{name: own}).identity
        assert routed != identity
        assert secret not in routed


def test_model_strings_at_two_addresses_are_told_apart_by_the_cache(monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    identities = set()
    for port in (1, 2):
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
        monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("MISTRAL_BASE_URL", f"http://127.0.0.1:{port}/v1")
        specs = ("openai:m", "ollama:m", "google_genai:m", "mistralai:m")
        identities |= {load_model(spec).identity for spec in specs}
    assert len(identities) == 8


@STREAMING
async def test_faults_name_the_address_and_no_other_protocol(provider, wires, ask_for, streaming):
    wires.refusals = [Refuse("<html>welcome</html>", status=200)]
    with pytest.raises(PilotageError) as caught:
        await client_of(provider, wires).ask(ask_for(), (lambda text: None) if streaming else None)
    assert "could not be reached" not in str(caught.value)
    assert wires.url in str(caught.value)
    assert provider.name in ("openai", "groq") or "OpenAI-compatible" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "variables"),
    [
        ("anthropic:m", {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_URL": "{url}"}),
        ("groq:m", {"GROQ_API_KEY": "k", "GROQ_API_BASE": "{url}"}),
        ("ollama:m", {"OLLAMA_HOST": "{url}"}),
        ("openai:m", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "{url}/v1"}),
        ("mistralai:m", {"MISTRAL_API_KEY": "k", "MISTRAL_BASE_URL": "{url}/v1"}),
        ("google_genai:m", {"GOOGLE_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "{url}"}),
    ],
)
async def test_model_strings_reach_their_providers(spec, variables, wires, monkeypatch, ask_for):
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(url=wires.url))
    client = load_model(spec)
    client.retry = FAST
    assert (await client.ask(ask_for(max_tokens=77))).text == "fine"
    assert "77" in str(wires.bodies[-1])
    assert len(wires.bodies) == 1
    wires.refusals = [Refuse({"error": {"message": "later", "code": 503}}, status=503)]
    with pytest.raises(PilotageError, match=wires.url):
        await client.ask(ask_for())
    assert len(wires.bodies) == 3, "the library's own tries would multiply ours"


async def test_what_the_owner_of_an_openai_object_set_is_kept(wires, ask_for):
    from langchain_openai import ChatOpenAI

    own = {"max_tokens": 5000, "extra_body": {"top_k": 3}, "top_p": 0.8}
    model = ChatOpenAI(model="m", base_url=f"{wires.url}/v1", api_key="k", **own)
    await ModelClient(model).ask(ask_for(max_tokens=77))
    body = wires.bodies[-1]
    assert (body["max_tokens"], body["top_k"], body["top_p"]) == (77, 3, 0.8)
    assert "max_completion_tokens" not in body
    assert (model.max_tokens, model.extra_body) == (5000, {"top_k": 3})


async def test_a_bound_temperature_stays_until_a_block_samples_and_a_bound_limit_gives_way(wires, ask_for):
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="m", base_url=f"{wires.url}/v1", api_key="k").bind(temperature=0.2, max_tokens=5)
    client = ModelClient(model.with_retry())
    await client.ask(ask_for(max_tokens=77))
    await client.ask(ask_for(max_tokens=77, temperature=0.9))
    assert [(body["temperature"], body["max_tokens"]) for body in wires.bodies] == [(0.2, 77), (0.9, 77)]


async def test_a_bound_parameter_that_the_endpoint_refuses_is_left_out_as_well(wires, ask_for):
    from langchain_openai import ChatOpenAI

    error = {"error": {"message": "'temperature' is not supported with this model.", "param": "temperature"}}
    wires.refusals = [Refuse(error, when=lambda body: "temperature" in body)]
    model = ChatOpenAI(model="m", base_url=f"{wires.url}/v1", api_key="k", max_retries=0).bind(temperature=0.7)
    assert (await ModelClient(model, retry=FAST).ask(ask_for())).text == "fine"
    assert len(wires.bodies) == 2


async def test_a_fallback_of_another_provider_is_asked_in_its_own_words(wires, ask_for):
    broken = PROVIDERS[0].make("http://127.0.0.1:9", max_retries=0)
    client = ModelClient(broken.with_fallbacks([PROVIDERS[2].make(wires.url), PROVIDERS[5].make(wires.url)]))
    assert (await client.ask(ask_for(max_tokens=77, logprobs=True))).text == "fine"
    assert PROVIDERS[2].get(wires.bodies[-1], PROVIDERS[2].limit) == 77


def test_what_is_no_chat_model_is_said_in_a_sentence():
    from langchain_core.runnables import RunnableLambda

    for given in (RunnableLambda(lambda text: text), object(), None):
        with pytest.raises(UsageError, match="is no chat model"):
            ModelClient(given)


async def test_a_users_own_class_gets_only_the_arguments_that_it_takes(ask_for):
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class Mine(BaseChatModel):
        calls: int = 0

        @property
        def _llm_type(self):
            return "mine"

        def _generate(self, messages, stop=None, run_manager=None):
            self.calls += 1
            return ChatResult(generations=[ChatGeneration(message=AIMessage("fine"))])

    model = Mine()
    client = ModelClient(model)
    assert (await client.ask(ask_for())).text == "fine"
    assert (await client.ask(ask_for(), lambda text: None)).text == "fine"
    assert model.calls == 2
