"""load_model: every form of the string, and one clear sentence for every string that is none."""

import subprocess
import sys

import pytest
from langchain_openai import ChatOpenAI

from pilotage.agent import models
from pilotage.agent.errors import MissingExtra, ModelError, PilotageError, UnknownModel, UsageError, WeightsError
from pilotage.agent.models import ModelClient, ResponseCache, load_model


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("spec", "kind", "text"),
    [
        ("", UnknownModel, "is empty"),
        ("nonsense", UnknownModel, "'nonsense' names no model. Use 'embedded'"),
        ("nowhere:model", UnknownModel, "'nowhere:model' names no model"),
        ("embedded:9000b", UnknownModel, "No weights are called '9000b'.*0.5b"),
        ("embedded:minilm", UnknownModel, "cannot chat"),
        ("embedded", WeightsError, "pilotage models pull qwen2.5-coder-1.5b"),
        ("missing.gguf", WeightsError, "no model file missing.gguf"),
        ("cohere:command-r", MissingExtra, "langchain-cohere"),
        ("openai:gpt-4o-mini", ModelError, "OPENAI_API_KEY"),
    ],
)
def test_a_string_that_cannot_be_loaded_says_what_to_do(spec, kind, text):
    with pytest.raises(kind, match=text) as caught:
        load_model(spec)
    assert isinstance(caught.value, PilotageError)
    assert "\n" not in str(caught.value)


def test_a_base_url_needs_a_scheme_and_a_model_name():
    with pytest.raises(UsageError, match="http://"):
        load_model("m", base_url="localhost:8000")
    with pytest.raises(UnknownModel, match="Name a model"):
        load_model(" ", base_url="http://localhost:8000/v1")


def test_a_time_out_must_be_positive():
    with pytest.raises(UsageError, match="time-out"):
        load_model("m", base_url="http://localhost:8000/v1", timeout=0)


def test_settings_reach_the_client(tmp_path):
    cache = ResponseCache(tmp_path / "cache.sqlite")
    client = load_model("m", base_url="http://localhost:1/v1/", cache=cache, timeout=7, retries=1)
    assert (client.cache, client.timeout, client.retry.retries) == (cache, 7, 1)
    assert (client.name, client.identity) == ("m", "http://localhost:1/v1#m")


async def test_a_langchain_string_reaches_its_provider(endpoint, ask_for, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    endpoint.plan = [endpoint.status(500), endpoint.ok()]
    client = load_model("openai:gpt-4o-mini")
    request = ask_for(max_tokens=9, logprobs=True, json_schema={"type": "object"}, grammar="root ::= [0-9]")
    assert (await client.ask(request)).text == "fine"
    body = endpoint.bodies[-1]
    assert (body["model"], body["max_completion_tokens"], body["logprobs"]) == ("gpt-4o-mini", 9, True)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "grammar" not in body
    assert len(endpoint.bodies) == 2


def test_models_that_differ_are_told_apart(tmp_path):
    def identity(**settings) -> str:
        return ModelClient(ChatOpenAI(api_key="none", **settings)).identity

    assert identity(model="a") == identity(model="a") != identity(model="b")
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    first = load_model(str(file)).identity
    file.write_bytes(b"GGUF, another one")
    assert load_model(str(file)).identity != first


def test_importing_the_package_brings_no_heavy_library():
    heavy = ["torch", "xllamacpp", "langchain_openai", "langchain_core", "transformers", "httpx", "sqlalchemy"]
    code = f"import sys, pilotage.agent.models; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_resolves():
    assert sorted(models.__all__) == sorted(models._MODULE)
    assert all(getattr(models, name).__name__ == name for name in models.__all__)
