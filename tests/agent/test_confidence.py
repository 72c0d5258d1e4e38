"""How likely an answer is right: what a run says of it, and what is withheld or solved anew because of it."""

import json

import numpy as np
import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task, events
from pilotage.agent.batch.summary import Figures
from pilotage.agent.blocks import installed
from pilotage.agent.caution import ESCALATED
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ModelClient
from pilotage.agent.routing.observation import free_spec
from pilotage.agent.run import UnusableRun
from pilotage.memory import ConceptStore
from pilotage.navigator.confidence.calibrators import Platt
from pilotage.navigator.confidence.file import SHIPPED, read_model, write_model
from pilotage.navigator.confidence.model import ConfidenceModel
from pilotage.navigator.policies.inputs import Scaling
from pilotage.navigator.spaces import ObservationSpec
from tests.agent.states import always_right, row

TASK = Task(id="product", prompt="What is 6 times 7?", kind="numeric", gold=42)
ROUTES = next(one for one in free_spec(installed()).features if one.name == "leader_routes")


def always_wrong(messages):
    return "```python\nprint(41)\n```" if "Python program" in messages[-1].text else "I think so.\nAnswer: 41"


def by_routes(none, each):
    """A model of confidence by the routes that reached the leading answer: log odds of none, and what each adds."""
    spec = ObservationSpec((ROUTES,))
    return ConfidenceModel(spec, Scaling.none(spec), np.array([none, each]), Platt(0.0, 1.0), 1.0)


UNSURE, SURE = by_routes(-2.0, 1.0), by_routes(2.0, 1.0)
"""Of one route 0.27 and 0.95."""


def agent_over(script=always_right, second=None, **options):
    more = {} if second is None else {"escalate_to": ModelClient(ScriptedChatModel(second), name="second")}
    return ReasoningAgent(
        ModelClient(ScriptedChatModel(script)), **{"policy": "fixed:reason,answer", **more, **options}
    )


def solved(task=TASK, **options):
    with agent_over(**options) as agent:
        return agent.solve(task)


@pytest.mark.parametrize("preset", ["free", "probe"])
@pytest.mark.parametrize("policy", ["fixed:reason,answer", "fixed:program,verify,answer", "fixed:answer"])
def test_a_run_says_what_the_model_reads_where_it_stopped(policy, preset):
    with agent_over(policy=policy, observation=preset) as agent:
        run = agent.solve(TASK)
    stopped = np.array(run.navigation.decisions[-1].observation, dtype=np.float32)
    reader = read_model(SHIPPED).among(agent.components.observer.spec)
    assert run.confidence == pytest.approx(reader(stopped), abs=1e-6) and 0 < run.confidence < 1
    assert run.to_json()["confidence"] == round(run.confidence, 4)


def test_agreement_makes_surer_than_contradiction():
    def disagreeing(messages):
        return always_wrong(messages) if "Python program" in messages[-1].text else always_right(messages)

    agreed, contradicted = (solved(script=s, policy="fixed:program,reason,answer") for s in (always_right, disagreeing))
    assert agreed.confidence > contradicted.confidence + 0.1


@pytest.mark.parametrize("gold", [None, 42, 7])
def test_no_grade_has_a_part_in_it(gold):
    task = TASK.model_copy(update={"gold": gold})
    runs = [solved(task, min_confidence=0.5, confidence=model, second=always_wrong) for model in (UNSURE, SURE)]
    assert [run.answer for run in runs] == ["41", "42"]
    assert [run.confidence for run in runs] == pytest.approx([0.2689, 0.9526], abs=1e-3)


@pytest.mark.parametrize(
    ("task", "options"),
    [
        (Task(id="open", prompt="Write a haiku.", kind="open"), {"policy": "default"}),
        ("Write a haiku about 3 rivers", {"policy": "default"}),
        ("What is 6 times 7?", {"policy": "fixed:answer", "script": lambda _: "That depends on what you mean."}),
        (TASK, {"policy": "fixed:answer", "script": lambda _: "no number"}),
        (TASK, {"policy": "random", "observation": "rlot"}),
    ],
)
def test_where_nothing_says_how_likely_it_is_right_it_says_nothing(task, options):
    assert solved(task, **options).confidence is None


def test_of_a_conversation_it_is_told_where_a_step_reached_an_answer():
    with agent_over(policy="default") as agent:
        thought = agent.chat([{"role": "user", "content": "What is 6 times 7, plus 12 times 31, minus 372?"}])
        straight = agent.chat([{"role": "user", "content": "Hello!"}])
    assert straight.confidence is None and straight.answer is not None
    assert len(thought.route) > 1 and 0 < thought.confidence < 1


def test_an_answer_that_is_not_sure_enough_is_withheld_and_scores_as_none():
    run = solved(confidence=UNSURE, min_confidence=0.5)
    assert (run.answer, run.abstained, run.score, run.stopped_by) == (None, True, 0.0, "answer")
    assert run.trace.steps[-1].candidate == "42"  # the trace tells what it was
    told = run.to_json()
    assert (told["answer"], told["abstained"], told["confidence"]) == (None, True, 0.2689)
    assert solved(TASK.model_copy(update={"gold": None}), confidence=UNSURE, min_confidence=0.5).score is None
    sure = solved(confidence=UNSURE, min_confidence=0.25)
    assert (sure.answer, sure.abstained, sure.score) == ("42", False, 1.0) and "abstained" not in sure.to_json()


