"""What a well-meaning program sees: a plain Python, its input, and honest reports of how it ended."""

import asyncio
import os
import subprocess
import time

import pytest

from pilotage.agent.sandbox import Sandbox
from pilotage.agent.sandbox.launch import base_executable
from tests.agent.sandbox.test_sandbox_escapes import descendants

BOTH = pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])


@BOTH
async def test_a_program_reads_its_input_and_prints_its_result(mode, opened):
    code = "import sys\nname = input()\nrest = sys.stdin.read()\nprint(f'hello {name}', len(rest.split()))"
    execution = await opened(mode).run(code, stdin="wörld\n1 2 3\n")
    assert execution.stdout == "hello wörld 3\n"
    assert execution.ok and execution.error is None
    assert (execution.stderr, execution.exit_code, execution.stopped_by) == ("", 0, None)
    assert execution.seconds > 0


@BOTH
async def test_an_uncaught_error_shows_the_programs_own_lines_and_no_others(mode, opened):
    execution = await opened(mode).run("def f(x):\n    return 1 / x\n\nprint('before')\nf(0)")
    assert execution.stdout == "before\n"
    assert execution.exit_code == 1 and not execution.ok
    assert execution.stderr.startswith(
        'Traceback (most recent call last):\n  File "program.py", line 5, in <module>\n    f(0)\n'
    )
    assert execution.error == "ZeroDivisionError: division by zero"


async def test_a_syntax_error_names_its_line(sandbox: Sandbox):
    execution = await sandbox.run("x = 1\nprint(x")
    assert 'File "program.py", line 2' in execution.stderr
    assert execution.error is not None and execution.error.startswith("SyntaxError")


@pytest.mark.parametrize(("ending", "code"), [("exit()", 0), ("quit(3)", 3), ("raise SystemExit(4)", 4)])
async def test_a_program_may_end_itself(sandbox: Sandbox, ending: str, code: int):
    execution = await sandbox.run(f"print('last words')\n{ending}")
    assert (execution.stdout, execution.exit_code) == ("last words\n", code)


async def test_the_standard_library_is_there_and_installed_packages_are_not(sandbox: Sandbox):
    modules = "math fractions itertools datetime re json decimal collections heapq random ctypes sqlite3 zlib"
    execution = await sandbox.run(
        f"for name in {modules.split()!r}:\n    __import__(name)\n"
        "import importlib.util as u\n"
        "print([name for name in ('pydantic', 'numpy', 'sympy', 'pip', 'agent') if u.find_spec(name)])"
    )
    assert execution.stderr == ""
    assert execution.stdout == "[]\n"


async def test_main_is_a_real_module(sandbox: Sandbox):
    code = """
    from dataclasses import dataclass
    import pickle
    @dataclass
    class Point:
        x: "int"
    if __name__ == "__main__":
        print(pickle.loads(pickle.dumps(Point(3))), __file__)
    """
    execution = await sandbox.run("\n".join(line[4:] for line in code.splitlines()))
    assert execution.stdout == "Point(x=3) program.py\n", execution.stderr


async def test_asyncio_and_scratch_files_work(sandbox: Sandbox):
    code = """
import asyncio, os
async def main():
    await asyncio.sleep(0)
    with open('notes.txt', 'w') as file:
        file.write('kept')
    print(open('notes.txt').read(), file=open(os.devnull, 'w'))
    return open('notes.txt').read()
print(asyncio.run(main()))
"""
    execution = await sandbox.run(code)
    assert execution.stdout == "kept\n", execution.stderr


async def test_nothing_of_one_run_is_left_for_the_next(sandbox: Sandbox):
    await sandbox.run("open('note', 'w').write('x')")
    execution = await sandbox.run("import os; print(os.listdir('.'))")
    assert execution.stdout == "['program.py']\n"


async def test_output_that_is_no_text_is_replaced_not_raised(sandbox: Sandbox):
    execution = await sandbox.run("import sys; sys.stdout.buffer.write(b'ok \\xff\\xfe')")
    assert execution.stdout == "ok \ufffd\ufffd"


async def test_code_with_a_lone_surrogate_still_gets_an_answer(sandbox: Sandbox):
    execution = await sandbox.run("print('a\ud800b')", stdin="\ud800")
    assert execution.stdout == "a?b\n"


