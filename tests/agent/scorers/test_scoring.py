"""Scoring a bank: every step once, on disk as it comes, resumed where it stopped."""

import asyncio

import pytest

from pilotage.agent.banks.scorers import ScoredStep, StepScorer, ValueScorer
from pilotage.agent.banks.scoring import score_bank
from pilotage.agent.errors import ModelUnavailable, ScorerUnavailable, StepRefused, UsageError
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.step_scores import StepScore, StepScoreWriter
from pilotage.navigator.envs.step_rewards import RecordedRewards
from pilotage.navigator.values.exact import uniform_values
from tests.agent.scorers.places import TASK, nodes
from tests.navigator.banks import random_bank, write_bank


class Counting(StepScorer):
    """Scores by the length of a way; may fail after so many steps."""

    name, identity, needs_tasks = "counting", "1", False

    def __init__(self, fails_after=None):
        self.asked, self.at_once, self.most, self.closed, self.fails_after = [], 0, 0, False, fails_after

    async def score(self, step: ScoredStep) -> StepScore:
        if self.fails_after is not None and len(self.asked) >= self.fails_after:
            raise ScorerUnavailable("the scorer is down")
        self.asked.append((step.tree.task, step.node.id))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.001)
        self.at_once -= 1
        return StepScore(len(step.texts) / 10, {"llm_calls": 1, "prompt_tokens": 3})

    async def aclose(self):
        self.closed = True


async def score(bank, scorer, path, tasks=None, **options):
    with StepScoreWriter(path, scorer.name, scorer.identity) as writer:
        return await score_bank(bank, scorer, writer, tasks, **options)


@pytest.mark.parametrize("concurrency", [1, 7])
async def test_every_step_is_scored_once_and_charged(tmp_path, concurrency):
    bank, scorer = random_bank(tmp_path / "b", tasks=3), Counting()
    seen = []
    scored = await score(
        bank, scorer, tmp_path / "s.jsonl", concurrency=concurrency, on_step=lambda so_far: seen.append(so_far.new)
    )
    arrays = BankArrays.of(bank)
    steps = len(arrays) - len(arrays.roots)
    assert scored.steps == scored.new == len(set(scorer.asked)) == len(scorer.asked) == steps
    assert (scored.usage.llm_calls, scored.usage.prompt_tokens) == (steps, 3 * steps)
    assert seen == list(range(steps + 1)) and scorer.closed and scorer.most == concurrency
    rewards = RecordedRewards.read(tmp_path / "s.jsonl").rewards(bank, arrays)
    assert rewards.tolist() == [depth / 10 for depth in arrays.depth]


async def test_a_scoring_that_failed_goes_on_where_it_stopped(tmp_path):
    bank, path = random_bank(tmp_path / "b", tasks=3), tmp_path / "s.jsonl"
    broken = Counting(fails_after=5)
    with pytest.raises(ScorerUnavailable):
        await score(bank, broken, path)
    assert broken.closed
    whole = Counting()
    scored = await score(bank, whole, path)
    assert scored.known == 5 and not set(broken.asked) & set(whole.asked)
    again = Counting()
    assert (await score(bank, again, path)).new == 0 and again.asked == []


class Choosy(Counting):
    """Refuses some steps."""

    def __init__(self, refuses):
        super().__init__()
        self.refuses = refuses

    async def score(self, step: ScoredStep) -> StepScore:
        if self.refuses(step.node.id):
            raise StepRefused("the prompt is too long")
        return await super().score(step)


@pytest.mark.parametrize("concurrency", [1, 7])
async def test_a_refused_step_is_left_for_another_time_and_the_others_are_scored(tmp_path, concurrency):
    bank, path = random_bank(tmp_path / "b", tasks=3), tmp_path / "s.jsonl"
    task = bank.tasks[0]
    chosen = next(node.id for node in bank.tree(task) if node.parent is not None)
    choosy = Choosy(lambda node: node == chosen)
    scored = await score(bank, choosy, path, concurrency=concurrency)
    assert scored.refused[task, chosen] == "the prompt is too long" and choosy.closed
    assert scored.new == scored.steps - len(scored.refused) > 0
    again = await score(bank, Counting(), path)
    assert (again.known, again.new) == (scored.new, len(scored.refused))


async def test_a_scorer_that_refuses_one_step_after_another_ends_the_scoring(tmp_path):
    bank = random_bank(tmp_path / "b", tasks=3)
    with pytest.raises(ModelUnavailable, match="3 steps in a row"):
        await score(bank, Choosy(lambda node: True), tmp_path / "s.jsonl")


async def test_values_are_those_of_the_bank(tmp_path):
    bank = random_bank(tmp_path / "b", seed=4, tasks=3)
    scored = await score(bank, ValueScorer(bank), tmp_path / "s.jsonl", concurrency=3)
    arrays = BankArrays.of(bank)
    rewards = RecordedRewards.read(tmp_path / "s.jsonl").rewards(bank, arrays)
    inner = arrays.parent >= 0
    assert rewards[inner] == pytest.approx(uniform_values(arrays).value[inner]) and scored.usage.llm_calls == 0


class Reading(Counting):
    """A scorer that reads the tasks."""

    needs_tasks = True


async def test_tasks_are_asked_for_checked_and_shown_without_their_answer(tmp_path):
    bank, path = write_bank(tmp_path / "b", {TASK.id: nodes()}), tmp_path / "s.jsonl"
    with pytest.raises(UsageError, match="1 of the bank's 1 tasks are not among --tasks, t/a for one"):
        await score(bank, Reading(), path)
    other = TASK.model_copy(update={"prompt": "Tom has 4 apples."})
    with pytest.raises(UsageError, match="task t/a is not what it was"):
        await score(bank, Reading(), path, {TASK.id: other})
    shown = []

    class Looking(Reading):
        async def score(self, step):
            shown.append(step.task)
            return await super().score(step)

    await score(bank, Looking(), path, {TASK.id: TASK})
    assert len(shown) == 2 and all(task.gold is None for task in shown)
