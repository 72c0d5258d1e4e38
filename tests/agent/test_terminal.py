"""What comes from outside is shown on a terminal, and never obeyed by it: every command that shows any."""

import io
import json
import logging
import re
import sys
from pathlib import Path

import pytest

from pilotage.agent.cli.terminal import counting, guarded, plain, print_json, print_json_line, screen, shortened
from pilotage.memory import ConceptDraft
from pilotage.memory.store import ConceptStore
from tests.navigator.banks import learnable_bank, node, write_bank

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r[bold]x[/bold][/] :skull:"
OBEYED = re.compile(r"(?![\n\t])[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def shown(command_line, monkeypatch):
    """Runs a command and returns what it printed, of which no terminal obeys anything."""
    monkeypatch.setenv("PILOTAGE_MEMORY", "m")

    def run(*arguments, code=0, **more):
        said = command_line(*arguments, **more)
        assert said.code == code, said.err
        assert not OBEYED.search(said.out + said.err), ascii(said.out + said.err)
        assert "Traceback" not in said.err
        return said

    return run


@pytest.fixture
def script(tmp_path):
    """A model that answers with commands to the terminal, and prints some from a program."""
    program = f"```python\nprint({HOSTILE!r})\n```"
    rules = {"Python program[^$]*$": program, "": f"It is {HOSTILE}\nAnswer: {HOSTILE} 480"}
    (tmp_path / "script.json").write_text(json.dumps({"rules": rules}))
    return "scripted:script.json"


@pytest.fixture
def concepts():
    with ConceptStore.open("m", embedder="hash") as store:
        draft = ConceptDraft(title=HOSTILE, description=HOSTILE, cues=(HOSTILE,), implementation=(HOSTILE,))
        return store.add(draft, actor=HOSTILE, cause=HOSTILE, run=HOSTILE)


def test_a_run_that_is_shown_as_it_happens(shown, script):
    said = shown("solve", f"What is {HOSTILE}?", "--model", script, "--memory", "none", "--policy", "fixed:reason")
    assert r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r[bold]x[/bold][/] :skull:" in said.out


def test_a_run_as_json_says_exactly_what_came(shown, script):
    asked = ("solve", "What is this?", "--model", script, "--memory", "none", "--policy", "fixed:reason", "--json")
    assert HOSTILE.split("\r")[0] in shown(*asked).json["answer"]


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_batch_its_ids_and_its_defects(shown, script, tmp_path, as_json):
    tasks = [
        {"id": f"{HOSTILE}\nnot solved", "prompt": HOSTILE, "gold": 1},
        {"id": "b", "prompt": "q", "kind": HOSTILE},
    ]
    Path("t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    asked = ("--model", script, "--memory", "none", "--policy", "fixed:reason", "--out", "r.jsonl", *as_json)
    said = shown("solve", "--tasks", "t.jsonl", *asked, code=1)
    assert "left out" in said.err
    assert not any(line.startswith("not solved") for line in said.err.splitlines())
    assert json.loads(Path("r.jsonl").read_text())["task_id"] == tasks[0]["id"]


def test_memory_on_every_screen(shown, concepts):
    for command in (["list"], ["show", concepts], ["search", HOSTILE], ["search", "evil", "--recall"], ["history"]):
        assert "evil" in shown("memory", *command).out
        assert "evil" in json.dumps(shown("memory", *command, "--json").json)
    for command in (["stats"], ["credit"], ["doctor"], ["prune"], ["edit", concepts, "--set", f"title={HOSTILE}2"]):
        shown("memory", *command)
    for command in (["forget", concepts], ["restore", concepts], ["undo", "4"]):
        shown("memory", *command, "--cause", HOSTILE)


def test_an_export_to_the_screen_is_an_export(shown, concepts):
    for form in ("jsonl", "arcmemo"):
        assert "evil" in shown("memory", "export", "--format", form).out
    lines = shown("memory", "export").out.splitlines()
    assert json.loads(lines[1])["description"] == HOSTILE


def test_banks_on_every_screen(shown):
    learnable_bank("b", tasks=9, depth=2)
    write_bank("c", {f"{HOSTILE}/1": [node()]})
    for bank in ("b", "c"):
        shown("bank", "info", bank)
        shown("bank", "verify", bank)
    shown("bank", "split", "b", "--parts", f"{HOSTILE}=0.5,rest=0.5")
    shown("bank", "merge", "c", "c", "--out", HOSTILE.replace("/", ""))


@pytest.mark.parametrize(
    "arguments",
    [
        ["solve", "q", "--model", HOSTILE],
        ["solve", "q", "--base-url", HOSTILE],
        ["solve", "q", "--policy", HOSTILE, "--memory", "none"],
        ["solve", "--tasks", HOSTILE],
        ["solve", "q", f"--{HOSTILE}"],
        ["solve", "--limit", HOSTILE],
        [HOSTILE],
        ["memory", "show", HOSTILE],
        ["memory", "import", HOSTILE],
        ["memory", "list", "--kind", HOSTILE],
        ["bank", "info", HOSTILE],
        ["policy", "show", HOSTILE],
        ["report", HOSTILE, "--out", "r"],
        ["models", "pull", HOSTILE],
        ["models", "path", HOSTILE],
    ],
    ids=lambda arguments: " ".join(arguments)[:20].encode("ascii", "ignore").hex(),
)
def test_errors_quote_what_was_typed(shown, concepts, command_line, arguments):
    said = command_line(*arguments)
    assert said.code in (1, 2) and said.err.startswith("error: ") and len(said.err.splitlines()) == 1
    assert not OBEYED.search(said.out + said.err)


def test_what_others_print_is_shown_too(capsys):
    with guarded():
        print(HOSTILE)
        sys.stderr.writelines([HOSTILE, "\n"])
        logging.lastResort.emit(logging.makeLogRecord({"msg": HOSTILE}))
    both = "".join(capsys.readouterr())
    assert both.count("evil") == 3 and not OBEYED.search(both)


def test_a_screen_keeps_its_own_styles_and_nothing_of_the_text(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    screen().print(f"[bold]{plain(HOSTILE)}[/]")
    out = capsys.readouterr().out
    assert out.startswith("\x1b[1m") and out.endswith("\x1b[0m\n")
    assert not OBEYED.search(out.removeprefix("\x1b[1m").removesuffix("\x1b[0m\n"))


def test_a_screen_tells_no_credentials(capsys, monkeypatch):
    monkeypatch.setenv("LAB_API_KEY", "sk-Zx81qTnotAWord")
    with guarded():
        screen().print("it said sk-Zx81qTnotAWord of http://me:mine@host")
        print("and sk-Zx81qTnotAWord again")
    assert capsys.readouterr().out == "it said *** of http://***@host\nand *** again\n"


def test_a_stream_that_has_no_utf8_gets_what_it_can_show(monkeypatch, tmp_path):
    with open(tmp_path / "out", "w", encoding="ascii") as file, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", file)
        with guarded():
            print("é \N{GRINNING FACE}")
            screen().print("é")
    assert (tmp_path / "out").read_text() == "\\xe9 \\U0001f600\n\\xe9\n"


def test_a_bar_counts_on_a_terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the stream for a terminal
    stream = io.StringIO()
    with counting(screen(file=stream), "embedding") as on_progress:
        on_progress(3, 10)
    assert "embedding" in stream.getvalue() and "3/10" in stream.getvalue()


@pytest.mark.parametrize("how", [{}, {"flush": True}])
def test_a_credential_that_is_printed_in_pieces_is_none_less(capsys, monkeypatch, how):
    monkeypatch.setenv("LAB_API_KEY", "sk-Zx81qTnotAWord")
    with guarded():
        print("it said sk-Zx81q", end="", **how)
        print("TnotAWord", "again", **how)
        for piece in ("at http://me:", "mine", "@host\n"):
            print(piece, end="")
    assert capsys.readouterr().out == "it said *** again\nat http://***@host\n"


def test_json_tells_no_credentials(capsys, monkeypatch):
    monkeypatch.setenv("LAB_API_KEY", "sk-Zx81qTnotAWord")
    with guarded():
        print_json({"said": "sk-Zx81qTnotAWord"})
        print_json_line({"said": "sk-Zx81qTnotAWord"})
    page, line = capsys.readouterr().out.split("}\n")[:2]
    assert json.loads(page + "}") == json.loads(line + "}") == {"said": "***"}


def test_nothing_is_lost_and_all_comes_in_the_order_in_which_it_was_printed(capsys):
    with guarded():
        print("one", end=" ")
        screen().print("two")
        print("three", end=" ", flush=True)
        assert capsys.readouterr().out == "one two\nthree "  # who waits for an answer has been asked
        print("four", end=" ")
        print_json_line({"five": 5})
        print("six", end="")
    assert capsys.readouterr().out == 'four {"five": 5}\nsix'


@pytest.mark.parametrize("most", [1000, 1001, 1002, 4000])
def test_a_text_is_shortened_to_what_fits_and_no_more(most):
    assert shortened("x" * most, most) == "x" * most
    short = shortened("a" * most + "z", most)
    assert len(short) == most and short.endswith("z") and " ... " in short
