"""Thousands of users on a server that keeps fifty open: nothing grows, nothing in use is closed, no turn is lost."""

import contextlib
import json
import threading

import httpx
import psutil

from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.keys.key import SCOPES
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.model_names import ModelName
from pilotage.agent.serve.service import Caller, Service
from pilotage.agent.serve.tenants.holding import holding
from pilotage.agent.serve.tenants.tenant import MOST_AGENTS
from pilotage.agent.settings import settings_from
from tests.agent.serve.tenants import TAUGHT, ask, seller, taught

MOST = 50
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}


def service_of(tmp_path, model=None, most=MOST, **config):
    settings = settings_from({"policy": "rules", "model": "scripted", "embedder": "hash", "keep_unverified": True})
    config = ServeConfig(most_namespaces=most, **config)
    return Service(settings, config, place=str(tmp_path / "memory"), model=ModelClient(model or seller()))


def test_two_thousand_users_leave_no_more_open_than_fifty(tmp_path):
    service, name, process = service_of(tmp_path), ModelName("pilotage"), psutil.Process()
    memory, files, before = [], [], process.num_fds()  # other tests of this process have some open, too
    for number in range(2000):
        with holding():
            agent = service.agent(name, Caller("k", f"team/user-{number}"))
            assert agent.memory.count() == 0  # it is open
        assert len(service.tenants) <= MOST
        if number % 500 == 499:
            memory.append(process.memory_info().rss / 2**20)
            files.append(process.num_fds())
    service.tenants.close()
    assert max(files) - files[0] <= 8 and files[0] - before < 6 * MOST
    # Without a bound every namespace takes 0.12 MiB, so 180 by then (benchmarks/tenants.py).
    assert memory[-1] - memory[0] < 150


def test_users_at_once_are_all_answered_over_a_bound_of_two(running, tmp_path):
    """More at once than stay open: each has its own memory, and what it taught is there when it comes again."""
    model = seller()
    store = tmp_path / "keys.sqlite"
    with KeyStore(store) as keys:
        _, secret = keys.create("team", namespace="team", scopes=SCOPES, learn=True, per_user=True)
    service = service_of(tmp_path, model, most=2, keys=True, key_store=str(store))
    headers, faults = {"Authorization": f"Bearer {secret}"}, []
    with httpx.Client(base_url=running(create_app(service)), headers=headers, timeout=300) as client:

        def use(user):
            try:
                for _ in range(2):
                    taught(client, user=user)
                (concept,) = client.get("/v1/concepts", params={"user": user}).json()["data"]
                assert concept["title"] == TAUGHT and concept["seen"] >= 1
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=use, args=(f"user-{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(600)
        assert not faults
        assert client.get("/v1/concepts", params={"user": "nobody"}).json()["data"] == []
    assert len(service.tenants) <= 2


def test_a_stream_keeps_its_memory_open_however_many_others_come(running, tmp_path):
    """Its user is the longest unused by far while it still writes: what it teaches is written all the same."""
    go, writes = threading.Event(), threading.Event()
    plain = seller().script

    def line(messages):
        if "Python program" in str(messages[-1].text) and not writes.is_set():
            writes.set()
            assert go.wait(120)
        return plain(messages)

    service = service_of(tmp_path, ScriptedChatModel(line), most=1)
    with httpx.Client(base_url=running(create_app(service)), timeout=300) as client, contextlib.ExitStack() as stack:
        replies = []
        thread = threading.Thread(target=lambda: replies.append(ask(client, model="pilotage:program", stream=True)))
        stack.callback(thread.join, 120)
        stack.callback(go.set)
        thread.start()
        assert writes.wait(120)
        for number in range(5):
            with holding():
                service.store(f"other-{number}")
        assert len(service.tenants) <= 2
        go.set()
        thread.join(120)
        assert '"finish_reason":"stop"' in replies[0].text and "error" not in replies[0].text
        assert [one["title"] for one in client.get("/v1/concepts").json()["data"]] == [TAUGHT]
    assert len(service.tenants) <= 1


def test_a_turn_that_waits_for_a_tool_outlives_its_agent(over):
    """Between a call and its result fifty others come by: the work before the call is not done again."""
    sums = []

    def script(body):
        text = json.dumps(body["messages"])
        if "Python program" in text:
            sums.append(body)
            return "```python\nprint(17 * 23)\n```"
        if any(message["role"] == "tool" for message in body["messages"]):
            return "It is 391, and it rains."
        from tests.agent.serve.upstream import Line

        return Line(calls=[("look", "{}")]) if body.get("tools") else "391"

    _, client = over(script, {"most_namespaces": 1})
    messages = [{"role": "user", "content": "What is 17*23?"}]
    first = ask(client, messages=messages, tools=[TOOL], model="pilotage:program").json()
    called = first["choices"][0]["message"]
    assert called["tool_calls"] and len(sums) == 1
    for number in range(3 * MOST_AGENTS):  # as many ways to route push the agent out of its namespace
        blocks = ",".join(["program"] * (number + 2))
        client.post("/v1/chat/completions", json={"model": f"pilotage:{blocks}", "messages": []})
        ask(client, "hello", model=f"pilotage:{blocks}")
    done = len(sums)
    result = {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "rain"}
    second = ask(client, messages=[*messages, called, result], tools=[TOOL], model="pilotage:program").json()
    assert second["choices"][0]["message"]["content"] == "It is 391, and it rains."
    assert len(sums) == done


def test_an_erased_namespace_takes_its_open_turns_with_it(tmp_path):
    service = service_of(tmp_path)
    turns = service._turns
    for owner in (("a", 1), ("a/ada", 1), ("b", 1)):
        turns.put(owner, "t", ())
        turns.put(owner, "u", ())
    with holding():
        service.erase("a")
    assert {key for key in turns._steps} == {(("b", 1), "t"), (("b", 1), "u")}
    service.tenants.close()
