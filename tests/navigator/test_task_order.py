"""Tasks come in random order, each once before any comes again."""

import numpy as np

from pilotage.navigator.task_order import TaskOrder

TASKS = ["a", "b", "c", "d", "e"]


def test_each_task_comes_once_before_any_comes_again():
    order = TaskOrder(TASKS)
    rounds = [[order.next() for _ in TASKS] for _ in range(20)]
    assert all(sorted(one) == TASKS for one in rounds) and len(set(map(tuple, rounds))) > 5


def test_a_seed_begins_anew_in_the_middle_of_a_round():
    order = TaskOrder(TASKS, np.random.default_rng(7))
    first = [order.next() for _ in range(8)]
    order.restart(7)
    assert [order.next() for _ in range(8)] == first
    assert first[:5] == np.random.default_rng(7).permutation(TASKS).tolist()[::-1], "as recorded trainings had it"
