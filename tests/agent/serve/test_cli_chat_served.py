"""`pilotage chat --url` against running servers: one of pilotage with keys and a memory, and others."""

import json

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from pilotage.agent.cli.chat import served as module
from tests.agent.serve.tenants import ASKED, TAUGHT
from tests.agent.serve.upstream import Line, Upstream
from tests.agent.test_terminal import HOSTILE, OBEYED

LESSON = "Subtract the cost before you tell the profit."


@pytest.fixture
def chat(command_line, monkeypatch):
    """Talks to a server by its address."""

    def talk(url, *lines, options=(), code=0, key=None):
        if key is not None:
            monkeypatch.setenv("CHAT_KEY", key)
            options = (*options, "--api-key-env", "CHAT_KEY")
        said = command_line("chat", "--url", f"{url}/v1", *options, stdin="".join(f"{line}\n" for line in lines))
        assert said.code == code, said
        assert "Traceback" not in said.err and not OBEYED.search(said.out + said.err)
        return said

    return talk


@pytest.fixture
def tenant(house):
    """A server with a memory, and the secret of one of its keys; `learn` of a key lets its talk teach."""
    started = house(policy="default")
    client = started.key("a")
    started.url = str(client.base_url).rstrip("/")
    started.secret = client.headers["authorization"].removeprefix("Bearer ")
    return started


def concepts(house):
    with house.store("a") as store:
        every = store.browse(limit=None) + store.browse(status="retired", limit=None)
        return {one.title: (one.status, one.outcomes.helped, one.outcomes.harmed) for one in every}


TEACHES = ("--model", "pilotage:program")


def test_the_route_of_a_server_is_shown_as_that_of_an_agent_here(chat, tenant, tmp_path):
    said = chat(tenant.url, "Hi", ASKED, "/why", key=tenant.secret, options=TEACHES)
    assert "program  entry 1 of the sequence" in said.out and "candidate 59" in said.out and "It is 59." in said.out
    assert f"learned  {TAUGHT}" in said.out and said.out.count(" s in all") == 3
    shown = json.loads(chat(tenant.url, "Hi", options=["--json"], key=tenant.secret).out)
    assert (shown["text"], shown["chosen"][0]["block"], shown["usage"]["llm_calls"]) == ("Hello!", "answer", 1)
    assert shown["id"].startswith("chatcmpl-")


def test_good_bad_and_a_correction_by_the_id_of_the_completion(chat, tenant):
    kept = ("--resume", "c.json")
    chat(tenant.url, ASKED, "/save c.json", "/good", key=tenant.secret, options=TEACHES)
    assert concepts(tenant) == {TAUGHT: ("trusted", 0, 0)}
    told = chat(tenant.url, f"/bad {LESSON}", key=tenant.secret, options=kept, code=0).out
    assert "held against" in told and "kept as a provisional lesson" in told
    assert concepts(tenant) == {TAUGHT: ("retired", 0, 0), LESSON.rstrip("."): ("provisional", 0, 0)}


def test_undo_takes_back_what_a_reply_taught_and_what_it_credited(chat, tenant):
    chat(tenant.url, ASKED, key=tenant.secret, options=TEACHES)
    before = concepts(tenant)
    said = chat(tenant.url, ASKED, "/good", "/undo", "/why", key=tenant.secret, options=TEACHES, code=1)
    assert "changes of memory taken back" in said.out and "there is no reply yet" in said.err
    assert concepts(tenant) == before
    said = chat(
        tenant.url, ASKED.replace("14", "15"), "/undo", key=tenant.secret, options=("--memory", "none", *TEACHES)
    )
    assert "of memory taken back" not in said.out and concepts(tenant) == before


def test_undo_of_a_key_that_may_not_write_says_what_stays(chat, tenant):
    reader = tenant.key("a", scopes=("chat",))
    secret = reader.headers["authorization"].removeprefix("Bearer ")
    said = chat(tenant.url, ASKED, "/undo", key=secret, options=TEACHES, code=1)
    assert "taken back: Goods are sold" in said.out and "refused (403)" in said.err
    assert TAUGHT in concepts(tenant)


def test_effort_and_models_of_a_server(chat, tenant):
    said = chat(tenant.url, "/model", "/effort high", "Hi", "/model passthrough", key=tenant.secret)
    assert "pilotage:medium\n" in said.out and "from now on with high effort" in said.out
    assert f"from now on: passthrough at {tenant.url}/v1" in said.out and "Hello!" in said.out


