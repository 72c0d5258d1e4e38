"""A results file that is resumed: what still answers the task counts, under the settings it was made with."""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.results import ResultsFile, regrade
from pilotage.agent.errors import UsageError
from pilotage.agent.tasks.grading import GRADERS
from pilotage.memory import ConceptStore
from tests.agent.states import row

SCRIPT = {"rules": {r"2 plus 2": "Answer: 4", r"3 plus 3": "Answer: 6", r"": "Answer: 7"}}
ARGUMENTS = ("solve", "--tasks", "t.jsonl", "--out", "r.jsonl", "--memory", "none", "--policy", "fixed:reason,answer")
TWO = {"prompt": "What is 2 plus 2?", "gold": 4}
THREE = {"prompt": "What is 3 plus 3?", "gold": 6}


@pytest.fixture
def pilotage(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(SCRIPT))

    def run(tasks, *arguments, model="scripted:s.json"):
        (tmp_path / "t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
        home = {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(
            [str(Path(sys.executable).with_name("pilotage")), *ARGUMENTS, "--model", model, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **home},
        )

    return run


def rows(path):
    return {row["task_id"]: row for row in map(json.loads, path.read_text().splitlines())}


def agent_of(script=lambda messages: "Answer: 4", **more):
    return ReasoningAgent(
        ScriptedChatModel(script, keeps_calls=False), policy="fixed:reason,answer", sandbox="none", **more
    )


def test_a_line_put_before_the_others_takes_no_answer_of_theirs(pilotage, tmp_path):
    assert pilotage([TWO]).returncode == 0
    done = pilotage([THREE, TWO], "--resume")
    assert done.returncode == 0, done.stderr
    assert "t-1 answered another question" in done.stderr
    found = rows(tmp_path / "r.jsonl")
    assert {name: (row["answer"], row["score"]) for name, row in found.items()} == {"t-1": ("6", 1), "t-2": ("4", 1)}
    assert rows(tmp_path / "r.jsonl.replaced")["t-1"]["answer"] == "4"


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "What is 3 plus 3?"},
        {"choices": ["3", "4"], "gold": "4"},
        {"kind": "text"},
        {"examples": [{"input": "1 plus 1", "output": "2"}]},
    ],
)
async def test_a_task_that_asks_otherwise_under_the_same_id_is_solved_anew(tmp_path, other):
    asked = []

    def answer(messages):
        asked.append(messages[-1].text)
        return "Answer: 4"

    before = Task(id="a", prompt="What is 2 plus 2?", kind="numeric", gold=4)
    after = Task(**{"id": "a", "prompt": before.prompt, "kind": "numeric", "gold": 4, **other})
    for task, calls in ((before, 1), (before, 1), (after, 2), (after, 2)):
        with ResultsFile(tmp_path / "r.jsonl", resume=True, settings={}) as results:
            async with agent_of(answer) as agent:
                await solve_all(agent, [task], results=results)
            assert len(asked) == calls and len(results.done) == 1


def test_another_expected_answer_is_graded_without_asking_the_model(pilotage, tmp_path):
    assert pilotage([TWO | {"id": "a"}, THREE | {"id": "b"}]).returncode == 0
    before = rows(tmp_path / "r.jsonl")
    done = pilotage([TWO | {"id": "a", "gold": 5}, THREE | {"id": "b"}], "--resume", "--no-cache")
    assert done.returncode == 0 and "all 2 tasks are done already" in done.stderr, done.stderr
    assert "a graded otherwise than before" in done.stderr and "50.0%" in done.stderr
    after = rows(tmp_path / "r.jsonl")
    assert after == {**before, "a": before["a"] | {"score": 0.0}}


