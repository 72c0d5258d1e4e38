"""`pilotage bank confidence`: figures on a terminal and as JSON, and the file that a run reads."""

import pytest

from pilotage.navigator.confidence.file import read_model
from tests.navigator.confidence.made_up import known_bank


@pytest.fixture
def bank(tmp_path):
    return known_bank(tmp_path / "bank", tasks=120).path


def test_it_prints_every_method_and_writes_a_model(command_line, bank, tmp_path):
    out = tmp_path / "m.json"
    said = command_line("bank", "confidence", bank, "--bootstrap", 200, "--policy", "linear", "--out", out, columns=80)
    assert said.code == 0, said.err
    assert "all stops, by what other tasks taught; 120 tasks" in said.out
    assert "where linear stops, by what other families taught; 120 tasks" in said.out
    rows = [line.split("  ")[0] for line in said.out.splitlines()]
    assert rows.count("confidence") == rows.count("a constant") == 4 and rows.count("its own value") == 2
    assert max(map(len, said.out.splitlines()[:-1])) <= 80
    assert len(read_model(out).card["tasks"]["train"]) == 120
    again = command_line("bank", "confidence", bank, "--bootstrap", 200, "--out", out)
    assert again.code == 2 and "--force" in again.err


def test_families_are_left_out_of_all_that_it_does(command_line, bank, tmp_path):
    out = tmp_path / "m.json"
    options = ["--bootstrap", 200, "--policy", "one-bit", "--leave-out", "f0", "--leave-out", "f1"]
    wrong = command_line("bank", "confidence", bank, *options)
    assert wrong.code == 2  # the made-up bank has none of the features that this rule reads
    options[3] = "nearest"
    told = command_line("bank", "confidence", bank, *options, "--out", out, "--json").json
    assert (told["tasks"], told["families"]) == (80, ["f2", "f3", "f4", "f5"])
    assert [(one["held_out"], one["where"], one["tasks"]) for one in told["judged"]] == [
        ("tasks", "all stops", 80),
        ("tasks", "nearest", 80),
        ("families", "all stops", 80),
        ("families", "nearest", 80),
    ]
    figures = told["judged"][0]["figures"]["confidence"]
    assert 0 < figures["ece"]["value"] < 0.3 and len(figures["above"]) == 5
    judged = command_line("bank", "confidence", bank, "--bootstrap", 200, "--judge", out, "--json").json["judged"]
    assert [(one["held_out"], one["tasks"]) for one in judged] == [("", 40)]  # those that it has not learned from
    sealed = ["--only", "f0", "--judge", out]
    assert "all stops; 20 tasks" in command_line("bank", "confidence", bank, "--bootstrap", 200, *sealed).out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--only", "f9"], "the family 'f9' cannot be chosen: the bank"),
        (["--policy", "nobody"], "unknown policy 'nobody'"),
        (["--judge", "none.json"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(command_line, bank, options, why):
    said = command_line("bank", "confidence", bank, "--bootstrap", 200, *options)
    assert said.code == 2 and len(said.err.splitlines()) == 1 and why in said.err


def test_of_a_single_family_none_is_held_out(command_line, bank, tmp_path):
    options = ["--only", "f0", "--bootstrap", 100, "--out", tmp_path / "m.json", "--json"]
    judged = command_line("bank", "confidence", bank, *options).json["judged"]
    assert {one["held_out"] for one in judged} == {"tasks"} == {read_model(tmp_path / "m.json").card["held_out"]}


def test_a_model_of_other_features_does_not_pass_for_one_of_a_run(command_line, bank, tmp_path):
    out = tmp_path / "m.json"
    command_line("bank", "confidence", bank, "--bootstrap", 100, "--policy", "linear", "--out", out)
    (tmp_path / "s.json").write_text('["42"]')
    options = ["--model", f"scripted:{tmp_path / 's.json'}", "--memory", "none", "--confidence", out]
    said = command_line("solve", "What is 6 times 7?", *options)
    assert said.code == 2 and "reads other features" in said.err and len(said.err.splitlines()) == 1
