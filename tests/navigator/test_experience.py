"""Experience: what earlier tasks say of a new one, and what a policy makes of it."""

from dataclasses import replace

import numpy as np
import pytest

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.embeddings import EMBEDDINGS_FILE, TaskEmbeddings, unit
from pilotage.navigator.bank.reader import verify
from pilotage.navigator.bank.records import BankMeta, Node, child_id
from pilotage.navigator.errors import BankError, PolicyError, SpecMismatch
from pilotage.navigator.evaluation.experience import learned_and_judged
from pilotage.navigator.evaluation.folds import cross_fit
from pilotage.navigator.evaluation.names import CandidateOptions, candidate
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.experience.columns import columns, with_experience
from pilotage.navigator.experience.estimates import Experience, Outcomes, Smoothing
from pilotage.navigator.experience.situations import Situations
from pilotage.navigator.policies.experience import ExperiencePolicy
from pilotage.navigator.spaces import ActionSpec, Feature, ObservationSpec
from tests.navigator.banks import usage, write_bank

ACTIONS = ActionSpec(("reason", "program", "answer"))
KINDS = ("numeric", "choice", "text", "program", "grid")
OBSERVATIONS = ObservationSpec(
    (
        *(Feature(f"count_{name}", 0, 8) for name in ("reason", "program")),
        *(Feature(f"last_{name}", 0, 1) for name in ("reason", "program")),
        Feature("candidates", 0, 8),
        *(Feature(f"kind_{kind}", 0, 1) for kind in KINDS),
    )
)
META = BankMeta(ACTIONS, OBSERVATIONS, model="scripted", prompt_hash="0" * 16, created="2026-11-01T00:00:00+00:00")
WORDS, SUMS = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
"""Two families, as an embedder would see them: programs solve the one, reasoning the other."""


def observed(route=(), answered=False):
    values = dict.fromkeys(OBSERVATIONS.names, 0.0) | {"kind_numeric": 1.0, "candidates": float(answered)}
    values |= {f"count_{name}": route.count(name) for name in ("reason", "program")}
    if route:
        values[f"last_{route[-1]}"] = 1.0
    return OBSERVATIONS.vector(values).tolist()


def node(route=(), score=0.0, answered=False, cost=100):
    path = "r"
    for block in route[:-1]:
        path = child_id(path, block)
    return Node(
        id=child_id(path, route[-1]) if route else "r",
        parent=path if route else None,
        action=route[-1] if route else None,
        observation=observed(route, answered),
        mask=[name not in route for name in ("reason", "program")] + [True],
        candidate="7" if answered else None,
        evidence={},
        text="",
        usage=usage(cost if route else 0),
        answer="7",
        score=score,
        answer_usage=usage(0 if answered else 10),
    )


RIGHT = {("sums", "program"), ("words", "reason")}
"""Which block solves which family."""


def recorded(folder, tasks):
    """A bank of tasks of two families, with their embeddings."""
    generator, trees, vectors = np.random.default_rng(1), {}, {}
    for place in range(tasks):
        family, seen = (("sums", SUMS), ("words", WORDS))[place % 2]
        steps = [node((block,), float((family, block) in RIGHT), answered=True) for block in ("program", "reason")]
        trees[f"{family}-{place}", family] = [node(), *steps]
        vectors[f"{family}-{place}"] = np.array(seen) + generator.normal(0, 0.05, 3)
    bank = write_bank(folder, trees, META)
    TaskEmbeddings("test/3", tuple(bank.tasks), unit(np.array([vectors[task] for task in bank.tasks]))).save(folder)
    return Bank.open(folder)


def outcomes(vectors, successes, action=0):
    count = len(successes)
    return Outcomes(
        unit(np.array(vectors)),
        np.arange(count),
        np.zeros(count, dtype=np.int64),
        np.full(count, action),
        np.array(successes, dtype=float),
        np.ones(count),
        (1, 2),
    )


def test_situations_are_the_start_and_each_last_block_with_and_without_an_answer():
    situations = Situations(ACTIONS, OBSERVATIONS)
    seen = [observed(), observed(("reason",)), observed(("reason",), True), observed(("reason", "program"), True)]
    told = situations.of(np.array(seen, dtype=np.float32))
    assert [situations.names[place] for place in told] == [
        "start",
        "reason, no answer",
        "reason, answered",
        "program, answered",
    ]
    with pytest.raises(SpecMismatch):
        Situations(ACTIONS, ObservationSpec((Feature("candidates", 0, 8),)))


def test_estimates_follow_what_is_near_and_else_what_holds_for_all():
    experience = Experience(outcomes([WORDS] * 6 + [SUMS] * 6, [1] * 6 + [0] * 6), Smoothing(0.1, 2.0))
    near = experience.estimates(unit(np.array([WORDS, SUMS, (0.0, 0.0, 1.0)])))
    assert near.success[0, 0, 0] > 0.85 and near.success[1, 0, 0] < 0.15
    assert near.success[2, 0, 0] == pytest.approx(0.5, abs=0.01), "like nothing: the general mean"
    assert near.error[0, 0, 0] < near.error[2, 0, 0]
    assert (near.error[:, 0, 1] == 1).all(), "never met"


