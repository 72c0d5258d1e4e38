"""`pilotage report`, run as the command line runs it."""

import json
import sys
from pathlib import Path

import pytest

from tests.navigator.report.evaluations import evaluation

KEPT = ("format", "version", "bank", "protocol", "comparisons")


@pytest.fixture
def pilotage(command_line):
    """Runs `pilotage ...` beside an evaluation in `e.json`."""
    given = evaluation(learned=1, baselines=1, families=2, tasks=20, resamples=20)
    few = {name: part for name, part in given.items() if name in KEPT}
    few["policies"] = [{**policy, "calibration": None} for policy in given["policies"]]
    Path("e.json").write_text(json.dumps(few))
    return command_line


def test_a_report_is_made_anew_from_its_own_numbers(pilotage, tmp_path):
    code, out, err = pilotage("report", "e.json", "--out", "r")
    assert (code, err) == (0, "") and "6 files written; open r/report.html" in out
    before = {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    code, out, _ = pilotage("report", "r/evaluation.json", "--out", "r", "--json")
    assert code == 0 and json.loads(out)[0] == "r/report.html"
    assert {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file x.json"),
        (b"{cut off", "x.json is not JSON"),
        (b"\xff\xfe\x00", "x.json is not JSON"),
        (b"[" * 100_000, "x.json is not JSON"),
        (b"[1, 2]", "x.json is no evaluation"),
        (b'{"format": "pilotage-evaluation", "version": 9}', "x.json has version 9, this pilotage reads 1"),
        (b'{"format": "pilotage-evaluation", "version": 1, "policies": []}', "x.json: bank: it is missing"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(pilotage, tmp_path, content, said):
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    code, out, err = pilotage("report", "x.json", "--out", "r")
    assert (code, out) == (2, "") and err.startswith(f"error: {said}") and err.count("\n") == 1
    assert "pilotage evaluate" in err and not (tmp_path / "r").exists()


def test_a_file_is_no_folder(pilotage):
    code, _, err = pilotage("report", "e.json", "--out", "e.json")
    assert code == 2 and err == "error: --out e.json cannot be written: e.json is a file; name a folder\n"


def test_without_matplotlib_the_sentence_says_what_to_install(pilotage, monkeypatch):
    monkeypatch.setitem(sys.modules, "pilotage.navigator.report.figures", None)
    monkeypatch.delattr("pilotage.navigator.report.figures", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = pilotage("report", "e.json", "--out", "r")
    assert code == 2 and "pip install 'pilotage[train]'" in err