@BOTH
async def test_a_run_costs_little_more_than_an_interpreters_start(mode, opened):
    sandbox = opened(mode)
    await sandbox.run("pass")
    runs, starts = [], []
    for _ in range(7):
        runs.append((await sandbox.run("print(1)")).seconds)
        started = time.monotonic()
        await asyncio.to_thread(subprocess.run, [base_executable(), "-I", "-S", "-c", "print(1)"], capture_output=True)
        starts.append(time.monotonic() - started)
    assert min(runs) < 10 * min(starts)


async def test_many_runs_at_once_keep_their_outputs_apart(sandbox: Sandbox):
    executions = await asyncio.gather(*(sandbox.run("print(input())", stdin=f"{n}\n") for n in range(30)))
    assert [execution.stdout for execution in executions] == [f"{n}\n" for n in range(30)]


def test_one_sandbox_serves_several_event_loops(sandbox: Sandbox):
    async def crowd() -> list[str]:
        executions = await asyncio.gather(*(sandbox.run(f"print({n})") for n in range(12)))
        return [execution.stdout for execution in executions]

    assert asyncio.run(crowd()) == asyncio.run(crowd()) == [f"{n}\n" for n in range(12)]


async def test_waiting_for_a_free_slot_is_not_charged_to_the_program(opened):
    one_at_a_time = opened(wall_seconds=4)
    sandbox = Sandbox(one_at_a_time.mode, one_at_a_time._launch, one_at_a_time.limits, max_parallel=1)
    nap = "import time; time.sleep(1); print('done')"
    executions = await asyncio.gather(*(sandbox.run(nap) for _ in range(5)))
    assert {execution.stdout for execution in executions} == {"done\n"}


async def test_descriptors_and_children_are_given_back(sandbox: Sandbox):
    await sandbox.run("pass")
    before, children = set(os.listdir("/proc/self/fd")), descendants(os.getpid())
    await asyncio.gather(*(sandbox.run("print(1)") for _ in range(10)))
    assert set(os.listdir("/proc/self/fd")) == before
    assert descendants(os.getpid()) <= children  # none runs, and none waits to be reaped


async def test_a_program_that_ignores_much_input_does_no_harm(sandbox: Sandbox):
    execution = await sandbox.run("print('done')", stdin="x" * 2_000_000)
    assert execution.stdout == "done\n" and execution.ok


EVERYDAY = """
import asyncio, mmap, os, pathlib, random, select, selectors, shutil, signal, socket, sqlite3, sys, tarfile, time, uuid

async def waits():
    await asyncio.sleep(0.01)
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except TimeoutError:
        print('timeout')
    woken = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, woken.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await woken.wait()

asyncio.run(waits())
signal.signal(signal.SIGALRM, lambda *_: print('alarm'))
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()

folder = pathlib.Path('folder')
folder.mkdir()
(folder / 'a').write_text('text')
(folder / 'a').touch()
shutil.copytree(folder, 'copy')
shutil.make_archive('archive', 'gztar', folder)
tarfile.open('archive.tar.gz').extractall('extracted')
(folder / 'a').rename('b')
os.truncate('b', 2)
shutil.rmtree('copy')
print(sorted(os.listdir()), open('b').read())

database = sqlite3.connect('a.db')
database.execute('pragma journal_mode=wal')
database.execute('create table t (x)')
database.commit()
memory = mmap.mmap(-1, 4096)
memory.madvise(mmap.MADV_DONTNEED)
one, other = socket.socketpair()
one.send(b'x')
ready = selectors.DefaultSelector()
ready.register(other, selectors.EVENT_READ)
print(len(ready.select(1)), other.recv(1), select.select([], [one], [], 0)[1] == [one])
uuid.uuid1(), os.urandom(4), time.process_time(), os.nice(1), shutil.get_terminal_size(), shutil.disk_usage('.')
print(sum(random.Random(1).random() < 2 for _ in range(200_000)), sys.stdin.isatty())
"""


@BOTH
async def test_everyday_programs_meet_no_refusal(mode, opened):
    execution = await opened(mode, cpu_seconds=30, wall_seconds=120).run(EVERYDAY)
    assert execution.stderr == ""
    assert execution.stdout == (
        "timeout\nalarm\n['archive.tar.gz', 'b', 'extracted', 'folder', 'program.py'] te\n1 b'x' True\n200000 False\n"
    )


