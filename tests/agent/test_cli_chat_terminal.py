"""`pilotage chat` on a real terminal: keys, history, interrupts, widths, and what a kill leaves behind."""

import json
import os
import re
import signal
import stat
import sys
from contextlib import ExitStack
from pathlib import Path

import pexpect
import pyte
import pytest
from rich.cells import cell_len

from tests.agent.chat_scripts import ASKED, seller, written
from tests.agent.serve.conftest import running  # noqa: F401  (fixture)
from tests.agent.serve.upstream import Line, Upstream

LONG = 300
"""Seconds that something may take beside a load."""


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, arguments, environment, columns):
        command = str(Path(sys.executable).with_name("pilotage"))
        arguments = ["chat", "--memory", "none", *arguments]
        self.process = pexpect.spawn(command, arguments, env=environment, dimensions=(50, columns), timeout=LONG)
        self.process.delaybeforesend = None
        self.log = self.process.logfile_read = Log()
        self.columns = columns

    def expect(self, text):
        self.process.expect_exact(text)
        return self

    def type(self, text, end="\r"):
        self.process.send(text + end)
        return self

    def prompted(self):
        """Waits until the next message is awaited: before, a key belongs to nobody."""
        self.process.expect_exact("\x1b[?2004h")
        self.process.expect_exact("\x1b[?25h")
        return self

    def leaves(self, code):
        self.process.expect(pexpect.EOF)
        self.process.wait()
        assert self.process.exitstatus == code, self.screen
        return self

    @property
    def screen(self):
        """What a person sees."""
        screen = pyte.HistoryScreen(self.columns, 50)
        pyte.ByteStream(screen).feed(self.log.written)
        return "\n".join(line.rstrip() for line in screen.display).strip()


class Log:
    """Everything that was written to the terminal."""

    def __init__(self):
        self.written = b""

    def write(self, data):
        self.written += data

    def flush(self):
        pass


