"""Every measurement tells what it measures when it is asked."""

import runpy
import sys
from pathlib import Path

import pytest

from pilotage.agent.banks.meta import prompt_hash
from pilotage.agent.blocks import Registry
from pilotage.agent.routing import self_scores

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COMMANDS = [file for file in sorted(BENCHMARKS.glob("*.py")) if '__name__ == "__main__"' in file.read_text()]


@pytest.mark.parametrize("file", COMMANDS, ids=lambda file: file.stem)
def test_a_measurement_has_a_help_page(file, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(file), "--help"])
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    asked = prompt_hash(Registry(), self_scores)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(file), run_name="__main__")
    assert not ended.value.code and "usage:" in capsys.readouterr().out.lower()
    assert prompt_hash(Registry(), self_scores) == asked, "what it changes for itself it leaves as it was"
