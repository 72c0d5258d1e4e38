"""Collecting banks: every node once, resumed as if never stopped, and nothing that tells how a run ends."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.collect import Collector, Study, unfit
from pilotage.agent.banks.explore import parse_mix
from pilotage.agent.banks.meta import meta_of
from pilotage.agent.banks.plan import parse_plan
from pilotage.agent.banks.sources import Assigned
from pilotage.agent.banks.stepwise import Stepwise
from pilotage.agent.errors import ModelUnavailable
from pilotage.agent.models import Fault, ModelClient, ResponseCache
from pilotage.navigator.bank.bank import Bank, BankWriter, TaskHeader
from pilotage.navigator.evaluation.folds import cross_fit
from tests.agent.states import always_right
from tests.together import TogetherChatModel


def tasks_of(count, gold=42):
    made = [Task(id=f"t{n}", prompt=f"Task {n}: what is 6 times 7?", kind="numeric", gold=gold) for n in range(count)]
    return [Assigned(task, TaskHeader(task.id, "products", "numeric", "made up")) for task in made]


def half_right(messages):
    """Programs fail on odd tasks, reasoning is wrong on every third, all by what the prompt says."""
    text, last = messages[1].text, messages[-1].text
    number = int(text.split()[1].rstrip(":"))
    if "program" in last.lower() and number % 2 and "corrected" not in last:
        return "```python\nprint(oops)\n```"
    if "program" in last.lower():
        return always_right(messages)
    return f"Answer: {41 if number % 3 == 0 else 42}"


class Bench:
    """A collection over a scripted model, as often as one likes."""

    def __init__(self, folder, script=half_right, sandbox="auto", **options):
        self.model = script if isinstance(script, ScriptedChatModel) else ScriptedChatModel(script)
        client = ModelClient(self.model, name="scripted", cache=ResponseCache(folder / "cache.sqlite"))
        self.components = ReasoningAgent(client, sandbox=sandbox, **options).components
        self.folder = folder / "bank"

    async def collect(self, tasks, plan="small", mix="uniform=1;uncertain=2", stop_after=None, concurrency=1, **study):
        ways = parse_plan(plan, self.components.registry.actions, study.get("max_depth", 4))
        with BankWriter(self.folder, meta_of(self.components)) as writer:
            planned = Study(ways, parse_mix(mix, self.components), **study)
            collector = self.collector = Collector(Stepwise(self.components), writer, planned)
            if stop_after is not None:
                collector.until = lambda: collector.tally.nodes >= stop_after
            await collector.collect(tasks, concurrency)
        return collector.tally

    def nodes(self):
        bank = Bank.open(self.folder)
        return {task: {node.id: timeless(node) for node in bank.tree(task)} for task in bank.tasks}


def timeless(node):
    """A node without what a clock says."""
    data = node.to_json()
    for usage in (data["usage"], data["answer_usage"], data["extras"].get("step", {}).get("usage", {})):
        usage.pop("seconds", None)
        usage.pop("replayed_calls", None)
    data["extras"].get("step", {}).pop("seconds", None)
    return data


async def test_a_plan_is_recorded_with_what_stopping_gives(tmp_path):
    bench = Bench(tmp_path)
    tally = await bench.collect(tasks_of(2), plan="small")
    nodes = bench.nodes()
    assert set(nodes["t0"]) == {"r", "r/program", "r/reason", "r/program/verify", "r/reason/verify", "r/reason/program"}
    assert set(nodes["t1"]) == {"r", "r/program", "r/reason", "r/program/reflect", "r/program/reason"} | {
        "r/reason/verify"  # a check by a program that fails
    } | {"r/reason/program"}
    assert tally.nodes == 13 and tally.tasks == 2
    assert (nodes["t0"]["r/program"]["score"], nodes["t0"]["r/reason"]["score"]) == (1.0, 0.0)
    assert nodes["t1"]["r/program"]["candidate"] is None
    assert nodes["t1"]["r/program"]["answer_usage"]["llm_calls"] == 1  # nothing at hand, so the model is asked
    assert nodes["t1"]["r/program"]["evidence"]["program"] == "failed"


async def test_recording_again_records_nothing_and_calls_nobody(tmp_path):
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(3), episodes=4)
    before, calls = bench.nodes(), len(bench.model.calls)
    tally = await bench.collect(tasks_of(3), episodes=4)
    assert tally.nodes == 0 and tally.earlier == sum(map(len, before.values()))
    assert len(bench.model.calls) == calls
    assert bench.nodes() == before


@pytest.mark.parametrize("stop_after", [2, 9])
async def test_a_collection_in_sittings_gives_what_one_sitting_gives(tmp_path, stop_after):
    study = {"plan": "small", "episodes": 3, "samples": 2, "nodes_per_task": 18}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    await Bench(whole).collect(tasks_of(2), **study)
    for _ in range(100):
        tally = await Bench(parts).collect(tasks_of(2), stop_after=stop_after, **study)
        if tally.tasks == 2:
            break
    assert Bench(parts).nodes() == Bench(whole).nodes()


async def test_without_the_cache_the_state_comes_from_the_bank(tmp_path):
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(2), plan="plan; program")
    (tmp_path / "cache.sqlite").unlink()
    again = Bench(tmp_path)
    await again.collect(tasks_of(2), plan="plan/reason; program/reflect?failed")
    plans = ["Write a numbered plan" in call.text for call in again.model.calls]
    assert plans.count(True) == 2 and "print(oops)" in again.model.calls[-1].text


async def test_the_score_has_no_say_in_what_is_recorded(tmp_path):
    study = {"plan": "small", "episodes": 6}
    right, wrong = Bench(tmp_path / "right"), Bench(tmp_path / "wrong")
    await right.collect(tasks_of(4, gold=42), **study)
    await wrong.collect(tasks_of(4, gold=1), **study)
    assert {task: set(nodes) for task, nodes in right.nodes().items()} == {
        task: set(nodes) for task, nodes in wrong.nodes().items()
    }


async def test_no_hidden_answer_reaches_the_bank(tmp_path):
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(2, gold=987654), episodes=2)
    assert not any("987654" in file.read_text() for file in bench.folder.rglob("*.json*"))


async def test_as_many_tasks_are_recorded_at_once_as_asked_for(tmp_path):
    bench = Bench(tmp_path, TogetherChatModel(lambda messages: "Answer: 42", parties=256), sandbox="none")
    tally = await bench.collect(tasks_of(256), plan="reason; reason/reflect", concurrency=256)
    assert tally.nodes == 3 * 256 == sum(len(nodes) for nodes in bench.nodes().values())


async def test_the_limit_of_nodes_cuts_every_task_alike(tmp_path):
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(4), plan="standard", nodes_per_task=4)
    trees = bench.nodes()
    for nodes in trees.values():
        assert {"r", "r/program", "r/reason"} <= set(nodes) <= {"r", "r/program", "r/reason", "r/program/verify"}


async def test_exploring_stays_within_depth_and_limit(tmp_path):
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(3), plan="none", episodes=30, max_depth=3, nodes_per_task=12)
    for nodes in bench.nodes().values():
        assert 4 < len(nodes) <= 12
        assert max(id.count("/") for id in nodes) <= 3


async def test_a_mix_can_follow_a_policy(tmp_path):
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(1), plan="none", mix="fixed:program,verify,decompose,answer", episodes=1)
    assert list(bench.nodes()["t0"]) == ["r", "r/program", "r/program/verify", "r/program/verify/decompose"]


async def test_independent_blocks_are_paid_once_wherever_they_stand(tmp_path):
    bench = Bench(tmp_path)
    first = "program; reason; decompose"
    await bench.collect(tasks_of(1), plan=first)
    paid = len(bench.model.calls)
    more = "program/decompose; reason/decompose; reason/program; reason/verify; program/verify/decompose"
    tally = await bench.collect(tasks_of(1), plan=f"{first}; {more}")
    assert tally.nodes == 6
    assert len(bench.model.calls) == paid + 1  # the check by reasoning
    assert tally.usage.llm_calls == 1 + 1 + 1 + 3 * 2  # a replayed call counts as if it had been paid


async def test_repeats_are_worlds_of_their_own(tmp_path):
    bench = Bench(tmp_path)
    await bench.collect(tasks_of(1), plan="reason; reason/verify", samples=2)
    assert set(bench.nodes()["t0"]) == {"r", "r/reason", "r/reason/verify", "r/reason#1", "r/reason#1/verify#1"}


async def test_a_bank_of_other_settings_is_refused(tmp_path):
    from pilotage.navigator.errors import BankError

    await Bench(tmp_path).collect(tasks_of(1), plan="reason")
    with pytest.raises(BankError, match="other budget"):
        await Bench(tmp_path, budget=Budget(max_tokens=500)).collect(tasks_of(1), plan="reason")


async def test_a_task_that_changed_is_refused(tmp_path):
    from pilotage.agent.errors import UsageError

    await Bench(tmp_path).collect(tasks_of(1), plan="reason")
    (old,) = tasks_of(1)
    other = Assigned(old.task.model_copy(update={"prompt": "Task 0: what is 6 times 8?"}), old.header)
    with pytest.raises(UsageError, match="t0 is not what it was"):
        await Bench(tmp_path).collect([other], plan="program")


async def test_an_endpoint_that_goes_down_keeps_what_was_recorded(tmp_path):
    from pilotage.agent.errors import ModelError

    bench = Bench(tmp_path, script=["Answer: 42"] * 5)
    with pytest.raises(ModelError, match="5 replies"):
        await bench.collect(tasks_of(4), plan="reason", concurrency=2)
    # Which of two calls meets the end first is chance: the task of the other may have its header alone.
    trees = [file.read_text().splitlines()[1:] for file in (tmp_path / "bank" / "tasks").glob("*.jsonl")]
    assert 2 <= sum(map(len, trees)) <= 5


def refusing(*bad, status=400):
    """A script by which every request about these tasks is refused."""

    def script(messages):
        about_a_bad_one = any(f"Task {number}:" in messages[1].text for number in bad)
        return Fault(status=status) if about_a_bad_one else half_right(messages)

    return script


async def test_a_task_that_the_endpoint_refuses_stops_no_other_and_is_no_step(tmp_path):
    bench = Bench(tmp_path, refusing(1))
    assert (await bench.collect(tasks_of(4), plan="reason")).tasks == 3
    assert set(bench.collector.refused) == {"t1"} and "HTTP 400" in bench.collector.refused["t1"]
    again = Bench(tmp_path)
    assert (await again.collect(tasks_of(4), plan="reason")).tasks == 4
    assert not again.collector.refused


async def test_several_refused_tasks_one_after_another_end_the_collection(tmp_path):
    bench = Bench(tmp_path, refusing(0, 1, 2, status=422))
    with pytest.raises(ModelUnavailable, match="3 tasks in a row"):
        await bench.collect(tasks_of(6), plan="reason")


def test_what_cannot_be_recorded_is_told_beforehand(tmp_path):
    (given,) = tasks_of(1)
    assert unfit(given.task, Bench(tmp_path).components) is None
    assert "no gold answer" in unfit(given.task.public(), Bench(tmp_path).components)
    assert "too small" in unfit(given.task, Bench(tmp_path, budget=Budget(max_tokens=20)).components)


KILLED = """
import asyncio, sys
from pathlib import Path
from pilotage.agent import ScriptedChatModel
from tests.agent.test_collect import Bench, half_right, tasks_of

