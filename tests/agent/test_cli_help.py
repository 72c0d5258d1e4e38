"""Every help page: whole words and a usage line that can be read, on a terminal of 80 columns."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from pilotage.agent.cli import app
from pilotage.agent.cli.options import RunOptions


def commands(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


@pytest.mark.parametrize("path", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_a_help_page_fits_a_terminal(command_line, path):
    page = command_line(*path, "--help", columns=80).out
    assert "Usage:" in page and max(map(len, page.splitlines())) <= 80
    assert "…" not in page  # a word that was too long for its column is cut
    assert not re.search(r"<(bool|int|float|str|path|list)", page)  # a Python type in place of a word
    assert "{" not in page and "[[" not in page


def test_what_few_need_comes_last_on_a_help_page(command_line):
    for command in ("solve", "collect", "train", "evaluate"):
        panels = re.findall(r"╭─ (\S.*?) ─", command_line(command, "--help", columns=80).out)
        assert panels[-1] == "Expert" and len(panels) == len(set(panels)), panels


def test_an_option_of_several_commands_is_declared_once():
    found = {}
    for group in typer.main.get_command(app).commands.values():
        for param in group.params:
            if param.name in RunOptions.__dataclass_fields__ and group.name in ("solve", "collect"):
                found.setdefault(param.name, set()).add(param.help)
    assert found.keys() == RunOptions.__dataclass_fields__.keys()
    assert {name for name, helps in found.items() if len(helps) > 1} == {"max_seconds"}  # its default is another


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["slove"], "error: No such command 'slove'. Did you mean 'solve', 'serve'? See `pilotage --help`\n"),
        (["graph", "x"], "error: Got unexpected extra argument(s) (x); see `pilotage graph --help`\n"),
        (
            ["policy", "show", "mine"],
            "there is no policy file mine: give one that `pilotage train` wrote, network, or the name of one by rules, "
            "such as default, default@high, rules or one-bit\n",
        ),
    ],
)
def test_a_wrong_command_is_told_where_to_look(command_line, words, sentence):
    said = command_line(*words)
    assert said.code == 2 and said.err.endswith(sentence)
