"""What `pilotage arc solve` tells while it runs: on a terminal and piped, and never by what tests become."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.agent.arc.made_up import record, write
from tests.agent.arc.test_arc_solve import FLIP, FLIPPED, ODD, SOLVE

COMMAND = str(Path(sys.executable).with_name("pilotage"))
TOLD = re.compile(
    r"(\d+) of (\d+) puzzles?: (\d+) solved by training pairs, ([\d,]+) tokens(?:, US\$ ([\d.]+))?, (.+) left"
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", {"flip": FLIPPED, "odd": ODD})
    write(tmp_path / "s.json", {"rules": {"numpy array|corrected": FLIP, "": "```\n9 8\n```"}})
    return tmp_path


def told(err):
    return [match.groups() for line in err.splitlines() if (match := TOLD.match(line))]


def test_a_line_now_and_then_tells_what_is_solved_by_training_pairs(here, command_line):
    puzzles = {f"p{number:02}": ODD if number % 3 else FLIPPED for number in range(30)}
    write(here / "p.json", puzzles)
    said = command_line(*SOLVE, "--policy", "fixed:program,reason,answer")
    lines = told(said.err)
    assert 15 <= len(lines) <= 21, "one for each twentieth"
    assert lines[-1][:3] == ("30", "30", "10"), "the others are right by what was written down, which nobody may know"
    assert "30 of 30 tests solved" in said.out
    tokens = [int(line[3].replace(",", "")) for line in lines]
    assert tokens == sorted(tokens) and f"{tokens[-1]:,} tokens" in said.out
    assert all(line[4] is None for line in lines), "nobody knows the price"


def test_what_tests_become_changes_nothing_of_what_is_told(here, command_line):
    seen = []
    for answer in ([[9, 8]], [[0, 0]]):
        odd = record((([[1, 2]], [[9, 9]]),), (([[4, 5]], answer),))
        write(here / "p.json", {"flip": FLIPPED, "odd": odd})
        said = command_line(*SOLVE[:-1], f"R{answer[0][0]}")
        seen.append([line[:5] for line in told(said.err)])
        assert "score" not in said.err
    assert seen[0] == seen[1] and len(seen[0]) == 2


def test_a_further_pass_and_a_later_sitting_go_on_counting(here, command_line):
    assert command_line(*SOLVE).code == 0
    first = told(command_line(*SOLVE, "--resume", "--retries", "1").err)
    assert first[-1][:3] == ("1", "1", "1"), "the puzzle that the first pass solved is counted"
    file = here / "R" / "pass-0.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    again = told(command_line(*SOLVE, "--resume").err)
    assert again[0][:3] == ("2", "2", "1")


def test_money_is_told_where_the_price_is_known(here, command_line):
    (here / "prices.toml").write_text('["scripted:s.json"]\ninput = 100\noutput = 100\n')
    *_, last = told(command_line(*SOLVE, "--prices", "prices.toml").err)
    assert float(last[4]) == pytest.approx(int(last[3].replace(",", "")) / 10_000, rel=0.05)
    (here / "other.toml").write_text("[other]\ninput = 1\noutput = 1\n")
    code, out, err = command_line(*SOLVE[:-1], "S", "--prices", "other.toml")
    assert code == 2 and not out and "no price of the model" in err and not (here / "S").exists()


def test_a_terminal_has_one_line_that_is_drawn_again(here, tmp_path):
    screen, end = os.openpty()
    shown = bytearray()

    def read():
        try:
            while piece := os.read(screen, 4096):
                shown.extend(piece)
        except OSError:
            pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    home = {"PILOTAGE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "150"}
    done = subprocess.run(
        [COMMAND, *SOLVE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=end, text=True, cwd=here,
        env={**os.environ, **home},
    )  # fmt: skip
    os.close(end)
    reader.join(10)
    text = shown.decode()
    assert done.returncode == 0 and "2/2" in text and "1 solved by training pairs" in text
    assert " at this pace" not in text and "2 of 2 tests solved" in done.stdout
