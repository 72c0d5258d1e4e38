"""Embedding a bank's tasks: what they are about, for whoever looks for like ones; their texts stay out of the bank."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pilotage.agent.banks.fingerprints import require_recorded
from pilotage.agent.task import Task
from pilotage.memory.embedders.embedder import Embedder
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.embeddings import TaskEmbeddings, unit

AT_ONCE = 64
"""Texts that the embedder is given together."""


def embed_tasks(bank: Bank, tasks: Mapping[str, Task], embedder: Embedder) -> TaskEmbeddings:
    """The embeddings of all tasks of a bank, by the prompts that they were recorded with.

    Raises:
        UsageError: a task of the bank is missing, or shows something else than when it was recorded.
        EmbedderError: the embedder failed.
    """
    require_recorded(bank, tasks)
    prompts = [tasks[id].prompt for id in bank.tasks]
    batches = [embedder.embed(prompts[start : start + AT_ONCE]) for start in range(0, len(prompts), AT_ONCE)]
    return TaskEmbeddings(embedder.identity.key, tuple(bank.tasks), unit(np.concatenate(batches)))
