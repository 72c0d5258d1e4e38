"""Runs the programs that a model writes: isolated by bubblewrap, or not at all.

`open_sandbox` and `detect` (detect.py) decide, `Sandbox` (sandbox.py) runs, `Limits` and `Execution`
(execution.py) are what goes in and comes out. Below them, launch.py, bubblewrap.py and seccomp.py build
the world that a program sees, bootstrap.py runs first in it, and process.py watches it from outside.
"""

from pilotage.agent.sandbox.detect import SandboxReport, detect, open_sandbox
from pilotage.agent.sandbox.execution import Execution, Limits
from pilotage.agent.sandbox.sandbox import Sandbox

__all__ = ["Execution", "Limits", "Sandbox", "SandboxReport", "detect", "open_sandbox"]
