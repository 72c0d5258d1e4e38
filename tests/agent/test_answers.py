import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.answers import conveys, extract, normal_form, parse_grid, resolve_choice, without_marks
from pilotage.agent.numbers import is_bare_number, parse_number, plain

KINDS = ["numeric", "choice", "text", "program", "grid"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18),
        ("$18", 18),
        ("18 dollars", 18),
        ("1,234.50", Fraction("1234.5")),
        ("3/4", Fraction(3, 4)),
        (r"\frac{3}{4}", Fraction(3, 4)),
        ("1e3", 1000),
        ("-$5", -5),
        ("− 5", -5),
        ("**18**", 18),
        ("18.", 18),
        (r"18\%", 18),
        ("x = 18", 18),
        (".5", Fraction(1, 2)),
        ("18kg", 18),
        ("18 and again 18.0", 18),
        ("3 1/2", Fraction(7, 2)),
        ("-3½", Fraction(-7, 2)),
        (r"3\frac{1}{2}", Fraction(7, 2)),
        ("½", Fraction(1, 2)),
        ("35 m²", 35),
        ("35m2", 35),
        ("35 cm^2", 35),
        (r"35\text{ m}^2", 35),
        (r"35\text{ m}", 35),
        ("60 km/h", 60),
        ("9.8 m/s^2", Fraction("9.8")),
        ("$120/week", 120),
        ("~35", 35),
        ("≈ 35", 35),
        ("¥35", 35),
        ("₹35", 35),
        ("5 million", 5_000_000),
        ("$2.5 billion", 2_500_000_000),
        ("1 000 000", 1_000_000),
        ("35\u202f500", 35_500),
        ("35 000 km", 35_000),
        ("35 (thirty-five)", 35),
        ("35 Äpfel", 35),
    ],
)
def test_one_number_is_read_exactly(text: str, value: Fraction):
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "none", "5 or 6", "3+4", "2^3", "√2", "12,34", "1,234,56", "5k", "5m", "$5 m", "H2O", "18:30", "1/0", "3 5/2"]
    + [
        "3 100",
        "3 2/3 4",
        "3 x^2",
        "3 x/y",
        "3/pi",
        "3π",
        "2 m 3 cm",
        "5 million or 5",
        "5 hundred thousand",
        "x^2 = 4",
    ]
    + [
        "1e999999999",
        "9" * 5000,
        "10-12",
        "1.2.3",
        "20 - 5 = 15",
        "he had 5 and I don't know why he would tell you so",
    ],
)
def test_what_is_not_one_number_is_none(text: str):
    assert parse_number(text) is None


@given(st.fractions(max_denominator=10**6))
def test_a_plain_number_reads_back_as_itself_to_ten_digits(number: Fraction):
    back = parse_number(plain(number))
    assert back is not None
    assert abs(back - number) <= abs(number) * Fraction(1, 10**9)
    assert plain(back) == plain(number)


@given(st.text(alphabet=st.sampled_from("0123456789.,$%/-+eE \\boxed{}answer:AB`*\n[]#<>"), max_size=60))
def test_no_text_makes_reading_fail(text: str):
    is_bare_number(text)
    for kind in KINDS:
        found = extract(kind, text, ("yes", "no"))
        if found is not None:
            assert normal_form(kind, found, ("yes", "no")) == normal_form(kind, found, ("yes", "no"))


@pytest.mark.parametrize("text", ["\n" * 65536, "<answer>" * 8192, "answer " * 9000, "1" * 65536, "\\boxed{" * 9000])
@pytest.mark.parametrize("kind", KINDS)
def test_long_nonsense_is_read_quickly(kind, text: str):
    started = time.process_time()
    extract(kind, text)
    assert time.process_time() - started < 5  # what is not linear takes minutes


@pytest.mark.parametrize("text", ["<answer>" * 60_000, "Answer: 1\n" * 90_000, "```\n" + "Answer:\n" * 90_000 + "```"])
def test_marks_of_a_long_text_are_left_out_quickly(text: str):
    started = time.process_time()
    without_marks(text)
    assert time.process_time() - started < 10  # what is not linear takes minutes


