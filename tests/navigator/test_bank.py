"""Reading banks: what is refused, and with which sentence."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator import Bank, BankError, BankMeta
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import stratified
from pilotage.navigator.bank.files import safe_name
from pilotage.navigator.bank.reader import verify
from pilotage.navigator.bank.records import CONTENT_FINGERPRINT
from tests.navigator.banks import META, children_of, node, random_bank, random_nodes, write_bank


@pytest.fixture
def bank(tmp_path):
    return write_bank(tmp_path / "b", {("t1", "sums"): [node(), node(["reason"], score=1)], ("t2", "words"): [node()]})


def file_of(bank, task="t1"):
    return bank.files[task]


def rewrite(bank, change, task="t1", line=2):
    """Changes one line (counted from 1) of a task's file."""
    lines = file_of(bank, task).read_text().splitlines()
    data = json.loads(lines[line - 1])
    change(data)
    lines[line - 1] = json.dumps(data)
    file_of(bank, task).write_text("\n".join(lines) + "\n")


def test_a_bank_gives_back_what_was_written(tmp_path):
    nodes = random_nodes(np.random.default_rng(3))
    bank = write_bank(tmp_path / "b", {"t": nodes})
    tree = bank.tree("t")
    assert [one.to_json() for one in tree] == [one.to_json() for one in nodes]
    assert bank.meta == META
    assert tree.root.id == "r" and tree.task == tree.family == "t"
    for one in tree:
        route = tree.route(one.id)
        assert len(route) == one.id.count("/")
        assert tree.path_cost(one.id) >= one.cost
        if one.parent:
            assert one in children_of(tree)[one.parent][one.action]
            assert tree.route(one.parent) == route[:-1]


def test_observations_survive_as_the_same_float32(tmp_path):
    seen = [0.1, 1 / 3, 0.7, 1, 0, 0, -0.123456789, 1e-30]
    bank = write_bank(tmp_path / "b", {"t": [node(observation=seen)]})
    read = np.array(bank.tree("t").root.observation, dtype=np.float32)
    assert (read == np.array(seen, dtype=np.float32)).all()
    assert "0.33333334" in file_of(bank, "t").read_text()


def test_tasks_come_in_order_and_by_family(bank):
    assert bank.tasks == ["t1", "t2"]
    assert bank.families == {"sums": ["t1"], "words": ["t2"]}
    assert bank.select(None) == bank.tasks
    assert bank.select(iter(["t2", "t1"])) == ["t1", "t2"]


def test_an_unknown_task_is_named(bank):
    with pytest.raises(BankError, match="has no task 't9'"):
        bank.tree("t9")
    with pytest.raises(BankError, match="has no task 't9'"):
        bank.select(["t1", "t9"])
    with pytest.raises(BankError, match="no task was chosen"):
        bank.select([])


