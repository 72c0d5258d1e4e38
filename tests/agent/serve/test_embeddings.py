"""Embeddings: passed through to the upstream that makes them, within a key's limits; else a clear 404."""

import json

import openai
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.keys.limits import Limits
from tests.agent.serve.test_metrics import told
from tests.agent.serve.test_over_an_upstream import HELLO, client_of

PRICE = {"input": 0.02, "output": 0}


class Vectors:
    """An upstream of embeddings: a text's vector is how long it is."""

    def __init__(self, status=200):
        self.bodies, self.status = [], status
        self.app = Starlette(routes=[Route("/v1/embeddings", self._embed, methods=["POST"])])

    async def _embed(self, request):
        body = json.loads(await request.body())
        self.bodies.append(body)
        if self.status != 200:
            return JSONResponse({"error": {"message": "no", "type": "x", "code": None, "param": None}}, self.status)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [{"object": "embedding", "index": i, "embedding": [float(len(t))]} for i, t in enumerate(texts)]
        read = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": read, "total_tokens": read}
        return JSONResponse({"object": "list", "model": body["model"], "data": data, "usage": usage})


@pytest.fixture
def vectors(running, serve):
    def start(up, config=None, **upstream):
        to = {"model": "embed-small", "base_url": f"{running(up.app)}/v1", **upstream}
        return serve(
            None, {"upstreams": {"vectors": to}, "embeddings": "vectors", **(config or {})}, model="scripted:no"
        )

    return start


@pytest.mark.parametrize("model", ["embed-small", "vectors", "passthrough", "passthrough@vectors"])
def test_embeddings_are_passed_through(vectors, model):
    up = Vectors()
    http = vectors(up, price=PRICE)
    made = client_of(http).embeddings.create(model=model, input=["one two", "three"], encoding_format="float")
    assert [one.embedding for one in made.data] == [[7.0], [5.0]]
    assert up.bodies == [{"input": ["one two", "three"], "encoding_format": "float", "model": "embed-small"}]
    assert made.usage.prompt_tokens == 3
    assert made.usage.cost == pytest.approx(3 * 0.02 / 1e6)
    assert told(http, "pilotage_tokens_total")['kind="prompt",upstream="vectors"'] == 3
    assert told(http, "pilotage_cost_usd_total") == {
        'model="embed-small",upstream="vectors"': pytest.approx(3 * 0.02 / 1e6)
    }
    listed = [model["id"] for model in http.get("/v1/models").json()["data"]]
    assert "pilotage@vectors" not in listed


def test_without_an_upstream_that_makes_them_there_are_none(over):
    _, http = over(lambda body: "hi")
    with pytest.raises(openai.NotFoundError, match="name one that makes them as `embeddings`") as refused:
        client_of(http).embeddings.create(model="embed-small", input="hi")
    assert refused.value.code == "no_embeddings"


def test_the_embedded_model_makes_none(serve):
    http = serve(None, {"embeddings": "default"}, model="embedded:smollm2")
    reply = http.post("/v1/embeddings", json={"model": "passthrough", "input": "hi"})
    assert reply.status_code == 404
    assert "`embeddings`" in reply.json()["error"]["message"]


def test_other_models_and_none_are_told_apart(vectors):
    up = Vectors()
    http = vectors(up)
    for body, status, param in [
        ({"model": "gpt-4o", "input": "hi"}, 404, "model"),
        ({"input": "hi"}, 400, "model"),
        ([], 400, "model"),
    ]:
        reply = http.post("/v1/embeddings", json=body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (status, param)
    assert up.bodies == []


def test_the_upstreams_error_is_passed_on(vectors):
    http = vectors(Vectors(status=422))
    reply = http.post("/v1/embeddings", json={"model": "vectors", "input": "hi"})
    assert (reply.status_code, reply.json()["error"]["message"]) == (422, "no")


def test_a_key_needs_the_scope_and_has_its_limits(vectors, tmp_path):
    file = str(tmp_path / "keys.sqlite")
    with KeyStore(file) as keys:
        narrow = keys.create("narrow", scopes=("feedback",)).secret
        small = keys.create("small", scopes=("chat",), limits=Limits(tokens_per_minute=600)).secret
    up = Vectors()
    http = vectors(up, {"keys": True, "key_store": file})
    body = {"model": "vectors", "input": "word " * 300}

    def status(secret=None):
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return http.post("/v1/embeddings", json=body, headers=headers).status_code

    assert status() == 401
    assert status(narrow) == 403
    assert [status(small), status(small)] == [200, 429]
    assert len(up.bodies) == 1


def test_vectors_of_another_model_stand_in_for_none(running, serve):
    first, second = Vectors(status=500), Vectors()
    upstreams = {
        "one": {"model": "embed-small", "base_url": f"{running(first.app)}/v1", "fallback": ["two"]},
        "two": {"model": "embed-small", "base_url": f"{running(second.app)}/v1"},
    }
    http = serve(None, {"upstreams": upstreams, "embeddings": "one"}, model="scripted:no")
    reply = http.post("/v1/embeddings", json={"model": "embed-small", "input": "hi"})
    assert reply.json()["data"][0]["embedding"] == [2.0]
    upstreams["two"]["model"] = "embed-large"
    with pytest.raises(ValueError, match="'two' stands in for 'one' with another model"):
        serve(None, {"upstreams": upstreams, "embeddings": "one"}, model="scripted:no")
    assert http.post("/v1/chat/completions", json={"model": "passthrough@one", "messages": HELLO}).status_code == 404
