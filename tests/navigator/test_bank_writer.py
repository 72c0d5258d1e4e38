"""Writing banks: durable, resumable, by one process at a time."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pilotage.navigator import Bank, BankError, BankWriter, TaskHeader
from pilotage.navigator.bank.merge import pack
from pilotage.navigator.bank.reader import verify
from tests.navigator.banks import ACTIONS, META, node, write_bank

HEADER = TaskHeader("t", "sums")
ROOT = Path(__file__).parents[2]


def test_a_second_writer_goes_on_where_the_first_stopped(tmp_path):
    with BankWriter(tmp_path, META) as writer:
        writer.begin(HEADER)
        writer.add("t", node())
    with BankWriter(tmp_path, dataclasses.replace(META, created="later")) as writer:
        writer.begin(HEADER)
        assert writer.has("t", "r") and not writer.has("t", "r/reason")
        assert list(writer.nodes("t")) == ["r"] and writer.nodes("new") == {}
        writer.add("t", node(["reason"]))
        assert writer.meta.created == META.created
    assert list(Bank.open(tmp_path).tree("t").nodes) == ["r", "r/reason"]


@pytest.mark.parametrize("change", [{"model": "other"}, {"budget": {}}, {"preset": "probe"}, {"prompt_hash": "1"}])
def test_other_settings_are_refused(tmp_path, change):
    BankWriter(tmp_path, META).close()
    with pytest.raises(BankError, match=f"recorded with other {next(iter(change))}: record with the same settings"):
        BankWriter(tmp_path, dataclasses.replace(META, **change))
    BankWriter(tmp_path, META).close()  # the refusal left no lock


def test_two_processes_do_not_write_at_once(tmp_path):
    code = "import sys; from pilotage.navigator import BankWriter; from tests.navigator.banks import META\n"
    code += "try: BankWriter(sys.argv[1], META)\nexcept Exception as error: print(error)"
    with BankWriter(tmp_path, META):
        command = [sys.executable, "-c", code, str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "another process is writing" in run.stdout


def test_a_node_is_recorded_once(tmp_path):
    with BankWriter(tmp_path, META) as writer:
        with pytest.raises(BankError, match="was not begun"):
            writer.add("t", node())
        writer.begin(HEADER)
        writer.add("t", node())
        with pytest.raises(BankError, match="recorded already"):
            writer.add("t", node())
        with pytest.raises(BankError, match="recorded already"):
            writer.add("t", node(["reason"]), node(["reason"]))
        assert not writer.has("t", "r/reason")
    assert len(Bank.open(tmp_path).tree("t")) == 1


def test_a_task_keeps_its_header(tmp_path):
    with BankWriter(tmp_path, META) as writer:
        writer.begin(HEADER)
        with pytest.raises(BankError, match="record it elsewhere"):
            writer.begin(TaskHeader("t", "words"))


@pytest.mark.parametrize(
    "wrong",
    [
        node(["reason"], score=float("nan")),
        node(["reason"], observation=[float("nan")] * 8),
        node(["reason"], extras={"gold": 1}),
        node(["reason"], parent="r/plan"),
        node(["reason"], evidence={"x": float("inf")}),
    ],
)
def test_a_wrong_node_never_reaches_the_disk(tmp_path, wrong):
    with BankWriter(tmp_path, META) as writer:
        writer.begin(HEADER)
        writer.add("t", node())
        with pytest.raises(BankError):
            writer.add("t", wrong)
        writer.add("t", node(["reason"]))
    assert list(Bank.open(tmp_path).tree("t").nodes) == ["r", "r/reason"]


@pytest.mark.parametrize("cut", [1, 10, 400])
def test_a_torn_line_is_cut_off_and_recorded_again(tmp_path, cut):
    bank = write_bank(tmp_path, {"t": [node(), node(["reason"])]})
    whole = bank.files["t"].read_bytes()
    bank.files["t"].write_bytes(whole[:-cut])
    with BankWriter(tmp_path, META) as writer:
        assert list(writer.nodes("t")) == ["r"]
        writer.add("t", node(["reason"]))
    assert bank.files["t"].read_bytes() == whole


def test_a_torn_header_is_written_again(tmp_path):
    bank = write_bank(tmp_path, {"t": [node()]})
    bank.files["t"].write_bytes(b'{"task": "t", "fam')
    with BankWriter(tmp_path, META) as writer:
        writer.begin(TaskHeader("t", "t"))
        writer.add("t", node())
    assert len(Bank.open(tmp_path).tree("t")) == 1


def test_a_packed_task_can_be_added_to(tmp_path):
    write_bank(tmp_path, {"t": [node()], "u": [node()]})
    report = pack(tmp_path)
    assert report.files == 2
    first = {path.name: path.read_bytes() for path in (tmp_path / "tasks").iterdir()}
    with BankWriter(tmp_path, META) as writer:
        assert writer.has("t", "r")
        writer.add("t", node(["reason"]))
    assert sorted(path.name for path in (tmp_path / "tasks").iterdir()) == ["t.jsonl", "u.jsonl.gz"]
    bank = Bank.open(tmp_path)
    assert (len(bank.tree("t")), len(bank.tree("u"))) == (2, 1)
    assert pack(tmp_path).files == 1
    assert (tmp_path / "tasks" / "u.jsonl.gz").read_bytes() == first["u.jsonl.gz"]


def test_half_a_character_of_a_model_is_kept(tmp_path):
    bank = write_bank(tmp_path, {"t": [node(text="caf\ud800é\u2028\n")]})
    assert bank.tree("t").root.text == "caf\ud800é\u2028\n"


def test_threads_share_a_writer(tmp_path):
    with BankWriter(tmp_path, META) as writer:

        def record(number):
            writer.begin(TaskHeader(f"t{number}", "f"))
            writer.add(f"t{number}", node())
            for name in ("reason", "program"):
                writer.add(f"t{number}", node([name]))

        threads = [threading.Thread(target=record, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    bank = Bank.open(tmp_path)
    assert [len(bank.tree(task)) for task in bank.tasks] == [3] * 12


WRITES = """
import sys
from pilotage.navigator import BankWriter, TaskHeader
from tests.navigator.banks import META, ACTIONS, node
with BankWriter(sys.argv[1], META) as writer:
    for number in range(10_000):
        task = f"t{number % 7}"
        writer.begin(TaskHeader(task, "f"))
        sample = len(writer.nodes(task)) - 1
        one = node() if sample < 0 else node(["reason"], sample=sample, text="x" * 5000)
        writer.add(task, one)
        print(task, one.id, flush=True)
