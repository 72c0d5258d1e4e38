"""Runs that are logged while they solve tasks, and what `pilotage estimate` makes of them."""

import json
from functools import partial

import numpy as np
import pytest

from pilotage.agent import Budget, ReasoningAgent, Task
from pilotage.agent.banks.logged import logged_runs
from pilotage.agent.banks.traces import result_lines
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ModelClient, ScriptedChatModel
from pilotage.navigator.bank.records import cost_of
from pilotage.navigator.off_policy import estimate
from pilotage.navigator.policies.policy import RandomPolicy, for_task


def tasks_of(count):
    return [Task(id=f"t{n}", prompt=f"Task {n}: what is 6 times 7?", kind="numeric", gold=42) for n in range(count)]


def script(messages):
    """Programs are right but on every fourth task, reasoning on every other."""
    number = int(messages[1].text.split()[1].rstrip(":"))
    if "program" in messages[-1].text.lower():
        return f"```python\nprint({41 if number % 4 == 0 else 42})\n```"
    return f"Answer: {42 if number % 2 else 40}"


async def solved(tasks, policy, path, answers=script, **options):
    """A results file of runs over a scripted model."""
    async with ReasoningAgent(
        ModelClient(ScriptedChatModel(answers), name="scripted"), policy=policy, **options
    ) as agent:
        lines = [(await agent.asolve(task)).to_json() for task in tasks]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return [line for _, line in result_lines(path)]


async def test_a_line_tells_what_was_seen_chosen_and_paid(tmp_path):
    lines = await solved(tasks_of(3), "epsilon=0.5:default", tmp_path / "r.jsonl")
    log = logged_runs([tmp_path / "r.jsonl"]).log
    for number, line in enumerate(lines):
        rows = np.flatnonzero(log.episode == number)
        assert [log.actions.names[action] for action in log.taken[rows]] == line["route"]
        assert [one["block"] for one in line["navigation"]["decisions"]] == line["route"]
        step_costs = [cost_of(step["usage"]) for step in line["steps"]]
        assert log.rewards[rows, 1] == pytest.approx(step_costs)
        assert log.rewards[rows, 0].tolist() == [0.0] * (len(rows) - 1) + [line["score"]]
        first = line["navigation"]["decisions"][0]
        assert set(first["probabilities"]) == set(first["legal"]) and first["tokens"] == 0
        assert sum(first["probabilities"].values()) == pytest.approx(1)
    steps_taken = log.observations.names.index("steps_taken")
    assert (log.features[:, steps_taken] == log.step).all()


async def test_self_assessment_is_part_of_what_a_decision_costs(tmp_path):
    (line,) = await solved(tasks_of(1), "random", tmp_path / "r.jsonl", observation="probe", seed=3)
    log = logged_runs([tmp_path / "r.jsonl"]).log
    assert line["charges"] and log.rewards[:, 1].sum() == pytest.approx(cost_of(line["usage"]))
    assert log.observations.names[-1] == "p_right"


async def test_a_run_that_the_budget_ends_has_no_decision_there(tmp_path):
    one = tasks_of(1)
    (line,) = await solved(one, "fixed:decompose,answer", tmp_path / "r.jsonl", budget=Budget(max_calls=1))
    assert line["route"] == ["decompose", "answer"] and line["stopped_by"] == "max_calls"
    log = logged_runs([tmp_path / "r.jsonl"]).log
    assert len(log.taken) == 1 and log.rewards[0, 1] == pytest.approx(cost_of(line["usage"]))
    await solved(one, "fixed:reason,answer", tmp_path / "s.jsonl", budget=Budget(max_steps=1))
    forced = logged_runs([tmp_path / "s.jsonl"]).log
    assert forced.probabilities.max(axis=1).tolist() == [1.0], "with one legal block there is nothing to choose"


async def test_what_was_estimated_is_what_the_policy_then_reaches(tmp_path):
    tasks = tasks_of(120)
    logged = await solved(tasks, "epsilon=0.5:fixed:program,answer", tmp_path / "r.jsonl")
    runs = logged_runs([tmp_path / "r.jsonl"])
    assert len({tuple(line["route"]) for line in logged}) > 5, "tasks that look alike are explored each on its own"
    truth = await solved(tasks, "fixed:program,answer", tmp_path / "t.jsonl")
    with ReasoningAgent(
        ModelClient(ScriptedChatModel(script), name="scripted"), policy="fixed:program,answer"
    ) as agent:
        found = estimate(runs.log, agent.components.policy, resamples=400)
    accuracy, cost = found.by["wdr"].accuracy, found.by["wdr"].cost
    assert accuracy.value == pytest.approx(np.mean([line["score"] for line in truth]), abs=0.2)
    assert cost.value == pytest.approx(np.mean([cost_of(line["usage"]) for line in truth]), rel=0.1)
    assert found.logged.accuracy.value == pytest.approx(np.mean([line["score"] for line in logged]))


