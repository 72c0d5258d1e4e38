"""The known answers: the closed forms, how a figure is judged, and the command that measures them."""

import ast
import asyncio
import importlib
import json
import math
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
import strategies
from known_answers import choosing, peers, reading, searching, spending
from known_answers.row import Measured, Row, judged, measure
from known_answers.theory import highest, kept_after, majority, saturated, settled, some, stays, weighted, worse_pulls

from pilotage.agent.strategies import installed
from pilotage.agent.strategies.composed import plangen
from pilotage.agent.strategies.known import readers
from pilotage.agent.strategies.searching.mcts import Node
from pilotage.agent.strategies.spending import saturation


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (majority(0.6, 3), 0.648),
        (majority(0.6, 33), 0.879),
        (majority(0.4, 33), 0.121),
        (majority(0.5, 2), 0.5),
        (some(0.3, 4), 0.7599),
        (highest(0.3, 1, 1.0), 0.3),
        (highest(0.3, 16, 0.0), 0.3),
        (highest(0.3, 4, 50.0), 0.7599),
        (stays(3, 0), 0.9375),
        (stays(4, 0), 0.96875),
        (weighted(0.5, 1, 4), 0.5),
        (weighted(0.5, 1000, 4), 0.8),
        (settled(1.0, 40)[1], 4.0),
        (saturated("aaaa", "0.02"), 2),
        (saturated("abab" * 4, "0.02"), 5),
        (saturated("abab" * 4, "0.001"), 9),
        (saturated("abcd", "0.02"), 4),
        (worse_pulls(4000, 0.6, 1.0), 93 + 2 * math.log(3999.5 / 92.5)),
        (worse_pulls(4000, 0.6, 2**0.5), 185),
        (kept_after(1000, {"x": 0.6, "y": 0.3, "z": 0.1}, {"x": 1, "y": 2, "z": 8})["z"], 0.4),
    ],
)
def test_closed_forms_give_what_is_known(found, known):
    assert found == pytest.approx(known, abs=6e-4)


def test_a_vote_that_ends_early_is_the_sum_over_all_ways_to_draw():
    right = drawn = 0.0
    for draws in product((1, 0), repeat=9):
        chance = math.prod(0.7 if one else 0.3 for one in draws)
        for number in range(1, 10):
            ahead = sum(draws[:number])
            if stays(max(ahead, number - ahead), min(ahead, number - ahead)) > 0.95 or number == 9:
                right, drawn = right + chance * (2 * ahead > number), drawn + chance * number
                break
    assert settled(0.7, 9) == pytest.approx((right, drawn))


@pytest.mark.parametrize(
    ("theory", "values", "relation", "holds"),
    [
        (0.5, [1.0, 0.0] * 50, "=", True),
        (0.5, [1.0] * 71 + [0.0] * 29, "=", False),
        (1.0, [1.0] * 99 + [0.0], "=", False),
        (5.0, [5.0] * 9, "exact", True),
        (5.0, [5.0] * 8 + [6.0], "exact", False),
        (5.0, [4.0, 6.0], "exact", False),
        (1.0, [1.0] * 9, "exact", True),
        (0.0, [0.0] * 9 + [1.0], "exact", False),
        (5.0, [4.0, 5.0, 6.0], "=", True),
        (5.0, [6.0] * 9, "=", False),
        (9.0, [2.0, 3.0], "<=", True),
        (1.0, [2.0, 3.0] * 20, "<=", False),
    ],
)
def test_a_figure_holds_within_four_standard_errors_and_what_is_exact_by_every_sample(theory, values, relation, holds):
    found = judged(Row("s", "a setting", theory, None, relation=relation), values)
    assert found.holds is holds and found.low <= found.mean <= found.high and found.tasks == len(values)


@pytest.mark.parametrize("strategy", ["mcts", "plangen"])
def test_a_fair_coin_is_not_within_the_bound_of_a_bandit(strategy, monkeypatch):
    monkeypatch.setattr(plangen, "next_arm", lambda arms, width, chance: chance.choice(arms))
    monkeypatch.setattr(Node, "next", lambda node, c, chance: chance.choice(node.below))
    (row,) = (row for row in strategies.all_rows() if row.strategy == strategy and "UCB1" in row.setting)
    assert not asyncio.run(measure(row, tasks=20)).holds