def test_marks_within_marks_are_read_however_many():
    assert extract("numeric", "answer:" * 1140 + "7") == "7"
    assert extract("text", "<answer>one <answer>two</answer>") == "two"


def test_a_marked_answer_of_several_lines_is_left_out_whole():
    assert without_marks("Work.\n<answer>\n4\n</answer>\nDone.") == "Work.\nDone."


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 + 4 is 7, so\nAnswer: 7", "7"),
        ("Answer: 3\nNo, wait.\nAnswer: 4 apples.", "4"),
        ("**Answer:** $1,234.50", "1234.5"),
        ("### Final Answer: **18**", "18"),
        ("**Answer: 18**", "18"),
        ("The answer is 18.", "18"),
        (r"So it is \boxed{\frac{1}{2}}.", "0.5"),
        ("<answer> 5 </answer>", "5"),
        ("3 * 6 = <<3*6=18>>18\n#### 18", "18"),
        ("Answer:\n18", "18"),
        ("18", "18"),
        ("$18 per day.", "18"),
        ("The total is 18.", "18"),
        ("so 3 + 4 = 7", None),
        ("There are 3 cats.", "3"),
        ("There are 3 cats in 4 boxes.", None),
        ("Answer: 5 or 6", None),
        ("Answer: unknown", None),
        ("First 3, then 4.\nThat makes 7", None),
        ("Answer: 7\nAnswer: I am not sure", None),
        ("Answer：35", "35"),
        ("答案：35", "35"),
        ("Réponse : 35", "35"),
        (r"\boxed{35\text{ m}}", "35"),
        ("Answer: 3½ cups", "3.5"),
        ("Answer: 2^10", None),
    ],
)
def test_a_numeric_answer_is_found_or_missed_never_guessed(text: str, answer: str | None):
    assert extract("numeric", text) == answer


@pytest.mark.parametrize(
    ("kind", "text", "answer"),
    [
        ("numeric", "3 + 4 is 7.\nAnswer: 7", None),
        ("numeric", "3 + 4 is 7.\nAnswer: 7\n", "7"),
        ("numeric", "Answer: 7\nLet me check: 3 +", "7"),
        ("numeric", "So it is \\boxed{12} and", "12"),
        ("numeric", "So it is \\boxed{12", None),
        ("numeric", "<answer>5</answer>", "5"),
        ("numeric", "<answer>5", None),
        ("numeric", "3 * 6 = 18\n#### 18", None),
        ("numeric", "18", None),
        ("numeric", "18\n", None),
        ("numeric", "Answer:\n18\n", None),
        ("choice", "B", None),
        ("choice", "Answer: B\nBecause", "B"),
        ("text", "Answer: Mercury", None),
        ("text", "Answer: Mercury\n", "Mercury"),
        ("grid", "1 2\n3 4\n", None),
        ("grid", "Answer:\n1 2\n3 4\n5", None),
        ("grid", "Answer:\n```\n1 2\n3 4\n```\nThat is", "[[1, 2], [3, 4]]"),
        ("grid", "Answer:\n```\n1 2\n3 4\n", None),
        ("grid", "Answer: [[1, 2], [3, 4]]\n", "[[1, 2], [3, 4]]"),
        ("program", "```python\nprint(1)\n```", "print(1)"),
        ("program", "```python\nprint(1)\nprint(", None),
        ("program", "```python\nprint(1)\n```\nBetter:\n```python\npri", None),
        ("program", "x = 1\nprint(x)", None),
    ],
)
def test_of_a_cut_reply_only_what_was_marked_and_complete_counts(kind, text: str, answer: str | None):
    assert extract(kind, text, ("a dog", "a cat"), cut=True) == answer


@given(st.text(alphabet=st.sampled_from("0123456789.AB`\\boxed{}<>answer:#\n "), max_size=60))
def test_what_a_cut_reply_offers_does_not_depend_on_where_in_its_line_it_was_cut(text: str):
    for kind in KINDS:
        found = extract(kind, text, ("yes", "no"), cut=True)
        assert found == extract(kind, text + "9 and", ("yes", "no"), cut=True)


