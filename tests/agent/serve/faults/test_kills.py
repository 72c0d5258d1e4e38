"""kill -9 under load: whatever a client was told is there after a restart, and what was under way is gone."""

import itertools
import json
import sqlite3
import threading

import httpx
import pytest

from pilotage.agent.serve.keys.key import SCOPES
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.memory import ConceptStore
from tests.agent.serve.faults.conftest import LONG, wait_for
from tests.agent.serve.tenants import ASKED, PROGRAM, TAUGHT, TEACHES, error_of
from tests.servers import postgres, postgres_url  # noqa: F401  (fixtures)
from tests.together import pool_of

ENOUGH = 4
"""Acknowledgements of every kind before the kill."""


def script(body):
    system, last = str(body["messages"][0]["content"]), str(body["messages"][-1]["content"])
    if "Python program" in last:
        return PROGRAM
    if "Reply in JSON" in system:
        return json.dumps({"title": TAUGHT, "when": "goods sold at a price with a cost"})
    return "It is 59."


class Clients:
    """Clients that write through every door at once, and note what they were told."""

    def __init__(self, url, secret):
        self.told = {"feedback": [], "concept": [], "response": [], "deleted": [], "forgotten": []}
        self._url, self._headers = url, {"Authorization": f"Bearer {secret}"}
        self._numbers = itertools.count()
        self.killed = threading.Event()

    def run(self, write):
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=LONG) as http:
            try:
                while True:
                    write(http)
            except httpx.TransportError:
                assert self.killed.is_set(), "the server went away before it was killed"

    def teach(self, http):
        completion = http.post("/v1/chat/completions", json={"messages": [user(ASKED)]} | TEACHES)
        assert completion.status_code == 200, completion.text
        given = {"completion_id": completion.json()["id"], "helped": True}
        reply = http.post("/v1/feedback", json=given)
        if reply.status_code == 200:
            self.told["feedback"].append(given)

    def add(self, http):
        number = next(self._numbers)
        title = f"Concept {number} of {number * 7919}"
        draft = {"title": title, "cues": [f"case {number * 104_729}"], "implementation": [f"Take step {number}."]}
        made = http.post("/v1/concepts", json=draft)
        assert made.status_code in (200, 201), made.text
        if len(self.told["concept"]) <= len(self.told["forgotten"]):
            self.told["concept"].append((made.json()["id"], made.json()["version"]))
        elif http.delete(f"/v1/concepts/{made.json()['id']}").status_code == 200:
            self.told["forgotten"].append(made.json()["id"])

    def respond(self, http):
        body = http.post("/v1/responses", json={"model": "pilotage", "input": "hi there"}).json()
        if len(self.told["response"]) <= len(self.told["deleted"]):
            self.told["response"].append(body)
        elif http.delete(f"/v1/responses/{body['id']}").status_code == 200:
            self.told["deleted"].append(body["id"])


@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_what_a_client_was_told_survives_a_kill_under_load(upstream, serving, tmp_path, request, where):
    place = tmp_path / "memory" if where == "sqlite" else request.getfixturevalue("postgres_url")
    with KeyStore(tmp_path / "keys.sqlite") as keys:
        key, revoked = (keys.create(name, namespace="a", scopes=SCOPES, learn=True) for name in ("kept", "revoked"))
        url = upstream(script)[1]
        process = serving(url, memory=place, keys=True)
        clients = Clients(process.url, key.secret)
        with pool_of(4) as pool:
            writing = [pool.submit(clients.run, one) for one in (clients.teach, clients.add, clients.respond)]
            keys.revoke(revoked.key.id)
            wait_for(lambda: min(map(len, clients.told.values())) >= ENOUGH or any(one.done() for one in writing))
            clients.killed.set()
            process.kill()
            for one in writing:
                one.result(LONG)
    again = serving(url, memory=place, keys=True).client
    assert error_of(again.get("/v1/models", headers={"Authorization": f"Bearer {revoked.secret}"}), 401)
    again.headers["Authorization"] = f"Bearer {key.secret}"
    for given in clients.told["feedback"]:
        assert again.post("/v1/feedback", json=given).json()["changed"] is False
    for id, version in clients.told["concept"]:
        assert again.get(f"/v1/concepts/{id}").json()["version"] >= version
    for id in clients.told["forgotten"]:
        assert again.get(f"/v1/concepts/{id}").json()["status"] == "retired"
    for body in clients.told["response"]:
        assert again.get(f"/v1/responses/{body['id']}").json() == body
    for id in clients.told["deleted"]:
        assert error_of(again.get(f"/v1/responses/{id}"), 404)
    assert again.post("/v1/chat/completions", json={"messages": [user(ASKED)]} | TEACHES).status_code == 200
    with sqlite3.connect(tmp_path / "responses.sqlite") as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with ConceptStore.open(str(place), embedder="hash", namespace="a") as store:
        assert [one for one in store.all() if one.title == TAUGHT]
        assert all(check.ok for check in store.doctor())


def user(text):
    return {"role": "user", "content": text}
