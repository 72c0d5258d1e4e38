"""A real browser for the tests of the page, where there is one."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEMANDED = "PILOTAGE_TEST_BROWSER"
"""`make test-browser` sets it: then a browser that is missing is a failure."""


def lacking(what):
    if os.environ.get(DEMANDED):
        pytest.fail(what)
    pytest.skip(what)


def start(playwright):
    """Chromium without a window."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        lacking("no Chromium is installed: the page is tried in no browser; install it, then `make test-browser`")
    as_root = hasattr(os, "getuid") and os.getuid() == 0  # for whom Chromium has no sandbox
    return playwright.chromium.launch(executable_path=path, chromium_sandbox=not as_root)


class Watched:
    """A tab that remembers what should not happen in it: scripts of others, requests elsewhere, errors."""

    def __init__(self, tab, home):
        self.tab = tab
        self.home = home
        self.dialogs, self.errors, self.elsewhere = [], [], []
        tab.on("dialog", self._dialog)
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        tab.on("request", self._request)

    def _dialog(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _request(self, request):
        if not request.url.startswith((self.home, "data:")):
            self.elsewhere.append(request.url)

    def ask(self, text):
        """Sends a message and waits for the end of the reply."""
        before = self.tab.locator(".foot:visible").count()
        self.tab.fill("#message", text)
        self.tab.keyboard.press("Enter")
        self.tab.wait_for_function(
            "count => document.querySelectorAll('.foot:not([hidden])').length > count", arg=before
        )

    def check(self):
        """Nothing bad has happened."""
        assert (self.dialogs, self.errors, self.elsewhere) == ([], [], [])
