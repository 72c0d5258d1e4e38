"""The banks in `examples/`: whole, of today's actions and features, and marked as recorded with earlier blocks."""

import shutil
from pathlib import Path

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.banks.fingerprints import is_as_recorded
from pilotage.agent.banks.meta import meta_of
from pilotage.agent.tasks import load_tasks
from pilotage.agent.tasks.grading import score_of
from pilotage.navigator import Bank, BankError, BankWriter
from pilotage.navigator.bank.reader import verify
from tests.agent.states import always_right

BANKS = Path(__file__).parents[2] / "examples" / "banks"


@pytest.mark.parametrize(("name", "preset", "tasks"), [("mixed", "free", 180), ("mixed-rlot", "rlot", 40)])
def test_they_are_read_and_say_that_earlier_blocks_recorded_them(name, preset, tasks, tmp_path):
    recorded = Bank.open(BANKS / name)
    assert len(recorded.headers) == tasks and not verify(BANKS / name)
    with ReasoningAgent(ScriptedChatModel(always_right), policy="random", observation=preset) as agent:
        today = meta_of(agent.components)
    assert recorded.meta.has_earlier_routes and not today.has_earlier_routes
    with pytest.raises(BankError, match="recorded with earlier blocks.* record to another folder"):
        BankWriter(shutil.copytree(BANKS / name, tmp_path / name), today)
    assert set(recorded.meta.actions.names) <= set(today.actions.names), "a policy that learned from it is of use"
    assert set(recorded.meta.observations.names) <= set(today.observations.names)


def test_both_banks_are_of_one_model_and_common_tasks():
    mixed, rlot = (Bank.open(BANKS / name) for name in ("mixed", "mixed-rlot"))
    assert rlot.headers.keys() < mixed.headers.keys()
    assert (
        rlot.meta.model == mixed.meta.model
        and rlot.meta.extras["model_identity"] == mixed.meta.extras["model_identity"]
    )


@pytest.mark.parametrize(("bank", "seed"), [("mixed", 11), ("mixed2", 23)])
def test_their_tasks_are_known_whatever_tasks_have_come_to_hold_since(bank, seed):
    families = "word_sequence_reversal,propositional_logic,ransom_note,number_sorting"
    recorded = Bank.open(BANKS / bank)
    for task in load_tasks(f"gym:{families};size=4;seed={seed}"):
        noted = recorded.tree(task.id).root.extras["prompt"]
        assert is_as_recorded(task, noted)
        assert not is_as_recorded(task.model_copy(update={"prompt": f"{task.prompt} "}), noted)


@pytest.mark.parametrize("bank", ["mixed", "mixed-rlot"])
async def test_their_candidates_are_graded_as_the_graders_of_today_do(bank):
    recorded = Bank.open(BANKS / bank)
    assert all(
        (node.candidate is None) == (node.candidate_score is None)
        for id in recorded.tasks
        for node in recorded.tree(id)
    )
    tasks = [
        task
        for task in load_tasks("gym:chain_sum,ransom_note,number_sorting;size=9;seed=11")
        if task.id in recorded.tasks
    ]
    nodes = [(task, node) for task in tasks for node in recorded.tree(task.id) if node.candidate is not None]
    assert [node.candidate_score for _, node in nodes] == [await score_of(task, node.candidate) for task, node in nodes]
    assert {node.candidate_score for _, node in nodes} == {0, 1}
