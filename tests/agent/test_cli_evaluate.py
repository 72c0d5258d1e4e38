"""`pilotage evaluate`, run as the command line runs it."""

import csv
import json
from functools import partial

import pytest

from tests.navigator.banks import learnable_bank

QUICK = ("--folds", "2", "--efforts", "none", "--bootstrap", "500")


@pytest.fixture
def pilotage(command_line):
    """Runs `pilotage evaluate ...` on a bank in the folder `b`."""
    learnable_bank("b", tasks=24, depth=2)
    return partial(command_line, "evaluate", "--bank", "b")


def test_people_read_a_table_and_programs_json(pilotage):
    chosen = ("--policy", "best-fixed", "--policy", "nearest", "--policy", "oracle", "--transfer", "3", *QUICK)
    code, out, _ = pilotage(*chosen)
    assert code == 0
    assert "24 judged in 2 folds" in out and "points over best-fixed" in out and "gap closed" in out
    assert "unseen families" in out and "note  24 tasks show differences" in out
    code, out, _ = pilotage(*chosen, "--json")
    found = json.loads(out)
    assert code == 0 and found["format"] == "pilotage-evaluation"
    assert [one["name"] for one in found["policies"]] == ["best-fixed", "nearest", "oracle"]


def test_a_folder_gets_numbers_tasks_and_report(pilotage, tmp_path):
    code, _, err = pilotage("--policy", "best-fixed", "--policy", "linear", "--out", "o", *QUICK)
    assert code == 0 and "written to o/report.html" in err
    found = json.loads((tmp_path / "o/evaluation.json").read_text())
    rows = list(csv.DictReader((tmp_path / "o/outcomes.csv").read_text().splitlines()))
    right = [float(row["score"]) for row in rows if row["policy"] == "linear"]
    assert sum(right) / len(right) == pytest.approx(found["policies"][1]["accuracy"], abs=1e-5)


def test_several_may_be_compared_with_and_rules_and_exploring_take_part(pilotage, tmp_path):
    (tmp_path / "mine.toml").write_text('[[rule]]\ndo = "reason"\nwhy = "first"\nwhen = { count_reason = "== 0" }\n')
    policies = ("--policy", "mine.toml", "--policy", "epsilon=0.5:random")
    code, out, _ = pilotage(*policies, "--against", "always:reason", "--against", "linear", *QUICK)
    assert code == 0
    assert "rules:mine.toml" in out and "epsilon=0.5:random" in out
    assert "points over always:reason" in out and "points over linear" in out


@pytest.mark.parametrize("tried", ["-5", "1e3", "1,000", "2.5", ""])
def test_what_is_no_number_of_variants_is_not_taken_for_a_name(pilotage, tried):
    code, _, err = pilotage("--policy", "best-fixed", "--tried", tried, *QUICK)
    assert code == 2 and "is no number of variants and no name" in err


def test_what_was_tried_is_counted_and_what_the_tasks_can_show_is_told(pilotage):
    chosen = ("--policy", "best-fixed", "--policy", "nearest", "--against", "best-fixed", *QUICK)
    code, out, _ = pilotage(*chosen, "--tried", "3", "--tried", "k=5, k=30", "--tried", "nearest")
    assert code == 0 and "adjusted by Holm for 6 comparisons" in out
    assert "6 points need" in out and "with room" in out and "found with 80% power at p < 0.0083" in out
    code, out, _ = pilotage(*chosen, "--tried", "3", "--json")
    told = json.loads(out)["protocol"]
    assert (told["tried"], told["tried_names"], told["adjusted_for"]) == (3, [], 4)


def test_sealed_families_stay_closed_and_are_then_judged_alone(pilotage, tmp_path):
    chosen = ("--policy", "best-fixed", "--policy", "nearest", *QUICK)
    code, out, _ = pilotage(*chosen, "--leave-out", "words, sums")
    assert code == 0 and "8 tasks; 8 judged in 2 folds" in out
    assert "left out, neither read nor learned from: words, sums" in out
    code, out, _ = pilotage(*chosen, "--only", "words", "--leave-out", "easy", "--out", "o")
    assert code == 0 and "16 tasks; 8 judged of words, by what was learned from the others" in out
    page = (tmp_path / "o/report.html").read_text()
    assert "Judged are only the tasks of words, by what all the other families teach" in page
    assert "Left out are all tasks of easy: nothing that was recorded of them was read" in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--policy", "linear", "--only", "gcd"), "the family 'gcd' cannot be judged"),
        (("--policy", "linear", "--only", "easy", "--part", "test"), "leave out the part of a split"),
        (("--policy", "magic"), "unknown policy 'magic'; there are default, default@medium, default@high, rules"),
        (("--policy", "llm"), "unknown policy 'llm'"),
        (("--policy", "linear", "--folds", "99"), "24 tasks, too few for 99 folds"),
        (("--policy", "linear", "--efforts", "much"), "--efforts 'much' are no numbers"),
        (("--policy", "linear", "--part", "exam"), "no part 'exam'"),
        (("--policy", "linear", "--transfer", "7"), "give 2 to 3 groups"),
        (("--policy", "linear", "--other-bank", "none"), "there is no bank in none"),
    ],
)
def test_bad_input_is_one_sentence_and_an_exit_code(pilotage, given, said):
    code, out, err = pilotage(*given)
    assert code == 2 and out == "" and err.startswith("error: ") and said in err
    assert "Traceback" not in err and len(err.splitlines()) == 1


def test_the_clock_speaks_at_every_tenth_and_begins_anew_with_a_round():
    from pilotage.agent.cli.evaluate.evaluate import _Clock

    clock = _Clock()
    said = [clock.tell(done, 40) for done in range(41)]
    assert said[0] == "0 of 40 parts of the trainings are done"
    assert sum(one is not None for one in said) == 11 and "100% of the trainings are done, about 0 min left" in said[-1]
    assert clock.tell(1, 40) == "1 of 40 parts of the trainings are done"