@pytest.mark.parametrize("question", ["Write a haiku about 3 rivers", "Who are you?"])
def test_an_open_task_is_answered_however_sure_an_answer_has_to_be(question):
    run = solved(question, confidence=UNSURE, min_confidence=1.0, second=always_wrong, policy="default")
    assert run.answer is not None and run.escalated is None and not run.abstained


def test_a_second_model_solves_anew_and_every_call_of_both_is_charged():
    run = solved(script=always_wrong, confidence=UNSURE, min_confidence=0.5, second=always_right)
    alone = [solved(script=script) for script in (always_wrong, always_right)]
    assert (run.answer, run.score, run.model, run.escalated.model) == ("42", 1.0, "scripted", "second")
    assert (run.escalated.answer, run.escalated.confidence) == ("41", pytest.approx(0.2689, abs=1e-3))
    assert [step.block for step in run.escalated.steps] == ["reason", "answer"]
    counts = ("prompt_tokens", "completion_tokens", "llm_calls")
    for name in counts:
        assert getattr(run.usage, name) == sum(getattr(one.usage, name) for one in alone)
    assert run.trace.charges[-1].by == ESCALATED and run.navigation is None
    assert run.usage.own == alone[0].usage.model_copy(update={"seconds": run.usage.own.seconds})
    assert run.usage.others["second"].total_tokens == alone[1].usage.total_tokens
    assert json.loads(json.dumps(run.to_json()))["escalated"]["answer"] == "41"


def test_what_has_no_answer_is_solved_anew_and_what_is_sure_is_not():
    silent = solved(script=lambda _: "no number", confidence=SURE, min_confidence=0.5, second=always_right)
    assert (silent.answer, silent.escalated.answer, silent.escalated.confidence) == ("42", None, None)
    assert solved(confidence=SURE, min_confidence=0.5, second=always_wrong).escalated is None


def test_both_models_share_the_budget_and_where_nothing_is_left_the_answer_is_withheld():
    spent = solved(script=always_wrong).usage
    options = {"script": always_wrong, "confidence": UNSURE, "min_confidence": 0.5, "second": always_right}
    for limits in ({"max_calls": spent.llm_calls}, {"max_tokens": 300 + spent.total_tokens}):
        run = solved(**options, budget=Budget(**limits))
        assert run.usage.llm_calls <= limits.get("max_calls", 99)
        assert run.usage.total_tokens <= limits.get("max_tokens", 10_000)
    assert solved(**options, budget=Budget(max_calls=spent.llm_calls)).abstained


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_second_model_without_a_usable_reply_ends_the_run_which_tells_what_both_cost(streamed):
    with agent_over(always_wrong, lambda _: "", confidence=UNSURE, min_confidence=0.5) as agent:
        with pytest.raises(UnusableRun, match="empty") as caught:
            if streamed:
                _ = [event async for event in agent.astream(TASK)]
            else:
                await agent.asolve(TASK)
        run = agent.unsolved(TASK, caught.value)
    first = solved(script=always_wrong).usage
    (paid,) = [charge.usage for charge in run.trace.charges if charge.by == ESCALATED]
    assert (paid.total_tokens, paid.llm_calls) == (first.total_tokens, first.llm_calls)
    assert run.usage.llm_calls > first.llm_calls and (run.answer, run.score) == (None, 0.0)


async def test_events_tell_of_the_second_model_and_end_with_one_run():
    with agent_over(always_wrong, always_right, confidence=UNSURE, min_confidence=0.5) as agent:
        seen = [event async for event in agent.astream(TASK)]
    names = [type(event).__name__ for event in seen]
    assert names.count("Escalated") == names.count("Finished") == 1 and names[-1] == "Finished"
    assert [event.step.block for event in seen if isinstance(event, events.Stepped)] == ["reason", "answer"] * 2
    assert seen[names.index("Escalated")].model == "second" and seen[-1].run.answer == "42"


