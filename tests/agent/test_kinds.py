"""What a bare question is taken for. The rates on text that nobody here wrote: benchmarks/kinds.py."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent import Task
from pilotage.agent.tasks.jsonl import task_from
from pilotage.agent.tasks.kinds import as_task, infer_kind

NUMERIC = [
    "6*7",
    "12 + 7 =",
    "(3 + 4) * 2 = ?",
    "16/9=",
    "2^10",
    "What is 6 times 7?",
    "What is 2+2",
    "What is 15% of 80?",
    "Combien font 6 * 7 ?",
    "7x8",
    "7 x 8 =",
    "what's 7 x 8",
    "What is 3/4 of 12?",
    "15% of 80",
    "5 - 3",
    "-5 - -3",
    "1/2 + 1/3",
    "12 divided by 4",
    "5 km + 300 m",
    "The temperature was -5 degrees and rose by 12 degrees. What is the temperature now?",
    "A train covers 150 km in 2 hours. How many kilometres does it cover in 5 hours?",
    "A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?",
    "How many minutes are there in 3 hours and 20 minutes?",
    "Tom has 3 apples and buys 2 more, how many has he?",
    "She earns $18 an hour and works 30 hours. How much does she earn?",
    "A shirt costs $20 and a hat $15. What is the total cost of both?",
]
OPEN = [
    "Write 3 haiku about how much I love tea",
    "Write a limerick about 2 cups of tea.",
    "Can you write 3 haiku about how much I love 2 cats?",
    "Who are you?",
    "Explain 2 + 2",
    "why is 2 + 2",
    "Draw 3 * 3",
    "Write 100 times 5",
    "Count from 1 - 10",
    "2 of 3",
    "Step 1 of 3",
    "May 5 - 9",
    "Apollo 11 - 12",
    "iPhone 14 - 15",
    "pages 10 - 20",
    "Windows 10 / 11",
    "size 38 / 40",
    "A 4 x 4",
    "3 am - 5 pm",
    "2024-05-06 / 2",
    "05/06/2024 - 3",
    "How many hours should I study for 3 exams in 2 weeks?",
    "I lost 2 parents and 1 brother. How much grief can a man bear?",
    "The film has 3 acts and 5 heroes. How many people should I cast?",
    "Which planet is closest to the sun?",
    "Hello",
    "1984",
    "42?",
    "2024-05-06",
    "Call me on 555-1234",
    "Brazil won 4-1",
    "16/9",
    "10.0.0.1 - 10.0.0.9",
    "How much has changed between Python 3.11 and 3.12?",
    "How far along is the EU with its 2030 and 2050 goals?",
    "I am 25 years old and earn 3000 dollars. What is the best way to invest?",
    "We are a team of 5 with 2000 euros. What are good activities for us?",
    "I use Python 2 and Python 3. What is the difference?",
    "Tell me a story about 3 bears and 2 wolves. How did they meet?",
    "Translate into French: I have 3 apples and 2 pears. How many fruits do I have?",
    "Translate 'I have 3 apples and 2 pears, how many are there?'",
    "Traduis:\nTom has 3 apples and buys 2 more. How many does he have?",
    "Summarise: In 2019 it had 5 members, in 2020 it had 9. How many joined?",
    "Write a function that adds 2 and 3 and calculate its complexity",
    "Calculate 3 * 4 and write a poem",
    "Compare 4 - 1 and 5 - 2 in a fairy tale",
    "Explain to a child of 6 how far 2 light years are",
    "How many ways are there to say hello?",
    "How long is a piece of string?",
    "Schreibe 3 Haikus darüber, wie viel ich 2 Tassen Tee liebe.",
    "Escribe 2 frases sobre cuánto cuesta vivir con 3 gatos.",
    "俳句を3つ書いてください。お茶が2杯あります。",
    "Напиши 3 хайку о том, сколько у меня 2 кошек.",
    "",
]


@pytest.mark.parametrize("question", NUMERIC)
def test_a_question_whose_form_asks_for_a_number_is_numeric(question):
    assert infer_kind(question) == "numeric"


@pytest.mark.parametrize("question", OPEN)
def test_what_is_in_doubt_is_open(question):
    assert infer_kind(question) == "open"


@pytest.mark.parametrize("given", ["numeric", "text", "open", "program"])
def test_a_kind_that_is_given_wins(given):
    task = task_from({"prompt": "6*7", "kind": given}, "t")
    assert (task.kind, task.inferred) == (given, False)
    assert (Task(id="t", prompt="6*7").kind, Task(id="t", prompt="6*7").inferred) == ("text", False)


def test_what_a_task_shows_of_its_answer_tells_its_kind():
    def kind_of(**record):
        task = task_from({"prompt": "6*7", **record}, "t")
        return task.kind, task.inferred

    assert kind_of() == ("numeric", True)
    assert kind_of(prompt="Name a colour.") == ("open", True)
    assert kind_of(gold="red") == ("text", False)
    assert kind_of(examples=[{"input": "a", "output": "b"}]) == ("text", False)
    assert kind_of(metadata={"grader": "gym", "family": "gcd", "entry": {}}) == ("text", False)
    assert kind_of(choices=["a", "b"]) == ("choice", False)


def test_a_bare_question_says_that_its_kind_was_inferred():
    assert (as_task("6*7").kind, as_task("6*7").inferred) == ("numeric", True)


@given(st.text(alphabet="0123456789 +-*/=?.,:\n\"'$%howmanyuchatis", max_size=300))
def test_any_text_has_a_kind(text):
    assert infer_kind(text) in ("numeric", "open")


@pytest.mark.parametrize(
    "text", ["1 " * 20_000, "1+" * 20_000, "a, " * 20_000 + "?", "($1" * 20_000, "what is " * 9000]
)
def test_long_nonsense_is_read_quickly(text):
    started = time.process_time()
    infer_kind(text)
    assert time.process_time() - started < 5
