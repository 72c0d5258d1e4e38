"""Where a distributed run is, for who reads its log: the time at each tenth, and tests that take long, by name."""

import threading
import time

import pytest

LONG = 120
"""Seconds after which a running test is named; again whenever it has taken twice as long."""
PAUSE = 5


class Progress:
    """A plugin of the process that distributes the tests."""

    def __init__(self, config):
        self._config = config
        self._began = time.monotonic()
        self._running = {}
        self._done, self._tenth = 0, 0
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._name_long_ones, daemon=True)

    def pytest_sessionstart(self, session):
        self._session = session
        self._watch.start()

    def pytest_runtest_logstart(self, nodeid):
        self._running[nodeid] = [time.monotonic(), LONG]

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        if report.when in ("setup", "call"):
            return
        self._running.pop(report.nodeid, None)  # a worker that went down reports the test without its phases
        self._done += 1
        tenth = 10 * self._done // self._session.testscollected
        if tenth > self._tenth:
            self._tenth = tenth
            self._tell(f"{10 * tenth}%: {self._done:,} of {self._session.testscollected:,} tests")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self):
        self._ended.set()
        self._watch.join()

    def _name_long_ones(self):
        while not self._ended.wait(PAUSE):
            for name, one in list(self._running.items()):
                seconds = time.monotonic() - one[0]
                if seconds > one[1]:
                    one[1] = 2 * seconds
                    self._tell(f"{name} has been running for {_clock(seconds)}")

    def _tell(self, text):
        self._config.pluginmanager.get_plugin("terminalreporter").write_line(
            f"[{_clock(time.monotonic() - self._began)}] {text}"
        )


def _clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
