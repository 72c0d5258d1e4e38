"""Tenants of a running server: a key each, and a model whose runs teach."""

import asyncio
import json
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.serve.keys.key import SCOPES
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.memory import ConceptStore

ASKED = "Goods are sold at a price of 6 dollars each with a cost of 25 dollars. How many dollars of profit for 14?"
PROGRAM = "```python\ngoods = 14\nprice = 6\ncost = 25\nprint(goods * price - cost)\n```"
TAUGHT = "Profit of goods"
TEACHES = {"model": "pilotage:program"}


class Slow(ScriptedChatModel):
    """Writes a word, and then rests."""

    rest: float = 0.05

    async def _astream(self, *given: Any, **more: Any) -> Any:
        async for chunk in super()._astream(*given, **more):
            yield chunk
            await asyncio.sleep(self.rest)


def seller(plain="Hello!", kind=ScriptedChatModel, **more):
    """A model that programs, tells what it learnt, and replies."""

    def line(messages):
        system, last = str(messages[0].text), str(messages[-1].text)
        if "Python program" in last:
            return PROGRAM
        if "Reply in JSON" in system:
            return json.dumps({"title": TAUGHT, "when": "goods sold at a price with a cost"})
        return "It is 59." if "<notes>" in last else plain

    return kind(line, **more)


class House:
    """A server, its keys and its memory."""

    def __init__(self, client, keys, place, stack):
        self.nobody, self.keys, self.place, self._stack = client, keys, place, stack

    def key(self, namespace, **more):
        """A client with a key of its own, that may do everything but for what is said."""
        made = self.keys.create("test", **{"namespace": namespace, "scopes": SCOPES, "learn": True} | more)
        headers = {"Authorization": f"Bearer {made.secret}"}
        client = httpx.Client(base_url=self.nobody.base_url, headers=headers, timeout=60)
        client.key = made.key
        return self._stack.enter_context(client)

    def store(self, namespace):
        """The memory of a namespace, as another process sees it."""
        return ConceptStore.open(self.place, embedder="hash", namespace=namespace)


@pytest.fixture
def house(serve, tmp_path):
    """Starts a server that asks for keys."""
    with ExitStack() as stack:
        keys = stack.enter_context(KeyStore(tmp_path / "keys.sqlite"))
        keys.create("first")  # which makes the file

        def start(model=None, config=None, place=None, **settings):
            given = {"keys": True, "key_store": str(keys.path)} | (config or {})
            settings = {"embedder": "hash", "keep_unverified": True} | settings
            place = str(place or tmp_path / "memory")
            client = serve(model or seller(), given, place=place, **settings)
            return House(client, keys, place, stack)

        yield start


def ask(client, text=ASKED, **more):
    """Asks for a completion."""
    body = {"model": "pilotage", "messages": [{"role": "user", "content": text}]} | more
    return client.post("/v1/chat/completions", json=body)


def taught(client, **more):
    """Asks what teaches the memory something; the completion."""
    reply = ask(client, **TEACHES | more)
    assert reply.status_code == 200, reply.text
    return reply.json()


def respond(client, text=ASKED, **more):
    """Asks for a response; its body."""
    reply = client.post("/v1/responses", json={"model": "pilotage", "input": text} | more)
    assert reply.status_code == 200, reply.text
    return reply.json()


def error_of(reply, status):
    """The error of a reply, which is in OpenAI's shape and of this status."""
    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"error"} and set(reply.json()["error"]) == {"message", "type", "param", "code"}
    return reply.json()["error"]
