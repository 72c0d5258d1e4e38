"""Export to Minari, the interchange format of offline reinforcement learning: every recorded stop is one episode."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pilotage.navigator.arguments import require_weight
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.envs import RECORDED
from pilotage.navigator.errors import BankError, EnvError

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec
    from minari.data_collector import EpisodeBuffer

    from pilotage.navigator.envs.env import RecordedReasoningEnv

DATASET = "pilotage/bank-v0"


@dataclass(frozen=True)
class MinariReport:
    """Where a dataset was written, its id, and how much is in it."""

    path: Path
    dataset_id: str
    episodes: int
    steps: int


def export_minari(bank: Bank, out: str | Path, cost_weight: float = 0.0, dataset_id: str = DATASET) -> MinariReport:
    """Writes a bank as a Minari dataset under `out`, laid out as Minari does.

    Read it with `minari.MinariDataset(report.path)`, or with `minari.load_dataset(dataset_id)` where `out` is in
    `MINARI_DATASETS_PATH`. Its `recover_environment()` makes a `RecordedReasoningEnv` of the same bank, tasks and cost
    weight, from the folder that the bank lies in; where it was moved, `recover_environment(bank=FOLDER)`.

    An episode is the way from the root to one state, then the terminal action. Its rewards are those of
    `RecordedReasoningEnv` under the same cost weight; its infos hold masks and costs, and of a bank whose candidates
    were graded the score of each step's candidate (NaN where there is none). What a run pays before its first decision
    is paid with the first step.

    Raises:
        BankError: minari is not installed, the dataset is there already, or the bank is damaged.
    """
    try:
        import h5py  # noqa: F401 (minari's storage needs it, and says so late)
        import minari
        from gymnasium import spaces
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise BankError("export needs minari and h5py: pip install 'pilotage[train]'") from error
    folder = Path(out).resolve() / dataset_id / "data"  # minari 0.5 doubles a relative path
    if folder.exists():
        raise BankError(f"there is a dataset in {folder} already: delete it, or choose another folder")
    arrays = BankArrays.of(bank)
    spec, cost_weight = bank.observations, require_weight(cost_weight)
    episodes = [_episode(state, arrays, cost_weight) for state in range(len(arrays))]
    model = bank.meta.model or "an unnamed model"
    folder.mkdir(parents=True)
    try:
        storage = MinariStorage.new(
            folder,
            env_spec=_env_spec(bank, cost_weight),
            observation_space=spaces.Box(spec.low, spec.high, dtype=np.float32),
            action_space=spaces.Discrete(len(bank.actions)),
        )
        storage.update_metadata(
            {
                "dataset_id": dataset_id,
                "minari_version": minari.__version__,
                "algorithm_name": "every recorded sequence of blocks",
                "description": (
                    f"Reasoning trees of {len(bank.tasks)} tasks, recorded with {model}. "
                    f"Actions: {', '.join(bank.actions.names)}. Features: {', '.join(bank.observations.names)}. "
                    f"Reward: correct - {cost_weight:g} * cost, cost in thousands of tokens."
                ),
                "requirements": ["pilotage"],
            }
        )
        storage.update_episodes(episodes)
    except BaseException:
        shutil.rmtree(folder)  # half a dataset would be taken for a whole one
        raise
    return MinariReport(folder, dataset_id, len(episodes), sum(len(episode) for episode in episodes))


def _env_spec(bank: Bank, cost_weight: float) -> EnvSpec:
    """What makes the environment again, without that `pilotage` was imported before."""
    from gymnasium.envs.registration import EnvSpec

    return EnvSpec(
        RECORDED,
        entry_point=f"{__name__}:recovered",
        kwargs={
            "bank": str(bank.path.resolve()),
            "tasks": bank.tasks,
            "cost_weight": cost_weight,
            "schemas": [bank.actions.schema_hash, bank.observations.schema_hash],
        },
    )


def recovered(bank: str, tasks: list[str], cost_weight: float, schemas: list[str]) -> RecordedReasoningEnv:
    """The environment that a dataset was made of: the entry point of its env spec.

    Raises:
        EnvError: its bank is not there any more, or another one lies there.
    """
    from pilotage.navigator.envs.env import RecordedReasoningEnv

    advice = "give the folder that it lies in now: recover_environment(bank=FOLDER)"
    try:
        found = Bank.open(bank)
    except BankError as error:
        raise EnvError(f"the bank of this dataset cannot be opened ({error}); {advice}") from error
    if [found.actions.schema_hash, found.observations.schema_hash] != schemas or not set(tasks) <= set(found.tasks):
        raise EnvError(f"the bank in {bank} is not the one that this dataset was made of; {advice}")
    return RecordedReasoningEnv(found, tasks, cost_weight)


def _episode(state: int, arrays: BankArrays, cost_weight: float) -> EpisodeBuffer:
    from minari.data_collector import EpisodeBuffer

    path = [state]
    while arrays.parent[path[-1]] >= 0:
        path.append(int(arrays.parent[path[-1]]))
    path.reverse()
    actions = arrays.action[path[1:]].tolist()
    costs = arrays.cost[path].tolist()  # the first is paid before the first decision
    seen = list(path)
    if arrays.ended[state] and actions:  # the last block ended the run: its outcome comes with it
        costs[-1] += float(arrays.answer_cost[state])
    else:
        actions.append(arrays.terminal)
        costs.append(float(arrays.answer_cost[state]))
        seen.append(state)
    paid = [costs[1] + costs[0], *costs[2:]]
    rewards = [-cost_weight * cost for cost in paid]
    rewards[-1] += float(arrays.score[state])
    return EpisodeBuffer(
        id=state,
        options={"task": arrays.tasks[arrays.task[state]]},
        observations=[arrays.features[one] for one in seen],
        actions=actions,
        rewards=rewards,
        terminations=[False] * (len(actions) - 1) + [True],
        truncations=[False] * len(actions),
        infos={
            "action_mask": [arrays.playable[one].astype(np.int8) for one in seen],
            "step_cost": [0.0, *paid],
            **({} if arrays.ungraded else {"candidate_score": arrays.candidate_score[seen].tolist()}),
        },
    )
