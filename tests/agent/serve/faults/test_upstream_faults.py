"""Faults of an upstream, on every way through the server: an answer or a clear error in time, and nothing is learnt."""

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pilotage.memory import ConceptStore
from tests.agent.chat.test_conversations import ASKED, PROGRAM
from tests.agent.serve.tenants import error_of
from tests.agent.serve.upstream import Line

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
SECONDS = 20.0
"""That a request may take; far from those that it takes beside a heavy load."""
OF_THE_REPLY = {"empty", "cut in thinking"}
"""A model's own replies, which a passthrough gives as they are."""
WHOLE_ALL_THE_SAME = {("cut", False), ("slow", False)}
"""A reply that is not streamed is neither cut nor slow."""
CUT_BY_A_LIMIT = {("huge", True), ("slow", True), ("dribble", True)}
"""What came of a stream before a limit of size or time is told as a reply that was cut."""


def fault_of(body):
    """The fault that a request names; it stands in every prompt that is made of it."""
    text = json.dumps(body)
    return FAULTS[max((name for name in FAULTS if f"[{name}]" in text), key=len)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def replies(store, module_over):
    """Status, headers and text of the reply to every request, all of them asked at once, and the seconds of each."""
    _, client = module_over(fault_of, str(store), max_seconds=SECONDS)

    def ask(fault, path, model, stream):
        text = f"{ASKED if model == ROUTED else 'hi there'} [{fault}]"
        body = {"model": model, "stream": stream}
        body |= {"input": text} if path == PATHS[1] else {"messages": [{"role": "user", "content": text}]}
        began = time.monotonic()
        return client.post(path, json=body), time.monotonic() - began

    asked = [(fault, *way) for fault in FAULTS for way in WAYS]
    with ThreadPoolExecutor(len(asked)) as pool:
        return dict(zip(asked, pool.map(lambda one: ask(*one), asked), strict=True)), client


@pytest.mark.parametrize(("path", "model", "stream"), WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_clear_error_in_time(replies, fault, path, model, stream):
    reply, seconds = replies[0][fault, path, model, stream]
    assert seconds < 10 * SECONDS
    passed = model == "passthrough"
    if (fault, stream) in WHOLE_ALL_THE_SAME or (passed and (fault, stream) == ("huge", True)):
        assert reply.status_code == 200 and any(word in reply.text for word in ("one two", "word word", "xxx"))
    elif fault in OF_THE_REPLY and passed:
        assert reply.status_code == 200
    elif fault == "cut in thinking" and path == PATHS[1]:
        assert "max_output_tokens" in reply.text and "incomplete" in reply.text
    elif not stream or reply.status_code != 200:
        status = int(fault) if fault.isdigit() else {"cut in thinking": 400}.get(fault, 502)
        assert reply.status_code in (status, 502, 504), reply.text
        assert error_of(reply, reply.status_code)["message"]
        assert reply.status_code != 429 or reply.headers["retry-after"]
    elif (fault, passed) == ("error in 200", True):
        assert reply.text.startswith("data: ") and json.loads(reply.text[6:])["error"]["message"]
    elif (fault, stream) in CUT_BY_A_LIMIT and not passed:
        assert ('"finish_reason":"length"' if path == PATHS[0] else "response.incomplete") in reply.text
    else:
        *_, last, done, rest = reply.text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", ""), reply.text[-300:]
        event = json.loads(last.rpartition("data: ")[2])
        error = event.get("error") or event["response"]["error"]
        assert error["message"] and {"code", "message"} <= error.keys()


def test_nothing_is_learnt_and_no_feedback_teaches(replies, store):
    asked, client = replies
    with ConceptStore.open(store, embedder="hash") as memory:
        assert memory.all(retired=True) == []
        ids = [id_of(reply) for reply, _ in asked.values()]
        for id in {id for id in ids if id}:
            said = client.post("/v1/feedback", json={"completion_id": id, "helped": True})
            assert said.status_code == 404 or said.json()["changed"]
        assert memory.all(retired=True) == []


def id_of(reply):
    """Id of a completion, whole or streamed."""
    return reply.text.partition('"id":"')[2].partition('"')[0]


def test_an_answer_is_there_where_the_upstream_recovers_and_its_usage_is_whole(over):
    """Twice 500, then well: the client sees no fault, and usage is what the upstream has billed."""
    failures = iter([500, 429, "torn"])

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
        failures = iter([500, 503])
