"""One registry: the docs name every block, in its order."""

import re
from pathlib import Path

import pytest
import typer

from pilotage.agent import cli
from pilotage.agent.blocks import BUILT_IN
from pilotage.agent.serve.config import ServeConfig, Upstream
from pilotage.agent.strategies import BUILT_IN as STRATEGIES
from pilotage.agent.strategies.scorers import SCORERS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_docs_list_the_blocks_in_registry_order():
    table = re.findall(r"^\| `(\w+)` \|", (DOCS / "how-it-works.md").read_text(), re.MULTILINE)
    assert table == [block.name for block in BUILT_IN]


def test_the_docs_list_the_strategies_in_registry_order():
    table = re.findall(
        r"^\| `([\w-]+)` \|", (DOCS / "strategies.md").read_text().partition("## What all")[0], re.MULTILINE
    )
    assert table == [strategy.name for strategy in STRATEGIES]


def test_the_docs_list_the_scorers():
    table = re.findall(
        r"^\| `([\w-]+)` \|", (DOCS / "strategies.md").read_text().partition("## Scorers")[2], re.MULTILINE
    )
    assert table == list(SCORERS)


def test_the_docs_show_the_example_block_as_it_is():
    example = (DOCS.parent / "examples" / "own_block.py").read_text()
    shown = re.search(r"class Estimate.*?candidate=candidate\)", (DOCS / "extending.md").read_text(), re.DOTALL)
    assert shown is not None and shown.group() in example


PAGES = [*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_folder_that_the_docs_name_is_there(page):
    named = re.findall(
        r"(?<![\w./-])((?:agent|memory|navigator|common|benchmarks|examples|tests)/[\w/]*(?:\.\w+)?)", page.read_text()
    )
    missing = [name for name in named if not (DOCS.parent / name).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_the_docs_name_is_there(page):
    for name in set(re.findall(r"\bpilotage\.[a-z_]+(?:\.[a-z_]+)+", page.read_text())):
        inner = DOCS.parent.joinpath(*name.split(".")[1:])
        inside = inner.is_dir() or inner.with_suffix(".py").exists()
        door = inner.parent.is_dir() or inner.parent.with_suffix(".py").exists()
        assert inside or door, name


def test_every_page_is_in_the_navigation():
    navigation = (DOCS.parent / "zensical.toml").read_text()
    assert not [page.name for page in DOCS.glob("*.md") if f'"{page.name}"' not in navigation]


def test_every_setting_of_the_server_is_in_its_table():
    text = (DOCS / "serve.md").read_text().partition("## Configuration")[2]
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted([*ServeConfig.model_fields, *Upstream.model_fields])


def commands_of(page):
    """Each command line of a page's code blocks, its continued lines joined and its remark left out."""
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if line.startswith("pilotage "):
                yield line.split("  #")[0].split(" && ")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_the_docs_show_is_there(page):
    for line in commands_of(page):
        command = typer.main.get_command(cli.app)
        for word in line.split()[1:]:
            if word not in getattr(command, "commands", {}):
                break
            command = command.commands[word]
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
        shown = re.findall(r"(?<=\s)--[a-z][a-z-]*", line)
        assert not set(shown) - known, line


def test_the_unit_of_systemd_stops_the_server_alone_and_waits_for_it():
    unit = (DOCS / "running-the-server" / "pilotage@.service").read_text()
    stopping = dict(re.findall(r"^(KillMode|TimeoutStopSec)=(.*)$", unit, re.MULTILINE))
    assert stopping["KillMode"] == "mixed"  # else bubblewrap's programs are killed while their requests are answered
    assert float(stopping["TimeoutStopSec"]) > ServeConfig().drain_seconds