"""


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    seen = [process.stdout.readline().split() for _ in range(60)]
    os.kill(process.pid, signal.SIGKILL)
    seen += [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    process.stdout.close()
    process.wait()
    bank = Bank.open(tmp_path)
    for task, id in seen:
        assert id in bank.tree(task).nodes
    with BankWriter(tmp_path, META) as writer:  # the lock died with the process
        writer.begin(TaskHeader("after", "f"))
        writer.add("after", node())
    assert ACTIONS.names == Bank.open(tmp_path).actions.names


def test_half_a_character_in_a_task_id_has_a_file_as_any_other(tmp_path):
    bank = write_bank(tmp_path / "b", {("half \ud800", "f"): [node()]})
    assert bank.tasks == ["half \ud800"] and not verify(tmp_path / "b")


def test_a_task_that_was_killed_before_its_first_node_does_not_end_the_bank(tmp_path):
    bank = write_bank(tmp_path / "b", {"f/a": [node()]})
    with BankWriter(tmp_path / "b", META) as writer:
        writer.begin(TaskHeader("f/b", "f", "numeric", "made up"))
    again = Bank.open(tmp_path / "b")
    assert again.tasks == bank.tasks and len(again.twins) == 0  # what reads every tree
    assert [one.level for one in verify(tmp_path / "b")] == ["note"]
    with BankWriter(tmp_path / "b", META) as writer:
        writer.begin(TaskHeader("f/b", "f", "numeric", "made up"))
        writer.add("f/b", node())
    assert Bank.open(tmp_path / "b").tasks == ["f/a", "f/b"]
