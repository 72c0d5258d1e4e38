"""Faults of an upstream, on every way through the server: an answer or a clear error in time, and nothing is learnt."""

import itertools
import json

import pytest

from pilotage.memory import ConceptStore
from tests.agent.chat.test_conversations import ASKED, PROGRAM
from tests.agent.serve.tenants import error_of
from tests.agent.serve.upstream import Line
from tests.together import pool_of

FAULTS = {
    **{str(status): Line(fault=status) for status in (429, 500, 503)},
    **{
        name: Line("one two", fault=name)
        for name in ("hang", "cut", "torn", "dribble", "huge", "garbage", "no json", "nothing", "no choices")
    },
    **{name: Line("one two", fault=name) for name in ("other type", "error in 200")},
    "empty": Line(""),
    "cut in thinking": Line("", thinking="let me see whether", finish="length"),
    "slow": Line("word " * 1000, delay=0.1),
}
PATHS = ("/v1/chat/completions", "/v1/responses")
ROUTED = "pilotage:program,reason"
MODELS = ("pilotage", ROUTED, "passthrough")
WAYS = [*itertools.product(PATHS, MODELS, (False, True))]
SECONDS = 10.0
"""That a request may take whose upstream takes too long."""
TOO_LONG = {"hang", "dribble", "slow"}
FINE = {("cut", False), ("slow", False)}
"""A reply that is not streamed is neither cut nor slow."""


def due(fault, model, stream):
    """What may become of a request; under load a limit may be reached before the first word."""
    passed = model == "passthrough"
    if (fault, stream) in FINE:
        return {"whole"}
    if passed and fault in ("empty", "cut in thinking"):
        return {"whole", "empty", "cut"}  # a model's own reply, which is given as it is
    if fault == "cut in thinking":
        return {"502", "error", "cut"}  # nobody set a limit: it was the upstream's own
    if (fault, stream) == ("huge", True) or (fault in ("dribble", "slow") and stream):
        return {"error"} if passed else {"error", "cut"}  # what came of it before a limit is told as cut
    return {"error"} if stream and not passed else {"error", "502", "504", fault}


def became(reply, path, stream):
    """What became of a request, by its own words; whatever they are, they have the form of the endpoint."""
    if reply.status_code != 200:
        error = error_of(reply, reply.status_code)
        assert error["message"] and (reply.status_code != 429 or reply.headers["retry-after"])
        return str(reply.status_code)
    if not stream:
        return said(reply.json(), path)
    *events, rest = (one for one in reply.text.split("\n\n") if one != "data: [DONE]" and not one.startswith(":"))
    assert rest == ""
    data = [json.loads(event.rpartition("data: ")[2]) for event in events]
    if path == "/v1/responses" and "response" in data[-1]:
        return said(data[-1]["response"], path)
    if "error" in data[-1]:
        assert data[-1]["error"]["message"]
        return "error"
    assert reply.text.endswith("data: [DONE]\n\n")
    choices = [one["choices"][0] for one in data if one["choices"]]
    text = "".join(one["delta"].get("content") or "" for one in choices)
    return "cut" if choices[-1]["finish_reason"] == "length" else "whole" if text else "empty"


def said(whole, path):
    if path == "/v1/responses":
        if whole.get("error"):
            assert whole["status"] == "failed" and whole["error"]["message"]
            return "error"
        texts = [part["text"] for item in whole["output"] if item["type"] == "message" for part in item["content"]]
        return "cut" if whole["status"] == "incomplete" else "whole" if any(texts) else "empty"
    (choice,) = whole["choices"]
    return "cut" if choice["finish_reason"] == "length" else "whole" if choice["message"]["content"] else "empty"


def fault_of(body):
    """The fault that a request names; it stands in every prompt that is made of it."""
    text = json.dumps(body)
    return FAULTS[max((name for name in FAULTS if f"[{name}]" in text), key=len)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def replies(store, module_over):
    """The reply to every request, all of them asked at once; those whose upstream takes too long of a second server."""
    _, client = module_over(fault_of, str(store))
    _, hasty = module_over(fault_of, str(store), max_seconds=SECONDS)

    def ask(fault, path, model, stream):
        text = f"{ASKED if model == ROUTED else 'hi there'} [{fault}]"
        body = {"model": model, "stream": stream}
        body |= {"input": text} if path == PATHS[1] else {"messages": [{"role": "user", "content": text}]}
        return (hasty if fault in TOO_LONG else client).post(path, json=body)

    asked = [(fault, *way) for fault in FAULTS for way in WAYS]
    with pool_of(len(asked)) as pool:
        return dict(zip(asked, pool.map(lambda one: ask(*one), asked), strict=True)), client


@pytest.mark.parametrize(("path", "model", "stream"), WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_clear_error_in_time(replies, fault, path, model, stream):
    reply = replies[0][fault, path, model, stream]
    assert became(reply, path, stream) in due(fault, model, stream), reply.text[-500:]


def test_nothing_is_learnt_and_no_feedback_teaches(replies, store):
    asked, client = replies
    with ConceptStore.open(store, embedder="hash") as memory:
        assert memory.all(retired=True) == []
        ids = [id_of(reply) for reply in asked.values()]
        for id in {id for id in ids if id}:
            said = client.post("/v1/feedback", json={"completion_id": id, "helped": True})
            assert said.status_code == 404 or said.json()["changed"] is False
        assert memory.all(retired=True) == []


def id_of(reply):
    """Id of a completion, whole or streamed."""
    return reply.text.partition('"id":"')[2].partition('"')[0]


def test_an_answer_is_there_where_the_upstream_recovers_and_its_usage_is_whole(over):
    """Refused twice, then well: the client sees no fault, and usage is what the upstream has billed."""
    failures = iter([503, 429])

    def script(body):
        return Line(fault=next(failures, None), text=PROGRAM)

    upstream, client = over(script)
    for stream in (False, True):
        body = {"model": "pilotage", "messages": [{"role": "user", "content": "hi there"}], "stream": stream}
        body |= {"stream_options": {"include_usage": True}} if stream else {}
        before = upstream.prompt_tokens, upstream.completion_tokens
        reply = client.post("/v1/chat/completions", json=body)
        assert reply.status_code == 200
        usage = json.loads(reply.text.split("\n\n")[-3][6:])["usage"] if stream else reply.json()["usage"]
        billed = upstream.prompt_tokens - before[0], upstream.completion_tokens - before[1]
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == billed
        failures = iter([529, 503])