def test_there_is_no_bank(tmp_path):
    with pytest.raises(BankError, match="there is no bank in .*pilotage collect"):
        Bank.open(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(BankError, match="there is no bank"):
        Bank.open(tmp_path / "file")


def test_an_empty_bank_is_refused(tmp_path):
    with pytest.raises(BankError, match="holds no task yet"):
        write_bank(tmp_path / "b", {})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "format version 2, this version reads 1"),
        ({"actions": ["reason", "answer"]}, "was edited"),
        ({"features": [{"name": "x", "low": 0, "high": 1}]}, "was edited"),
        ({"actions": ["reason"]}, "damaged"),
        ({"features": [{"name": "x"}]}, "damaged"),
        ({"features": "x"}, "damaged"),
        ({"features": [["name", "low", "high"]]}, "damaged"),
        ({"features": [{"name": "x", "low": 0, "high": 10**400}]}, "damaged"),
        ({"features": [{"name": "x", "low": False, "high": True}]}, "damaged"),
        ({"features": [{"name": 3, "low": 0, "high": 1}]}, "damaged"),
        ({"actions": "answer"}, "damaged"),
        ({"actions": [1, 2]}, "damaged"),
        ({"terminal": 4}, "damaged"),
        ({"format": True}, "format version True"),
        ({"model": [1]}, "its model is"),
        ({"budget": "x"}, "its budget is"),
        ({"preset": 5}, "its preset is"),
        ({"prompt_hash": None}, "its prompt_hash is"),
        ({"created": 5}, "its created is"),
        ({"extras": []}, "its extras is"),
        ({"extras": None}, "its extras is"),
    ],
)
def test_another_header_is_refused(bank, change, complaint):
    file = bank.path / "bank.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BankError, match=complaint):
        Bank.open(bank.path)
    assert [one.level for one in verify(bank.path)] == ["error"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"observation": [float("nan")] * 8}, "observation is not finite: steps_taken = nan"),
        ({"observation": [99] + [0] * 7}, "out of bounds: steps_taken = 99.0, not 0 to 8"),
        ({"observation": [0]}, "has 1 numbers, the bank 8 features"),
        ({"observation": "none"}, "observation is of the wrong type"),
        ({"observation": ["a"] * 8}, "observation must be a list of numbers"),
        ({"observation": [True] * 8}, "observation must be a list of numbers"),
        ({"observation": [10**400] * 8}, "observation holds what is no such number"),
        ({"observation": [1e300] + [0] * 7}, "observation is not finite"),
        ({"mask": [-1, 1, 1, 1]}, "mask must be a list of 0 and 1"),
        ({"mask": [1, 1, 1, 1.0]}, "mask must be a list of 0 and 1"),
        ({"mask": [1, 1, 1, 0]}, "forbids the terminal action 'answer'"),
        ({"mask": [1, 1, 1]}, "mask has 3 entries, the bank 4 actions"),
        ({"action": "guess"}, "action 'guess' is not in the bank's action list"),
        ({"action": "answer", "id": "r/answer"}, "has no node of its own"),
        ({"id": "r/program"}, "id does not spell"),
        ({"sample": 1}, "id does not spell"),
        ({"parent": "r/plan"}, "parent 'r/plan' is not recorded before it"),
        ({"parent": None}, "must be the root"),
        ({"score": 2}, "score 2 is not between 0 and 1"),
        ({"score": None}, "score is of the wrong type"),
        ({"score": True}, "score is of the wrong type"),
        ({"score": 10**400}, "is not between 0 and 1"),
        ({"candidate_score": 2}, "candidate_score 2 is not between 0 and 1"),
        ({"candidate_score": 10**400}, "is not between 0 and 1"),
        ({"candidate_score": float("nan")}, "candidate_score nan is not between 0 and 1"),
        ({"candidate_score": True}, "candidate_score is of the wrong type"),
        ({"candidate_score": "1"}, "candidate_score is of the wrong type"),
        ({"candidate_score": [1]}, "candidate_score is of the wrong type"),
        ({"candidate_score": 0}, "its candidate is its answer, so its candidate_score 0 must be the score 1"),
        ({"candidate_score": 1, "candidate": None}, "it has no candidate, but the candidate_score 1"),
        ({"sample": False}, "sample is of the wrong type"),
        ({"terminal": 1}, "terminal is of the wrong type"),
        ({"extras": None}, "extras is of the wrong type"),
        ({"usage": {}}, "its usage tells neither prompt_tokens nor completion_tokens"),
        ({"answer_usage": {"seconds": 1}}, "its answer_usage tells neither"),
        ({"usage": {"prompt_tokens": 10**400, "completion_tokens": 0}}, "usage has no amount for 'prompt_tokens'"),
        ({"usage": {"prompt_tokens": 10**30, "completion_tokens": 0}}, "usage has no amount for 'prompt_tokens'"),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 0}}, "usage has no amount for 'prompt_tokens'"),
        ({"usage": {"prompt_tokens": -1}}, "no amount for 'prompt_tokens'"),
        ({"evidence": {"deep": [{"gold": "42"}]}}, "holds a hidden answer under 'gold'"),
        ({"gold": "42"}, "unknown field 'gold'"),
    ],
)
def test_a_wrong_node_is_refused_with_file_and_line(bank, change, complaint):
    rewrite(bank, lambda data: data.update(change), line=3)
    with pytest.raises(BankError, match=complaint) as refusal:
        Bank.open(bank.path).tree("t1")
    assert f"{file_of(bank)}, line 3" in str(refusal.value)
    assert any(f"{file_of(bank)}:3" == one.where for one in verify(bank.path))


def test_an_action_that_was_not_legal_is_refused(bank):
    rewrite(bank, lambda data: data.update(mask=[0, 1, 1, 1]), line=2)
    with pytest.raises(BankError, match="action 'reason' was not legal at 'r'"):
        Bank.open(bank.path).tree("t1")


def test_nothing_follows_a_run_that_had_ended(bank):
    rewrite(bank, lambda data: data.update(terminal=True), line=2)
    with pytest.raises(BankError, match="follows 'r', where the run had ended"):
        Bank.open(bank.path).tree("t1")


def test_a_repeated_node_is_refused(bank):
    file_of(bank).write_text(file_of(bank).read_text() + file_of(bank).read_text().splitlines()[-1] + "\n")
    with pytest.raises(BankError, match="line 4: node 'r/reason' is here already: delete the line"):
        Bank.open(bank.path).tree("t1")


def test_a_torn_last_line_is_left_out(bank):
    whole = file_of(bank).read_bytes()
    file_of(bank).write_bytes(whole[:-20])
    assert list(Bank.open(bank.path).tree("t1").nodes) == ["r"]
    file_of(bank).write_bytes(whole[:20])
    assert Bank.open(bank.path).tasks == ["t2"]


