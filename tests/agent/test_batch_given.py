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


def test_a_damaged_line_goes_aside_and_no_good_one_is_lost(tmp_path, caplog):
    path = tmp_path / "r.jsonl"
    good = [json.dumps(row(name)).encode() + b"\n" for name in "ab"]
    damaged = [b'{"format": 1, "task_id": "c\n', b"\x00\x00\n", b"no end"]
    path.write_bytes(good[0] + damaged[0] + good[1] + damaged[1] + damaged[2])
    with ResultsFile(path, resume=True, settings={}) as results:
        assert set(results.done) == {"a", "b"}
        assert "3 of the lines" in caplog.text and str(results.damaged) in caplog.text
    assert path.read_bytes() == b"".join(good)
    assert results.damaged.read_bytes() == damaged[0] + damaged[1] + damaged[2] + b"\n"


def test_a_line_stays_until_the_one_of_the_next_try_tells_what_it_cost(tmp_path):
    path = tmp_path / "r.jsonl"
    usage = row("a")["usage"] | {"llm_calls": 3, "prompt_tokens": 5}
    path.write_text(json.dumps(row("a") | {"error": "down", "usage": usage}) + "\n")
    results = ResultsFile(path, resume=True, settings={})
    results.try_again(["a"])
    results.amend({"a": {"score": 0.0}})
    assert path.read_text().count("\n") == 1, "also where the file is written anew"
    results.append(row("a"))
    first, second = map(json.loads, path.read_text().splitlines())
    assert "error" in first and (second["earlier"]["runs"], second["earlier"]["usage"]["llm_calls"]) == (1, 3)
    killed = path.read_bytes()
    results.close()
    assert [json.loads(line)["earlier"]["runs"] for line in path.read_text().splitlines()] == [1]
    path.write_bytes(killed)
    with ResultsFile(path, resume=True, settings={}) as results:
        assert "error" not in results.done["a"] and not results.failed([TWO.model_copy(update={"id": "a"})])
    assert path.read_text().count("\n") == 1


@pytest.mark.parametrize(
    "damage",
    [{"answer": 4}, {"score": "1"}, {"usage": 3}, {"usage": {}}, {"usage": {**row("a")["usage"], "seconds": "x"}}],
)
def test_a_line_that_lacks_what_is_read_of_it_is_told(tmp_path, damage):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(row("a") | damage) + "\n")
    with pytest.raises(UsageError, match="line 1 is no result of pilotage"):
        ResultsFile(path, resume=True, settings={})
