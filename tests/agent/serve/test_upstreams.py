"""Several upstreams: who is asked where one fails, and where none may be any more."""

import json
import socket
import time

import openai
import pytest

from pilotage.agent.models.prices import Price
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.passing.usage import Passed
from tests.agent.chat.test_conversations import ASKED
from tests.agent.serve.test_metrics import told
from tests.agent.serve.test_over_an_upstream import HELLO, QUESTION, client_of, working
from tests.agent.serve.upstream import Line, Upstream


@pytest.fixture
def chain(running, serve, tmp_path):
    """Serves upstreams that scripts answer for, each standing in for the one before it; gives them and a client.

    They are called a, b, c, ...; a script that is None is one that nobody listens for.
    """

    def start(*scripts, more=(), first=(), **config):
        ups, upstreams = [], {}
        names = "abcdef"[: len(scripts)]
        for name, script, after in zip(names, scripts, [*names[1:], None], strict=True):
            up = Upstream(script)
            address = running(up.app) if script else f"http://127.0.0.1:{unused_port()}"
            ups.append(up)
            upstreams[name] = {"model": f"model-{name}", "base_url": f"{address}/v1", "retries": 0, **dict(more)}
            upstreams[name] |= {"fallback": [after]} if after else {}
        upstreams["a"] |= dict(first)
        config |= {"upstreams": upstreams, "responses_file": tmp_path / "responses.sqlite"}
        return ups, serve(None, config, model="scripted:nothing")

    return start


def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def read_until(reply, wanted):
    """Reads a stream until some text has come of it; a piece may end anywhere."""
    read = ""
    for piece in reply.iter_text():
        read += piece
        if wanted in read:
            return
    raise AssertionError(f"the stream ended before {wanted!r} came: {read}")


def asked(ups):
    return [len(up.bodies) for up in ups]


def text_of(reply):
    events = [json.loads(line[6:]) for line in reply.text.split("\n\n") if line.startswith("data: {")]
    return "".join(e["choices"][0]["delta"].get("content") or "" for e in events if e.get("choices")), events