@pytest.fixture
def terminal(tmp_path):
    """Starts the command on terminals, with a home of their own."""
    own = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")  # a shell's say goes before what the terminal is
    kept = {name: value for name, value in os.environ.items() if name not in own}
    home = {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with ExitStack() as stack:

        def start(*arguments, columns=80, awaited=True, **variables):
            environment = {**kept, **home, "TERM": "xterm-256color", "PILOTAGE_POLICY": "rules"} | variables
            if "--model" not in arguments:
                arguments = (*arguments, "--model", seller(tmp_path))
            started = Terminal([*map(str, arguments)], environment, columns)
            stack.callback(started.process.close, force=True)
            return started.prompted() if awaited else started

        yield start


@pytest.fixture
def history(tmp_path):
    return tmp_path / "home" / "chat" / "history"


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "home" / "chat" / "last.json"


def asked_of(path):
    return [turn["asked"] for turn in json.loads(path.read_text())["turns"]]


def test_a_conversation_its_history_and_its_end(terminal, history, kept):
    first = terminal().type("Hi there").expect("Hello!").expect("in all")
    first.type(ASKED).expect("nothing was computed yet").expect("It is 59.").expect("in all")
    first.type("/quit").leaves(0)
    assert "program  nothing was computed yet" in first.screen
    for private in (history, kept):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert asked_of(kept) == ["Hi there", ASKED]
    second = terminal("--continue")
    assert "> Hi there" in second.screen and "It is 59." in second.screen
    second.type("\x1b[A\x1b[A\x1b[A").expect("in all").prompted().type("\x04", end="").leaves(0)  # up, three times
    assert asked_of(kept) == ["Hi there", ASKED, "Hi there"]


def test_several_lines_are_one_message(terminal, kept):
    opened = terminal().type("one\\").type("two", end="\x1b\r").type("three").expect("in all")
    opened.type("\x1b[200~four\nfive\x1b[201~").expect("in all").type("/quit").leaves(0)  # a paste
    assert asked_of(kept) == ["one\ntwo\nthree", "four\nfive"]


def test_ctrl_c_ends_a_reply_and_its_call_and_keeps_the_conversation(terminal, running, kept):  # noqa: F811
    slow = Line("It goes on and on " * 4000, delay=0.05)
    upstream = Upstream(lambda body: "Fine." if "quick" in str(body["messages"][-1]) else slow)
    opened = terminal("--model", "up", "--base-url", f"{running(upstream.app)}/v1")
    opened.type("quick").expect("Fine.").expect("in all")
    opened.type("Tell me a tale").expect("goes on").type("\x03", end="").expect("/retry asks again")
    assert upstream.left.wait(LONG)
    opened.type("quick again").expect("Fine.").expect("in all")
    assert [message["content"] for message in upstream.bodies[-1]["messages"]] == ["quick", "Fine.", "quick again"]
    opened.prompted().type("\x03", end="").expect("Ctrl-D or /quit leaves").type("/quit").leaves(0)
    assert asked_of(kept) == ["quick", "quick again"]


def test_a_reply_that_was_ended_is_asked_for_again(terminal, running, kept):  # noqa: F811
    lines = iter([Line("word " * 4000, delay=0.05), "Once more."])
    upstream = Upstream(lambda body: next(lines))
    opened = terminal("--model", "up", "--base-url", f"{running(upstream.app)}/v1")
    opened.type("Tell me a tale").expect("word word").type("\x03", end="").expect("/retry asks again")
    opened.type("/retry").expect("Once more.").expect("in all").type("/quit").leaves(0)
    assert asked_of(kept) == ["Tell me a tale"]


def test_what_fails_is_a_sentence_and_the_conversation_goes_on(terminal, running, kept):  # noqa: F811
    lines = iter([Line(fault=403), "Fine."])
    upstream = Upstream(lambda body: next(lines))
    opened = terminal("--model", "up", "--base-url", f"{running(upstream.app)}/v1")
    opened.type("Hi").expect("error: ").expect("upstream says 403").type("/retry").expect("Fine.").expect("in all")
    opened.type("/quit").leaves(0)
    assert "Traceback" not in opened.screen and asked_of(kept) == ["Hi"]


def test_a_kill_in_the_middle_leaves_what_was_acknowledged(terminal, running, history, kept):  # noqa: F811
    slow = Line("word " * 4000, delay=0.05)
    upstream = Upstream(lambda body: "Fine." if "quick" in str(body["messages"][-1]) else slow)
    model = ("--model", "up", "--base-url", f"{running(upstream.app)}/v1")
    opened = terminal(*model).type("quick").expect("Fine.").expect("in all")
    opened.type("Tell me a tale").expect("word word")
    opened.process.kill(signal.SIGKILL)
    opened.process.expect(pexpect.EOF)
    assert asked_of(kept) == ["quick"]
    assert [line for line in history.read_text().splitlines() if line.startswith("+")] == ["+quick", "+Tell me a tale"]
    again = terminal(*model, "--continue")
    assert "Fine." in again.screen
    again.type("quick too").expect("Fine.").expect("in all")
    again.type("/quit").leaves(0)
    assert asked_of(kept) == ["quick", "quick too"]


def test_sigterm_ends_it_with_a_sentence(terminal, running):  # noqa: F811
    upstream = Upstream(lambda body: Line("word " * 4000, delay=0.05))
    opened = terminal("--model", "up", "--base-url", f"{running(upstream.app)}/v1").type("Hi").expect("word word")
    opened.process.kill(signal.SIGTERM)
    opened.leaves(130)
    assert upstream.left.wait(LONG)


@pytest.mark.parametrize("columns", [40, 100])
def test_words_are_not_cut_where_a_line_ends(terminal, columns, tmp_path):
    reply = " ".join(f"word{number:02}" for number in range(60)) + "\n\n    indented " + "語" * 90
    opened = terminal("--model", written(tmp_path / "w.json", {"": reply}), columns=columns)
    opened.type("Hi").expect("indented").expect("in all").type("/quit").leaves(0)
    lines = opened.screen.splitlines()
    assert re.findall(r"word\d\d", "\n".join(lines)) == reply.split()[:-2]
    assert "    indented" in opened.screen and opened.screen.count("語") == 90
    words = [place for place, line in enumerate(lines) if re.search(r"word\d", line)]
    assert words == [*range(words[0], words[-1] + 1)]  # no line between them is empty
    assert max(map(cell_len, lines)) <= columns


def test_without_colours_and_on_a_dumb_terminal(terminal):
    plain = terminal(NO_COLOR="1").type("Hi").expect("Hello!").expect("in all").type("/quit").leaves(0)
    assert not re.search(rb"\x1b\[[\d;]*(3|4|9|10)\d(;[\d;]*)?m", plain.log.written)
    assert re.search(rb"\x1b\[[\d;]*3\dm", terminal().type("Hi").expect("in all").type("/quit").leaves(0).log.written)
    dumb = terminal(TERM="dumb", awaited=False).expect("> ").type("Hi").expect("Hello!").expect("in all").expect("> ")
    dumb.type("\x03", end="").expect("Ctrl-D or /quit leaves").type("/quit").leaves(0)
    assert b"\x1b" not in dumb.log.written


def test_it_says_what_is_missing(terminal, tmp_path):
    (tmp_path / "prompt_toolkit.py").write_text("raise ImportError('none')")
    opened = terminal(PYTHONPATH=str(tmp_path), awaited=False)
    opened.expect("pip install 'pilotage[chat]'").leaves(2)
