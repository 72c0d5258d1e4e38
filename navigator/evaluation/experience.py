"""Experience in an evaluation: tasks to learn from see each other, judged ones see these, and none sees itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import Tree
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.experience.columns import column_values, with_experience
from pilotage.navigator.experience.situations import Situations
from pilotage.navigator.policies.experience import NAME
from pilotage.navigator.spaces import Observation, ObservationSpec
from pilotage.navigator.values.experience import experience_of


def learned_and_judged(fold: Fold) -> tuple[Bank, BankArrays]:
    """Both sides of a fold with the features of experience.

    A task to learn from has them by the others of these, a judged one by all of them.

    Raises:
        PolicyError: the bank has no embeddings.
        BankError: a task has none.
    """
    embeddings = fold.training.embeddings
    if embeddings is None:
        raise PolicyError(
            f"{NAME} looks for like tasks by their embeddings, and the bank {fold.training.path} has none: give it "
            "those of its tasks with `pilotage bank embed`"
        )
    learned, judged = fold.learned, fold.judged
    experience = experience_of(learned, embeddings)
    situations = Situations(learned.actions, learned.observations)
    own = column_values(experience.among_themselves(), learned.task, situations.of(learned.features))
    estimates = experience.estimates(embeddings.of(judged.tasks))
    told = column_values(estimates, judged.task, situations.of(judged.features))
    spec = with_experience(learned.observations, learned.actions)
    features = np.concatenate([judged.features, told], axis=1)
    return _wider(fold.training, learned, own, spec), replace(judged, observations=spec, features=features)


def _wider(bank: Bank, arrays: BankArrays, values: Observation, spec: ObservationSpec) -> Bank:
    """The bank in memory, each node's observation with its values behind it."""
    by_node = {
        (arrays.tasks[task], id): row
        for task, id, row in zip(arrays.task.tolist(), arrays.ids, values.tolist(), strict=True)
    }
    trees = {}
    for task in bank.tasks:
        tree = bank.tree(task)
        nodes = {
            id: replace(node, observation=[*node.observation, *by_node[task, id]]) for id, node in tree.nodes.items()
        }
        trees[task] = Tree(tree.header, nodes)
    return Bank(bank.path, replace(bank.meta, observations=spec), bank.headers, bank.files, trees)