FAULTS = {
    "refuses": None,
    "hangs": lambda body: Line(fault="hang"),
    "503": lambda body: Line(fault=503),
    "429": lambda body: Line(fault=429),
    "401": lambda body: Line(fault=401),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
def test_another_upstream_answers_where_the_first_fails(chain, model, stream, fault):
    first = {"timeout": 0.5} if fault == "hangs" else {}
    ups, http = chain(FAULTS[fault], lambda body: "Hello from b!", first=first)
    body = {"model": model, "messages": HELLO, "stream": stream}
    body |= {"stream_options": {"include_usage": True}} if stream else {}
    reply = http.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200
    if stream:
        assert text_of(reply)[0] == "Hello from b!"
    else:
        assert reply.json()["choices"][0]["message"]["content"] == "Hello from b!"
        assert reply.json()["model"] == ("model-b" if model.startswith("passthrough") else model)
    calls = told(http, "pilotage_tokens_total")
    assert calls['kind="completion",upstream="b"'] == ups[1].completion_tokens == 3
    (failure,) = told(http, "pilotage_upstream_failures_total")
    why = {"refuses": "connection", "hangs": "timeout"}.get(fault, fault)
    assert failure == f'upstream="a",why="{why}"'
    before = asked(ups)
    http.post("/v1/chat/completions", json=body)
    assert asked(ups) == [before[0], before[1] + 1]  # the failure is remembered


@pytest.mark.parametrize("stream", [False, True])
def test_responses_fall_back_too(chain, stream):
    ups, http = chain(lambda body: Line(fault=503), lambda body: "Hello from b!")
    body = {"model": "pilotage@a", "input": "hi there", "stream": stream}
    reply = http.post("/v1/responses", json=body)
    assert reply.status_code == 200 and "Hello from b!" in reply.text
    assert '"status":"completed"' in reply.text
    assert asked(ups) == [1, 1]


def test_a_chain_of_three_tells_in_trace_and_metrics_who_answered(chain):
    ups, http = chain(None, lambda body: Line(fault=503), working)
    body = {"model": "pilotage@a", "messages": QUESTION, "pilotage": {"trace": True}}
    reply = http.post("/v1/chat/completions", json=body).json()
    assert reply["model"] == "pilotage@a"
    (run,) = reply["pilotage"]["runs"]
    assert len(run["steps"]) > 1
    assert {step["upstream"] for step in run["steps"]} == {"c"}
    assert asked(ups) == [0, 1, reply["usage"]["total_tokens"] and len(ups[2].bodies)]
    tokens = told(http, "pilotage_tokens_total")
    assert tokens['kind="prompt",upstream="c"'] == ups[2].prompt_tokens == reply["usage"]["prompt_tokens"]


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
@pytest.mark.parametrize("fault", [400, 403, 404, 422])
def test_a_requests_own_fault_is_nobody_elses(chain, model, fault):
    ups, http = chain(lambda body: Line(fault=fault), lambda body: "Hello from b!")
    reply = http.post("/v1/chat/completions", json={"model": model, "messages": HELLO})
    assert reply.status_code == fault
    before = asked(ups)
    assert before[0] >= 1 and before[1] == 0
    http.post("/v1/chat/completions", json={"model": model, "messages": HELLO})
    assert asked(ups)[0] > before[0] and ups[1].bodies == []  # nor is it remembered


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
def test_nobody_goes_on_with_a_stream_that_has_begun(chain, model):
    ups, http = chain(lambda body: Line("one two", fault="cut"), lambda body: "Hello from b!")
    reply = http.post("/v1/chat/completions", json={"model": model, "messages": HELLO, "stream": True})
    text, events = text_of(reply)
    assert text == "one"
    assert ups[1].bodies == []
    if model.startswith("pilotage"):
        assert events[-1]["error"]["message"]


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
def test_where_all_fail_the_last_one_is_told(chain, model):
    _, http = chain(None, lambda body: Line(fault=429))
    for _ in range(2):  # also while the failures are remembered
        reply = http.post("/v1/chat/completions", json={"model": model, "messages": HELLO})
        assert reply.status_code in (429, 502)
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    reply = chain(None, lambda body: Line(fault=429))[1].post(
        "/v1/chat/completions", json={"model": model, "messages": HELLO}
    )
    assert reply.status_code == 429 and int(reply.headers["retry-after"]) >= 0


def test_an_upstream_is_asked_again_when_its_rest_is_over(chain):
    well = []
    ups, http = chain(
        lambda body: "Hello from a!" if well else Line(fault=503), lambda body: "Hello from b!", more={"cooldown": 0.05}
    )

    def reply():
        body = {"model": "pilotage@a", "messages": HELLO}
        return http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]

    assert reply() == "Hello from b!"
    well.append(True)
    while reply() != "Hello from a!":
        pass
    assert reply() == "Hello from a!"


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
def test_no_single_request_switches_an_upstream_off_for_all(chain, model):
    spoilt = {"model": model, "messages": [{"role": "user", "content": "spoilt"}]}
    ups, http = chain(
        lambda body: Line(fault=500) if "spoilt" in str(body["messages"]) else "Hello from a!",
        lambda body: "Hello from b!",
    )

    def says(body):
        return http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]

    assert says(spoilt) == "Hello from b!"
    assert says({"model": model, "messages": HELLO}) == "Hello from a!"
    assert [says(spoilt), says(spoilt)] == ["Hello from b!"] * 2
    assert says({"model": model, "messages": HELLO}) == "Hello from b!", "two in a row are taken for its own fault"


def test_what_a_request_stops_by_itself_is_no_failure_of_the_upstream(chain):
    ups, http = chain(lambda body: Line(""), lambda body: "Hello from b!")
    for _ in range(3):
        http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": HELLO, "stop": ["Hello"]})
    assert asked(ups) == [3, 0]


def test_what_another_upstream_cannot_take_is_not_the_requests_fault(chain):
    refusing = lambda body: Line(fault=400)  # noqa: E731
    ups, http = chain(lambda body: Line(fault=503), refusing, lambda body: "Hello from c!")
    reply = http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": HELLO}).json()
    assert reply["choices"][0]["message"]["content"] == "Hello from c!"
    _, http = chain(lambda body: Line(fault=503), refusing)
    reply = http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": HELLO})
    assert reply.status_code == 503


