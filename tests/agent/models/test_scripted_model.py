"""ScriptedChatModel: scripts, rules, functions, files and faults."""

import json
import time

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from pilotage.agent.errors import ModelError, UsageError
from pilotage.agent.models import Fault, ModelClient, ScriptedChatModel, ScriptedReply, load_model


def test_replies_come_in_order_and_then_run_out():
    model = ScriptedChatModel(["one", "two"])
    assert [model.invoke("x").text, model.invoke("y").text] == ["one", "two"]
    with pytest.raises(ModelError, match="has 2 replies, but this is call 3"):
        model.invoke("z")
    assert [call.text for call in model.calls] == ["x", "y", "z"]


def test_the_first_rule_found_in_any_message_answers():
    model = ScriptedChatModel({"(?i)plan": "1. think", "17": "391", ".": "what?"})
    assert model.invoke([SystemMessage("Make a PLAN"), HumanMessage("17 * 23")]).text == "1. think"
    assert model.invoke("17 * 23").text == "391"
    with pytest.raises(ModelError, match="No rule of the script matches"):
        ScriptedChatModel({"never": "x"}).invoke("else")


def test_tokens_are_words_and_text_is_kept_to_the_space():
    text = "  def f():\n    return 1\n"
    model = ScriptedChatModel(lambda messages: text)
    chunks = list(model.stream("a b c", logprobs=True))
    assert "".join(chunk.text for chunk in chunks) == text
    assert model.invoke("a b c").usage_metadata["output_tokens"] == 4
    assert (model.counted.prompt_tokens, model.counted.completion_tokens, model.counted.llm_calls) == (6, 8, 2)


@pytest.mark.parametrize(
    ("options", "text", "reason"),
    [({"max_tokens": 2}, "a b", "length"), ({"stop": ["c", "b"]}, "a ", "stop"), ({}, "a b c", "stop")],
)
def test_limits_and_stops_cut_the_text(options, text, reason):
    message = ScriptedChatModel(["a b c"]).invoke("q", **options)
    assert (message.text, message.response_metadata["finish_reason"]) == (text, reason)


def test_options_are_recorded():
    model = ScriptedChatModel(["x"])
    model.invoke("q", max_tokens=3, grammar="root ::= [0-9]")
    assert model.calls[0].options["grammar"] == "root ::= [0-9]"


async def test_scripted_alternatives_reach_the_reply(ask_for):
    script = ScriptedChatModel([ScriptedReply(text="yes", logprob=-0.2, top=(("yes", -0.2), ("no", -1.7)))])
    reply = await ModelClient(script).ask(ask_for(logprobs=True, top_logprobs=2))
    assert reply.logprobs[0].top == (("yes", -0.2), ("no", -1.7))
    assert reply.mean_logprob == -0.2


async def test_latency_is_slept_not_spun():
    model = ScriptedChatModel(["x"], latency=1.0)
    wall, cpu = time.monotonic(), time.process_time()
    await model.ainvoke("q")
    assert time.monotonic() - wall >= 1.0
    assert time.process_time() - cpu < 0.8


def test_faults_look_like_a_client_librarys():
    model = ScriptedChatModel([Fault(status=429, retry_after=2), Fault()])
    with pytest.raises(Exception, match="scripted fault") as caught:
        model.invoke("q")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["retry-after"] == "2.0"
    with pytest.raises(ConnectionError):
        model.invoke("q")
    assert model.counted.llm_calls == 0


async def test_a_script_file_makes_a_model(tmp_path, ask_for):
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"rules": {"prime": "two"}, "latency": 0.01}))
    client = load_model(f"scripted:{path}")
    assert (await client.ask(ask_for())).text == "two"
    path.write_text(json.dumps(["just this"]))
    other = load_model(f"scripted:{path}")
    assert (await other.ask(ask_for())).text == "just this"
    assert client.identity != other.identity


@pytest.mark.parametrize(
    "content", ["{", '"text"', "3", '{"rules": 3}', '{"rules": [1]}', '{"rules": ["x"], "latency": "slow"}', ""]
)
def test_a_malformed_script_file_is_named(tmp_path, content):
    path = tmp_path / "script.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"script\.json"):
        load_model(f"scripted:{path}")