USUAL = """
import copy, getpass, locale, os, sys, tempfile, threading, zoneinfo
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)

def main():
    print(depth(20_000))

sys.setrecursionlimit(30_000)
threading.stack_size(128 << 20)
thread = threading.Thread(target=main)
thread.start()
thread.join()
threading.stack_size(0)
with ThreadPoolExecutor(32) as pool:
    print(sum(pool.map(abs, range(-100, 0))))
print(getpass.getuser(), Path.home() == Path.cwd(), str(copyright)[:4], callable(help), callable(license))
locale.setlocale(locale.LC_ALL, 'C.UTF-8')
"""


@BOTH
async def test_what_programs_usually_begin_with_meets_no_refusal(mode, opened):
    if mode == "subprocess" and os.getuid() != 0:
        pytest.skip("RLIMIT_NPROC forbids threads to all but root")
    execution = await opened(mode, cpu_seconds=30, wall_seconds=120).run(USUAL)
    assert (execution.stdout, execution.stderr) == ("20000\n5050\nnobody True Copy True True\n", "")


async def test_the_interpreter_can_be_started_anew(sandbox: Sandbox):
    execution = await sandbox.run("import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(6 * 7)'])")
    assert execution.stdout == "42\n", execution.stderr


async def test_temporary_files_lie_in_the_work_folder(sandbox: Sandbox):
    execution = await sandbox.run(
        "import os\nopen('/tmp/note', 'w').write('kept')\nprint(open('note').read(), os.path.realpath('/tmp'))"
    )
    assert execution.stdout == "kept /box\n", execution.stderr


@pytest.mark.skipif(not os.path.isdir("/usr/share/zoneinfo"), reason="this machine has no time zones")
async def test_time_zones_are_those_of_the_machine(sandbox: Sandbox):
    execution = await sandbox.run("import zoneinfo; print(zoneinfo.ZoneInfo('Europe/Berlin'))")
    assert execution.stdout == "Europe/Berlin\n", execution.stderr


@BOTH
@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", 152),
        ("import sys; print('MemoryError', file=sys.stderr); sys.exit(1)", 1),
    ],
    ids=["kills itself", "signals itself", "says so"],
)
async def test_a_limit_is_named_only_where_one_was_passed(mode, opened, code: str, exit_code: int):
    execution = await opened(mode).run(code)
    assert (execution.exit_code, execution.stopped_by) == (exit_code, None), execution


@BOTH
async def test_daemon_threads_that_outlive_the_program_do_not_fail_it(mode, opened):
    if mode == "subprocess" and os.getuid() != 0:
        pytest.skip("RLIMIT_NPROC forbids threads to all but root")
    code = (
        "import threading, time\n"
        "def work():\n    while True: sum(range(100))\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
        # Goes on while the interpreter ends, so that the threads meet the end.
        "class Last:\n    def __del__(self): time.sleep(0.5)\n"
        "last = Last()\nprint(42)\n"
    )
    execution = await opened(mode, cpu_seconds=30, wall_seconds=120).run(code)
    assert (execution.exit_code, execution.stdout, execution.stderr) == (0, "42\n", "")


@BOTH
async def test_the_input_can_be_read_by_its_path(mode, opened):
    sandbox = opened(mode, cpu_seconds=30, wall_seconds=120)
    for read in ("open('/dev/stdin').read()", "open(0).read()", "__import__('sys').stdin.read()"):
        execution = await sandbox.run(f"print(repr({read}))", stdin="zwölf\n12")
        assert (execution.stdout, execution.stderr) == ("'zwölf\\n12'\n", ""), read
    assert (await sandbox.run("print(open('/dev/stdin').read() == '')")).stdout == "True\n"


@BOTH
def test_programs_run_under_the_event_loop_of_a_web_server_too(mode, opened):
    uvloop = pytest.importorskip("uvloop")
    sandbox = opened(mode, wall_seconds=20)

    async def three():
        hello = await sandbox.run("print(input())", stdin="hello")
        failed = await sandbox.run("1 / 0")
        flood = await sandbox.run("while True: print('x' * 1000)")
        return hello.stdout, failed.error, flood.stopped_by

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(three()) == ("hello\n", "ZeroDivisionError: division by zero", "output")
