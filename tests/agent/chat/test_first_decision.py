"""The first decision on a message. The rates on whole files of messages: benchmarks/first_decision.py."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.chat.features import dates_units, logic, requests, spelling, sums
from pilotage.agent.chat.first_decision import STRAIGHT, TABLE, by_rule, first_decision
from pilotage.agent.chat.normal_form import normalised
from pilotage.agent.chat.reading import Message
from pilotage.agent.chat.wording_model import FORMAT, PLACES, WEIGHTS, likeness

CODE = "```python\nx = [1, 2]\nprint(x[::-1])\n```"
EXAMPLES = {
    requests.traces_code: [
        f"What does this print?\n{CODE}",
        "output of `sum(range(5))`?",
        "let a = 2; a += 3; ¿cuánto vale a?",
    ],
    spelling.only_spelling: ['write "stressed" backwards', 'Schreib das Wort "Regal" rückwärts', "把“上海”倒过来写"],
    requests.asks_for_prose: [
        "write a 200 word essay on 3 causes of WW1",
        "translate: I bought 3 apples for $2 each",
        "Kannst du mir eine Geschichte mit 3 Figuren und 2 Drachen schreiben?",
        "I have 2 cats and 3 dogs, suggest names",
        "fix the grammar: he have 3 apple and 2 orange how many he has",
        "Résume ce texte : Paul a 12 pommes à 2 euros. Combien a-t-il payé ?",
        "把下面的句子翻译成英文:我有3个苹果,又买了2个,一共有多少个?",
        "The meeting is at 3:30 with 12 people. How many chairs do we need? put that in spanish please",
        "write a function that sums 2 numbers",
    ],
    requests.gives_code: [f"why does this fail?\n{CODE}", f"{CODE}\nrefactor it"],
    sums.is_sum: ["17*23", "what is 1234 + 5678 - 90", "Was ist 7 - 3?", "250/4"],
    requests.asks_meaning: ["what does 2 + 2 = 5 mean in 1984", "Was bedeutet 42 in dem Buch?"],
    sums.goes_on: ["2, 4, 8, 16, ?", "找规律:2, 6, 12, 20, 下一个数是多少?", "A, C, F, J, ?"],
    sums.measures_exactly: ["I have a 3 l jug and a 5 l jug. How can I measure exactly 4 l?"],
    requests.asks_advice: [
        "How many hours should I study for 3 exams in 2 weeks?",
        "Wie kann ich 5 kg in 2 Monaten abnehmen?",
    ],
    sums.gives_expression: ["can you solve 3x + 5 = 20 for x", "combien font 125 divisé par 5", "123乘以456等于多少"],
    requests.works_on_given: [
        "sort these: pear, apple, fig",
        "Ordena de menor a mayor: 34, 12, 7",
        "convert 255 to binary",
    ],
    spelling.counts_letters: [
        "how many r's are in strawberry",
        'Wie viele "n" hat "Banane"?',
        "第几个字母是r? strawberry里有几个r",
    ],
    sums.compares: ["which is bigger, 9.11 or 9.9?"],
    spelling.picks_from_list: ["which of these words has the most vowels: audio, rhythm, strength"],
    sums.asks_maths: ["is 97 prime?", "¿Cuál es el 30% de 250?", "racine carrée de 196"],
    dates_units.converts: ["5 miles in km", "how many seconds are in a week", "5英里等于多少公里?"],
    dates_units.asks_date: ["what day of the week was july 4 1976", "If it's 3pm in Rome what time is it in Lima?"],
    sums.is_word_problem: [
        "if i drive 60 mph for 2.5 hours how far do i go",
        "3 Freunde teilen sich eine Rechnung von 75,60 €. Was zahlt jeder?",
        "小明有15个苹果,吃了3个,现在有几个?",
    ],
    logic.asks_logic: [
        "Alice is taller than Bob. Carol is shorter than Bob. Who is the tallest?",
        "All bloops are razzies and all razzies are lazzies. Are all bloops lazzies?",
        "Si llueve, la calle se moja. La calle no está mojada. ¿Ha llovido?",
    ],
}
"""By feature, messages that it decides: no row above it holds for them."""
STRAIGHT_THROUGH = [
    "",
    "hey",
    "i just ran 10k in 52 minutes and im so happy!!",
    "who won the world cup in 1998?",
    "How many people died in World War I between 1914 and 1918?",
    "whats the difference between usb 2.0 and usb 3.0",
    "wie alt bist du?",
    "¿Quién ganó el mundial de 2010?",
    "combien d'habitants à Lyon",
    "中国有多少个省",
]
ROWS = {row.holds: row for row in TABLE}
SOLVED = [("user", "what is 15% of 80"), ("assistant", "14")]


def test_every_row_has_examples():
    assert list(EXAMPLES) == list(ROWS)


@pytest.mark.parametrize(("feature", "text"), [(f, t) for f, texts in EXAMPLES.items() for t in texts])
def test_a_feature_decides_its_examples(feature, text):
    decision = first_decision(text)
    assert (decision.why, decision.think) == (ROWS[feature].why, ROWS[feature].think)


@pytest.mark.parametrize("text", STRAIGHT_THROUGH)
def test_what_gives_nothing_to_compute_with_goes_straight_through(text):
    decision = first_decision(text)
    assert (decision.think, decision.kind, decision.why) == (False, "open", STRAIGHT)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("What is 6 times 7?", "numeric"),
        ("Tom has 3 apples and buys 2 more. How many has he?", "numeric"),
        ('reverse "abc"', "text"),
        ("Write a poem about 6 times 7", "open"),
    ],
)
def test_the_kind_is_what_the_blocks_look_for(text, kind):
    assert first_decision(text).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "are you sure?",
        "that is wrong, check again",
        "?",
        "and with 18%?",
        "my teacher says it's 12",
        "das stimmt nicht",
        "¿y con 90?",
        "et pour 120 ?",
        "不对吧,再算一遍",
    ],
)
def test_a_doubt_or_a_variation_thinks_only_about_what_was_computable(text):
    about = first_decision(text, SOLVED)
    assert (about.think, about.kind) == (True, "numeric") and "earlier question" in about.why
    assert not first_decision(text, [("user", "who painted the mona lisa"), ("assistant", "Leonardo")]).think


@pytest.mark.parametrize(
    "text",
    [
        "thanks!",
        "ok cool. now tell me a joke",
        "great, and who invented algebra?",
        "write it as a poem",
        "why?",
        "no worries, what's the capital of Spain?",
        "do you like pizza?",
    ],
)
def test_thanks_and_a_new_request_are_no_doubt(text):
    assert not first_decision(text, SOLVED).think


def test_a_doubt_of_a_doubt_is_about_the_question_before_both():
    assert first_decision("i still think thats off", [*SOLVED, ("user", "are you sure?"), ("assistant", "Yes.")]).think


def test_a_doubt_is_about_the_newest_question():
    newer = [("user", "who painted the mona lisa, and when was it stolen?"), ("assistant", "Leonardo; 1911")]
    assert not first_decision("are you sure?", SOLVED + newer).think


def test_what_an_assistant_says_is_no_question():
    assert not first_decision(
        "are you sure?", [("assistant", "what is 15% of 80"), ("user", "hello there my friend, how are you?")]
    ).think


def test_a_request_before_or_behind_a_long_text_is_read():
    text = "The committee met and nobody said a word about it. " * 100
    assert not first_decision(f"Summarise this in 2 sentences: {text} 3 plus 4 apples, how many?").think
    assert not first_decision(f"{text} 3 men, 4 apples, how many?\n\nSummarise this please.").think
    assert first_decision(f'how many times does "the" appear in this: {text}').think


@pytest.mark.parametrize("text", [t for texts in EXAMPLES.values() for t in texts] + STRAIGHT_THROUGH)
def test_neither_the_form_of_accents_nor_the_space_around_matters(text):
    assert first_decision(unicodedata.normalize("NFD", f"\n {text}  \n")).think == first_decision(text).think


TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(["how many", "3", "%", "=", "x", "`", '"', "```", "?", ",", "\n", "if", "小", "个", "write"])
    ).map(" ".join),
)


@given(TEXTS, st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), TEXTS), max_size=4))
def test_any_conversation_is_decided_the_same_way_twice(text, earlier):
    decision = first_decision(text, earlier)
    assert decision == first_decision(text, earlier)
    assert decision.think == (decision.kind != "open") and decision.why


def test_a_greeting_behind_a_sum_is_no_doubt():
    earlier = [("user", "What is 17*23?"), ("assistant", "It is 391.")]
    assert not first_decision("hi there", earlier).think
    assert first_decision("really?", earlier).think


UNSEEN = [
    "Kim has a red ball, Lee a blue one. They swap their balls. At the end, Kim has the\nOptions:\n(A) red\n(B) blue",
    "not ( True and not False ) and True is",
]


@pytest.mark.parametrize("text", UNSEEN)
def test_where_no_row_holds_the_wording_model_decides_and_names_its_words(text):
    decision = first_decision(text)
    assert by_rule(text).why == STRAIGHT and decision.think and decision.kind != "open"
    assert re.fullmatch(r"is worded like what can be computed \(\d+%(: '.+')?\)", decision.why)


def test_a_doubt_about_what_only_the_wording_model_takes_up_thinks():
    earlier = [("user", UNSEEN[0]), ("assistant", "(A)")]
    assert first_decision("are you sure?", earlier).think and not by_rule("are you sure?", earlier).think


def test_what_a_row_decides_the_wording_model_does_not_change():
    for told in (text for texts in EXAMPLES.values() for text in texts):
        assert first_decision(told) == by_rule(told)


@given(TEXTS)
def test_likeness_is_a_probability_and_names_words_of_the_message(text):
    like = likeness(text, Message.read(text))
    assert 0 <= like.probability <= 1 and len(like.words) <= 3
    assert all(word in normalised(text) or " " in word for word in like.words)


def test_the_weights_are_as_the_package_reads_them():
    with np.load(WEIGHTS, allow_pickle=False) as file:
        assert file["format"] == FORMAT and file["weights"].shape == (PLACES,) and file["weights"].dtype == np.int8
