"""Step scores: kept beside the bank, never taken for another step's, and paid for each step but the last one."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.step_scores import StepScore, StepScoreWriter, default_file, step_hash
from pilotage.navigator.envs.env import RecordedReasoningEnv
from pilotage.navigator.envs.step_rewards import RecordedRewards, ValueRewards, rewards_from
from pilotage.navigator.errors import BankError, EnvError
from tests.navigator.banks import children_of, node, random_bank, write_bank


@pytest.fixture
def bank(tmp_path):
    return random_bank(tmp_path / "b", seed=1, tasks=3)


def write(path, bank, value=lambda node: len(node.id) / 100, tasks=None, scorer="made-up"):
    with StepScoreWriter(path, scorer, "id") as writer:
        for task in tasks or bank.tasks:
            tree = bank.tree(task)
            for one in tree:
                if one.parent is not None:
                    score = StepScore(value(one), {"prompt_tokens": 10, "llm_calls": 1, "seconds": 0.5})
                    writer.add(task, one.id, step_hash(tree, one), score)
    return RecordedRewards.read(path)


def test_scores_come_back_by_state(tmp_path, bank):
    rewards = write(tmp_path / "s.jsonl", bank)
    arrays = BankArrays.of(bank, bank.tasks[:2])
    found = rewards.rewards(bank, arrays)
    assert found.tolist() == [0.0 if id == "r" else len(id) / 100 for id in arrays.ids]
    about = rewards.about()
    assert about["scorer"] == "made-up" and about["steps"] == about["usage"]["llm_calls"] and about["unknown"] == 0
    assert "seconds" not in about["usage"], "the same scores give the same card"


def test_an_unknown_score_is_kept_counted_and_pays_nothing(tmp_path, bank):
    rewards = write(tmp_path / "s.jsonl", bank, lambda node: None if node.action == "reason" else 0.5)
    arrays = BankArrays.of(bank)
    reason = bank.actions.index("reason")
    unknown = arrays.action == reason
    found = rewards.rewards(bank, arrays)
    assert (found[unknown] == 0).all() and (found[(arrays.parent >= 0) & ~unknown] == 0.5).all()
    assert rewards.about()["unknown"] == unknown.sum() > 0


def test_a_step_that_was_not_scored_or_has_changed_is_named(tmp_path, bank):
    rewards = write(tmp_path / "s.jsonl", bank, tasks=bank.tasks[:1])
    rewards.rewards(bank, BankArrays.of(bank, bank.tasks[:1]))
    with pytest.raises(BankError, match=f"of task {bank.tasks[1]} for one: run `pilotage bank score` again"):
        rewards.rewards(bank, BankArrays.of(bank))
    trees = {("t/a", "t"): [node(), node(("reason",))]}
    before = write_bank(tmp_path / "one", trees)
    scored = write(tmp_path / "one.jsonl", before)
    trees = {("t/a", "t"): [node(), node(("reason",), text="something else")]}
    after = write_bank(tmp_path / "two", trees)
    with pytest.raises(BankError, match="no score for 1 of 1 steps of the bank, r/reason of task t/a"):
        scored.rewards(after, BankArrays.of(after))


def test_the_hash_is_that_of_the_whole_way(tmp_path):
    hashes = set()
    for number, change in enumerate([{}, {0: {"extras": {"prompt": "b"}}}, {1: {"text": "b"}}, {2: {"text": "b"}}]):
        nodes = [node(("reason", "program")[:n], **change.get(n, {})) for n in range(3)]
        tree = write_bank(tmp_path / str(number), {"t/a": nodes}).tree("t/a")
        hashes.add(step_hash(tree, tree.nodes["r/reason/program"]))
    assert len(hashes) == 4


def test_a_torn_line_is_scored_again_and_the_newest_score_counts(tmp_path, bank):
    path = tmp_path / "s.jsonl"
    write(path, bank)
    content = path.read_bytes()
    path.write_bytes(content[:-7])
    task, tree = bank.tasks[-1], bank.tree(bank.tasks[-1])
    last = [one for one in tree if one.parent is not None][-1]
    with StepScoreWriter(path, "made-up", "id") as writer:
        assert not writer.has(task, last.id, step_hash(tree, last))
        writer.add(task, last.id, step_hash(tree, last), StepScore(0.25))
        writer.add(task, last.id, step_hash(tree, last), StepScore(0.75))
        assert writer.has(task, last.id, step_hash(tree, last))
        assert not writer.has(task, last.id, "0" * 16)
    assert RecordedRewards.read(path).scores[task, last.id][1].value == 0.75


def test_one_file_holds_one_scorers_scores_and_has_one_writer(tmp_path, bank):
    path = tmp_path / "s.jsonl"
    write(path, bank)
    with pytest.raises(BankError, match="holds scores of made-up with other settings than these \\(other\\)"):
        StepScoreWriter(path, "other", "id")
    with pytest.raises(BankError, match="with other settings"):
        StepScoreWriter(path, "made-up", "another id")
    with (
        StepScoreWriter(path, "made-up", "id"),
        pytest.raises(BankError, match="another process writes"),
    ):
        StepScoreWriter(path, "made-up", "id")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no file of step scores"),
        ('{"format": 1, "scorer": "a"}\n', "no file of step scores"),
        ('{"format": 9, "scorer": "a", "identity": "b"}\n', "no file of step scores of this version"),
        ("nonsense\n", "line 1 is damaged"),
        ('{"format": 1, "scorer": "a", "identity": "b"}\n{"task": "t"}\n', "line 2 is no step score"),
        (
            '{"format": 1, "scorer": "a", "identity": "b"}\n'
            '{"task": "t", "node": "r/x", "hash": "0", "score": 1.5, "usage": {}}\n',
            "between 0 and 1, not 1.5",
        ),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path, content, said):
    (tmp_path / "s.jsonl").write_text(content)
    with pytest.raises(BankError, match=said):
        rewards_from(str(tmp_path / "s.jsonl"))


def test_no_file_and_a_folder_are_one_sentence(tmp_path):
    with pytest.raises(BankError, match="make them with `pilotage bank score`, or give `values`"):
        rewards_from(str(tmp_path / "none.jsonl"))
    with pytest.raises(BankError, match="cannot read the step scores"):
        rewards_from(str(tmp_path))
    assert default_file(tmp_path, "judge-m/1").parent == tmp_path / "step-scores"


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_score_is_between_0_and_1(value):
    with pytest.raises(BankError, match="between 0 and 1"):
        StepScore(value)


def completions(tree, id):
    """Share of random continuations of a node that end right, over its recorded children, by hand."""
    here = tree.nodes[id]
    if here.terminal:
        return here.score
    ways = [here.score] + [
        np.mean([completions(tree, child.id) for child in children]) for children in children_of(tree)[id].values()
    ]
    return np.mean(ways)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16))
def test_values_are_the_share_of_completions_that_end_right(tmp_path_factory, seed):
    bank = random_bank(tmp_path_factory.mktemp("bank") / "b", seed=seed, tasks=2)
    arrays = BankArrays.of(bank)
    found = ValueRewards().rewards(bank, arrays)
    for place, (id, task) in enumerate(zip(arrays.ids, arrays.task, strict=True)):
        wanted = 0.0 if id == "r" else completions(bank.tree(arrays.tasks[task]), id)
        assert found[place] == pytest.approx(wanted)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), weight=st.sampled_from([0.0, 0.2]))
def test_every_step_is_paid_its_score_and_the_last_one_the_answer(tmp_path_factory, seed, weight):
    bank = random_bank(tmp_path_factory.mktemp("bank") / "b", seed=seed, tasks=2)
    scores = np.random.default_rng(seed).random(len(BankArrays.of(bank)))
    env = RecordedReasoningEnv(bank, cost_weight=weight, seed=seed, step_scores=scores)
    draw = np.random.default_rng(seed)
    for _ in range(5):
        _, info = env.reset()
        done, total, paid = False, 0.0, 0.0
        while not done:
            action = int(draw.choice(np.flatnonzero(info["action_mask"])))
            _, reward, done, _, info = env.step(action)
            total += reward
            paid += 0.0 if done else scores[env.dynamics.state]
        assert total == pytest.approx(info["correct"] - weight * info["cost"] + paid)


def test_step_scores_need_one_for_each_state_and_no_shaping(bank):
    with pytest.raises(EnvError, match="2 step scores for"):
        RecordedReasoningEnv(bank, step_scores=[0.5, 0.5])
    with pytest.raises(EnvError, match="not both"):
        RecordedReasoningEnv(bank, step_scores=[0.5] * len(BankArrays.of(bank)), shaping="exact")


def test_a_line_says_who_what_and_at_what_cost(tmp_path, bank):
    write(tmp_path / "s.jsonl", bank)
    header, first, *_ = (json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines())
    assert header == {"format": 1, "scorer": "made-up", "identity": "id"}
    assert set(first) == {"task", "node", "hash", "score", "usage"} and first["usage"]["prompt_tokens"] == 10