async def test_what_cannot_be_graded_here_keeps_its_score(tmp_path):
    task = Task(id="a", prompt="What is 2 plus 2?", kind="numeric", gold=4)
    with ResultsFile(tmp_path / "r.jsonl", resume=True, settings={}) as results:
        async with agent_of() as agent:
            await solve_all(agent, [task], results=results)
        lost = task.model_copy(update={"metadata": {"grader": "oracle"}})
        assert await regrade(results, [lost]) == []
        assert results.done["a"]["score"] == 1.0
        assert await regrade(results, [task.public()]) == ["a"]
        assert results.done["a"]["score"] is None


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--max-tokens", "3000"], "max_tokens 6000, not 3000"),
        (["--max-steps", "3"], "max_steps 8, not 3"),
        (["--reply-tokens", "900"], "reply_tokens 0, not 900"),
        (["--sandbox", "none", "--max-calls", "2"], "max_calls 24, not 2 and sandbox 'auto', not 'none'"),
        (["--observation", "rlot"], "observation 'free', not 'rlot'"),
    ],
)
def test_settings_that_decide_answers_are_those_the_file_was_made_with(pilotage, tmp_path, flags, named):
    assert pilotage([TWO]).returncode == 0
    before = (tmp_path / "r.jsonl").read_bytes()
    done = pilotage([TWO, THREE], "--resume", *flags)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert named in done.stderr and "resume with the same settings" in done.stderr
    assert (tmp_path / "r.jsonl").read_bytes() == before


def test_a_script_or_policy_of_the_same_name_that_says_something_else_is_another_one(pilotage, tmp_path):
    assert pilotage([TWO]).returncode == 0
    (tmp_path / "s.json").write_text(json.dumps({"rules": {"": "Answer: 9"}}))
    done = pilotage([TWO, THREE], "--resume")
    assert done.returncode == 2 and "was made with model 'scripted:s.json (" in done.stderr


def test_the_default_of_another_version_is_another_policy(pilotage, tmp_path):
    """What `default` does without an effort has changed before."""
    assert pilotage([TWO], "--policy", "default").returncode == 0
    label = tmp_path / "r.jsonl.run"
    told = json.loads(label.read_text())
    assert told["conditions"]["effort"] == "low"
    told["conditions"]["effort"] = "medium"
    label.write_text(json.dumps(told))
    done = pilotage([TWO, THREE], "--policy", "default", "--resume")
    assert done.returncode == 2 and "was made with effort 'medium', not 'low'" in done.stderr


def test_settings_may_be_mended_where_nothing_was_answered_yet(tmp_path):
    path = tmp_path / "r.jsonl"
    with ResultsFile(path, resume=False, settings={}, conditions={"model": "wrong"}) as results:
        assert results.label
        results.append(row("a", answer=None, error="no such model"))
    for model, answer in (("right", "4"), ("right", "5")):
        with ResultsFile(path, resume=True, settings={}, conditions={"model": model}) as results:
            results.append(row(answer, answer=answer))
    with pytest.raises(UsageError, match="was made with model 'right', not 'wrong'"):
        ResultsFile(path, resume=True, settings={}, conditions={"model": "wrong"})


