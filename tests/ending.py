"""A run of the tests ends, whatever one of them does. A plugin of pytest; `tests/progress.py` tells where a run is.

`timeout` raises in a test that takes too long. That does not help where it is stuck in native code, or waits once more
on its way out, for a thread or a process that never ends. For those `faulthandler_timeout` ends the process with the
traceback of every thread; another worker goes on, and the test is among the failures by its name.
"""

import faulthandler
import os
import sys

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.progress import Progress


class Scheduling(LoadScopeScheduling):
    """As xdist 3.8 distributes scopes, but the end of a worker neither repeats what ended it nor stops the run.

    xdist hands out again all that the worker had: the test that ended it, which would end the next one, and scopes that
    are finished, upon which the next one never says anything.
    """

    def remove_node(self, node):
        scopes = self.assigned_work[node]
        ended_it = next((name for tests in scopes.values() for name, done in tests.items() if not done), None)
        for scope, tests in list(scopes.items()):
            if ended_it in tests:
                tests[ended_it] = True
            if all(tests.values()):
                del scopes[scope]
        super().remove_node(node)
        return ended_it

    def _reschedule(self, node):
        super()._reschedule(node)
        # A worker begins a test once it knows the next one, and a new worker is given a single scope.
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            self._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


class Watchdog:
    """Keeps pytest's watchdog on while a test that has failed is torn down; pytest itself calls it off."""

    def __init__(self, seconds):
        self._seconds = seconds
        self._errors = os.dup(sys.__stderr__.fileno())  # while a test runs, the descriptor itself is captured

    @pytest.hookimpl(trylast=True)
    def pytest_exception_interact(self, node):
        if isinstance(node, pytest.Item):
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._errors)

    def pytest_unconfigure(self):
        os.close(self._errors)


def pytest_configure(config):
    if config.getini("faulthandler_exit_on_timeout"):
        config.pluginmanager.register(Watchdog(float(config.getini("faulthandler_timeout"))))
    if not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no":
        config.pluginmanager.register(Progress(config))
