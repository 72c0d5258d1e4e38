"""Scores of candidates: while recording, and of a bank that was recorded before, by the same graders and no call."""

import asyncio
import dataclasses
import json
import signal
import subprocess
import sys
from functools import partial

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.banks.grading import grade_bank
from pilotage.agent.banks.meta import meta_of
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.tasks.grading import GRADERS, score_of
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.merge import pack
from pilotage.navigator.bank.reader import read_meta, verify
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.errors import BankError
from tests.agent.collecting.test_traces import add, solved
from tests.agent.test_collect import Bench, tasks_of

PLAN = "program; reason; reason/program; program/reason; reason/verify"


def recorded_before(bank, then, change=lambda node: dataclasses.replace(node, candidate_score=None)):
    """Writes a bank again as it was recorded before candidates were graded, or with another change of its nodes."""
    opened = Bank.open(bank)
    with BankWriter(then, opened.meta) as writer:
        for tree in map(opened.tree, opened.tasks):
            writer.begin(tree.header)
            writer.add(tree.task, *map(change, tree))
    return then


def passed_over(node):
    """A node whose candidate is nobody's answer, so that nothing was recorded of it."""
    return dataclasses.replace(node, candidate="43", candidate_score=0.0) if node.id == "r/reason/verify" else node


def files_of(bank):
    return {file.name: file.read_bytes() for file in (bank / "tasks").glob("*") if file.name.endswith(("l", "gz"))}


async def grade(path, assigned, **options):
    with BankWriter(path, read_meta(path)) as writer:
        return await grade_bank(Bank.open(path), writer, {one.task.id: one.task for one in assigned}, **options)


@pytest.fixture
async def bench(tmp_path):
    """A bank of three tasks, whose reasoning is wrong on the first and whose program fails on the second."""
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(3), plan=PLAN)
    return bench


async def test_recording_grades_every_candidate_as_the_grader_does(bench):
    bank, tasks = Bank.open(bench.folder), {one.task.id: one.task for one in tasks_of(3)}
    nodes = [(task, node) for task in bank.tasks for node in bank.tree(task)]
    for task, node in nodes:
        assert node.candidate_score == (node.candidate and await score_of(tasks[task], node.candidate))
    passed_over = [node for _, node in nodes if node.candidate not in (None, node.answer)]
    assert passed_over and all(node.candidate_score != node.score for node in passed_over)
    assert {node.candidate_score for _, node in nodes} == {None, 0.0, 1.0}


async def test_a_bank_of_before_is_graded_as_if_it_had_been_recorded_so(bench, tmp_path):
    before, calls = recorded_before(bench.folder, tmp_path / "before"), len(bench.model.calls)
    assert files_of(before) != files_of(bench.folder)
    seen = []
    graded = await grade(before, tasks_of(3), on_task=lambda so_far: seen.append((so_far.tasks, so_far.new)))
    assert files_of(before) == files_of(bench.folder) and not verify(before)
    assert graded.new == graded.candidates and graded.known == 0 and graded.tasks == 3
    assert seen[0] == (0, 0) and seen[-1] == (3, graded.new) and len(seen) == 4
    again = await grade(before, tasks_of(3))
    assert (again.new, again.known) == (0, graded.candidates) and len(bench.model.calls) == calls


async def test_recording_goes_on_in_a_graded_bank(bench, tmp_path):
    before = recorded_before(bench.folder, tmp_path / "other" / "bank")
    await Bench(tmp_path / "other").collect(tasks_of(3), plan=f"{PLAN}; decompose")
    mixed = [node for task in "012" for node in Bank.open(before).tree(f"t{task}") if node.candidate is not None]
    assert {node.id for node in mixed if node.candidate_score is not None} == {"r/decompose"}
    graded = await grade(before, tasks_of(3))
    assert (graded.known, graded.new) == (3, len(mixed) - 3)


async def test_traces_bring_scores_too(tmp_path):
    tasks, bench = tasks_of(2), Bench(tmp_path)
    await add(bench, await solved(bench, "fixed:reason,program,answer", tasks), tasks)
    for nodes in bench.nodes().values():
        for node in nodes.values():
            assert ("candidate_score" in node) == (node["candidate"] is not None)
            assert node.get("candidate_score") in (None, float(node["candidate"] == "42"))


