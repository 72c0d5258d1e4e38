"""The OpenAI-compatible embedder against a real HTTP server of this process."""

import gc
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from pilotage.memory.embedders.embedder import HashEmbedder, resolve_embedder
from pilotage.memory.embedders.openai import OpenAIEmbedder
from pilotage.memory.errors import EmbedderError
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL


class Handler(BaseHTTPRequestHandler):
    """Answers as an embedding server does; `server.faults` are answered first, as (status, body)."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, asked, self.headers.get("authorization")))
        status, body = self.server.faults.pop(0) if self.server.faults else (200, None)
        if body is None:
            rows = HashEmbedder(64).embed(asked["input"]) * 3
            data = [{"object": "embedding", "index": n, "embedding": row.tolist()} for n, row in enumerate(rows)]
            body = {"object": "list", "model": asked["model"], "data": data[::-1], "usage": {}}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.send_header("retry-after-ms", "10")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.faults, server.daemon_threads = [], [], True
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def embedder(server):
    return OpenAIEmbedder("some-model", server.url)


def test_vectors_come_in_order_as_units_in_batches_and_with_the_key(server, embedder, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    texts = [f"text number{n}" for n in range(300)]
    np.testing.assert_allclose(embedder.embed(texts), HashEmbedder(64).embed(texts), atol=1e-5)
    assert [len(asked["input"]) for _, asked, _ in server.asked] == [128, 128, 44]
    assert {(path, key) for path, _, key in server.asked} == {("/v1/embeddings", "Bearer secret")}
    assert embedder.embed([]).shape == (0, 64)


def test_a_store_works_on_it_and_is_bound_to_it(server, folder):
    embedder = resolve_embedder(f"openai:some-model@{server.url}")
    assert (embedder.identity.model, embedder.identity.dimensions) == ("openai:some-model", 64)
    with ConceptStore.open(folder, embedder=embedder) as store:
        _, _, grid = store.add_many([COST, SPELL, GRID])
        assert store.search("rotate a square matrix clockwise", limit=1)[0].concept.id == grid
    embedder._client.close()


def test_what_fails_for_the_moment_is_tried_again(server, embedder):
    server.faults = [(429, {"error": {"message": "slow down"}}), (500, {"error": {"message": "oops"}})]
    assert embedder.embed(["a"]).shape == (1, 64)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": {"message": "bad key"}}, "bad key.*OPENAI_API_KEY"),
        (404, {"error": {"message": "no such model"}}, "no such model.*model's name"),
        (200, {"data": []}, "did not answer|0 vectors"),
        (200, {"data": [{"index": 0, "embedding": [0.0, 0.0]}]}, "without direction"),
        (200, {"nothing": "here"}, "did not answer"),
    ],
)
def test_what_is_no_embedding_is_a_sentence(server, embedder, status, body, words):
    server.faults = [(status, body)]
    with pytest.raises(EmbedderError, match=words):
        embedder.embed(["a"])


def test_a_server_that_is_not_there_is_a_sentence(monkeypatch):
    embedder = OpenAIEmbedder("m", "http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(EmbedderError, match="http://127.0.0.1:9/v1 did not answer"):
        embedder.embed(["a"])
    embedder._client.close()


def test_its_connections_are_closed_when_it_is_gone(server):
    """Also where an error has held on to it, and the garbage collector may come to the connections first."""

    def asked():
        embedder = OpenAIEmbedder("some-model", server.url)
        embedder.embed(["one"])
        server.faults.append((400, {"error": {"message": "no"}}))
        with pytest.raises(EmbedderError) as refused:
            embedder.embed(["two"])
        assert refused.value.__traceback__ is not None
        return embedder._client

    client = asked()
    gc.collect()
    assert client.is_closed()