def test_draws_are_a_tasks_own():
    from pilotage.agent.blocks import installed
    from pilotage.agent.routing.observation import spec_for

    registry = installed()
    observation, mask = spec_for("free", registry).low, registry.actions.mask(["reason", "program", "plan"])
    policy = RandomPolicy(registry.actions)
    drawn = [for_task(policy, f"t{n}").decide(observation, mask).action for n in range(400)]
    assert np.bincount(drawn)[[0, 1, 3, registry.actions.index("answer")]] / 400 == pytest.approx([0.25] * 4, abs=0.07)
    assert drawn == [for_task(policy, f"t{n}").decide(observation, mask).action for n in range(400)]


async def test_lines_that_cannot_be_used_are_named(tmp_path):
    path = tmp_path / "r.jsonl"
    good, bare, old, other = await solved([*tasks_of(1), *tasks_of(3)], "random", path)
    held, anew = good | {"abstained": True}, good | {"escalated": {"model": "second"}}
    bare["score"] = None
    del old["navigation"]
    other["navigation"]["features"] = "0" * 16
    path.write_text("".join(json.dumps(line) + "\n" for line in (good, bare, old, other, held, anew)))
    runs = logged_runs([path])
    assert len(runs.log) == 1
    assert [why.split(":")[0].split(",")[0] for _, why in runs.left_out] == [
        "its task has no gold answer",
        "it tells no decisions",
        "it was made with other blocks or features than those installed",
        "its answer was withheld",
        "a second model solved it anew",
    ]
    path.write_text(json.dumps(old) + "\n")
    with pytest.raises(UsageError, match="no run in .* can be used: .*line 1: it tells no decisions"):
        logged_runs([path])
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | {"model": "another"}) + "\n")
    with pytest.raises(UsageError, match="line 2 has the model 'another', the lines before 'scripted'"):
        logged_runs([path])
    good["navigation"]["decisions"][0]["tokens"] = "many"
    path.write_text(json.dumps(good) + "\n")
    with pytest.raises(UsageError, match="line 1 is damaged"):
        logged_runs([path])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with runs of an exploring policy, `r.jsonl`, and of one that does not explore, `d.jsonl`."""
    folder = tmp_path_factory.mktemp("runs")
    policies = {"r.jsonl": ("epsilon=0.8:fixed:reason,answer", 20), "d.jsonl": ("fixed:reason,answer", 3)}
    for name, (policy, count) in policies.items():
        model = ModelClient(ScriptedChatModel(script), name="scripted")
        with ReasoningAgent(model, policy=policy, sandbox="none") as agent, open(folder / name, "w") as file:
            file.writelines(json.dumps(agent.solve(task).to_json()) + "\n" for task in tasks_of(count))
    return folder


@pytest.fixture
def pilotage(command_line, folder, monkeypatch):
    """Runs `pilotage ...` beside the logged runs."""
    monkeypatch.chdir(folder)
    return partial(command_line, columns=100)


def test_policies_are_judged_from_the_command_line(pilotage):
    judged = ("estimate", "--runs", "r.jsonl", "--policy", "rules", "--policy", "fixed:reason,answer")
    code, out, err = pilotage(*judged)
    assert (code, err) == (0, "")
    assert "20 runs on 20 tasks, made by epsilon=0.8:fixed:reason,answer with scripted" in out
    assert "wdr" in out and "as logged" in out and "doubly robust" in out
    code, out, _ = pilotage(*judged, "--json", "--behaviour", "epsilon=0.8:fixed:reason,answer")
    told = json.loads(out)
    assert code == 0 and [one["policy"] for one in told["policies"]] == ["rules", "fixed:reason,answer"]
    assert set(told["policies"][0]["estimates"]) == {"is", "wis", "pdis", "wpdis", "dm", "dr", "wdr"}
    again = json.loads(pilotage(*judged, "--json")[1])
    assert again == told, "the chances that a line tells are those of the policy that it names"
    code, out, _ = pilotage(*judged, "--behaviour", "estimated")
    assert code == 0 and "are estimates" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--runs", "d.jsonl", "--policy", "rules"), "tell no probabilities of their decisions"),
        (("--runs", "d.jsonl", "--runs", "r.jsonl", "--policy", "random"), "tell no probabilities"),
        (("--runs", "no.jsonl", "--policy", "rules"), "can't be read"),
        (("--runs", "r.jsonl", "--policy", "magic"), "unknown policy 'magic'"),
        (("--runs", "r.jsonl", "--policy", "epsilon=3:default"), "with a share from 0 to 1"),
        (("--runs", "r.jsonl", "--policy", "epsilon=0.1"), "is written epsilon=0.1:default"),
        (("--runs", "r.jsonl", "--policy", "random", "--behaviour", "rules"), "does not fit the runs"),
    ],
)
def test_what_cannot_be_estimated_is_one_sentence(pilotage, arguments, said):
    code, out, err = pilotage("estimate", *arguments)
    assert code == 2 and out == ""
    assert said in err and err.startswith("error: ") and err.count("\n") == 1