async def test_a_candidate_that_contradicts_the_score_of_its_node_stops_it_and_is_named(bench, tmp_path):
    before = recorded_before(bench.folder, tmp_path / "before")
    pack(before)
    content = files_of(before)
    with pytest.raises(BankError, match="node 'r/program' of task 't0' answers its candidate, which scored 1 .* 0 now"):
        await grade(before, tasks_of(3, gold=41))
    assert files_of(before) == content


def other(change, which=1):
    """The tasks, one of them with a change."""
    made = tasks_of(3)
    made[which] = dataclasses.replace(made[which], task=made[which].task.model_copy(update=change))
    return made


@pytest.mark.parametrize(
    ("assigned", "error", "sentence"),
    [
        (tasks_of(2), UsageError, "1 of the bank's 3 tasks are not among --tasks, t2 for one"),
        (other({"prompt": "Task 1: what is 6 times 8?"}), UsageError, "task t1 is not what it was"),
        (other({"gold": None}, 2), UsageError, "task t2 has no gold answer"),
        (other({"metadata": {"grader": "gone"}}, 2), TaskError, "no grader is called 'gone'"),
    ],
)
async def test_tasks_that_do_not_fit_leave_every_file_as_it_was(bench, tmp_path, assigned, error, sentence):
    before = recorded_before(bench.folder, tmp_path / "before")
    content = files_of(before)
    with pytest.raises(error, match=sentence):
        await grade(before, assigned)
    assert files_of(before) == content


async def test_a_grader_that_fails_keeps_the_tasks_before_and_is_named(bench, tmp_path, monkeypatch):
    monkeypatch.setitem(GRADERS, "broken", lambda task, answer: 1 / 0 if answer == "43" else float(answer == "42"))
    now = recorded_before(bench.folder, tmp_path / "now", passed_over)
    before = recorded_before(now, tmp_path / "before")
    with pytest.raises(TaskError, match="task t1: its answer can't be graded: ZeroDivisionError"):
        await grade(before, other({"metadata": {"grader": "broken"}}))
    graded = await grade(before, tasks_of(3))
    assert graded.known > 0 and graded.tasks == 2
    assert files_of(before) == files_of(now)


async def test_wrong_tasks_leave_no_score_whatever_they_say_of_candidates_that_are_no_answers(bench, tmp_path):
    """A task whose candidates could be taken for right and wrong alike must not be graded before the others fit."""
    now = recorded_before(bench.folder, tmp_path / "now", passed_over)
    before = recorded_before(now, tmp_path / "before")
    content = files_of(before)
    with pytest.raises(BankError, match="node 'r/program' of task 't2' answers its candidate, which scored 1 .* 0 now"):
        await grade(before, other({"gold": 41}, 2))
    assert files_of(before) == content


async def test_a_score_that_the_grader_contradicts_is_named(bench, tmp_path):
    def wrong(node):
        given = passed_over(node)
        return dataclasses.replace(given, candidate_score=1.0) if given is not node else node

    before = recorded_before(bench.folder, tmp_path / "wrong", wrong)
    content = files_of(before)
    sentence = "node 'r/reason/verify' of task 't0' has a candidate that scored 1 when recorded and scores 0 now"
    with pytest.raises(BankError, match=sentence):
        await grade(before, tasks_of(3))
    assert files_of(before) == content


@pytest.mark.parametrize("ends", [SystemExit, SystemExit(3)])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_grader_that_would_end_the_process_has_failed(bench, tmp_path, monkeypatch, ends, asynchronous):
    def end(task, answer):
        raise ends

    async def end_later(task, answer):
        raise ends

    monkeypatch.setitem(GRADERS, "ending", end_later if asynchronous else end)
    before = recorded_before(bench.folder, tmp_path / "before")
    content = files_of(before)
    with pytest.raises(TaskError, match="the grader 'ending' wanted to end the process"):
        await grade(before, other({"metadata": {"grader": "ending"}}))
    assert files_of(before) == content


HOSTILE = [
    "__import__('os').system('touch {there}')",
    "9" * 100_000,
    "9**9**9**9",
    "[" * 5000,
    "\ud800\x00\x1b[2J",
    "NaN",
]


