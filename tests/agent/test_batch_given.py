"""What a batch is given from Python: tasks in any form, and a results file that others may have begun."""

import json

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task, load_tasks
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.errors import UsageError
from tests.agent.states import row

TWO = Task(id="two", prompt="What is 2 plus 2?", kind="numeric", gold=4)
THREE = Task(id="three", prompt="What is 3 plus 1?", kind="numeric", gold=4)


def fresh(policy="fixed:reason,answer", **more):
    script = ScriptedChatModel(lambda messages: "Answer: 4")
    return ReasoningAgent(script, policy=policy, sandbox="none", **more)


async def each(agent, tasks, **more):
    return await solve_all(agent, tasks, **more)


async def together(agent, tasks, **more):
    return await solve_all(agent, tasks, every=2, **more)


@pytest.fixture(params=[each, together])
def way(request):
    return request.param


async def test_tasks_may_come_one_by_one_or_from_a_source(tmp_path, way):
    (tmp_path / "t.jsonl").write_text('{"prompt": "2 + 2", "gold": 4}\n{"prompt": "3 + 1", "gold": 4}\n')
    for number, given in enumerate([iter([TWO, THREE]), load_tasks(str(tmp_path / "t.jsonl")), ["2 + 2", "3 + 1"]]):
        with ResultsFile(str(tmp_path / f"r{number}.jsonl"), resume=False, settings={}) as results:
            outcome = await way(fresh(), given, results=results)
            assert len(outcome.runs) == len(results.done) == 2


async def test_two_tasks_of_one_id_are_refused_before_any_call(tmp_path, way):
    agent = fresh()
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        with pytest.raises(UsageError, match="'two' is that of several tasks"):
            await way(agent, [TWO, THREE.model_copy(update={"id": "two"})], results=results, concurrency=2)
        assert not results.done


@pytest.mark.parametrize("given", [None, 7, b"2 + 2", {"prompt": "no id"}, ["2 + 2"]])
async def test_what_is_no_task_is_one_sentence(given):
    with pytest.raises(UsageError, match="is no task.*a question as text, or a Task"):
        await solve_all(fresh(), [given])
    with pytest.raises(UsageError, match="is no task"):
        fresh().solve(given)


@pytest.mark.parametrize("every", [0, -1])
async def test_batches_of_none_are_refused(every):
    with pytest.raises(UsageError, match="at least 1"):
        await solve_all(fresh(), [TWO], every=every)


async def test_kept_answers_are_graded_by_the_tasks_as_they_are_now(tmp_path, way):
    for gold, score in ((4, 1.0), (5, 0.0), (None, None)):
        with ResultsFile(tmp_path / "r.jsonl", resume=True, settings={}) as results:
            outcome = await way(fresh(), [TWO.model_copy(update={"gold": gold})], results=results)
            assert results.done["two"]["score"] == score
            assert bool(outcome.runs) == (gold == 4), "asked once only"


@pytest.mark.parametrize(("other", "named"), [({"policy": "fixed:answer"}, "policy"), ({"seed": 3}, "seed 0, not 3")])
async def test_a_file_with_answers_of_another_agent_is_refused(tmp_path, way, other, named):
    path = tmp_path / "r.jsonl"
    with ResultsFile(path, resume=False, settings={}) as results:
        await way(fresh(), [TWO], results=results)
    before = path.read_bytes()
    with ResultsFile(path, resume=True, settings={}) as results, pytest.raises(UsageError, match=named):
        await way(fresh(**other), [TWO, THREE], results=results)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [{"answer": 4}, {"score": "1"}, {"usage": 3}, {"usage": {}}, {"usage": {**row("a")["usage"], "seconds": "x"}}],
)
def test_a_line_that_lacks_what_is_read_of_it_is_told(tmp_path, damage):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(row("a") | damage) + "\n")
    with pytest.raises(UsageError, match="line 1 is no result of pilotage"):
        ResultsFile(path, resume=True, settings={})
