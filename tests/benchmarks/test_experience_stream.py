"""The stream: it learns from what it visited before and from nothing else, and pays for what it explores."""

import json
from dataclasses import replace

import experience_stream
import numpy as np
import pytest
from experience_stream import Settings, figures, part, stream, summary

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.values.rollout import by_policy, rollout
from tests.navigator.banks import learnable_bank
from tests.navigator.test_experience import recorded

EXPLORING = Settings(seed=3, epsilon=0.2, cost_weight=0.1, every=10)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Two families in turn, told apart by their embeddings: programs solve the one, reasoning the other."""
    return recorded(tmp_path_factory.mktemp("b") / "b", 120)


@pytest.fixture(scope="module")
def arrays(bank):
    return BankArrays.of(bank)


@pytest.fixture(scope="module")
def streamed(bank, arrays):
    return stream(arrays, bank.embeddings.of(bank.tasks), EXPLORING)[0]


def test_every_task_comes_once_and_a_seed_gives_the_same_stream_again(bank, arrays, streamed):
    assert sorted(pair.task for pair in streamed) == bank.tasks
    vectors = bank.embeddings.of(bank.tasks)
    assert stream(arrays, vectors, EXPLORING)[0] == streamed
    other = stream(arrays, vectors, replace(EXPLORING, seed=4))[0]
    assert [pair.task for pair in other] != [pair.task for pair in streamed]


def test_it_learns_which_way_solves_which_tasks(streamed):
    first, last = (figures("", part(streamed, number), 0.1) for number in (0, 4))
    assert first["rule_accuracy"] == pytest.approx(0.5, abs=0.15) and last["accuracy"] >= 0.75
    assert last["accuracy_gain"][1] > 0 and last["value_gain"][1] > 0
    undisturbed = [pair for pair in part(streamed, 4) if not pair.explored]
    assert np.mean([pair.experience.score for pair in undisturbed]) > 0.95


def test_exploring_is_counted(streamed):
    explored = [pair for pair in streamed if pair.explored]
    assert 0.1 < len(explored) / len(streamed) < 0.3
    lost = [pair for pair in explored if pair.experience.score < pair.rule.score]
    assert lost, "what was drawn was wrong now and then, and it is in the figures"


def test_without_exploring_nothing_else_is_ever_met(bank, arrays):
    pairs, _ = stream(arrays, bank.embeddings.of(bank.tasks), replace(EXPLORING, epsilon=0.0))
    assert all(pair.experience == pair.rule and not pair.explored for pair in pairs)


def test_what_the_stream_did_not_visit_has_no_say(bank, arrays, streamed):
    ends = [pair.experience.visited[-1][0] for pair in streamed]
    elsewhere = np.ones(len(arrays), dtype=bool)
    elsewhere[ends] = False
    turned = replace(arrays, score=np.where(elsewhere, 1 - arrays.score, arrays.score))
    again = stream(turned, bank.embeddings.of(bank.tasks), EXPLORING)[0]
    assert [pair.experience for pair in again] == [pair.experience for pair in streamed]
    assert [pair.rule for pair in again] != [pair.rule for pair in streamed]


def test_what_comes_later_has_no_say(bank, arrays, streamed):
    later = {pair.task for pair in streamed[60:]}
    is_later = np.array([arrays.tasks[task] in later for task in arrays.task])
    turned = replace(arrays, score=np.where(is_later, 1 - arrays.score, arrays.score))
    again = stream(turned, bank.embeddings.of(bank.tasks), EXPLORING)[0]
    assert again[:60] == streamed[:60] and again[60:] != streamed[60:]


def test_the_rule_comes_to_what_a_rollout_of_it_comes_to(arrays, streamed):
    outcomes = rollout(arrays, by_policy(one_bit(arrays.actions, arrays.observations), arrays)).outcomes
    by_task = {pair.task: pair.rule for pair in streamed}
    assert [by_task[task].score for task in arrays.tasks] == outcomes.correct.tolist()
    assert [by_task[task].cost for task in arrays.tasks] == pytest.approx(outcomes.cost.tolist())


def test_fifths_are_parts_of_the_stream_in_its_order_and_the_whole_is_all(streamed):
    rows = summary([streamed, streamed[::-1]], 0.1)
    assert [row["tasks"] for row in rows] == [48] * 5 + [240]
    assert rows[-1]["accuracy"] == pytest.approx(np.mean([pair.experience.score for pair in streamed]))
    low, high = rows[-1]["accuracy_gain"][1:]
    assert low < rows[-1]["accuracy_gain"][0] < high


@pytest.fixture
def printed(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["experience_stream.py", *map(str, arguments)])
        experience_stream.main()
        return capsys.readouterr().out

    return run


def test_people_read_fifths_and_programs_json(bank, printed):
    said = printed(bank.path, "--orders", 2, "--epsilon", 0.2).splitlines()
    assert said[0].startswith("120 tasks of 2 families, 2 orders, 20% explored")
    assert [line.split()[0] for line in said[3:9]] == ["0-20%", "20-40%", "40-60%", "60-80%", "80-100%", "all"]
    found = json.loads(printed(bank.path, "--orders", 1, "--leave-out", "words", "--json"))
    assert (found["tasks"], found["families"]) == (60, 1) and len(found["smoothing"]) == 1
    assert json.loads(printed(bank.path, "--orders", 1, "--families", "sums", "--json")) == found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--families", "gcd"), "error: the family 'gcd' cannot be chosen"),
        (("--leave-out", "gcd"), "error: the family 'gcd' cannot be left out"),
        (("--leave-out", "sums,words"), "error: no family of the bank"),
        (("--cost-weight", -1), "error: .*cost weight must be 0 or more"),
    ],
)
def test_bad_input_is_one_sentence(bank, printed, arguments, said):
    with pytest.raises(SystemExit, match=said):
        printed(bank.path, *arguments)


def test_a_bank_without_embeddings_is_told(tmp_path, printed):
    learnable_bank(tmp_path / "b", tasks=6, depth=1)
    with pytest.raises(SystemExit, match="has no embeddings: give it those of its tasks with `pilotage bank embed`"):
        printed(tmp_path / "b")
