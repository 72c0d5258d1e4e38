"""Packages that programs may import besides the standard library: there, read-only, and on one thread."""

import pytest

from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.sandbox import packages
from pilotage.agent.sandbox.packages import numpy

USE = """
import os, numpy as np
grid = np.arange(6).reshape(2, 3)
print(np.rot90(grid).tolist(), float((np.eye(50) @ np.eye(50)).sum()), os.environ["OPENBLAS_NUM_THREADS"])
"""


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
async def test_numpy_is_there_where_it_is_asked_for(opened, mode):
    with_it = await opened(mode, numpy()).run(USE)
    assert (with_it.stdout, with_it.stderr) == ("[[2, 5], [1, 4], [0, 3]] 50.0 1\n", "")
    assert "No module named 'numpy'" in (await opened(mode).run(USE)).stderr


async def test_no_other_package_comes_with_it(opened):
    ran = await opened("bubblewrap", numpy()).run("import os\nprint(sorted(os.listdir('/packages')))\nimport pydantic")
    assert ran.stdout in ("['numpy', 'numpy.libs']\n", "['numpy']\n") and "No module named 'pydantic'" in ran.stderr


async def test_the_weaker_mode_shows_no_other_package_either(opened):
    ran = await opened("subprocess", numpy()).run(
        "import numpy\ntry:\n    import pydantic\nexcept ImportError:\n    print('none')"
    )
    assert (ran.stdout, ran.stderr) == ("none\n", "")


async def test_a_package_cannot_be_changed(opened):
    code = "import numpy\nopen(numpy.__file__, 'a')"
    assert "Read-only file system" in (await opened("bubblewrap", numpy()).run(code)).stderr


async def test_one_process_has_one_thread_of_its_own(opened):
    sandbox = opened("bubblewrap", numpy(), threads=4)
    ran = await sandbox.run("import numpy as np\nprint((np.ones((400, 400)) @ np.ones((400, 400))).sum())")
    assert ran.ok and ran.stdout == "64000000.0\n"


def test_an_interpreter_without_it_is_told(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(SandboxUnavailable, match="has none: pip install numpy"):
        numpy()
