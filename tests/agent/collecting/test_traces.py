"""Traces as nodes: the same ones that recording gives, once, and nothing that does not fit."""

import json

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.banks.traces import TraceAdder, result_lines
from pilotage.agent.blocks import Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ModelClient, ScriptedChatModel
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.writer import BankWriter
from tests.agent.test_collect import Bench, half_right, tasks_of


async def solved(bench, policy, tasks, **options):
    """Result lines of ordinary runs of the bench's model."""
    client = ModelClient(ScriptedChatModel(half_right), name="scripted")
    async with ReasoningAgent(client, policy=policy, **options) as agent:
        return [json.loads(json.dumps((await agent.asolve(one.task)).to_json())) for one in tasks]


async def add(bench, lines, tasks):
    from pilotage.agent.banks.meta import meta_of

    with BankWriter(bench.folder, meta_of(bench.components)) as writer:
        adder = TraceAdder(writer, tasks, Registry(), bench.components.sandbox)
        return await adder.add(iter(enumerate(lines, 1)))


async def test_a_trace_gives_the_nodes_that_recording_gives(tmp_path):
    tasks = tasks_of(2)
    recorded, added = Bench(tmp_path / "recorded"), Bench(tmp_path / "added")
    await recorded.collect(tasks, plan="program/verify; program/reflect?failed; program/reflect/verify?answered")
    lines = await solved(added, "rules", tasks)
    report = await add(added, lines, tasks)
    assert not report.left_out and report.nodes == 7
    for task, nodes in added.nodes().items():
        for id, node in nodes.items():
            expected = recorded.nodes()[task][id]
            same = {"observation", "mask", "candidate", "evidence", "text", "usage"}
            assert {key: node[key] for key in same} == {key: expected[key] for key in same}
            if not node["extras"].get("answer_unknown"):
                assert (node["answer"], node["score"]) == (expected["answer"], expected["score"])
            assert node["extras"]["from"] == "trace"
    assert added.nodes()["t0"]["r"]["extras"]["answer_unknown"]


async def test_what_is_there_is_recognised_and_what_differs_is_a_repeat(tmp_path):
    tasks, bench = tasks_of(2), Bench(tmp_path)
    await bench.collect(tasks, plan="program; program/verify")
    lines = await solved(bench, "fixed:program,verify,answer", tasks)
    report = await add(bench, lines, tasks)
    assert (report.nodes, report.known) == (0, 5)
    lines[0]["steps"][0]["text"] = "Another program."
    report = await add(bench, lines[:1], tasks)
    assert (report.nodes, report.known) == (2, 1)
    assert {"r/program#1", "r/program#1/verify"} <= set(bench.nodes()["t0"])
    assert (await add(bench, lines[:1], tasks)).nodes == 0


async def test_recording_goes_on_from_what_a_trace_brought(tmp_path):
    tasks, bench = tasks_of(1), Bench(tmp_path)
    await add(bench, await solved(bench, "fixed:reason,answer", tasks), tasks)
    await bench.collect(tasks, plan="reason/reflect; reason/verify")
    nodes = bench.nodes()["t0"]
    assert set(nodes) == {"r", "r/reason", "r/reason/reflect", "r/reason/verify"}
    reference = Bench(tmp_path / "reference")
    await reference.collect(tasks, plan="reason/reflect; reason/verify")
    assert nodes["r/reason/reflect"] == reference.nodes()["t0"]["r/reason/reflect"]


async def test_recording_does_not_go_on_from_what_would_come_out_otherwise_now(tmp_path):
    tasks, bench = tasks_of(1), Bench(tmp_path)
    lines = await solved(bench, "fixed:reason,answer", tasks)
    lines[0]["steps"][0]["text"] = "Something said long ago. Answer: 41"
    await add(bench, lines, tasks)
    await bench.collect(tasks, plan="reason/reflect; program")
    assert set(bench.nodes()["t0"]) == {"r", "r/reason", "r/program"}


async def test_a_run_that_the_budget_ended_is_an_end(tmp_path):
    from pilotage.agent import Budget

    tasks, bench = tasks_of(1), Bench(tmp_path, budget=Budget(max_calls=1))
    lines = await solved(bench, "fixed:decompose,answer", tasks, budget=Budget(max_calls=1))
    assert lines[0]["stopped_by"] == "max_calls"
    await add(bench, lines, tasks)
    last = Bank.open(bench.folder).tree("t0").nodes["r/decompose"]
    assert last.terminal and last.score == 0.0 and sum(last.mask) == 1


async def test_lines_that_do_not_fit_are_left_out_and_named(tmp_path):
    tasks, bench = tasks_of(3), Bench(tmp_path)
    (line,) = await solved(bench, "fixed:reason,answer", tasks[:1])
    misfits = {
        "the given tasks do not hold it": {"task_id": "elsewhere"},
        "it ended without a usable reply": {"error": "nothing"},
        "model 'other', the bank has 'scripted'": {"model": "other"},
        "memory had a part in it, which the bank has not": {"recalled": ["c1"]},
        "a second model solved it anew, so that its blocks are not those of one": {"escalated": {"model": "second"}},
        "it does not end with the answer": {"steps": line["steps"][:1]},
        "a step is malformed": {"steps": [{"block": "reason", "usage": 3}, line["steps"][-1]]},
    }
    report = await add(bench, [line | change for change in misfits.values()], tasks)
    assert [why for _, why in report.left_out] == list(misfits)
    assert report.left_out[0][0] == "line 1, task elsewhere"
    assert report.nodes == 0


async def test_only_free_observations_can_be_computed_afterwards(tmp_path):
    bench = Bench(tmp_path, observation="probe")
    with pytest.raises(UsageError, match="preset 'probe'"):
        await add(bench, [], tasks_of(1))


def test_a_file_of_something_else_is_named(tmp_path):
    (tmp_path / "r.jsonl").write_text('{"task_id": "a", "steps": []}\n{"prompt": "no result"}\n{"torn')
    lines = result_lines(tmp_path / "r.jsonl")
    assert next(lines)[1]["task_id"] == "a"
    with pytest.raises(UsageError, match="line 2"):
        next(lines)
    with pytest.raises(UsageError, match="can't be read"):
        next(result_lines(tmp_path / "missing.jsonl"))