def test_a_wrong_key_a_wrong_model_and_no_server_are_a_sentence_each(chat, tenant):
    wrong = "sk-not-a-key-of-anybody-81qT"
    said = chat(tenant.url, "Hi", key=wrong, code=1)
    assert "refused (401)" in said.err and wrong not in said.err + said.out
    said = chat(tenant.url, "Hi", "/model pilotage", "Hi", key=tenant.secret, options=["--model", "gpt"], code=1)
    assert "the model 'gpt' does not exist" in said.err and said.out.count("Hello!") == 1
    said = chat("http://127.0.0.1:9", "Hi", "/undo", code=1)
    assert "nobody answers at http://127.0.0.1:9/v1" in said.err and len(said.err.splitlines()) == 2


def test_another_server_replies_without_a_route(chat, running):
    upstream = Upstream(lambda body: Line("Fine, thanks.", thinking="a greeting"))
    url = running(upstream.app)
    said = chat(url, "Hi", "How are you?", "/why", "/good", "/effort low", "/undo", options=["--model", "up"], code=1)
    assert "Fine, thanks." in said.out and "a greeting" in said.out
    assert "not known: the server tells no route" in said.out
    assert said.err.count("is no server of pilotage") == 2
    asked, second = upstream.bodies
    assert asked.keys() == {"model", "messages", "stream", "stream_options"}
    assert [one["content"] for one in second["messages"]] == ["Hi", "Fine, thanks.", "How are you?"]
    total = upstream.prompt_tokens, upstream.completion_tokens
    shown = chat(url, "Hi", "/usage", options=["--model", "up"]).out
    assert f"{upstream.prompt_tokens - total[0]} tokens in" in shown.splitlines()[-1]


@pytest.mark.parametrize(
    ("fault", "why"),
    [(500, "refused (500): upstream says 500"), ("cut", "ended before it was whole"), ("garbage", "ended before")],
)
def test_a_reply_that_fails_is_no_turn(chat, running, fault, why):
    lines = iter([Line("One two three", fault=fault), "Fine."])
    upstream = Upstream(lambda body: next(lines))
    said = chat(running(upstream.app), "Hi", "/retry", "/save c.json", options=["--model", "up"], code=1)
    assert why in said.err and said.out.count("Fine.") == 1
    assert [one["content"] for one in upstream.bodies[-1]["messages"]] == ["Hi"]
    with open("c.json") as file:
        assert len(json.load(file)["turns"]) == 1


def served(*events):
    """A server that says it is of pilotage, and streams these objects."""

    async def models(request):
        return JSONResponse({"data": [{"id": HOSTILE, "owned_by": "pilotage"}, {"id": 7}, 8]})

    async def complete(request):
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        return StreamingResponse(iter([*lines, "data: [DONE]\n\n"]), media_type="text/event-stream")

    route = Route("/v1/chat/completions", complete, methods=["POST"])
    return Starlette(routes=[route, Route("/v1/models", models)])


def chunk(delta=None, finish=None, **more):
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}


def test_a_server_that_sends_commands_to_the_terminal_is_shown(chat, running):
    step = {"block": HOSTILE, "text": HOSTILE, "candidate": HOSTILE, "evidence": {"note": HOSTILE}}
    hint = {"concept_id": HOSTILE, "title": HOSTILE, "similarity": 0.5}
    told = [
        {"event": "recalled", "concepts": [hint], "withheld": []},
        {"event": "chosen", "block": HOSTILE, "why": HOSTILE},
        {"event": "wrote", "block": HOSTILE, "text": HOSTILE},
        {"event": "stepped", "step": step},
        {"event": "learned", "concepts": [{"concept_id": "c", "title": HOSTILE}], "usage": {"llm_calls": 1}},
        {"event": "of tomorrow"},
    ]
    url = running(served(*(chunk(pilotage=one) for one in told), chunk({"content": HOSTILE}), chunk(finish="stop")))
    out = chat(url, "Hi", "/why", "/model").out
    assert out.count(r"\x1b]0;owned\x07") >= 8


@pytest.mark.parametrize(
    "told",
    [
        {"event": "stepped", "step": {"usage": "much"}},
        {"event": "recalled", "concepts": 7, "withheld": []},
        {"event": "finished", "run": {"usage": []}},
        {"event": "learned"},
    ],
)
def test_a_trace_that_is_none_ends_the_reply_with_a_sentence(chat, running, told):
    url = running(served(chunk(pilotage=told), chunk({"content": "Fine."}), chunk(finish="stop")))
    assert "the server's trace is not as pilotage writes it" in chat(url, "Hi", code=1).err


def test_an_error_in_a_stream_is_told(chat, running):
    error = {"error": {"message": f"it broke {HOSTILE}", "type": "api_error", "param": None, "code": None}}
    said = chat(running(served(chunk({"content": "One"}), error)), "Hi", code=1)
    assert "it broke" in said.err and len(said.err.splitlines()) == 1


def test_more_than_any_reply_needs_is_not_read(chat, running, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    said = chat(running(served(*(chunk({"content": "x" * 1000}) for _ in range(200)))), "Hi", code=1)
    assert "it sent more than 100,000 bytes" in said.err
