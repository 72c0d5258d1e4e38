"""What a policy learned from travels with it, whatever it is wrapped in."""

import itertools
import operator
import pickle
import time
import weakref
from collections import deque
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, PydanticUserError

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.merge import merge
from pilotage.navigator.bank.records import CONTENT_FINGERPRINT
from pilotage.navigator.errors import BankError, LogError, NavigatorError, PolicyError
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.off_policy import Episode, Log, estimate
from pilotage.navigator.policies.epsilon import EpsilonPolicy
from pilotage.navigator.policies.in_distribution import InDistributionPolicy
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.policy import Decision, FixedPolicy, RandomPolicy
from pilotage.navigator.policies.provenance import Provenance, heard, provenance
from pilotage.navigator.training.algorithms.linear import fit_linear
from pilotage.navigator.training.algorithms.nearest import fit_nearest
from tests.navigator.banks import ACTIONS, OBSERVATIONS, learnable_bank, write_bank
from tests.navigator.policies import network
from tests.together import pool_of

QUICK = Protocol(folds=3, seeds=2, efforts=(), resamples=200)
PLAIN = FixedPolicy(["reason", "answer"], ACTIONS, OBSERVATIONS)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=24, depth=2)


@pytest.fixture(scope="module")
def learned(bank):
    return fit_linear(bank)


class Holds:
    """A user's policy that asks another one."""

    name = "holds"

    def __init__(self, inner):
        self.inner = inner

    def decide(self, observation, mask):
        return self.inner.decide(observation, mask)


class Slotted:
    __slots__ = ("_base", "name")

    def __init__(self, base):
        self._base, self.name = base, "slotted"

    def decide(self, observation, mask):
        return self._base.decide(observation, mask)


@dataclass(frozen=True)
class Votes:
    members: tuple
    name: str = "votes"

    def decide(self, observation, mask):
        return self.members[0].decide(observation, mask)


def closing_over(base):
    class Closed:
        name = "closed"

        def decide(self, observation, mask):
            return base.decide(observation, mask)

    return Closed()


def inheriting(base):
    class Parent:
        held = base

        def decide(self, observation, mask):
            return self.held.decide(observation, mask)

    return type("Child", (Parent,), {"name": "child"})()


WRAPPERS = {
    "itself": lambda one: one,
    "exploring": lambda one: EpsilonPolicy(one, 0.0, ACTIONS),
    "exploring on a task": lambda one: EpsilonPolicy(one, 0.1, ACTIONS).for_task("t"),
    "familiar": lambda one: InDistributionPolicy(one, PLAIN, "familiar"),
    "exploring, familiar": lambda one: EpsilonPolicy(InDistributionPolicy(one, PLAIN, "familiar"), 0.0, ACTIONS),
    "an attribute": Holds,
    "two deep": lambda one: Holds(Holds(one)),
    "a slot": Slotted,
    "a tuple of a dataclass": lambda one: Votes((PLAIN, one)),
    "a dictionary": lambda one: Holds({"best": [one]}),
    "a closure": closing_over,
    "a class attribute": inheriting,
    "a bound method": lambda one: SimpleNamespace(name="bound", decide=one.decide),
    "a partial": lambda one: SimpleNamespace(name="partial", decide=partial(Holds.decide, Holds(one))),
    "a lambda": lambda one: SimpleNamespace(name="lambda", decide=lambda o, m: one.decide(o, m)),
    "a default": lambda one: SimpleNamespace(name="default", decide=lambda o, m, by=one: by.decide(o, m)),
}
SEEN = [name for name in WRAPPERS if name not in ("a closure", "a class attribute", "a lambda", "a default")]


