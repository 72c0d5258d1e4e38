"""Programs run on an event loop that is not asyncio's own: servers bring theirs."""

import asyncio

import pytest

from pilotage.agent.sandbox import open_sandbox

uvloop = pytest.importorskip("uvloop")


@pytest.mark.parametrize("kind", ["auto", "subprocess"])
def test_programs_run_are_limited_and_cancelled_on_uvloop(kind):
    async def work():
        sandbox = open_sandbox(kind)
        assert (await sandbox.run("print(input())", stdin="hi")).stdout == "hi\n"
        assert (await sandbox.run("print('x' * 10**7)")).stopped_by == "output"
        assert [one.stdout for one in await asyncio.gather(*(sandbox.run(f"print({n})") for n in range(3)))] == [
            *("0\n", "1\n", "2\n")
        ]
        waiting = asyncio.create_task(sandbox.run("import time; time.sleep(1000)"))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    uvloop.run(work())
