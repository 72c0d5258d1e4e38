"""What a request may say to this server alone, and what front ends ask beside a conversation."""

import pytest

from pilotage.agent.chat.conversation import conversation_task, straight
from pilotage.agent.messages import Message
from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.tenants import error_of, respond, taught
from tests.agent.serve.test_chat_completions import ask

TITLE = """### Task:
Generate a concise title for the chat.
### Output:
JSON format: { "title": "..." }
### Chat History:
<chat_history>
USER: What is 17*23?
ASSISTANT: It is 391.
</chat_history>"""
NAME_IT = """Provide a short title for this conversation, five words at most:

User: A crate holds 17 boxes of 23 pens. How many pens is that?
Assistant: 391."""


def test_a_budget_limits_the_work_of_one_request(serve):
    model = scripted()
    client = serve(model)
    ask(client, ASKED, pilotage={"budget": {"max_steps": 2}})
    assert len(model.calls) == 2
    ask(client, ASKED)
    assert len(model.calls) == 2 + 3


def test_a_policy_can_be_chosen(serve):
    model = scripted()
    ask(serve(model, policy="fixed:reason,answer"), ASKED, pilotage={"policy": "rules"})
    assert "Python program" in model.calls[0].text


def test_a_trace_can_be_had(serve):
    told = ask(serve(scripted()), ASKED, pilotage={"trace": True}).json()
    (run,) = told["pilotage"]["runs"]
    assert run["route"] == ["program", "verify", "answer"]
    assert run["run"] == told["id"]


def test_progress_is_the_clients_to_switch(serve):
    client = serve(scripted(), {"progress": False})
    assert "reasoning" in ask(client, ASKED, pilotage={"progress": True}).json()["choices"][0]["message"]


@pytest.mark.parametrize(
    ("extras", "param"),
    [
        ({"budget": {"max_tokens": 10**9}}, "pilotage.budget.max_tokens"),
        ({"budget": {"max_tokens": 0}}, "pilotage.budget.max_tokens"),
        ({"budget": {"tokens": 1}}, "pilotage.budget.tokens"),
        ({"policy": "/etc/passwd"}, "pilotage.policy"),
        ({"policy": "fixed:x"}, "pilotage.policy"),
        ({"nothing": 1}, "pilotage.nothing"),
        ({"memory": "yes please"}, "pilotage.memory"),
        ({"namespace": ""}, "pilotage.namespace"),
        ({"namespace": ["a"]}, "pilotage.namespace"),
        ([], "pilotage"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_extras_nobody_knows_are_refused_by_name(serve, extras, param, stream):
    reply = ask(serve(scripted()), pilotage=extras, stream=stream)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


@pytest.mark.parametrize("text", [TITLE, NAME_IT])
def test_a_front_ends_request_about_a_conversation_is_one_call(serve, text):
    model = scripted(plain='{"title": "A product"}')
    assert ask(serve(model), text).json()["choices"][0]["message"]["content"] == '{"title": "A product"}'
    assert len(model.calls) == 1


def test_a_question_about_one_side_of_a_talk_is_no_housekeeping():
    for text in (ASKED, f"User: {ASKED}", f"My assistant asked me: {ASKED}"):
        assert straight(conversation_task([Message(role="user", content=text)])) != (
            straight(conversation_task([Message(role="user", content=TITLE)]))
        )


def taught_in(client, namespace, **more):
    return taught(client, pilotage={"namespace": namespace}, **more)


def test_a_key_chooses_among_its_own_namespaces(house):
    started = house()
    mine, other = started.key("a", per_user=True), started.key("b")
    taught_in(mine, "a/ada")
    assert [len(mine.get("/v1/concepts", params={"namespace": name}).json()["data"]) for name in ("a", "a/ada")] == [
        0,
        1,
    ]
    assert mine.get("/v1/concepts", params={"user": "ada"}).json()["data"]
    kept = respond(mine, "hi", pilotage={"namespace": "a/ada"})
    assert mine.get(f"/v1/responses/{kept['id']}").status_code == 200
    for client, name in ((other, "a"), (other, "a/ada"), (mine, "b"), (mine, "default"), (mine, "ab"), (mine, "")):
        for path in ("/v1/chat/completions", "/v1/responses"):
            asked = {"messages": [{"role": "user", "content": "hi"}]} if "chat" in path else {"input": "hi"}
            body = {"model": "pilotage", "pilotage": {"namespace": name}} | asked
            reply = client.post(path, json=body)
            assert reply.status_code == (404 if name else 400), reply.text
            assert reply.json()["error"]["param"] == "pilotage.namespace"


def test_who_needs_no_key_chooses_any_that_no_key_has(house):
    started = house(config={"keys": None})
    nobody = started.nobody
    completion = taught_in(nobody, "work")
    assert len(nobody.get("/v1/concepts", params={"namespace": "work"}).json()["data"]) == 1
    assert not nobody.get("/v1/concepts").json()["data"]
    assert nobody.post("/v1/feedback", json={"completion_id": completion["id"], "helped": True}).json()["changed"]
    kept = respond(nobody, "hi", pilotage={"namespace": "work"})
    assert nobody.get(f"/v1/responses/{kept['id']}", params={"namespace": "work"}).status_code == 200
    error_of(nobody.get(f"/v1/responses/{kept['id']}"), 404)
    taught(started.key("team"))
    for name in ("a\nb", "a" * 101, "a/", "/a", " a"):
        error_of(ask_in(nobody, name), 404)
    for name in ("team", "team/ada"):
        error_of(ask_in(nobody, name), 404)
        error_of(nobody.get("/v1/concepts", params={"namespace": name}), 404)
        error_of(nobody.delete(f"/v1/namespaces/{name}"), 404)
    assert nobody.delete("/v1/namespaces/work").json()["counts"]["concepts"] == 1


def ask_in(client, namespace):
    return ask(client, ASKED, pilotage={"namespace": namespace})