CHOICES = ("a dog", "a cat", "18", "both")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("B", 1),
        ("(b)", 1),
        ("b) a cat", 1),
        ("B. A cat.", 1),
        ("Option D", 3),
        ('"a cat"', 1),
        ("18", 2),
        ("E", None),
        ("A or B", None),
        ("b) a dog", None),
        ("a bird", None),
        ("", None),
    ],
)
def test_a_choice_is_resolved_or_missed(text: str, place: int | None):
    assert resolve_choice(text, CHOICES) == place


def test_choices_behind_the_letters_differ_and_are_found_again():
    choices = [f"word {place}" for place in range(40)]
    forms = [normal_form("choice", choice, choices) for choice in choices]
    assert len({*forms}) == 40 and forms[25:27] == ["Z", "word 26"]
    assert [resolve_choice(form, choices) for form in forms] == [*range(40)]


def test_a_letter_that_is_also_another_choices_text_is_ambiguous():
    assert resolve_choice("A", ("B", "A")) is None
    assert resolve_choice("A", ("A", "B")) == 0


def test_choices_are_found_by_mark_or_alone():
    assert extract("choice", "I think...\nAnswer: (b)", CHOICES) == "B"
    assert extract("choice", "a cat", CHOICES) == "B"
    assert extract("choice", "Answer: The answer is D", CHOICES) == "D"
    assert extract("choice", "It could be B because of the whiskers.", CHOICES) is None


def test_text_needs_a_mark():
    assert extract("text", "Paris") is None
    assert extract("text", "Let me see.\nAnswer: **Paris**") == "Paris"
    assert extract("text", "Answer:\n```\n1 2\n3 4\n```\n") == "1 2\n3 4"
    assert extract("text", "Answer: _ Q _") == "_ Q _"
    assert extract("text", "Answer:") is None


def test_programs_and_grids():
    assert extract("program", "Try this:\n```python\nprint(1)\n```\nor\n```python\nprint(2)\n```") == "print(2)"
    assert extract("program", "x = 1\nprint(x)") == "x = 1\nprint(x)"
    assert extract("program", "\ufeffx = 1\nprint(x)") == "x = 1\nprint(x)"
    assert extract("program", "I can't do that") is None
    assert extract("grid", "Answer: [[1, 2], [3, 4]]") == "[[1, 2], [3, 4]]"
    assert extract("grid", "Answer:\n1 2\n3 4") == "[[1, 2], [3, 4]]"
    assert parse_grid("[[1, 2], [3]]") is parse_grid("[]") is parse_grid("[[true]]") is parse_grid("5") is None
    assert parse_grid("[" * 100_000) is None


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("numeric", ["18", "18.0", "$18", "18 dollars", "18.000000000000004"]),
        ("text", ["Yes", "yes.", " YES ", '"yes"', "**Yes**"]),
        ("choice", ["B", "(b)", "a cat"]),
        ("grid", ["[[1,2]]", "[[1, 2]]", "1 2"]),
        ("program", ["print(1)", "print(1)  \n"]),
    ],
)
def test_spellings_of_one_answer_have_one_form(kind, spellings: list[str]):
    assert len({normal_form(kind, spelling, CHOICES) for spelling in spellings}) == 1


def test_different_answers_keep_different_forms():
    assert normal_form("text", "_ Q _") != normal_form("text", "Q _ _")
    assert normal_form("numeric", "18") != normal_form("numeric", "18.5")
    assert normal_form("text", "...") != ""


@pytest.mark.parametrize(
    ("kind", "value", "text", "said"),
    [
        ("numeric", "3700.61", "It comes to 3,700.61.", True),
        ("numeric", "3700.61", "Das sind 3.700,61 Euro.", True),
        ("numeric", "41.3125", "about 41.3", True),
        ("numeric", "421", "version 4.2.1", False),
        ("numeric", "5", "It is 6.", False),
        ("text", "3700.61", "It comes to 3,700.61.", True),
        ("text", "Saturday", "It is a saturday", True),
        ("text", "art", "It is a party.", False),
        ("text", "星期六", "那天是星期六。", True),
    ],
)
def test_what_a_reply_says(kind, value, text, said):
    assert conveys(text, kind, value) is said