def test_saturation_is_not_held_against_its_own_formula(monkeypatch):
    monkeypatch.setattr(saturation, "saturated_at", lambda p, price: 7)
    importlib.reload(spending)
    rows = [row for row in spending.rows() if row.strategy == "saturation"]
    assert [row.theory for row in rows] == [2, 5, 11]
    assert not any(asyncio.run(measure(row, tasks=20)).holds for row in rows)


def test_every_strategy_has_a_known_answer():
    measured = {row.strategy for row in strategies.all_rows()}
    assert measured == set(installed())
    assert len({(row.strategy, row.setting, row.figure) for row in strategies.all_rows()}) == len(strategies.all_rows())
    assert all(kind.rows() for kind in (choosing, searching, reading, spending))


def test_whole_numbers_are_exact():
    whole = [row for row in strategies.all_rows() if row.theory == round(row.theory) and row.relation != "<="]
    assert {row.figure for row in whole} == {"right", "same answer", "draws", "calls", "cap met exactly"}
    assert all(row.relation == "exact" for row in whole)


def test_no_name_stands_for_two_functions():
    files = [file for module in (choosing, readers) for file in Path(module.__file__).parent.glob("*.py")]
    parts = [part for file in files for part in ast.parse(file.read_text()).body]
    named = Counter(part.name for part in parts if isinstance(part, ast.FunctionDef))
    assert named.pop("rows") == 4
    assert [name for name, times in named.items() if times > 1] == []


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["strategies.py", *arguments])
        code = 0
        try:
            strategies.main()
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_the_command_measures_what_it_is_asked_for_and_repeats_itself(command):
    code, out, err = command("--only", "narrative", "saturation", "--tasks", "30", "--json")
    rows = json.loads(out)["rows"]
    assert code == 0 and [row["strategy"] for row in rows] == ["narrative"] * 2 + ["saturation"] * 3
    assert all(row["holds"] for row in rows) and err.count("holds") == 5
    assert command("--only", "narrative", "saturation", "--tasks", "30", "--json")[1] == out
    assert (
        "| narrative | a story, then an answer | calls | exactly 2 | 2 (2–2) | 20 | holds |"
        in command(*("--only", "narrative", "--tasks", "20"))[1]
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--only", "narative"), "no such strategy is measured"),
        (("--tasks", "0"), "give 1 or more"),
        (("--peers", "nowhere"), "nowhere/its_hub: make it by `python3 -m venv /"),
    ],
)
def test_what_cannot_be_measured_is_refused(command, arguments, why):
    code, out, err = command(*arguments)
    assert code == 2 and not out and why in err


PAGE = Path(__file__).parents[2] / "docs" / "known-answers.md"


def kept(name):
    """Figures that are kept beside the page."""
    return json.loads((PAGE.with_suffix("") / f"{name}.json").read_text())


def test_the_page_has_the_table_of_the_kept_figures_and_all_rows_of_today():
    measured = [Measured(**row) for row in kept("figures")["rows"]]
    assert strategies.table(measured) in PAGE.read_text()
    assert f"strategies.py --tasks {kept('figures')['tasks']}\n" in PAGE.read_text()
    today = strategies.all_rows()
    assert [(row.strategy, row.setting, row.figure, row.relation) for row in measured] == [
        (row.strategy, row.setting, row.figure, row.relation) for row in today
    ]
    assert [row.theory for row in measured] == pytest.approx([row.theory for row in today])
    assert all(row.holds for row in measured)


def test_the_page_has_the_table_of_other_toolkits():
    rows = [{name: Measured(**one) for name, one in row.items()} for row in kept("peers")["rows"]]
    assert strategies.peers_table(rows) in PAGE.read_text()
    assert [(row["pilotage"].strategy, row["pilotage"].setting) for row in rows] == [
        (one.row.strategy, one.row.setting) for one in peers.compared()
    ]
    assert all(row["pilotage"].holds for row in rows)