@pytest.mark.parametrize("wrapped", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_a_policy_is_not_judged_on_its_own_training_tasks_whatever_holds_it(bank, learned, wrapped):
    with pytest.raises(PolicyError, match=r"trained on (every task|24 of the judged tasks).*--in-sample"):
        evaluate(bank, [wrapped(learned), "best-fixed"], QUICK)


@pytest.mark.parametrize("wrapped", [WRAPPERS[name] for name in SEEN], ids=SEEN)
def test_what_a_look_can_tell_is_told_before_anything_is_asked(bank, learned, wrapped):
    assert provenance(wrapped(learned)).tasks == set(bank.tasks)


class Asks:
    """A policy whose code reaches another one in a way of its own."""

    def __init__(self, reach, name="asks"):
        self.name = name
        Asks.reach = staticmethod(reach)  # not an attribute of the object

    def decide(self, observation, mask):
        return Asks.reach().decide(observation, mask)


def by_helper():
    return AT_HAND


class Loads:
    @cached_property
    def policy(self):
        return load_policy(FILE, ACTIONS, OBSERVATIONS)


class Mangled:
    __slots__ = ("__hidden",)

    def __init__(self, hidden):
        self.__hidden = hidden

    def get(self):
        return self.__hidden


def elsewhere(policy):
    """Asks it in a thread that nobody told anything."""

    def decide(observation, mask):
        with pool_of(1) as pool:
            return pool.submit(policy.decide, observation, mask).result()

    return SimpleNamespace(decide=decide)


def by_numbers(policy):
    """Uses its values, and not what it decides."""

    def decide(observation, mask):
        return Decision(int(policy.choose(observation[None], mask[None])[0]))

    return SimpleNamespace(decide=decide)


AT_HAND = FILE = None
LOADS = Loads()
MODULE = ModuleType("of_ones_own")
KEPT = ContextVar("kept")
REACHED = {
    "a helper function": lambda one: by_helper,
    "a dictionary": lambda one: partial(dict.get, {"best": one}, "best"),
    "a deque": lambda one: partial(operator.itemgetter(0), deque([one])),
    "an array": lambda one: np.array([one], dtype=object).item,
    "a key": lambda one: lambda: next(iter({one: 1})),
    "a weak reference": weakref.ref,
    "a context variable": lambda one: KEPT.set(one) and KEPT.get,
    "a module": lambda one: setattr(MODULE, "policy", one) or (lambda: MODULE.policy),
    "a generator": lambda one: itertools.cycle([one]).__next__,
    "bytes": lambda one: partial(pickle.loads, pickle.dumps(one)),
    "a file, loaded when asked": lambda one: lambda: LOADS.policy,
    "a cache": lambda one: lru_cache(lambda: load_policy(FILE, ACTIONS, OBSERVATIONS)),
    "a mangled slot": lambda one: Mangled(one).get,
    "another thread": lambda one: lambda: elsewhere(one),
    "its values": lambda one: lambda: by_numbers(one),
}


@pytest.fixture
def at_hand(learned, monkeypatch, tmp_path):
    learned.save(tmp_path / "mine.safetensors")
    monkeypatch.setitem(globals(), "AT_HAND", learned)
    monkeypatch.setitem(globals(), "FILE", tmp_path / "mine.safetensors")


@pytest.mark.parametrize("reach", REACHED.values(), ids=REACHED.keys())
def test_however_a_policy_is_reached_it_says_that_it_was_asked(bank, learned, at_hand, reach):
    with pytest.raises(PolicyError, match=r"asks asked a policy that was trained on 24 of the judged tasks"):
        evaluate(bank, [Asks(reach(learned)), "best-fixed"], QUICK)
    with pytest.raises(LogError, match="asks was trained on 24 of the 24 logged tasks"):
        estimate(logged(bank, bank.tasks), Asks(reach(learned)), resamples=100)


def test_what_is_asked_at_last_counts_as_in_sample_where_that_is_wanted(bank, learned, at_hand):
    quick = Protocol(folds=3, efforts=(), resamples=200, in_sample=True, groups=2)
    found = evaluate(bank, [Asks(by_helper), "nearest"], quick)
    assert any(one.startswith("asks was trained on 24 of the judged tasks") for one in found.defects)
    assert {one.policy for one in found.transfer} == {"nearest"}


def test_tasks_that_a_policy_names_are_left_out_and_what_it_asks_may_be_asked(bank, monkeypatch):
    monkeypatch.setitem(globals(), "AT_HAND", fit_linear(bank, bank.tasks[:12]))
    own = Asks(by_helper)
    with pytest.raises(PolicyError, match="12 of the judged tasks.*tasks_learned"):
        evaluate(bank, [own], QUICK)
    own.tasks_learned = bank.tasks[:12]
    assert evaluate(bank, [own], QUICK).protocol.tasks == 12


def test_two_evaluations_in_threads_of_their_own_hear_their_own_policies(bank, learned):
    def judged(of):
        quick = Protocol(folds=3, efforts=(), resamples=100, in_sample=of is learned)
        return evaluate(bank, [Holds(of)], quick)

    with pool_of(2) as pool:
        own, plain = pool.submit(judged, learned), pool.submit(judged, PLAIN)
        assert any("in-sample" in one for one in own.result().defects)
        assert not any("in-sample" in one for one in plain.result().defects)


class Strict(BaseModel):
    name: str = "strict"
    inner: Any = None

    def __getattr__(self, name):
        raise PydanticUserError(f"no {name}", code="decorator-missing-field")

    def decide(self, observation, mask):
        return self.inner.decide(observation, mask)


def test_an_object_that_answers_no_question_is_looked_at_all_the_same(bank, learned):
    assert provenance(Holds(Strict())) == Provenance()
    assert provenance(Strict(inner=learned)).tasks == set(bank.tasks)
    assert evaluate(bank, [Strict(inner=PLAIN)], QUICK).protocol.tasks == 24


def test_a_look_ends_however_much_a_policy_holds(learned):
    reads = []

    class Counted(list):
        def __iter__(self):
            reads.append(1)
            return super().__iter__()

    rows = [{"n": number} for number in range(300_000)]
    began = time.process_time()
    assert provenance(Holds([rows, Counted(rows)])) == Provenance()
    assert time.process_time() - began < 5 and not reads


@pytest.mark.parametrize("wrapped", [lambda one: one, Holds, lambda one: Asks(lambda: one)])
def test_a_policy_whose_card_says_nothing_is_refused_as_its_file_is(bank, learned, wrapped):
    bare = LearnedPolicy(replace(learned.header, card={}), learned.layers, learned.scaling)
    with pytest.raises(PolicyError, match="does not say which tasks it was trained on.*--in-sample"):
        evaluate(bank, [wrapped(bare)], QUICK)
    with pytest.raises(LogError, match="does not say which tasks it was trained on.*--in-sample"):
        estimate(logged(bank, bank.tasks), wrapped(bare), resamples=100)
    quick = Protocol(folds=3, efforts=(), resamples=100, in_sample=True)
    assert any("does not say which tasks" in one for one in evaluate(bank, [wrapped(bare)], quick).defects)


def test_what_holds_itself_is_looked_through_once(learned):
    loop = Holds(None)
    loop.inner = [loop, Holds(loop)]
    assert provenance(loop) == Provenance()
    loop.inner.append(learned)
    assert provenance(loop).is_learned


def test_a_policy_of_ones_own_may_say_what_it_learned_from(bank):
    own = Holds(PLAIN)
    own.tasks_learned = bank.tasks[:10]
    found = evaluate(bank, [own], QUICK)
    assert set(found.outcomes["holds"]) == set(bank.tasks[10:])


@pytest.mark.parametrize("policy", [PLAIN, RandomPolicy(ACTIONS), EpsilonPolicy(PLAIN, 0.2, ACTIONS), Holds(PLAIN)])
def test_what_was_not_trained_has_learned_from_nothing(policy):
    assert provenance(policy) == Provenance()


def test_only_the_tasks_that_nobody_learned_from_are_judged(bank):
    nearest = fit_nearest(bank, bank.tasks[:8])
    linear = fit_linear(bank, bank.tasks[8:16])
    found = evaluate(bank, [Holds(nearest), EpsilonPolicy(linear, 0.0, ACTIONS), "best-fixed"], QUICK)
    assert all(set(judged) == set(bank.tasks[16:]) for judged in found.outcomes.values())
    assert not any("in-sample" in one for one in found.defects)
    together = [Holds(fit_nearest(bank, bank.tasks[:12])), Slotted(fit_linear(bank, bank.tasks[12:]))]
    with pytest.raises(PolicyError, match="together, holds and slotted .* judge them one at a time"):
        evaluate(bank, together, QUICK)


def test_who_asks_for_it_gets_figures_that_say_that_they_are_in_sample(bank, learned, tmp_path):
    learned.save(tmp_path / "mine.safetensors")
    quick = Protocol(folds=3, efforts=(), resamples=200, in_sample=True)
    found = evaluate(bank, [Holds(learned), str(tmp_path / "mine.safetensors"), "best-fixed"], quick)
    said = [one for one in found.defects if "in-sample" in one]
    assert [one.split()[0] for one in said] == ["holds", "mine"] and "24 of the judged tasks" in said[0]
    assert found.protocol.in_sample and found.protocol.tasks == 24


@pytest.mark.parametrize("name", ["epsilon=0:{}", "epsilon=0.25:{}", "random-matched:{}", "epsilon=0:epsilon=0:{}"])
def test_names_that_hold_a_file_are_found_and_refused_as_the_file_is(bank, learned, tmp_path, name):
    file = tmp_path / "mine.safetensors"
    learned.save(file)
    with pytest.raises(BankError, match="was trained on every task"):
        evaluate(bank, [name.format(file)], QUICK)
    fit_linear(bank, bank.tasks[:12]).save(file)
    (judged,) = evaluate(bank, [name.format(file)], QUICK).outcomes.values()
    assert set(judged) == set(bank.tasks[12:])


@pytest.mark.parametrize(
    "place", ["C:\\runs\\p.safetensors", "a=b:c/p.safetensors", "~/p.safetensors", "with space/p.safetensors"]
)
def test_a_file_may_lie_wherever_files_lie(bank, tmp_path, monkeypatch, place):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    fit_linear(bank, bank.tasks[:12]).save(place)
    for name in (place, f"epsilon=0.5:{place}"):
        assert evaluate(bank, [name], QUICK).protocol.tasks == 12


@pytest.mark.parametrize("base", ["oracle", "best-fixed", "cql", "linear", "nonsense", ""])
def test_what_cannot_explore_is_refused_in_a_sentence(bank, base):
    with pytest.raises(
        NavigatorError, match="cannot explore|unknown policy|exploring policy is written|training needs"
    ):
        evaluate(bank, [f"epsilon=0.1:{base}"], QUICK)


def test_what_was_trained_is_not_moved_to_families_that_it_knows(bank):
    half = fit_linear(bank, bank.tasks[:12])
    quick = Protocol(folds=3, efforts=(), resamples=200, groups=2)
    found = evaluate(bank, [Holds(half), "nearest"], quick)
    assert {one.policy for one in found.transfer} == {"nearest"}


def logged(bank, tasks):
    """One run of each task that answers at once, with even chances of reasoning."""
    arrays = BankArrays.of(bank, tasks)
    chances = (ACTIONS.mask(("reason",)) / 2.0)[None]
    mask, answer = ACTIONS.mask(("reason",))[None], ACTIONS.index("answer")
    runs = [
        Episode(task, arrays.features[[root]], mask, [answer], [0.1], float(arrays.score[root]), chances)
        for task, root in zip(arrays.tasks, arrays.roots.tolist(), strict=True)
    ]
    return Log.of(runs, ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize("wrapped", [lambda one: one, Holds, lambda one: EpsilonPolicy(one, 0.2, ACTIONS)])
def test_logged_runs_do_not_judge_a_policy_that_was_trained_on_their_tasks(bank, wrapped):
    policy = wrapped(fit_linear(bank, bank.tasks[:12]))
    estimate(logged(bank, bank.tasks[12:]), policy, resamples=100)
    with pytest.raises(LogError, match="was trained on 2 of the 14 logged tasks .*--in-sample"):
        estimate(logged(bank, bank.tasks[10:]), policy, resamples=100)
    found = estimate(logged(bank, bank.tasks[10:]), policy, resamples=100, in_sample=True)
    assert "in-sample" in found.warnings[0]


def test_a_file_that_does_not_say_is_told_apart_from_one_that_learned_nothing():
    found = provenance(Holds(network()))
    assert found.is_learned and not found.tasks and found.unsaid == ("learned:made-up",)


def test_the_tasks_of_a_policy_that_was_gone_on_from_are_learned_from_too(bank):
    trained = fit_linear(bank, bank.tasks[:4])
    card = {**trained.header.card, "resumed_from": "0123", "learned_before": bank.tasks[4:6]}
    object.__setattr__(trained.header, "card", card)
    assert provenance(trained).tasks == set(bank.tasks[:6]) and not provenance(trained).continued
    del card["learned_before"]
    assert provenance(trained).continued


def renamed(path, bank, prefix):
    """The bank's tasks under other ids, with what each shows noted as a recorder does."""
    made = {}
    for task in bank.tasks:
        root, *others = bank.tree(task)
        made[prefix + task, bank.headers[task].family] = [
            replace(root, extras={CONTENT_FINGERPRINT: f"shows {task}"}),
            *others,
        ]
    return write_bank(path, made)


def test_a_copy_of_the_tasks_under_other_ids_is_known_again(bank, tmp_path):
    first, second = renamed(tmp_path / "a", bank, ""), renamed(tmp_path / "b", bank, "copy of ")
    for policy in (fit_linear(first), fit_nearest(first)):
        with pytest.raises(PolicyError, match="trained on every task"):
            evaluate(second, [policy], QUICK)
        policy.save(tmp_path / "mine.safetensors")
        with pytest.raises(BankError, match="was trained on every task"):
            evaluate(second, [str(tmp_path / "mine.safetensors")], QUICK)
        with pytest.raises(PolicyError, match="trained on 24 of the judged tasks"):
            evaluate(second, [Asks(lambda policy=policy: policy)], QUICK)


def test_an_evaluation_says_how_many_tasks_are_there_twice(bank, tmp_path):
    renamed(tmp_path / "a", bank, "")
    renamed(tmp_path / "b", bank.only(bank.tasks[:4]), "copy of ")
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    found = evaluate(tmp_path / "both", ["nearest"], QUICK)
    assert any(one.startswith("8 of the bank's tasks show the same as another") for one in found.defects)
    assert not any("show the same" in one for one in evaluate(bank, ["nearest"], QUICK).defects)


def test_a_worker_that_was_started_in_an_earlier_evaluation_is_heard_in_the_next(bank, learned):
    """An event loop or a worker that a policy keeps runs in the context of the evaluation that first asked it."""
    with heard():
        earlier = copy_context()
    kept = SimpleNamespace(name="kept", decide=lambda o, m: earlier.run(learned.decide, o, m))
    with pytest.raises(PolicyError, match="trained on 24 of the judged tasks"):
        evaluate(bank, [kept, "best-fixed"], QUICK)


@pytest.mark.parametrize("marks", [[], [1, 2], [None], [["easy/0"]]], ids=str)
def test_a_card_that_names_no_task_or_something_else_says_nothing(bank, learned, marks):
    card = {**learned.header.card, "tasks": {"train": marks}}
    odd = LearnedPolicy(replace(learned.header, card=card), learned.layers, learned.scaling)
    assert provenance(odd).is_learned
    with pytest.raises(PolicyError, match="does not say which tasks it was trained on"):
        evaluate(bank, [odd, "best-fixed"], QUICK)


def test_what_asks_a_trained_policy_on_another_bank_alone_is_not_moved_there(bank, tmp_path):
    other = learnable_bank(tmp_path / "other", tasks=12, depth=2, seed=5)
    trained, seen = fit_linear(other), set(BankArrays.of(bank).features[:, -2].tolist())

    def decide(observation, mask):
        return (PLAIN if observation[-2].item() in seen else trained).decide(observation, mask)

    found = evaluate(bank, [SimpleNamespace(name="here", decide=decide), "nearest"], QUICK, other=other)
    assert [one.policy for one in found.transfer] == ["nearest"]


def test_a_file_that_knows_ids_alone_is_judged_on_other_ids_with_a_note(bank, learned, tmp_path):
    copies = renamed(tmp_path / "copies", bank, "copy of ")
    said = "its file knows the tasks that it was trained on by their ids alone"
    assert any(said in one for one in evaluate(copies, [learned], QUICK).defects)
    known = fit_linear(renamed(tmp_path / "first", bank.only(bank.tasks[:4]), ""))
    assert not any(said in one for one in evaluate(copies, [known], QUICK).defects)


def test_runs_are_judged_with_a_warning_by_a_policy_that_went_on_from_one_whose_tasks_nobody_knows(bank):
    trained = fit_linear(bank, bank.tasks[:4])
    object.__setattr__(trained.header, "card", {**trained.header.card, "resumed_from": "0123"})
    found = estimate(logged(bank, bank.tasks[10:]), trained, resamples=100)
    assert any("went on from another policy" in one for one in found.warnings)
