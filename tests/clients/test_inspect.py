"""Inspect AI evaluates the server as a model, and runs the agent in its own process as a solver."""

import json

import pytest

from tests.agent.serve.test_over_an_upstream import billed
from tests.agent.serve.upstream import Line
from tests.clients.conftest import HERE
from tests.clients.replies import reply

HIDDEN = "hidden"


@pytest.fixture
def evaluated(in_environment, tmp_path):
    """The log of an evaluation of the server at an address."""

    def run(url, task, model, *options):
        logs = tmp_path / "logs"
        command = ["eval", f"{HERE / 'inspect_task.py'}@{task}", "--model", f"openai-api/served/{model}", *options]
        command += ["--log-dir", logs, "--log-format", "json", "--display", "none"]
        in_environment("inspect", "inspect", *command, SERVED_BASE_URL=url, SERVED_API_KEY="none")
        (log,) = logs.glob("*.json")
        return json.loads(log.read_text())

    return run


def accuracy(log):
    assert log["status"] == "success"
    (score,) = log["results"]["scores"]
    return round(score["metrics"]["accuracy"]["value"], 2)


def spent(usage):
    return usage["input_tokens"] + usage.get("input_tokens_cache_read", 0), usage["output_tokens"]


def test_the_server_is_a_model(served, evaluated):
    upstream, url = served(reply)
    log = evaluated(url, "sums", "pilotage")
    assert accuracy(log) == 0.33
    (usage,) = log["stats"]["model_usage"].values()
    assert spent(usage) == billed(upstream)
    thoughts = [part for s in log["samples"] for part in s["output"]["choices"][0]["message"]["content"]]
    assert any(part["type"] == "reasoning" and "391" in part["reasoning"] for part in thoughts)
    assert HIDDEN not in json.dumps(upstream.bodies)


def test_the_agent_is_a_solver(served, evaluated):
    upstream, url = served(reply)
    log = evaluated(url, "sums", "passthrough", "--solver", "pilotage/reason", "-S", "policy=rules")
    assert accuracy(log) == 0.33
    (usage,) = log["stats"]["model_usage"].values()
    assert spent(usage) == billed(upstream)
    of_samples = [spent(sample["output"]["usage"]) for sample in log["samples"]]
    assert tuple(map(sum, zip(*of_samples, strict=True))) == billed(upstream)
    for sample in log["samples"]:
        run = sample["metadata"]["pilotage"]
        assert run["answer"] == sample["output"]["completion"] == "391"
        steps = [event["data"] for event in sample["events"] if event.get("source") == "pilotage"]
        assert [step["block"] for step in steps] == run["route"] and len(steps) > 1
        assert all(step["why"] for step in steps)
        calls = [event for event in sample["events"] if event["event"] == "model"]
        assert len(calls) == run["usage"]["llm_calls"]
        assert HIDDEN not in json.dumps(run)
    assert upstream.bodies and HIDDEN not in json.dumps(upstream.bodies)


def test_choices_are_marked_for_their_scorer(served, evaluated):
    upstream, url = served(lambda body: "It is the only one without divisors.\nAnswer: B")
    log = evaluated(url, "choices", "passthrough", "--solver", "pilotage/reason", "-S", "policy=fixed:reason,answer")
    assert accuracy(log) == 1.0
    (sample,) = log["samples"]
    assert sample["output"]["completion"] == "ANSWER: B"
    asked = upstream.bodies[0]["messages"][-1]["content"]
    assert asked.startswith("Be terse.\n\nWhich is a prime?") and asked.count("B) 23") == 1


def test_a_choice_behind_the_letters_has_the_number_that_inspect_gives_it(served, evaluated):
    _, url = served(lambda body: "Answer: 1000")
    log = evaluated(
        url, "many_choices", "passthrough", "--solver", "pilotage/reason", "-S", "policy=fixed:reason,answer"
    )
    assert accuracy(log) == 1.0
    assert log["samples"][0]["output"]["completion"] == "ANSWER: 2"


