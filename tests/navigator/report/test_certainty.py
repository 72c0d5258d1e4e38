"""What the report says of other families, of families with room, of what was tried, and of power."""

import pytest

from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.report import FIGURES, tables, write_report
from pilotage.navigator.report.findings import robust
from pilotage.navigator.report.method import method
from pilotage.navigator.report.reading import as_json, parse
from pilotage.navigator.report.sections import sections
from tests.navigator.evaluation.made_up import flat_bank
from tests.navigator.report.evaluations import evaluation

QUICK = Protocol(folds=3, seeds=1, efforts=(), resamples=500, tried=2, tried_names=("k=5",))
RIGHT = {"all": {"program", "reason"}, "none": set(), "sums": {"program"}, "words": {"reason"}, "half": {"program"}}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    right = {f"{family}/{n}": good for family, good in RIGHT.items() for n in range(8)}
    bank = flat_bank(tmp_path_factory.mktemp("b") / "b", right)
    return evaluate(bank, ["best-fixed", "best-fixed-per-family", "always:reason", "oracle"], QUICK)


@pytest.fixture(scope="module")
def data(found):
    return parse(as_json(found.to_json()))


def test_a_file_keeps_all_of_it(found, data):
    first, again = (one.comparison("best-fixed-per-family", "best-fixed") for one in (found, data))
    assert again.power.tasks_for_6_points == first.power.tasks_for_6_points and again.with_room.tasks == 8
    assert again.power.level == pytest.approx(first.power.level, abs=1e-6)
    assert again.family_interval == pytest.approx(first.family_interval, abs=1e-6)
    assert data.room == found.room and data.protocol.adjusted_for == 5
    assert data.protocol.tried_names == ("k=5",) and data.policies[0].accuracy_family_interval is not None


def test_the_finding_tells_of_other_families_and_of_those_with_room(data):
    said = robust(data.comparison("best-fixed-per-family", "best-fixed"))
    assert said[0].startswith("With families drawn anew as well, the interval is 0.0 to +")
    assert said[1] == "On the 8 tasks of families that leave room the difference is +100.0 points (+100.0 to +100.0)."


def test_the_sections_name_room_and_power(data):
    told = {one.name: " ".join(one.sentences) for one in sections(data, dict.fromkeys(FIGURES))}
    assert "At p < 0.01, the first step of Holm's correction, these tasks show with 80% power" in told["comparisons"]
    assert "6 points take" in told["comparisons"] and "words (8 tasks)." in told["families"]


def test_the_table_has_a_row_for_each_comparison(data):
    table = tables.comparisons(data)[1]
    assert [row[:2] for row in table.rows] == [(one.policy, one.against) for one in data.comparisons]
    assert dict(zip(table.head, table.rows[0], strict=True))["tasks with room"] == "8"
    assert "right, families anew" in tables.policies(data).head


def test_the_method_counts_what_was_tried(data):
    text = " ".join(method(data))
    assert "Holm's correction for all 5 comparisons, 3 further variants that had been tried (k=5 among them)" in text
    assert "Intervals over families draw families anew, and tasks within them" in text


def test_the_page_holds_it(data, found, tmp_path):
    write_report(found.to_json(), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Families drawn anew, families with room, and power" in page and "leave room" in page


def test_a_file_of_before_says_what_it_knows():
    before = parse(as_json(evaluation(learned=1, baselines=1, families=2, tasks=40, resamples=50)))
    assert len(tables.comparisons(before)) == 1 and not robust(before.comparisons[0])
    assert "Holm's correction for the number of comparisons with an opponent" in " ".join(method(before))
    told = [text for one in sections(before, dict.fromkeys(FIGURES)) for text in one.sentences]
    assert not any("80% power" in text or "Room for a router" in text for text in told)


def test_with_no_room_anywhere_the_report_says_so(data):
    empty = data.model_copy(update={"room": data.room.model_copy(update={"tasks": 0, "families": {}})})
    (families,) = [one for one in sections(empty, dict.fromkeys(FIGURES)) if one.name == "families"]
    assert families.sentences[1].endswith("no family leaves room.")
