"""Spans of an agent's runs: what belongs to what, what is told, what is not, and that every span ends."""

import asyncio
import json

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel
from pilotage.agent.models import ModelClient
from pilotage.agent.models.cache import ResponseCache
from pilotage.agent.models.transport.retry import RetryPolicy
from pilotage.agent.run import UnusableRun
from pilotage.agent.telemetry import spans
from pilotage.agent.telemetry.spans import failure_of, tracer
from pilotage.common.redaction import remember
from pilotage.memory import ConceptDraft, ConceptStore

QUESTION = "What is 17*23?"
PROGRAM = "```python\nprint(17*23)\n```"
ROUTE = "fixed:program,answer"


def agent(script=lambda messages: PROGRAM, **options):
    return ReasoningAgent(ScriptedChatModel(script), **{"policy": ROUTE, **options})


TREE = [
    ("invoke_agent pilotage", None),
    ("block program", "invoke_agent pilotage"),
    ("chat scripted", "block program"),
    ("execute_tool python", "block program"),
    ("block answer", "invoke_agent pilotage"),
]


def test_a_run_and_all_that_it_does_are_one_tree(told):
    with agent() as solver:
        run = solver.solve(QUESTION)
    assert told.tree == TREE
    whole = told.one("invoke_agent pilotage")
    assert whole.kind is SpanKind.INTERNAL and whole.status.status_code is StatusCode.UNSET
    assert whole.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert whole.attributes["gen_ai.agent.name"] == "pilotage"
    assert whole.attributes["pilotage.route"] == run.route == ("program", "answer")
    assert whole.attributes["pilotage.run"] == run.id
    call = told.one("chat scripted")
    assert call.kind is SpanKind.CLIENT
    assert call.attributes["gen_ai.operation.name"] == "chat"
    assert call.attributes["gen_ai.request.model"] == "scripted"
    assert call.attributes["gen_ai.request.max_tokens"] > 0
    assert call.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    for one in (call, whole):
        assert one.attributes["gen_ai.usage.input_tokens"] == run.usage.prompt_tokens > 0
        assert one.attributes["gen_ai.usage.output_tokens"] == run.usage.completion_tokens > 0
    program = told.one("execute_tool python")
    assert program.attributes["gen_ai.tool.name"] == "python" and program.attributes["process.exit.code"] == 0
    assert all(span.end_time >= span.start_time for span in told.spans)


async def test_a_stream_tells_the_same_and_leaves_its_readers_context_alone(told):
    solver, here = agent(), trace.get_tracer_provider().get_tracer("test")
    with here.start_as_current_span("caller") as caller:
        async for _ in solver.astream(QUESTION):
            assert trace.get_current_span() is caller
        assert trace.get_current_span() is caller
    assert told.tree == [("caller", None), (TREE[0][0], "caller"), *TREE[1:]]
    await solver.aclose()


async def test_runs_side_by_side_keep_apart(told):
    solver = agent()
    await asyncio.gather(*(solver.asolve(QUESTION) for _ in range(5)))
    assert len({span.context.trace_id for span in told.spans}) == 5
    assert sorted(told.tree, key=str) == sorted(5 * TREE, key=str)
    await solver.aclose()


def test_of_what_was_said_nothing_is_told_unless_it_is_asked_for(told, monkeypatch, tmp_path):
    secret = "sk-quite-unmistakable-secret"
    remember(secret)

    def script(messages):
        return f"```python\nprint(17*23)  # marmalade {secret}\n```"

    store = ConceptStore.open(tmp_path)
    store.add(ConceptDraft(title="multiply two numbers", cues=("a product of two numbers",)))
    with agent(script, memory=store, learn=False) as solver:
        solver.solve(f"{QUESTION} Think of gooseberries.")
        for word in ("gooseberries", "marmalade", secret, "multiply two"):
            assert word not in told.everything
        told.forget()
        monkeypatch.setenv(spans.CAPTURE, "SPAN_ONLY")
        solver.solve(f"{QUESTION} Think of gooseberries. My key is {secret}.")
    call, *_ = told.named("chat scripted")
    program, search = map(told.one, ("execute_tool python", "search_memory"))
    (system, asked) = json.loads(call.attributes["gen_ai.input.messages"])
    assert system["role"] == "system" and asked["role"] == "user"
    assert "gooseberries" in asked["parts"][0]["content"]
    [said] = json.loads(call.attributes["gen_ai.output.messages"])
    assert said["finish_reason"] == "stop" and "marmalade" in said["parts"][0]["content"]
    assert "print(17*23)" in json.loads(program.attributes["gen_ai.tool.call.arguments"])["code"]
    assert json.loads(program.attributes["gen_ai.tool.call.result"])["stdout"] == "391\n"
    assert "gooseberries" in search.attributes["gen_ai.memory.query.text"]
    assert secret not in told.everything
    store.close()


@pytest.mark.parametrize("value", ["", "no_content", "event_only", "yes", "false"])
def test_only_what_asks_for_content_in_spans_gets_it(monkeypatch, value):
    monkeypatch.setenv(spans.CAPTURE, value)
    assert not spans.captures_content()