def test_an_upstream_that_hangs_is_asked_once_where_another_can_be(chain):
    ups, http = chain(lambda body: Line(fault="hang"), lambda body: "Hi!", more={"retries": 3}, first={"timeout": 0.3})
    reply = http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": HELLO}).json()
    assert reply["choices"][0]["message"]["content"] == "Hi!"
    assert asked(ups) == [1, 1]


def test_a_passed_stream_whose_first_event_is_an_error_is_asked_elsewhere(chain):
    ups, http = chain(lambda body: Line(fault="error in 200"), lambda body: "Hello from b!")
    reply = http.post("/v1/chat/completions", json={"model": "passthrough@a", "messages": HELLO, "stream": True})
    assert text_of(reply)[0] == "Hello from b!"
    assert told(http, "pilotage_upstream_failures_total") == {'upstream="a",why="broken"': 1}


def test_one_that_cannot_be_set_up_is_passed_over(running, serve):
    up = Upstream(lambda body: "Hello from c!")
    upstreams = {
        "a": {"model": "m", "base_url": f"http://127.0.0.1:{unused_port()}/v1", "retries": 0, "fallback": ["b", "c"]},
        "b": {"model": "embedded:missing.gguf"},
        "c": {"model": "m", "base_url": f"{running(up.app)}/v1"},
    }
    http = serve(None, {"upstreams": upstreams}, model="scripted:nothing")
    reply = http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": HELLO}).json()
    assert reply["choices"][0]["message"]["content"] == "Hello from c!"


def test_the_first_upstream_may_have_a_fallback(over, running):
    other = Upstream(lambda body: "Hello from b!")
    upstreams = {
        "default": {"fallback": ["b"], "retries": 0},
        "b": {"model": "model-b", "base_url": f"{running(other.app)}/v1"},
    }
    _, http = over(lambda body: Line(fault=503), {"upstreams": upstreams})
    client = client_of(http)
    assert client.chat.completions.create(model="pilotage", messages=HELLO).choices[0].message.content == (
        "Hello from b!"
    )


PRICES = {
    "a": {"input": 2.0, "cached_input": 0.5, "output": 8.0},
    "b": {"input": 0.1, "output": 0.4},
}


