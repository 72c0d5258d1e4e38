"""Where a memory learns, the default studies what is new and treats what is known as routine."""

import numpy as np
import pytest

from pilotage.agent.blocks import installed
from pilotage.agent.routing.explore_exploit import StudyingNavigator
from pilotage.agent.routing.navigators import navigator_for
from pilotage.agent.routing.observation import Observer
from pilotage.agent.task import Task
from pilotage.agent.trace import Hint, Recalled
from pilotage.navigator.policies.epsilon import EpsilonPolicy
from pilotage.navigator.policies.in_distribution import InDistributionPolicy
from pilotage.navigator.policies.policy import FixedPolicy
from pilotage.navigator.policies.rules import RulePolicy
from tests.agent.states import state_of

REGISTRY = installed()
OBSERVER = Observer(REGISTRY)
TASK = Task(id="t", kind="numeric", prompt="What is 6 times 7?")


def named(name, **more):
    return navigator_for(name, REGISTRY, OBSERVER.spec, learning=True, **more)


def knowing(*posteriors):
    hints = (Hint(concept_id=f"c{n}", title="Multiply", similarity=0.8, posterior=p) for n, p in enumerate(posteriors))
    return Recalled(text="Multiply.", hints=tuple(hints))


async def chosen(navigator, recalled, kit):
    state = state_of(TASK, memory=True, recalled=recalled)
    mask = np.array(REGISTRY.mask(state))
    decision = await navigator.navigate(state, OBSERVER.without_asking(state), mask, kit)
    return REGISTRY.actions.names[decision.action]


@pytest.mark.parametrize(
    ("recalled", "by"),
    [
        (Recalled(), "plan"),
        (knowing(0.5), "plan"),
        (knowing(0.5, 2 / 3), "program"),
        (knowing(2 / 3).withhold(), "program"),
        (knowing(0.5).withhold(), "plan"),
    ],
    ids=["nothing", "something new", "something proven", "something proven, withheld", "something new, withheld"],
)
async def test_only_what_memory_has_a_proven_concept_for_is_routine(recalled, by, kit_for, scripted):
    routine, study = (FixedPolicy([name], REGISTRY.actions, OBSERVER.spec) for name in ("program", "plan"))
    assert await chosen(StudyingNavigator(routine, study, "both"), recalled, kit_for(scripted)) == by


def test_the_default_studies_by_the_rules_and_has_the_network_for_routine():
    default = named("default")
    assert isinstance(default, StudyingNavigator) and default.name == "default"
    assert isinstance(default.study, RulePolicy) and isinstance(default.routine, InDistributionPolicy)


def test_both_explore_where_it_explores():
    exploring = named("epsilon=0.25:default", seed=3)
    assert exploring.name == "epsilon=0.25:default"
    for one, base in ((exploring.study, RulePolicy), (exploring.routine, InDistributionPolicy)):
        assert isinstance(one, EpsilonPolicy) and isinstance(one.base, base)
        assert (one.epsilon, one.seed) == (0.25, 3)


def test_what_was_asked_for_by_name_or_effort_decides_alone():
    assert isinstance(named("rules"), RulePolicy)
    assert isinstance(named("default", effort="low"), InDistributionPolicy)
    assert isinstance(navigator_for("default", REGISTRY, OBSERVER.spec), InDistributionPolicy)
