"""Several real `pilotage serve` processes on one PostgreSQL, one Chroma server, and one file of keys."""

import os
import signal
import sys
from contextlib import ExitStack

import httpx
import pytest

from pilotage.agent.serve.keys.key import SCOPES
from pilotage.agent.serve.keys.key_store import KeyStore
from tests.agent.serve.tenants import ASKED, PROGRAM, TAUGHT
from tests.agent.serve.upstream import Upstream
from tests.servers import chroma_url, free_port, postgres, postgres_url, started  # noqa: F401  (fixtures)

DRAFT = {"title": "Speed of a train", "cues": ["a journey by train"], "implementation": ["divide the way by the time"]}


def seller(body):
    """Programs, tells what it learnt, and replies, as `tenants.seller` does."""
    system, last = (str(body["messages"][place]["content"]) for place in (0, -1))
    if "Python program" in last:
        return PROGRAM
    if "Reply in JSON" in system:
        return f'{{"title": "{TAUGHT}", "when": "goods sold at a price with a cost"}}'
    return "It is 59." if "<notes>" in last else "Hello!"


@pytest.fixture
def servers(running, postgres_url, chroma_url, tmp_path):  # noqa: F811
    """Starts servers on the same memory; gives each one's process and a client with a key."""
    keys = KeyStore(tmp_path / "keys.sqlite")
    made = keys.create("team", namespace="team", scopes=SCOPES, learn=True)
    upstream = running(Upstream(seller).app)
    variables = {"PILOTAGE_MEMORY": postgres_url, "PILOTAGE_EMBEDDER": "hash", "PILOTAGE_KEEP_UNVERIFIED": "true"}
    with keys, ExitStack() as stack:

        def start():
            port = free_port()
            file, url = tmp_path / f"{port}.toml", f"http://127.0.0.1:{port}"
            settings = {"key_store": str(keys.path), "responses_file": str(tmp_path / "responses.sqlite")}
            lines = [f'{name} = "{value}"' for name, value in {**settings, "index": chroma_url}.items()]
            file.write_text("\n".join([f"port = {port}", "keys = true", *lines]))
            command = [sys.executable, "-m", "pilotage", "serve", "--config", file, "--policy", "rules"]
            command += ["--model", "up", "--base-url", f"{upstream}/v1"]
            process = stack.enter_context(started(command, f"{url}/health", env={**os.environ, **variables}))
            headers = {"Authorization": f"Bearer {made.secret}"}
            return process, stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=120))

        yield start


def titles(client, query):
    return [
        one["title"] for one in client.get("/v1/concepts", params={"query": query}).raise_for_status().json()["data"]
    ]


def test_what_one_is_taught_the_others_find_and_a_restart_loses_nothing(servers):
    first, one = servers()
    _, other = servers()
    assert one.post("/v1/concepts", json=DRAFT).status_code == 201
    assert titles(other, "how fast is the train on its journey?")[0] == DRAFT["title"]
    asked = {"model": "pilotage:program", "messages": [{"role": "user", "content": ASKED}]}
    completion = one.post("/v1/chat/completions", json=asked).raise_for_status().json()
    assert "59" in completion["choices"][0]["message"]["content"]
    assert TAUGHT in titles(other, ASKED)
    # What the first one taught is judged through the second one, while the first is restarted.
    first.send_signal(signal.SIGTERM)
    assert other.post("/v1/feedback", json={"completion_id": completion["id"], "helped": True}).json()["changed"]
    assert first.wait(120) in (0, -signal.SIGTERM)
    _, again = servers()
    [taught] = [concept for concept in again.get("/v1/concepts").json()["data"] if concept["title"] == TAUGHT]
    assert taught["status"] == "trusted"
    assert {DRAFT["title"], TAUGHT} <= {concept["title"] for concept in other.get("/v1/concepts").json()["data"]}


def test_a_response_of_one_is_gone_on_with_by_another(servers):
    _, one = servers()
    _, other = servers()
    first = one.post("/v1/responses", json={"model": "pilotage", "input": "hi there"}).raise_for_status().json()
    more = {"model": "pilotage", "input": "and again", "previous_response_id": first["id"]}
    second = other.post("/v1/responses", json=more).raise_for_status().json()
    assert second["previous_response_id"] == first["id"]
    assert other.get(f"/v1/responses/{first['id']}").json()["id"] == first["id"]
