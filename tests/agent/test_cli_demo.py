"""The demo's last line: commands that can be typed as they stand."""

import sys

from pilotage.agent.cli import demo


def test_what_comes_next_is_called_as_it_can_be_called_from_here(monkeypatch, tmp_path):
    command = tmp_path / ".venv" / "bin" / "pilotage"
    command.parent.mkdir(parents=True)
    command.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(command), "demo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo.own_name() == ".venv/bin/pilotage"
    monkeypatch.setenv("PATH", str(command.parent))
    assert demo.own_name() == "pilotage"