def test_a_task_is_foreseen_neither_by_itself_nor_by_one_that_shows_the_same():
    given = outcomes([WORDS] * 4, [1, 0, 0, 0])
    alone = Experience(given, Smoothing(0.1, 1.0)).among_themselves()
    assert alone.success[0, 0, 0] == 0, "the others failed"
    twins = Experience(given, Smoothing(0.1, 1.0), ("same", "same", "b", "c")).among_themselves()
    assert twins.success[1, 0, 0] == 0, "its twin's success is not told it"
    assert twins.success[2, 0, 0] == pytest.approx(1 / 3)


def test_how_far_experience_reaches_is_chosen_by_what_it_foresees():
    generator = np.random.default_rng(0)
    clear = Experience(outcomes([WORDS] * 20 + [SUMS] * 20, [1] * 20 + [0] * 20))
    chance = Experience(outcomes(generator.normal(size=(40, 3)), generator.integers(0, 2, 40)))
    assert clear.smoothing.prior < chance.smoothing.prior


def test_judged_tasks_have_no_say_in_what_they_are_told(tmp_path):
    fold = cross_fit(recorded(tmp_path / "bank", 20), 4)[0]
    learned, judged = learned_and_judged(fold)
    other = replace(fold, judged=replace(fold.judged, score=1 - fold.judged.score))
    assert np.array_equal(learned_and_judged(other)[1].features, judged.features)
    wide = with_experience(OBSERVATIONS, ACTIONS)
    assert learned.observations == judged.observations == wide
    assert len(wide) == len(OBSERVATIONS) + len(columns(ACTIONS))
    assert wide.check(judged.features[0]) is not None
    assert ((judged.features >= wide.low) & (judged.features <= wide.high)).all()


def test_the_policy_takes_what_solves_like_tasks(tmp_path):
    bank = recorded(tmp_path / "bank", 24)
    options = CandidateOptions(bank, 0.1)
    trainings = Trainings(bank, tmp_path / "trained")
    for name in ("experience", "linear:experience"):
        correct = [candidate(name, options).rollout(fold, 0, trainings).outcomes.correct for fold in cross_fit(bank, 4)]
        assert np.concatenate(correct).mean() == 1, name
    near = [candidate("nearest:experience", options).rollout(fold, 0, trainings) for fold in cross_fit(bank, 4)]
    assert np.concatenate([one.outcomes.correct for one in near]).mean() > 0.5, "fifteen neighbours of eighteen tasks"
    rule = [candidate("one-bit", options).rollout(fold, 0, trainings).outcomes.correct for fold in cross_fit(bank, 4)]
    assert np.concatenate(rule).mean() == 0.5, "which no rule without sight of the task can"


def test_it_leaves_the_rule_only_for_more_than_is_unsure():
    wide = with_experience(OBSERVATIONS, ACTIONS)
    policy = ExperiencePolicy(ACTIONS, wide, cost_weight=0.1)

    def takes(better, error):
        values = dict(zip(OBSERVATIONS.names, observed(), strict=True))
        values |= {f"success_{name}": 0.5 for name in ACTIONS.names} | {"success_reason": better}
        values |= {f"cost_{name}": 1.0 for name in ACTIONS.names} | {f"error_{name}": error for name in ACTIONS.names}
        decision = policy.decide(wide.vector(values), ACTIONS.mask(("reason", "program")))
        return ACTIONS.names[decision.action], decision

    assert takes(0.8, 0.1)[0] == "reason"
    assert takes(0.6, 0.1)[0] == "program", "the rule's"
    assert takes(0.8, 1.0)[0] == "program", "never met"
    assert "like tasks" in takes(0.8, 0.1)[1].why
    assert takes(0.8, 0.1)[1].values[0] == pytest.approx(0.7)


def test_without_embeddings_it_says_what_to_do(tmp_path):
    bank = recorded(tmp_path / "bank", 8)
    (tmp_path / "bank" / EMBEDDINGS_FILE).unlink()
    with pytest.raises(PolicyError, match="pilotage bank embed"):
        learned_and_judged(cross_fit(Bank.open(bank.path), 2)[0])
    with pytest.raises(SpecMismatch, match="pilotage bank embed"):
        ExperiencePolicy(ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize("damage", [b"", b"no tensors", None])
def test_embeddings_are_read_whole_or_not_at_all(tmp_path, damage):
    bank = recorded(tmp_path / "bank", 4)
    file = tmp_path / "bank" / EMBEDDINGS_FILE
    found = bank.embeddings
    assert found.identity == "test/3" and np.allclose(np.linalg.norm(found.vectors, axis=1), 1)
    with pytest.raises(BankError, match="no embedding"):
        found.of(["nobody"])
    file.write_bytes(file.read_bytes()[:-3] if damage is None else damage)
    with pytest.raises(BankError, match="embed the tasks anew"):
        TaskEmbeddings.read(tmp_path / "bank")
    [fault] = verify(tmp_path / "bank")
    assert fault.level == "error" and "embed the tasks anew" in fault.what


def test_embeddings_that_lack_a_task_or_say_nothing_are_faults_of_a_bank(tmp_path):
    bank = recorded(tmp_path / "bank", 4)
    assert verify(bank.path) == []
    TaskEmbeddings("test/3", tuple(bank.tasks[1:]), np.eye(3, 3, dtype=np.float32)).save(bank.path)
    assert f"1 tasks have no embedding, '{bank.tasks[0]}'" in verify(bank.path)[0].what
    TaskEmbeddings("test/3", tuple(bank.tasks), np.eye(4, 3, dtype=np.float32)).save(bank.path)
    assert f"1 embeddings say nothing, that of '{bank.tasks[3]}'" in verify(bank.path)[0].what
