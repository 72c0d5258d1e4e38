import functools
import inspect
import json
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks import gym_grader, load_tasks
from pilotage.agent.tasks.grading import grader_for
from pilotage.agent.tasks.gym import families
from pilotage.agent.tasks.gym_grader import EVALUATED_EXPRESSIONS, EVALUATED_LISTS, is_harmless

SUITE = "chain_sum,gcd,syllogism,countdown,polynomial_equations,spiral_matrix,propositional_logic,caesar_cipher"
SUITE += ",simple_integration,polynomial_multiplication,n_queens,string_insertion,binary_matrix,puzzle24,time_intervals"


async def score(task: Task, answer: str | None) -> float:
    grader = grader_for(task)
    assert grader is not None
    return (await grader.grade(task, answer)).score


@functools.cache  # problems are made in a process of their own, which takes a second
def first(family: str, seed: int = 1) -> Task:
    return next(iter(load_tasks(f"gym:{family};size=1;seed={seed}")))


def test_families_take_turns_and_the_size_is_the_total():
    tasks = list(load_tasks("gym:chain_sum,gcd,lcm;size=8;seed=3"))
    assert [task.metadata["family"] for task in tasks] == ["chain_sum", "gcd", "lcm"] * 2 + ["chain_sum", "gcd"]
    assert tasks[3].id == "chain_sum-3-1"
    assert len({task.id for task in tasks}) == 8
    assert len(list(load_tasks("gym:gcd"))) == 20


def test_the_same_specification_gives_the_same_tasks():
    spec = "gym:chain_sum,syllogism;size=6;seed=5"
    assert list(load_tasks(spec)) == list(load_tasks(spec))
    assert list(load_tasks(f"{spec};offset=2"))[:4] == list(load_tasks(spec))[2:]


def test_neighbouring_seeds_share_no_problem():
    prompts = [{task.prompt for task in load_tasks(f"gym:chain_sum;size=50;seed={seed}")} for seed in (1, 2)]
    assert not prompts[0] & prompts[1]


def test_kinds_follow_the_expected_answer():
    assert first("chain_sum").kind == "numeric"
    assert first("syllogism").kind == "text"
    assert first("countdown").kind == "text"


async def test_expected_answers_are_right_and_others_are_not():
    right: Counter[str] = Counter()
    for task in load_tasks(f"gym:{SUITE};size=45;seed=2"):
        json.dumps(task.metadata)
        if task.gold is not None:
            right[task.metadata["family"]] += int(await score(task, task.gold))
        assert await score(task, "(nothing of the kind") == 0.0
        assert await score(task, None) == 0.0
    assert right == {family: 3 for family in SUITE.split(",") if family != "propositional_logic"}


async def test_spelling_of_numbers_and_a_full_stop_do_not_matter():
    task = first("chain_sum")
    assert await score(task, f"{task.gold}.0") == 1.0
    assert await score(task, f"= {task.gold}") == 0.0
    answer = first("syllogism")
    assert await score(answer, f"{answer.gold}.") == 1.0


@pytest.mark.parametrize("answer", ["[5, 101]", "a, b", "{'a': 1}", "1/0", "\u00d7", "\x00"])
async def test_an_answer_that_a_verifier_cannot_read_is_wrong(answer):
    for family in ("prime_factorization", "calendar_arithmetic", "base_conversion", "rotate_matrix", "sudoku"):
        assert await score(first(family), answer) == 0.0


async def test_a_verifier_that_is_broken_is_no_wrong_answer(monkeypatch):
    def broken(answer, entry):
        raise OSError("disk full")

    task = first("gcd")
    monkeypatch.setattr(gym_grader, "_verifier", lambda family: broken)
    with pytest.raises(OSError, match="disk full"):
        await score(task, "no number")


async def test_containing_the_answer_is_no_answer():
    task = first("gcd")
    assert await score(task, f"{task.gold}0") == 0.0
    words = first("caesar_cipher")
    assert await score(words, f"{words.gold} or something else") == 0.0


def test_all_families_that_evaluate_an_answer_are_known():
    from reasoning_gym.factory import DATASETS

    evaluates = re.compile(r"\b(?:eval|exec|parse_expr|sympify)\(\s*answer")
    found = {name for name, (cls, _) in DATASETS.items() if evaluates.search(inspect.getsource(cls.score_answer))}
    assert found == EVALUATED_LISTS | EVALUATED_EXPRESSIONS


ATTACKS = [
    "__import__('pathlib').Path({path!r}).touch()",
    "[__import__('pathlib').Path({path!r}).touch()]",
    "open({path!r}, 'w')",
    "(lambda: open({path!r}, 'w'))()",
    "[x for x in [open({path!r}, 'w')]]",
    "f'{{open({path!r}, \"w\")}}'",
    "Symbol('x').__class__",
    "preview(x)",
    "9**9**9**9**9",
    "((9**20)**20)**20**20",
    "[0]*10**10",
    "x if open({path!r}, 'w') else y",
]


@pytest.mark.parametrize("family", sorted(EVALUATED_LISTS | EVALUATED_EXPRESSIONS))
async def test_an_answer_never_runs_as_code(family: str, tmp_path):
    task = first(family)
    canary = tmp_path / "canary"
    for attack in ATTACKS:
        answer = attack.format(path=str(canary))
        assert not is_harmless(family, answer), answer
        assert await score(task, answer) == 0.0
    assert not canary.exists()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("gym:chain_sums", "did you mean chain_sum"),
        ("gym:zzzz", "chain_sum, "),
        ("gym:composite", "no family 'composite'"),
        ("gym:gcd,gcd", "once"),
        ("gym:,", "once"),
        ("gym:gcd;count=3", "unknown option 'count'"),
    ],
)
def test_bad_specifications_are_told_at_once(spec: str, sentence: str):
    with pytest.raises(UsageError) as raised:
        load_tasks(spec)
    assert sentence in str(raised.value)


def test_all_families_are_offered_but_the_one_that_needs_a_configuration():
    assert len(families()) >= 100
    assert "composite" not in families()


@pytest.mark.parametrize("hashes", ["1", "2"])
def test_a_seed_means_the_same_problems_whatever_the_order_of_sets(hashes):
    spec = "gym:isomorphic_strings,ransom_note;size=4;seed=11"
    code = f"from pilotage.agent.tasks import load_tasks\nfor task in load_tasks({spec!r}):\n    print(task.prompt)"
    env = os.environ | {"PYTHONHASHSEED": hashes}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert said.stdout == "".join(f"{task.prompt}\n" for task in load_tasks(spec))
    assert said.stderr == ""
