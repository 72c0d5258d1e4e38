"""Processes of peers: each line answers its own request, and none outlives the comparison that can be found."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import venv
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pilotage.agent.errors import UsageError
from pilotage.agent.peers.block import Peers
from pilotage.agent.peers.ending import end_all
from pilotage.agent.peers.toolkit import Peer
from pilotage.agent.peers.worker import DRIVER, PeerFailed, Worker
from pilotage.agent.strategies.known.skilled import skilled
from tests.agent.bench.conftest import lines
from tests.agent.bench.peering import VOTE, asked, solved

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc")

TOOLKIT = '''
"""A toolkit with the door of optillm, that does what it is asked to."""
import os, subprocess, sys, time
server_config = {}

class Reply:
    status_code = 200
    def __init__(self, text): self.text = text
    def get_json(self, silent): return {"choices": [{"message": {"content": self.text}}]}

class Client:
    def post(self, path, json, headers):
        asked = json["messages"][-1]["content"]
        if "orphan" in asked:
            begets = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-I', '-c', " \\
                     "'import time; time.sleep(600)'], start_new_session=True, env={}, stdout=-3, stderr=-3).pid)"
            return Reply(subprocess.check_output([sys.executable, "-I", "-c", begets], text=True).strip())
        if "busy" in asked:
            subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"])
            print("busy", flush=True)
            while True: pass
        return Reply("Answer: right")

class app: test_client = Client
class Arguments: pass
def parse_args(): return Arguments()
'''


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A folder with an environment of optillm, in which a toolkit of its name is installed."""
    folder = tmp_path_factory.mktemp("environments")
    venv.create(folder / "optillm", symlinks=True)
    (packages,) = folder.glob("optillm/lib/python3*/site-packages")
    for path, text in {
        "optillm/__init__.py": "",
        "optillm/server.py": TOOLKIT,
        "optillm/cepo/__init__.py": "",
        "optillm/cepo/cepo.py": "def init_cepo_config(config): return None",
        "optillm-0.4.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: optillm\nVersion: 0.4.0\n",
    }.items():
        (packages / path).parent.mkdir(exist_ok=True)
        (packages / path).write_text(text)
    return folder


RUN = {"url": "", "key": "", "model": "", "system": "", "max_tokens": 9, "method": "moa", "settings": {}, "seed": "1"}