def test_a_file_of_an_older_version_goes_on_by_id_and_that_is_said(pilotage, tmp_path):
    assert pilotage([TWO]).returncode == 0
    row = rows(tmp_path / "r.jsonl")["t-1"]
    del row["asked"]
    (tmp_path / "r.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "r.jsonl.run").write_text("0123456789ab no")
    done = pilotage([TWO, THREE], "--resume")
    assert done.returncode == 0, done.stderr
    assert "does not tell all settings" in done.stderr and "taken for those of their ids" in done.stderr
    assert rows(tmp_path / "r.jsonl")["t-1"] == row and len(rows(tmp_path / "r.jsonl")) == 2
    again = pilotage([TWO, THREE], "--resume", "--max-steps", "3")
    assert again.returncode == 2 and "max_steps 8, not 3" in again.stderr


async def test_no_result_tells_what_was_expected(tmp_path):
    def task(**hidden):
        return Task(id="a", prompt="What is 2 plus 2?", kind="numeric", **hidden)

    first, second = task(gold="8472930165", metadata={"note": "5519630274"}), task(gold="1")
    assert first.asked == second.asked == first.public().asked
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        async with agent_of() as agent:
            await solve_all(agent, [first], results=results)
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "8472930165" not in kept and "5519630274" not in kept


async def test_batches_that_memory_has_learnt_from_cannot_be_changed_afterwards(tmp_path):
    def task(name, prompt):
        return Task(id=name, prompt=prompt, kind="numeric", gold=4)

    given = [task(f"t{i}", f"What is {i} plus 2?") for i in range(4)]
    path = tmp_path / "r.jsonl"

    async def solve(tasks):
        with ResultsFile(path, resume=True, settings={}) as results:
            async with agent_of(memory=store) as agent:
                await solve_all(agent, tasks, every=2, results=results)

    with ConceptStore.temporary() as store:
        await solve(given)
        before = path.read_bytes()
        for other in ([task("t0", "What is 9 plus 2?"), *given[1:]], [task("new", "1 plus 1?"), *given]):
            with pytest.raises(UsageError, match="memory has learnt from them batch by batch"):
                await solve(other)
            assert path.read_bytes() == before
        await solve([*given, task("t4", "What is 4 plus 2?")])
        assert path.read_bytes().startswith(before) and path.read_bytes().count(b"\n") == 5


def test_one_unknown_grader_stops_no_other_task(pilotage, tmp_path):
    done = pilotage([TWO | {"metadata": {"grader": "nope"}}, TWO | {"metadata": {"grader": "gym"}}, THREE])
    assert done.returncode == 1
    assert "t.jsonl:1: task t-1: no grader is called 'nope'" in done.stderr
    assert "t.jsonl:2: task t-2: the grader 'gym' needs 'family' and 'entry'" in done.stderr
    assert rows(tmp_path / "r.jsonl")["t-3"]["score"] == 1


async def test_a_grader_that_fails_costs_its_task_only_and_keeps_what_was_paid(tmp_path, monkeypatch):
    monkeypatch.setitem(GRADERS, "oracle", lambda task, answer: 1 / 0)
    bad = Task(id="bad", prompt="What is 2 plus 2?", gold=4, metadata={"grader": "oracle"})
    good = Task(id="good", prompt="What is 2 plus 2?", kind="numeric", gold=4)
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        async with agent_of() as agent:
            await solve_all(agent, [bad, good], results=results)
        assert "ZeroDivisionError" in results.done["bad"]["error"]
        assert results.done["bad"]["usage"]["llm_calls"] == 1
        assert results.done["good"]["score"] == 1


async def test_a_long_batch_holds_little_of_each_task(tmp_path):

    async def held_after(tasks):
        await solve_all(agent, tasks, results=results, concurrency=16, keep=False)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    given = [Task(id=f"t{i}", prompt=f"What is {i} plus 0?", kind="numeric", gold=4) for i in range(350)]
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        async with agent_of() as agent:
            await held_after(given[:20])
            tracemalloc.start()
            try:
                first = await held_after(given[:100])
                second = await held_after(given)
            finally:
                tracemalloc.stop()
    assert (second - first) / 250 < 2048


def test_a_long_file_is_read_row_by_row(tmp_path):
    path = tmp_path / "r.jsonl"
    with path.open("w") as file:
        for i in range(500):
            file.write(json.dumps(row(f"t{i}", answer="x" * 20_000)) + "\n")
    tracemalloc.start()
    try:
        with ResultsFile(path, resume=True, settings={}) as results:
            assert len(results.done) == 500
            assert tracemalloc.get_traced_memory()[1] < 2_000_000  # of the 10 MB there are
            assert results.done["t7"]["answer"] == "x" * 20_000
            results.drop(["t0", "t1"])
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
            assert len(results.done) == 498 and results.done["t2"]["task_id"] == "t2"
    finally:
        tracemalloc.stop()
