"""How replies are judged: whole words and numbers, never a part of one, and no value that the question gives."""

import json

import pytest
import serve_messages as benchmark

MESSAGES = [json.loads(line) for line in benchmark.MESSAGES.read_text(encoding="utf-8").splitlines()]


def test_half_of_the_mixed_messages_can_be_computed_and_twelve_kinds_are_there():
    mixed = [one for one in MESSAGES if one["group"] == "mixed"]
    assert len(mixed) == 30 and sum(one["kind"] in benchmark.STRAIGHT for one in mixed) == 15
    assert len({one["kind"] for one in mixed}) == 12 and len({one["id"] for one in MESSAGES}) == 60


@pytest.mark.parametrize(
    "one", [one for one in MESSAGES if one["kind"] not in benchmark.STRAIGHT], ids=lambda one: one["id"]
)
def test_no_accepted_value_stands_in_its_question(one):
    given = "\n".join([one["text"], *(text for _, text in one["earlier"])])
    assert not benchmark.is_right(one, given)
    assert all(benchmark.is_right(one, f"It is {form}.") for form in one["holds"][0])


@pytest.mark.parametrize(
    ("reply", "form", "said"),
    [
        ("That makes 60 minutes.", "60", True),
        ("That makes 160 or 60.5 or 605", "60", False),
        ("1,705 minutes", "1705", True),
        ("It is **43.20** euros", "43.20", True),
        ("43.205", "43.20", False),
        ("Friday.", "Friday", True),
        ("Fridays", "Friday", False),
        ("一共130元", "130", True),
        ("一共1130元", "130", False),
        ("the result is 1457.", "1457", True),
    ],
)
def test_a_form_is_said_where_it_stands_on_its_own(reply, form, said):
    assert benchmark.says(reply, form) is said


def test_form_counts_and_what_must_not_be_there():
    one = {"holds": [["rain"]], "lacks": ["snow"], "lines": 3, "most_words": 8, "most_sentences": 1}
    assert benchmark.is_right(one, "rain on\n\nthe roof\nall night.")
    for wrong in ("rain", "rain\nsnow\nrain", "rain a b c d\ne f g\nh i j", "rain.\nIt falls.\nYes.", ""):
        assert not benchmark.is_right(one, wrong)


def test_replies_without_a_result_that_one_route_found_are_told_apart():
    one = {"id": "a", "kind": "arithmetic", "holds": [["6"]]}
    found = {("a", "pilotage"): {"candidates": ["6", "6"], "verified": False, "reply": "It is 7."}}
    counts = benchmark.one_route([one], found)
    assert counts["replies"] == 1 and counts["without it: the result is right"] == 1 and counts["say it"] == 0