def dollars(name, up):
    price = PRICES[name]
    fresh = up.prompt_tokens - up.cached_tokens
    read = fresh * price["input"] + up.cached_tokens * price.get("cached_input", price["input"])
    return (read + up.completion_tokens * price["output"]) / 1e6


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_cost_is_that_of_all_calls(chain, tmp_path, model, stream):
    file = tmp_path / "prices.toml"
    file.write_text('["model-a"]\ninput = 2\ncached_input = 0.5\noutput = 8\n', encoding="utf-8")
    ups, http = chain(working, lambda body: "", prices=file)
    client = client_of(http)
    if stream:
        *_, last = client.chat.completions.create(
            model=model, messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    else:
        last = client.chat.completions.create(model=model, messages=QUESTION)
    assert last.usage.cost == pytest.approx(dollars("a", ups[0]), rel=1e-9)
    (cost,) = told(http, "pilotage_cost_usd_total").items()
    assert cost == ('model="model-a",upstream="a"', pytest.approx(dollars("a", ups[0]), rel=1e-9))


def test_two_upstreams_have_their_own_prices(chain, tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text('["model-b"]\ninput = 0.1\noutput = 0.4\n', encoding="utf-8")
    failed = []

    def first(body):
        failed.append(True)
        return working(body) if len(failed) == 1 else Line(fault=503)

    ups, http = chain(first, working, first={"price": PRICES["a"]}, prices=file)
    reply = http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": QUESTION}).json()
    both = dollars("a", ups[0]), dollars("b", ups[1])
    assert all(both)
    assert reply["usage"]["cost"] == pytest.approx(sum(both), rel=1e-9)
    assert told(http, "pilotage_cost_usd_total") == {
        'model="model-a",upstream="a"': pytest.approx(both[0], rel=1e-9),
        'model="model-b",upstream="b"': pytest.approx(both[1], rel=1e-9),
    }


def test_where_a_part_has_no_price_the_cost_is_not_known(chain):
    down = []

    def first(body):
        down.append(True)
        return working(body) if len(down) == 1 else Line(fault=503)

    ups, http = chain(first, working, first={"price": PRICES["a"]})
    assert told(http, "pilotage_cost_usd_total") == {}
    reply = http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": QUESTION}).json()
    assert len(ups[0].bodies) == 2 and ups[1].bodies
    assert "cost" not in reply["usage"]  # of a part the price is not known
    (cost,) = told(http, "pilotage_cost_usd_total").values()
    assert cost == pytest.approx(dollars("a", ups[0]), rel=1e-9)


def test_several_replies_cost_what_their_calls_do(chain):
    ups, http = chain(working, more={"price": PRICES["a"]})
    body = {"model": "pilotage@a", "messages": QUESTION, "n": 2}
    reply = http.post("/v1/chat/completions", json=body).json()
    assert reply["usage"]["cost"] == pytest.approx(dollars("a", ups[0]), rel=1e-9)
    made = http.post("/v1/responses", json={"model": "pilotage@a", "input": ASKED}).json()
    assert made["usage"]["cost"] + reply["usage"]["cost"] == pytest.approx(dollars("a", ups[0]), rel=1e-9)


def test_a_fallback_costs_what_both_have_billed(chain):
    ups, http = chain(lambda body: Line(""), lambda body: "Hello from b!", more={"price": PRICES["a"]})
    reply = http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": HELLO}).json()
    assert reply["choices"][0]["message"]["content"] == "Hello from b!"
    both = dollars("a", ups[0]) + dollars("a", ups[1])
    assert asked(ups) == [1, 1]
    assert reply["usage"]["cost"] == pytest.approx(both, rel=1e-9)
    assert reply["usage"]["prompt_tokens"] == sum(up.prompt_tokens for up in ups)


def test_without_a_price_there_is_no_cost(over):
    _, http = over(working)
    for model in ("pilotage", "passthrough"):
        reply = http.post("/v1/chat/completions", json={"model": model, "messages": HELLO}).json()
        assert "cost" not in reply["usage"]
    assert told(http, "pilotage_cost_usd_total") == {}


def test_a_client_of_openai_reads_the_errors_of_the_last(chain):
    _, http = chain(lambda body: Line(fault=503), lambda body: Line(fault=503))
    with pytest.raises(openai.InternalServerError) as refused:
        client_of(http).chat.completions.create(model="pilotage@a", messages=HELLO)
    assert refused.value.status_code == 503


def test_what_a_block_was_writing_is_worked_out_anew_by_another(chain):
    """Nothing of the reply has been sent by then."""

    def first(body):
        return Line("one two", fault="cut") if body.get("stream") else Line(fault=503)

    ups, http = chain(first, working)
    body = {"model": "pilotage@a", "messages": QUESTION, "stream": True, "stream_options": {"include_usage": True}}
    text, events = text_of(http.post("/v1/chat/completions", json=body))
    assert text == "It is 391."
    assert not any("error" in event for event in events)
    assert {event["model"] for event in events} == {"pilotage@a"}
    assert ups[0].bodies and ups[1].bodies
    assert told(http, "pilotage_upstream_failures_total").keys() == {'upstream="a",why="broken"'}


def test_a_stream_that_is_passed_through_and_breaks_off_ends_with_an_error(running, serve):
    """The connection is closed in the middle of a chunk."""

    async def broken(scope, receive, send):
        headers = [(b"content-type", b"text/event-stream"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'data: {"choices": []}\n\n', "more_body": True})
        await send({"type": "http.response.body", "body": b'data: {"cho', "more_body": False})

    upstreams = {"a": {"model": "m", "base_url": f"{running(broken, lifespan='off')}/v1"}}
    http = serve(None, {"upstreams": upstreams}, model="scripted:no")
    body = {"model": "passthrough@a", "messages": HELLO, "stream": True}
    *_, error, done, rest = http.post("/v1/chat/completions", json=body).text.split("\n\n")
    assert "broke off" in json.loads(error.removeprefix("data: "))["error"]["message"]
    assert (done, rest) == ("data: [DONE]", "")


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
def test_a_stream_whose_client_leaves_is_charged_with_its_cost(chain, model):
    ups, http = chain(lambda body: Line("word " * 10_000, delay=0.01), more={"price": {"input": 0, "output": 5}})
    body = {"model": model, "messages": HELLO, "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as reply:
        read_until(reply, "wor")  # the rest may be held back, since a key may begin with it
    assert ups[0].left.wait(120)
    wait_for(lambda: told(http, "pilotage_upstream_calls_total") == {'upstream="a"': 1})
    written = told(http, "pilotage_tokens_total")['kind="completion",upstream="a"']
    assert written > 0
    assert told(http, "pilotage_cost_usd_total") == {'model="model-a",upstream="a"': pytest.approx(written * 5 / 1e6)}


def test_a_passed_through_stream_of_responses_tells_its_cost(running, serve):
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 3, "total_tokens": 13}
    done = {"type": "response.completed", "response": {"id": "r", "usage": usage}}

    async def responds(scope, receive, send):
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        begun = b'event: response.created\ndata: {"type": "response.created", "response": {"usage": null}}\n\n'
        await send({"type": "http.response.body", "body": begun, "more_body": True})
        whole = b"event: response.completed\ndata: " + json.dumps(done).encode() + b"\n\n"
        await send({"type": "http.response.body", "body": whole[:60], "more_body": True})
        await send({"type": "http.response.body", "body": whole[60:], "more_body": False})

    address = running(responds, lifespan="off")
    upstreams = {"a": {"model": "m", "base_url": f"{address}/v1", "price": PRICES["a"]}}
    http = serve(None, {"upstreams": upstreams}, model="scripted:no")
    reply = http.post("/v1/responses", json={"model": "passthrough@a", "input": "hi", "stream": True})
    *_, last = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    cost = pytest.approx((6 * 2 + 4 * 0.5 + 3 * 8) / 1e6)
    assert last["response"]["usage"] == usage | {"cost": cost}
    assert told(http, "pilotage_cost_usd_total") == {'model="m",upstream="a"': cost}


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
def test_no_upstream_is_shown_the_key_of_another(chain, monkeypatch, model):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("KEY_OF_B", "sk-of-b")
    ups, http = chain(lambda body: Line(fault=503), lambda body: Line(fault=503), lambda body: "hi")
    http.post("/v1/chat/completions", json={"model": model, "messages": HELLO}).raise_for_status()
    assert {headers["authorization"] for up in ups for headers in up.headers} == {"Bearer none"}
    upstreams = {"b": {"model": "m", "base_url": "http://127.0.0.1:1/v1", "api_key_env": "KEY_OF_B"}}
    assert ServeConfig(upstreams=upstreams).upstreams["b"].key == "sk-of-b"


def test_an_upstream_is_tried_again_before_another_is_asked(chain):
    ups, http = chain(lambda body: Line(fault=429), lambda body: "Hello from b!", more={"retries": 2})
    http.post("/v1/chat/completions", json={"model": "pilotage@a", "messages": HELLO}).raise_for_status()
    assert asked(ups) == [3, 1]


def test_what_cannot_be_written_anew_is_passed_on_as_it_came():
    body = b'{"usage": {"prompt_tokens": 1}, "big": %d}' % 10**30
    passed = Passed(5, Price(input=1, output=1), lambda usage: None)
    assert passed.whole(body, good=True) == body
    assert passed.usage.prompt_tokens == 1


@pytest.mark.parametrize("step", [600, 100_003, 2_000_000])
def test_a_stream_is_passed_on_whole_however_it_is_cut_into_pieces(step):
    usage = b'data: {"usage": {"prompt_tokens": 2}}'
    lines = [b"data: " + b"x" * (2**20 + 5), b": comment", usage, b"data: end", b"", b""]
    whole, sent = b"\n".join(lines), []
    counted = []
    passed = Passed(5, None, counted.append)
    passed.begin()
    for at in range(0, len(whole), step):
        sent.append(passed.feed(whole[at : at + step]))
    passed.end()
    passed.end()
    assert b"".join(sent) == whole
    assert [usage.prompt_tokens for usage in counted] == [2]