@pytest.mark.parametrize("family", ["string_insertion", "countdown", "chain_sum"])
async def test_hostile_candidates_are_misses_and_never_run(tmp_path, family):
    from pilotage.agent.banks.sources import mixed

    there = tmp_path / "there"
    wanted = iter([text.format(there=there) if "{there}" in text else text for text in HOSTILE])
    assigned, _ = mixed([f"gym:{family};size=1;seed=3"])
    with ReasoningAgent(ScriptedChatModel(lambda messages: "Answer: 1"), sandbox="none") as agent:
        meta = meta_of(agent.components)
    bench = Bench(tmp_path, lambda messages: "Answer: 1", sandbox="none")
    await bench.collect(assigned, plan="reason", samples=len(HOSTILE))
    bank = Bank.open(bench.folder)
    (task,) = bank.tasks
    with BankWriter(tmp_path / "hostile", meta) as writer:
        writer.begin(bank.headers[task])
        for node in bank.tree(task):
            candidate = None if node.parent is None else next(wanted)
            writer.add(task, dataclasses.replace(node, candidate=candidate, candidate_score=None))
    graded = await grade(tmp_path / "hostile", assigned)
    assert (graded.new, graded.right) == (len(HOSTILE), 0) and not there.exists()


STOPPING = """
import os, signal, sys, time
from pilotage.agent.cli import main
from pilotage.agent.tasks.grading import GRADERS

how, bank = sys.argv[1:]

def grader(task, answer):
    if task.id == "t1" and answer == "43":
        os.kill(os.getpid(), getattr(signal, how.removesuffix(" and hang")))
        while "hang" in how:
            time.sleep(1)
    return float(answer == "42")

GRADERS["mine"] = grader
sys.argv[1:] = ["bank", "grade", bank, "--tasks", "tasks.jsonl"]
main()
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A bank of before and one of now, of tasks that are graded by a grader of one's own, and their file."""
    monkeypatch.setitem(GRADERS, "mine", lambda task, answer: float(answer == "42"))
    assigned = [
        dataclasses.replace(one, task=one.task.model_copy(update={"metadata": {"grader": "mine"}}))
        for one in tasks_of(3)
    ]
    bench = Bench(tmp_path)
    asyncio.run(bench.collect(assigned, plan=PLAN))
    lines = [{"id": one.task.id, "prompt": one.task.prompt, "kind": "numeric", "grader": "mine"} for one in assigned]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    now = recorded_before(bench.folder, tmp_path / "now", passed_over)
    return recorded_before(now, tmp_path / "before"), now


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT", "SIGINT and hang"])
def test_a_grading_that_was_stopped_goes_on_where_it_was(own, tmp_path, command_line, how):
    before, now = own
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    command = [sys.executable, "-c", STOPPING, how, str(before)]
    stopped = subprocess.run(command, cwd=tmp_path, preexec_fn=heed, capture_output=True, text=True)
    assert stopped.returncode == (-signal.SIGKILL if how == "SIGKILL" else 130), stopped.stderr
    if how != "SIGKILL":
        kept = f"interrupted; the scores so far are kept in {before}; the same command grades the rest"
        assert stopped.stderr.strip() == kept
    same = {name for name, content in files_of(before).items() if content == files_of(now)[name]}
    assert same == {"t0.jsonl"} and not [one for one in verify(before) if one.level == "error"]
    code, out, err = command_line("bank", "grade", before, "--tasks", "tasks.jsonl", "--json")
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert summary["known"] > 0 and summary["known"] + summary["new"] == summary["candidates"] and summary["tasks"] == 2
    assert files_of(before) == files_of(now)


def test_the_command_says_what_it_did_and_what_does_not_fit(own, tmp_path, command_line):
    before, now = own
    code, out, err = command_line("bank", "grade", before, "--tasks", "tasks.jsonl")
    assert (code, err) == (0, "") and "candidates graded in 3 tasks" in out and files_of(before) == files_of(now)
    assert " candidates are graded" in command_line("bank", "info", before)[1]
    code, out, err = command_line("bank", "grade", before, "--tasks", "tasks.jsonl;size=1")
    assert (code, out) == (2, "") and err.startswith("error: 2 of the bank's 3 tasks are not among --tasks, t1 for one")
    code, out, err = command_line("bank", "grade", "nowhere", "--tasks", "tasks.jsonl")
    assert (code, out) == (2, "") and err.startswith("error: there is no bank in nowhere")
    code, out, err = command_line("bank", "grade", before)
    assert code == 2 and "--tasks" in err