folder, latency = Path(sys.argv[1]), float(sys.argv[2])

def logged(messages):
    with (folder / "calls.txt").open("a") as file:
        file.write(repr([message.text for message in messages]) + "\\n")
    return half_right(messages)

model = ScriptedChatModel(logged, latency=latency)
asyncio.run(Bench(folder, model).collect(tasks_of(6), "small", episodes=2, concurrency=2))
"""


def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path):
    moments, root, kills = random.Random(7), Path(__file__).parents[2], 2
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    whole = tmp_path / "whole"
    whole.mkdir()
    model = ScriptedChatModel(half_right)

    def calls():
        log = tmp_path / "calls.txt"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def recorded():
        return sum(len(file.read_text().splitlines()) - 1 for file in (tmp_path / "bank").rglob("*.jsonl"))

    asyncio.run(Bench(whole, model).collect(tasks_of(6), "small", episodes=2, concurrency=2))
    for _ in range(kills):
        killed = subprocess.Popen([*command, "0.1"], cwd=root)
        deadline, enough = time.monotonic() + 300, calls() + moments.randint(2, 6)
        while time.monotonic() < deadline and calls() < enough:
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.2))
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert killed.returncode == -signal.SIGKILL
    assert 0 < recorded() < sum(map(len, Bench(whole).nodes().values()))
    subprocess.run([*command, "0"], check=True, cwd=root, capture_output=True)
    assert Bench(tmp_path).nodes() == Bench(whole).nodes()
    assert calls() - len(model.calls) <= 2 * kills  # two tasks at a time: those in flight had no reply yet


async def test_copies_of_a_task_are_known_by_what_they_show(tmp_path):
    """A copied file has ids of its own: what is learned from one is never judged on the other."""
    tasks = tasks_of(4)
    copies = [
        Assigned(
            one.task.model_copy(update={"id": f"copy/{one.task.id}"}), replace(one.header, task=f"copy/{one.task.id}")
        )
        for one in tasks
    ]
    bench = Bench(tmp_path)
    await bench.collect([*tasks, *copies], plan="reason")
    bank = Bank.open(bench.folder)
    assert bank.twins == {f"copy/t{n}": [f"t{n}"] for n in range(4)}
    for fold in cross_fit(bank, 2):
        assert {task.removeprefix("copy/") for task in fold.training.tasks}.isdisjoint(
            task.removeprefix("copy/") for task in fold.judged.tasks
        )