def test_a_damaged_line_in_the_middle_is_named(bank):
    lines = file_of(bank).read_text().splitlines()
    file_of(bank).write_text("\n".join([lines[0], lines[1][:30], lines[2]]) + "\n")
    with pytest.raises(BankError, match="line 2 is damaged"):
        Bank.open(bank.path).tree("t1")


def test_a_packed_file_that_is_cut_is_named(bank):
    packed = file_of(bank).with_name("t1.jsonl.gz")
    packed.write_bytes(gzip.compress(file_of(bank).read_bytes())[:-30])
    file_of(bank).unlink()
    with pytest.raises(BankError, match=r"t1.jsonl.gz is cut off or damaged"):
        Bank.open(bank.path)


def test_the_same_task_twice_is_refused(bank):
    file_of(bank).with_name("copy.jsonl").write_bytes(file_of(bank).read_bytes())
    with pytest.raises(BankError, match="hold the same task 't1': delete one"):
        Bank.open(bank.path)


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_file_names_are_legal_and_keep_tasks_apart(one, other):
    name = safe_name(one)
    assert len(name) < 100 and "/" not in name and not name.startswith(".") and name == name.lower()
    assert (safe_name(other).lower() == name) == (one == other)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 30), min_size=1), st.integers(0, 5), st.data())
def test_a_split_deals_every_task_once_and_every_family_fairly(sizes, seed, data):
    families = {name: [f"{name}{n}" for n in range(size)] for name, size in sizes.items()}
    train = data.draw(st.sampled_from([0.5, 0.7, 0.8]))
    total = sum(sizes.values())
    fractions = {"train": train, "test": 1 - train}
    if total < 4:
        return
    parts = stratified(families, fractions, seed)
    assert sorted(parts["train"] + parts["test"]) == sorted(t for tasks in families.values() for t in tasks)
    assert abs(len(parts["train"]) - train * total) <= 1
    for name, size in sizes.items():
        assert abs(sum(task[0] == name for task in parts["train"]) - train * size) <= 2
    assert parts == stratified(families, fractions, seed)


def test_a_split_differs_by_seed(tmp_path):
    bank = random_bank(tmp_path / "b", tasks=20, depth=1)
    halves = {"a": 0.5, "b": 0.5}
    assert bank.split(halves, 0) == bank.split(halves, 0) != bank.split(halves, 1)


def test_a_bank_too_small_to_split_says_so(tmp_path):
    bank = write_bank(tmp_path / "b", {"t": [node()]})
    with pytest.raises(BankError, match="1 task cannot be split into train, test: test would be empty"):
        bank.split({"train": 0.7, "test": 0.3})


@pytest.mark.parametrize("fractions", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}])
def test_parts_must_make_a_whole(bank, fractions):
    with pytest.raises(BankError, match="sum to 1"):
        bank.split(fractions)


def test_a_header_keeps_its_features_word_for_word():
    assert BankMeta.from_json(json.loads(json.dumps(META.to_json()))) == META


def alike(bank_path, twins, tasks=12):
    """A bank of the tasks t0, t1, ...; those of `twins` show what the task that each names shows."""
    made = {}
    for number in range(tasks):
        shown = twins.get(f"t{number}", f"t{number}")
        made[f"t{number}", f"f{number % 2}"] = [node(extras={CONTENT_FINGERPRINT: f"shows {shown}"})]
    return write_bank(bank_path, made)


def test_tasks_that_show_the_same_are_never_parted(tmp_path):
    bank = alike(tmp_path / "b", {"t7": "t2", "t9": "t2", "t5": "t0"})
    assert bank.twins == {"t0": ["t5"], "t2": ["t7", "t9"]}
    assert bank.matching({"", "shows t2"}) == bank.matching(bank.identifiers(["t9"])) == {"t2", "t7", "t9"}
    for seed in range(8):
        parts = bank.split({"train": 0.5, "test": 0.5}, seed)
        assert sorted([*parts["train"], *parts["test"]]) == bank.tasks
        for together in ({"t2", "t7", "t9"}, {"t0", "t5"}):
            assert together <= set(parts["train"]) or together <= set(parts["test"])


def test_tasks_are_chosen_by_a_list_of_ids(bank):
    for odd in ("t1", 5):
        with pytest.raises(BankError, match="list of their ids"):
            bank.select(odd)


def test_a_task_of_which_nobody_noted_what_it_shows_is_known_by_its_id_alone(tmp_path):
    bank = write_bank(tmp_path / "b", {"a": [node()], "b": [node()]})
    for tasks in (bank, BankArrays.of(bank)):
        assert tasks.matching([""]) == set() and tasks.matching(["", "b"]) == {"b"}
    assert bank.identifiers(["a"]) == {"a"} and BankArrays.of(bank).identifiers == {"a", "b"}
