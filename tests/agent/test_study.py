"""Studying: a second route and unproven hints are paid for by what they bring, and held down by a budget."""

import numpy as np
import pytest

from pilotage.agent.blocks import installed
from pilotage.agent.experience.attempts import Attempt, Attempts
from pilotage.agent.experience.index import ExperienceIndex
from pilotage.agent.experience.navigators import ExperienceNavigator, StudyNavigator
from pilotage.agent.experience.records import Record
from pilotage.agent.experience.study import GRANT, Study, prospects
from pilotage.agent.routing.observation import Observer
from pilotage.agent.routing.policies import navigator_for
from pilotage.agent.task import Task
from pilotage.agent.trace import DecisionRecord, Evidence, Hint, Recalled, Step, Usage
from pilotage.memory import ConceptStore
from pilotage.navigator.policies.policy import FixedPolicy
from pilotage.navigator.policies.rules.rule_policy import RulePolicy
from tests.agent.states import state_of

REGISTRY = installed()
OBSERVER = Observer(REGISTRY)
TASK = Task(id="t", kind="numeric", prompt="What is 6 times 7?")
ANSWERED = Step(block="program", candidate="42", independent=True, evidence=Evidence(program="ok"))


@pytest.fixture
def index():
    with ConceptStore.temporary() as store:
        index = ExperienceIndex(store, "m", REGISTRY.actions, OBSERVER.spec)
        index.store = store
        yield index


def single(right=None, cost=0.2, **more):
    return Attempts((Attempt("start", "program", 0, cost),), (right,), 0, **more)


def studied(first, second, cost=0.5):
    """A run whose first answer and last were right or not, or nobody knows."""
    same = first == second
    tried = (Attempt("start", "program", 0, 0.2), Attempt("program, answered", "verify", 0 if same else 1, cost))
    return Attempts(tried, (first,) if same else (first, second), 0 if same else 1, explores=True)


def met(index, *runs, prompt=TASK.prompt):
    store, before = index.store, index.records.version().newest
    vector = store.vectors.embed_query(prompt)
    index.records.put(
        Record(f"r{before + n}", "m", "t", f"f{before + n}", store.vectors.identity.key, vector, run, "")
        for n, run in enumerate(runs)
    )


def unproven(posterior=0.5):
    return Recalled(
        text="Multiply.\n" * 100, hints=(Hint(concept_id="c", title="M", similarity=0.8, posterior=posterior),)
    )


class TestStudy:
    def test_what_is_unknown_is_tried(self, index):
        assert Study(index).asks_another_route(TASK.prompt, "now")
        assert Study(index).shows(TASK.prompt, unproven())

    def test_what_never_corrected_anything_and_teaches_nothing_is_dropped(self, index):
        met(index, *[studied(1.0, 1.0)] * 60, *[single(cost=10.0)] * 60)
        assert not Study(index).asks_another_route(TASK.prompt, "now")

    def test_what_settles_nothing_is_dropped(self, index):
        met(index, *[studied(None, None)] * 200, *[single(cost=10.0)] * 60)
        assert not Study(index).asks_another_route(TASK.prompt, "now")

    def test_what_corrects_goes_on_beyond_the_budget(self, index):
        met(index, *[studied(0.0, 1.0, cost=1.0)] * 30)
        assert index.spent.studying > index.spent.cost / 2 + GRANT
        assert Study(index).asks_another_route(TASK.prompt, "now")

    def test_what_is_uncertain_is_held_down_by_the_share_and_the_grant(self, index):
        met(index, studied(1.0, 1.0, cost=3.8))
        assert not Study(index).asks_another_route(TASK.prompt, "now")
        met(index, *[single(cost=10.0)] * 5)
        assert Study(index).asks_another_route(TASK.prompt, "now")

    def test_all_that_exploring_takes_is_counted(self, index):
        met(index, single(cost=3.2, hinting=3.0, writing=4.0), studied(1.0, 1.0, cost=2.0))
        assert index.spent == (pytest.approx(9.4), pytest.approx(9.0), pytest.approx(3.0))

    def test_routes_that_a_policy_takes_of_itself_leave_room_for_hints(self, index):
        met(index, *[studied(None, None, cost=8.0)] * 3)
        assert not Study(index).shows(TASK.prompt, unproven())
        assert Study(index).of_hints().shows(TASK.prompt, unproven())

    def test_a_hint_that_brings_nothing_is_not_shown_and_one_that_helps_is(self, index):
        met(index, *[single(1.0, hinted=True, cost=10.0)] * 40, *[single(1.0, cost=10.0)] * 40)
        assert not Study(index).shows(TASK.prompt, unproven())
        assert Study(index).shows(TASK.prompt, unproven(2 / 3)), "it has shown its worth"
        met(index, *[single(0.0, cost=1.0)] * 80)
        assert Study(index).shows(TASK.prompt, unproven())

    def test_far_runs_say_little(self, index):
        met(index, *[studied(1.0, 1.0)] * 60, *[single(cost=10.0)] * 60, prompt="Reverse the letters of 'pear'")
        assert Study(index).asks_another_route(TASK.prompt, "now")
        assert prospects(index.near(TASK.prompt)).corrected.mean > 0.1