@pytest.mark.parametrize(("model", "learned_from"), [(SURE, "scripted"), (UNSURE, "second")])
@pytest.mark.parametrize("later", [False, True])
async def test_memory_learns_once_from_the_run_that_stands(model, learned_from, later):
    note = {"title": "Multiply", "when": "Two numbers are to be multiplied.", "how": "Multiply them."}

    def script(messages):
        return json.dumps(note) if "You write short notes" in messages[0].text else always_right(messages)

    with ConceptStore.temporary() as store:
        options = {
            "memory": store,
            "policy": "fixed:program,reason,answer",
            "min_confidence": 0.99 if model is UNSURE else 0.5,
        }
        async with agent_over(script, script, confidence=model, **options) as agent:
            run = await agent.asolve(TASK, learn_later=later)
            assert later == store.is_empty()
            if later:
                run = await agent.alearn(TASK, run)
        assert len(run.learned) == 1 and (run.escalated is not None) == (model is UNSURE)
        (_,) = [one for one in store.events(run=run.id) if one.action == "added"]
        assert store.get(run.learned[0]).provenance.model == learned_from


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"min_confidence": 1.2}, "min_confidence is a probability from 0 to 1, not 1.2"),
        ({"min_confidence": "0.5"}, "min_confidence is a probability"),
        ({"min_confidence": True}, "min_confidence is a probability"),
        ({"min_confidence": float("nan")}, "min_confidence is a probability"),
        ({"second": always_right}, "needs min_confidence"),
        ({"min_confidence": 0.5, "observation": "rlot", "policy": "random"}, "needs an observation preset"),
        ({"confidence": "nowhere.json"}, "cannot be read"),
        ({"confidence": 0.5}, "give `default`, a file, or a ConfidenceModel"),
        ({"confidence": UNSURE, "observation": "rlot", "policy": "random"}, "reads other features"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options, why):
    with pytest.raises(UsageError, match=why) as refused:
        agent_over(**options)
    assert "\n" not in str(refused.value)


def test_figures_tell_what_was_withheld_apart_from_what_was_answered():
    figures = Figures()
    second = {"escalated": {"model": "second"}}
    for line in (row("a"), row("b", score=0.0, **second), row("c", answer=None, score=0.0, abstained=True)):
        figures.add(line)
    told = figures.summary()
    assert (told["accuracy"], told["accuracy_answered"], told["coverage"]) == pytest.approx((1 / 3, 1 / 2, 2 / 3))
    assert (told["unanswered"], told["abstained"], told["escalated"], told["graded"]) == (1, 1, 1, 3)


@pytest.fixture
def batch(tmp_path):
    """A file of two tasks, a script, and a file of a model that is unsure of one route."""
    (tmp_path / "t.jsonl").write_text('{"id": "a", "question": "What is 6 times 7?", "answer": "42"}\n' * 1)
    (tmp_path / "s.json").write_text(json.dumps([["", "It is so.\nAnswer: 42"]][0][1:] * 20))
    write_model(tmp_path / "m.json", UNSURE)
    common = ["--tasks", tmp_path / "t.jsonl", "--model", f"scripted:{tmp_path / 's.json'}", "--memory", "none"]
    return ["solve", *common, "--policy", "fixed:reason,answer", "--confidence", tmp_path / "m.json", "--no-cache"]


def test_a_batch_counts_what_was_withheld_and_is_no_failure(command_line, batch, tmp_path):
    out = tmp_path / "r.jsonl"
    said = command_line(*batch, "--out", out, "--min-confidence", "0.5")
    assert said.code == 0
    line = json.loads(out.read_text())
    assert (line["answer"], line["score"], line["abstained"]) == (None, 0.0, True)
    assert "a: reason → answer score 0 (withheld)" in said.err and "of them withheld" in said.err
    other = command_line(*batch, "--out", out, "--resume", "--min-confidence", "0.1")
    assert other.code == 2 and "min_confidence 0.5, not 0.1" in other.err
    assert command_line(*batch, "--out", out, "--resume", "--min-confidence", "0.5").code == 0
    options = ["--out", tmp_path / "second.jsonl", "--min-confidence", "0.5", "--escalate-to", batch[4]]
    anew = command_line(*batch, *options)
    assert "solved by the second model  1" in " ".join(anew.err.split("\n")) and "withheld" not in anew.err
    estimated = command_line("estimate", "--runs", out, "--policy", "rules")
    assert estimated.code != 0 and "its answer was withheld" in estimated.err


def test_one_question_says_how_likely_its_answer_is_right(command_line, batch):
    asked = ["solve", "What is 6 times 7?", *batch[3:]]
    plain = command_line(*asked)
    assert "Answer: 42" in plain.out and "27% likely to be right" in plain.out.splitlines()[-1]
    held = command_line(*asked, "--min-confidence", "0.5")
    assert held.code == 0 and "Answer: none" in held.out and "Answer: 42\n\n" not in held.out
    assert "withheld  27% likely to be right, where 50% is asked for" in held.out
    anew = command_line(*asked, "--min-confidence", "0.5", "--escalate-to", batch[4])
    assert f"escalated  27% likely to be right; {batch[4]} solves the task anew" in anew.out
    assert "Answer: 42" in anew.out.splitlines()[-2]
    assert command_line(*asked, "--min-confidence", "0.5", "--json").json["abstained"] is True


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--min-confidence", "2"], "setting 'min_confidence'"),
        (["--min-confidence", "nan"], "min_confidence"),
        (["--escalate-to", "scripted:s.json"], "needs min_confidence"),
        (["--min-confidence", "0.5", "--escalate-to", "nothing"], "nothing"),
    ],
)
def test_a_bad_value_on_the_command_line_is_one_sentence(command_line, batch, options, why):
    said = command_line(*batch, *options)
    assert said.code in (1, 2) and why in said.err.splitlines()[-1]