def test_a_conversation_is_replied_to(served, evaluated):
    upstream, url = served(reply)
    log = evaluated(url, "conversation", "passthrough", "--solver", "pilotage/reason")
    assert accuracy(log) == 1.0
    (body,) = upstream.bodies
    assert [message["content"] for message in body["messages"]] == ["Be kind.", "hi there"]


def test_a_limit_of_the_sample_ends_it_and_is_logged_as_that(served, evaluated):
    upstream, url = served(reply)
    options = ["--solver", "pilotage/reason", "-S", "policy=rules", "--token-limit", "20", "--limit", "1"]
    log = evaluated(url, "sums", "passthrough", *options)
    (sample,) = log["samples"]
    assert sample["limit"]["type"] == "token" and log["status"] == "success"
    assert len(upstream.bodies) == 1


@pytest.mark.parametrize(
    ("option", "told"),
    [("kind=verse", "`kind` is one of numeric"), ("max_tokens=0", "`max_tokens`: Input should be greater than 0")],
)
def test_an_option_that_cannot_be_is_told_before_anything_is_asked(served, evaluated, option, told):
    upstream, url = served(reply)
    with pytest.raises(AssertionError, match=told):  # the command fails, and says so
        evaluated(url, "sums", "passthrough", "--solver", "pilotage/reason", "-S", option)
    assert not upstream.bodies


def test_tools_of_a_task_are_refused_and_not_left_out(served, evaluated):
    upstream, url = served(reply)
    log = evaluated(url, "with_a_tool", "passthrough", "--solver", "pilotage/reason")
    assert log["status"] == "error" and "calls no tools" in log["error"]["message"]
    assert not upstream.bodies


@pytest.mark.parametrize(
    ("fault", "told", "options"),
    [
        (404, "upstream says 404", ()),
        (401, "refused the key or the account of this server", ("--max-retries", "1")),
    ],
)
def test_an_endpoint_that_fails_is_an_error_of_the_sample(served, evaluated, fault, told, options):
    _, url = served(lambda body: Line(fault=fault))
    log = evaluated(url, "conversation", "passthrough", "--solver", "pilotage/reason", *options)
    assert log["status"] == "error" and told in log["error"]["message"]


def test_a_reply_that_stays_unusable_leaves_a_sample_without_an_answer(served, evaluated):
    upstream, url = served(lambda body: "")
    log = evaluated(url, "conversation", "passthrough", "--solver", "pilotage/reason")
    assert accuracy(log) == 0.0
    (sample,) = log["samples"]
    assert sample["output"]["completion"] == "" and sample["metadata"]["pilotage"]["error"]
    (usage,) = log["stats"]["model_usage"].values()
    assert spent(usage) == billed(upstream)


READER = """
import json, sys
from inspect_ai.log import list_eval_logs, read_eval_log
logs = [read_eval_log(info) for info in list_eval_logs(sys.argv[1])]
print(json.dumps([[log.status, log.eval.solver, len(log.samples), log.results.scores[0].metrics["accuracy"].value,
                   log.samples[0].output.usage.total_tokens, log.samples[0].scores["pilotage"].value,
                   log.samples[0].output.completion] for log in logs]))
"""


def test_its_own_reader_opens_the_logs_of_a_bench(in_environment, tmp_path):
    tasks = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480 + n % 2} for n in range(4)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    script = HERE.parents[1] / "examples" / "script.json"
    methods = ["fixed:reason,answer", "strategy:self-consistency;n=3"]
    home = {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = ["bench", "--tasks", "t.jsonl", "--model", f"scripted:{script}", "--methods", *methods]
    in_environment("inspect", "pilotage", *command, "--inspect", "logs", "--json", **home)
    found = json.loads(in_environment("inspect", "python", "-c", READER, tmp_path / "logs").strip().splitlines()[-1])
    by = {solver: rest for _, solver, *rest in found}
    assert by.keys() == set(methods) and all(status == "success" for status, *_ in found)
    for samples, accuracy, tokens, first, said in by.values():
        assert (samples, accuracy, first, said) == (4, 0.5, 1, "480") and tokens > 0