class TestStudyNavigator:
    def decided(self, steps, kit, study, decisions=(), recalled=None):
        state = state_of(TASK, *steps, memory=True, recalled=recalled or Recalled(), decisions=decisions)
        mask = np.array(REGISTRY.mask(state))
        exploit = FixedPolicy(["program", "answer"], REGISTRY.actions, OBSERVER.spec)
        explore = RulePolicy(REGISTRY.actions, OBSERVER.spec)
        navigator = StudyNavigator(exploit, explore, study, REGISTRY.actions, "default")
        return navigator.navigate(state, OBSERVER.without_asking(state), mask, kit)

    async def test_the_first_answer_comes_at_little_cost(self, index, kit_for, scripted):
        decision = await self.decided((), kit_for(scripted), Study(index))
        assert REGISTRY.actions.names[decision.action] == "program"

    @pytest.mark.parametrize(("grant", "block"), [(4.0, "verify"), (0.0, "answer")])
    async def test_then_another_route_is_taken_if_that_pays(self, grant, block, index, kit_for, scripted):
        decision = await self.decided((ANSWERED,), kit_for(scripted), Study(index, grant=grant))
        assert REGISTRY.actions.names[decision.action] == block

    async def test_a_run_that_went_beyond_its_first_answer_goes_on_whatever_is_known_by_then(
        self, index, kit_for, scripted
    ):
        before = state_of(TASK, ANSWERED)
        taken = DecisionRecord(
            observation=tuple(OBSERVER.without_asking(before).tolist()),
            legal=("reason", "verify", "answer"),
            block="reason",
            tokens=10,
        )
        other = Step(block="reason", candidate="43", independent=True, usage=Usage(llm_calls=1))
        rules = RulePolicy(REGISTRY.actions, OBSERVER.spec)
        after = state_of(TASK, ANSWERED, other)
        mask = np.array(REGISTRY.mask(after))
        decision = await self.decided((ANSWERED, other), kit_for(scripted), Study(index, grant=0.0), (taken,))
        assert decision.action == rules.decide(OBSERVER.without_asking(after), mask).action


class TestNames:
    def test_the_default_of_a_memory_that_learns_studies(self, index):
        chosen = navigator_for("default", REGISTRY, OBSERVER.spec, study=Study(index))
        assert isinstance(chosen, StudyNavigator) and chosen.name == "default"
        assert isinstance(chosen.explore, RulePolicy) and chosen.exploit.name == "default"

    def test_what_was_asked_for_by_name_or_effort_decides_alone(self, index):
        study = Study(index)
        assert isinstance(navigator_for("rules", REGISTRY, OBSERVER.spec, study=study), RulePolicy)
        assert navigator_for("default", REGISTRY, OBSERVER.spec, effort="low", study=study).name == "default@low"
        assert navigator_for("default", REGISTRY, OBSERVER.spec).name == "default"

    def test_experience_is_a_policy_where_there_is_a_memory(self, index):
        chosen = navigator_for("experience", REGISTRY, OBSERVER.spec, experience=index)
        assert isinstance(chosen, ExperienceNavigator) and chosen.name == "experience"
