"""Open tasks: the reply itself is the answer, whatever is in it."""

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.blocks import installed
from pilotage.agent.models import ModelClient
from pilotage.agent.routing.observation import KINDS_TOLD, free_spec
from pilotage.agent.routing.policies import policy_for
from pilotage.agent.state import candidates
from pilotage.agent.task import KINDS
from pilotage.agent.tasks.grading import grader_for
from pilotage.memory import ConceptStore
from tests.agent.states import state_of, step

LIMERICK = "There was 1 old cup of tea\nAnswer: 42\n```python\nprint(7)\n```\nthat nobody wanted but me."


def agent_over(script, **options):
    return ReasoningAgent(ModelClient(ScriptedChatModel(script)), **{"policy": "default", **options})


@pytest.mark.parametrize("policy", ["default", "rules"])
@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("question", ["Write 3 haiku about how much I love tea", "Who are you?", "Write a function"])
def test_the_reply_is_the_answer_word_for_word(policy, memory, question):
    model = ScriptedChatModel(lambda _: LIMERICK)
    with ConceptStore.temporary() as store:
        with ReasoningAgent(ModelClient(model), policy=policy, memory=store if memory else None) as agent:
            run = agent.solve(question)
        assert store.is_empty()
    assert (run.answer, run.route, run.cut, run.verified, run.score) == (LIMERICK, ("answer",), False, False, None)
    assert len(model.calls) == 1
    assert model.calls[0].messages[-1].text == question, "nothing is added to the request"


def test_a_long_reply_is_whole():
    text = " ".join(f"word{number}" for number in range(2000))
    with agent_over(lambda _: text) as agent:
        run = agent.solve("Tell me a long story.")
    assert run.answer == text and not run.cut


def test_a_reply_that_is_cut_says_so():
    with agent_over(lambda _: "and so on " * 3000, budget=Budget(max_tokens=500)) as agent:
        run = agent.solve("Tell me a long story.")
    assert run.cut and run.to_json()["cut"] is True
    assert run.answer.startswith("and so on") and run.usage.total_tokens <= 500
    assert "cut" in run.trace.steps[-1].evidence.note


def test_work_that_a_route_did_is_material_for_the_reply():
    said = {"step by step": "First I think.", "Now reply": "Here it is."}

    def script(messages):
        return next(reply for asked, reply in said.items() if asked in messages[-1].text)

    with agent_over(script, policy="fixed:reason,answer") as agent:
        run = agent.solve("Explain tea.")
        assert run.answer == "Here it is."
        assert "First I think." in agent.components.model.model.calls[-1].text


@pytest.mark.parametrize("block", [name for name in installed().actions.names if name != "verify"])
def test_every_block_can_work_on_an_open_task(block):
    with agent_over(lambda _: "2\n```python\nprint(42)\n```\nAnswer: 42", policy=f"fixed:{block},answer") as agent:
        run = agent.solve("Explain tea.")
    assert run.answer.startswith("2\n```python")
    assert not any(step.candidate for step in run.trace.steps[:-1])


def test_a_question_that_was_taken_for_numeric_is_answered_in_words_where_no_number_comes():
    question = "I have 3 cats and 2 dogs. How much time do they need?"

    def script(messages):
        return "A lot, but it is worth it." if messages[-1].text == question else "It depends."

    for policy in ("rules", "fixed:reason,answer", "fixed:answer"):
        with agent_over(script, policy=policy) as agent:
            run = agent.solve(question)
        assert run.answer == "A lot, but it is worth it.", policy
    given = Task(id="t", prompt=question, kind="numeric")
    with agent_over(script, policy="rules") as agent:
        assert agent.solve(given).answer is None, "a kind that is given is kept to"


def test_open_replies_do_not_vote():
    task = Task(id="t", prompt="Explain.", kind="open")
    alike = [step("reason", "The same.", independent=True), step("debate", "The same.", independent=True)]
    assert candidates(task, alike) == ()
    assert state_of(task, *alike).leader is None


def test_memory_keeps_nothing_of_an_open_task_even_where_it_may_keep_the_unverified():
    with ConceptStore.temporary() as store:
        with agent_over(lambda _: "A reply.", memory=store, keep_unverified=True) as agent:
            agent.solve("Explain tea.")
        assert store.is_empty()


def test_only_a_named_grader_grades_an_open_task():
    assert grader_for(Task(id="t", prompt="Explain.", kind="open", gold="As I would.")) is None


def test_the_features_are_those_that_policy_files_know():
    names = free_spec(installed()).names
    assert [name for name in names if name.startswith("kind_")] == [f"kind_{kind}" for kind in KINDS_TOLD]
    assert set(KINDS) - set(KINDS_TOLD) == {"open"}


def test_no_trained_policy_takes_an_open_task_for_a_familiar_one():
    registry = installed()
    spec = free_spec(registry)
    shipped = policy_for("network", registry.actions, spec)
    values = dict(zip(spec.names, spec.low.tolist(), strict=True)) | {"sandbox": 1, "steps_left": 8, "budget_left": 1}
    known, unknown = (shipped.part(spec.vector(values | kind)) for kind in ({"kind_text": 1}, {}))
    assert shipped.policy.is_in_distribution(known) and not shipped.policy.is_in_distribution(unknown)
    assert (
        registry.actions.names[
            shipped.decide(spec.vector(values), registry.actions.mask(registry.actions.names)).action
        ]
        == "answer"
    )
