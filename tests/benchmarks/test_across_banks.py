"""The comparison across banks: common tasks only, paired, and a sentence for what is no evaluation."""

import across_banks
import pytest

ROWS = {
    "a.csv": {"cheap": {"t1": (1, 0.1), "t2": (0, 0.1), "t3": (1, 0.3)}},
    "b.csv": {"dear": {"t1": (1, 0.4), "t2": (1, 0.4), "t9": (0, 0.4)}},
}


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for file, policies in ROWS.items():
        lines = [f"{name},{task},{s},{c}" for name, tasks in policies.items() for task, (s, c) in tasks.items()]
        (tmp_path / file).write_text("\n".join(["policy,task,score,cost", *lines]) + "\n")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["across_banks.py", *arguments])
        across_banks.main()
        return capsys.readouterr().out

    return run


def test_policies_are_compared_on_the_tasks_that_both_judged(printed):
    said = printed("a.csv=cheap", "b.csv=dear").splitlines()
    assert said[0].startswith("2 tasks")
    assert said[2].startswith("a.csv=cheap: 50.0% right") and " 100 tokens" in said[2]
    assert said[3].startswith("b.csv=dear: 100.0% right")
    assert "+50.0 points" in said[4] and "4.00 times the tokens" in said[4]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a.csv=cheap", "a.csv=dear"), "a.csv has no policy 'dear'; it has cheap"),
        (("none.csv=cheap",), "No such file"),
        (("a.csv",), "a.csv has no policy ''"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(printed, arguments, sentence):
    with pytest.raises(SystemExit, match=sentence):
        printed(*arguments)