@pytest.mark.parametrize("value", ["true", "SPAN_ONLY", "span_and_event"])
def test_what_asks_for_content_in_spans_gets_it(monkeypatch, value):
    monkeypatch.setenv(spans.CAPTURE, value)
    assert spans.captures_content()


def test_a_search_of_the_memory_tells_how_much_it_gave(told, tmp_path):
    store = ConceptStore.open(tmp_path)
    with agent(memory=store, learn=False) as solver:
        solver.solve(QUESTION)
        assert told.one("search_memory").attributes["gen_ai.memory.record.count"] == 0
        assert told.parent(told.one("search_memory")).name == "invoke_agent pilotage"
    store.close()


@pytest.mark.parametrize(
    ("program", "kind"), [("raise ValueError('marmalade')", "failed"), ("while True: pass", "time")]
)
def test_a_program_that_fails_is_an_error_of_its_own_alone(told, program, kind):
    with agent(lambda messages: f"```python\n{program}\n```") as solver:
        solver.solve(QUESTION)
    failed = told.named("execute_tool python")
    assert failed and all(one.status.status_code is StatusCode.ERROR for one in failed)
    assert {one.attributes["error.type"] for one in failed} == {kind}
    assert "marmalade" not in told.everything
    assert told.one("invoke_agent pilotage").status.status_code is StatusCode.UNSET


class Broken(Exception):
    """What an endpoint's client raises."""

    status_code = 429


def test_a_failed_call_tells_the_endpoints_status_and_no_words_of_it(told):
    def script(messages):
        raise Broken("marmalade")

    client = ModelClient(ScriptedChatModel(script), retry=RetryPolicy(retries=0))
    with ReasoningAgent(client, policy="fixed:reason,answer") as solver, pytest.raises(Exception, match="marmalade"):
        solver.solve(QUESTION)
    call, block, whole = map(told.one, ("chat scripted", "block reason", "invoke_agent pilotage"))
    assert call.attributes["error.type"] == "429"
    for one in (call, block, whole):
        assert one.status.status_code is StatusCode.ERROR and one.status.description is None
        assert not one.events and "marmalade" not in one.to_json()


def test_a_run_without_an_answer_tells_what_it_cost(told):
    with agent(lambda messages: "", policy="fixed:reason,answer") as solver, pytest.raises(UnusableRun) as caught:
        solver.solve(QUESTION)
    whole = told.one("invoke_agent pilotage")
    assert whole.attributes["error.type"] == "UnusableRun"
    assert whole.attributes["gen_ai.usage.input_tokens"] == caught.value.trace.usage.prompt_tokens > 0


@pytest.mark.parametrize("streaming", [False, True])
async def test_what_is_cancelled_ends_all_its_spans(told, streaming):
    asked = asyncio.Event()

    class Endless(ScriptedChatModel):
        async def _agenerate(self, *arguments, **options):
            asked.set()
            await asyncio.Event().wait()

        async def _astream(self, *arguments, **options):
            asked.set()
            await asyncio.Event().wait()
            yield

    solver = ReasoningAgent(Endless(lambda messages: ""), policy="fixed:reason,answer")

    async def read():
        async for _ in solver.astream(QUESTION):
            pass

    task = asyncio.create_task(read() if streaming else solver.asolve(QUESTION))
    async with asyncio.timeout(120):
        await asked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told.tree == [
        ("invoke_agent pilotage", None),
        ("block reason", "invoke_agent pilotage"),
        ("chat scripted", "block reason"),
    ]
    assert {span.attributes["error.type"] for span in told.spans} == {"cancelled"}
    await solver.aclose()


def test_a_limit_of_the_budget_is_told_and_no_error(told):
    with agent(policy="fixed:program,reason,answer", budget=Budget(max_calls=1)) as solver:
        solver.solve(QUESTION)
    assert told.one("invoke_agent pilotage").status.status_code is StatusCode.UNSET
    assert told.one("invoke_agent pilotage").attributes["pilotage.stopped_by"] == "max_calls"


def test_a_reply_of_the_cache_is_told_as_one_and_tells_no_tokens(told, tmp_path):
    with ResponseCache(tmp_path / "replies.sqlite") as cache:
        client = ModelClient(ScriptedChatModel(lambda messages: PROGRAM), cache=cache)
        for _ in range(2):
            with ReasoningAgent(client, policy=ROUTE) as solver:
                solver.solve(QUESTION)
    first, second = told.named("chat scripted")
    assert "pilotage.replayed" not in first.attributes and second.attributes["pilotage.replayed"]
    assert "gen_ai.usage.input_tokens" in first.attributes
    assert "gen_ai.usage.input_tokens" not in second.attributes


def test_without_opentelemetry_set_up_nobody_is_told():
    assert tracer() is None
    with agent() as solver:
        assert solver.solve(QUESTION).answer == "391"


def test_what_nobody_waited_for_has_one_name():
    assert failure_of(GeneratorExit()) == failure_of(asyncio.CancelledError()) == {"error.type": "cancelled"}
    assert failure_of(ValueError("no")) == {"error.type": "ValueError"}