def lives(pid):
    """Whether a process is there that is no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pid):
    """Whether a process ends within a minute."""
    deadline = time.monotonic() + 60
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not lives(pid)


@contextmanager
def told(path):
    """The number of a process that is written into a file; it is ended afterwards."""
    try:
        yield
    finally:
        with suppress(OSError):
            os.kill(int(path.read_text()), signal.SIGKILL)


def test_one_who_holds_a_pipe_and_cannot_be_found_keeps_nobody(environments, tmp_path):
    """It began with a clean environment, its parent has ended, and it holds standard error."""
    with told(tmp_path / "pid"):
        (run,) = solved(environments, asked(f"abandon file {tmp_path}/pid"), skilled(1.0), max_seconds=6)
        assert run.stopped_by == "max_seconds"
        assert lives((tmp_path / "pid").read_text().strip()), "otherwise this says nothing"


def test_a_child_with_a_clean_environment_and_a_session_of_its_own_is_ended(environments, tmp_path):
    with told(tmp_path / "pid"):
        (run,) = solved(environments, asked(f"clean file {tmp_path}/pid"), skilled(1.0))
        assert run.answer == "right" and gone((tmp_path / "pid").read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has subreapers")
async def test_so_is_one_whose_parent_has_ended(real):
    worker = Worker(Peers(real).command(Peer.parse("peer:optillm/moa")), "optillm")
    pid = await worker.run(RUN | {"prompt": "an orphan"})
    try:
        assert lives(pid)
        await worker.close()
        assert gone(pid)
    finally:
        await worker.close()
        with suppress(OSError):
            os.kill(int(pid), signal.SIGKILL)


def test_where_its_own_input_ends_a_busy_driver_ends_with_its_group(real):
    """As when pilotage is killed: nobody is there to end it."""
    with subprocess.Popen(
        [real / "optillm" / "bin" / "python", "-I", DRIVER, "optillm"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as driver:  # fmt: skip
        try:
            driver.stdin.write(json.dumps(RUN | {"id": "a", "prompt": "be busy"}) + "\n")
            driver.stdin.flush()
            assert driver.stderr.readline() == "busy\n"
            driver.stdin.close()
            assert driver.wait(60) == -signal.SIGKILL
            assert driver.stderr.read() == "", "its child has let go of standard error"
        finally:
            with suppress(OSError):
                os.killpg(driver.pid, signal.SIGKILL)


async def test_the_driver_answers_by_the_number_that_it_was_given(real):
    driver = await asyncio.create_subprocess_exec(
        real / "optillm" / "bin" / "python", "-I", DRIVER, "optillm",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    requests = [RUN | {"id": "a", "prompt": "?"}, {"id": "b"}]
    out, _ = (
        json.loads(await driver.stdout.readline()),
        driver.stdin.write("".join(json.dumps(one) + "\n" for one in requests).encode()),
    )
    replies = [json.loads(await driver.stdout.readline()) for _ in requests]
    driver.stdin.close()
    await driver.wait()
    assert out == {"ready": "0.4.0"} and replies[0] == {"id": "a", "text": "Answer: right"}
    assert replies[1]["id"] == "b" and "KeyError" in replies[1]["error"]


def test_a_surplus_line_is_nobodys_answer(environments):
    first, second, third = solved(environments, asked("surplus", "right or wrong", "right or wrong"), skilled(1.0))
    assert first.answer == "surplus", "it is the first line that came for this task"
    assert second.answer is None and "what is no reply" in second.error
    assert (third.answer, third.error) == ("right", None)


def test_a_text_of_a_million_characters_beyond_the_basic_plane_is_taken(environments):
    (run,) = solved(environments, asked("emoji"), skilled(1.0))
    assert (run.answer, run.error) == ("right", None)


async def test_one_that_cannot_be_started_is_a_failed_run(tmp_path):
    worker = Worker((str(tmp_path / "none"),), "its_hub")
    with pytest.raises(PeerFailed, match="did not start: No such file"):
        await worker.run({})
    await worker.close()


def test_a_number_that_was_waited_for_is_not_signalled():
    """It may be another's: here it is that of a process of this test, which has its own group."""
    waits = [sys.executable, "-I", "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, start_new_session=True) as other:
        end_all("nobody's", other.pid, reaped=True)
        other.communicate(b"\n")
    assert other.returncode == 0, "it ended by itself"


def test_an_environment_with_another_version_is_refused_before_a_call(bench, real, tmp_path):
    code, _, err = bench("--peers", str(real), methods=["peer:optillm/moa"])
    assert code == 0, err
    assert json.loads(next(Path("o").glob("peer*.jsonl.run")).read_text())["conditions"]["toolkit"] == "optillm 0.4.0"
    (info,) = real.glob("optillm/lib/python3*/site-packages/*.dist-info")
    older = info.with_name("optillm-0.3.9.dist-info")
    info.rename(older)
    try:
        (older / "METADATA").write_text("Metadata-Version: 2.1\nName: optillm\nVersion: 0.3.9\n")
        code, out, err = bench("--peers", str(real), "--resume", methods=["peer:optillm/moa"])
    finally:
        older.rename(info)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: optillm\nVersion: 0.4.0\n")
    told = " ".join(err.split())
    assert code == 2 and not out and "has version '0.3.9' of optillm, whose methods are known of 0.4.0 alone" in told
    assert f"{real}/optillm/bin/pip install --no-deps optillm==0.4.0 && " in told


def test_a_file_of_another_version_is_not_gone_on_with(bench, environments):
    assert bench("--peers", str(environments), methods=[VOTE])[0] == 0
    (beside,) = Path("o").glob("peer*.jsonl.run")
    beside.write_text(beside.read_text().replace("its_hub 1.2.0", "its_hub 1.1.0"))
    code, _, err = bench("--peers", str(environments), "--resume", methods=[VOTE])
    assert code == 2 and "toolkit 'its_hub 1.1.0', not 'its_hub 1.2.0'" in " ".join(err.split())
    assert len(lines(beside.with_suffix(""))) == 4


def test_an_environment_that_cannot_be_started_is_refused(environments):
    (environments / "its_hub" / "bin" / "python").chmod(0o644)
    with pytest.raises(UsageError, match="cannot be started .*Permission denied.*make it anew by `python3 -m venv"):
        Peers(environments).require(Peer.parse(VOTE))
