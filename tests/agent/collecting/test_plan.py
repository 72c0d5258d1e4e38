"""Plans: ways as written, conditions on public evidence, and one clear sentence for what is wrong."""

import pytest

from pilotage.agent.banks.plan import CONDITIONS, NAMED, Way, parse_plan
from pilotage.agent.banks.stepwise import ObservedState
from pilotage.agent.blocks import Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.trace import Evidence
from tests.agent.states import state_of, step

ACTIONS = Registry().actions


def moment(task, *steps):
    return ObservedState(state_of(task, *steps), None, None)


@pytest.mark.parametrize("name", NAMED)
def test_the_named_plans_can_be_read(name):
    ways = parse_plan(name, ACTIONS, 4)
    assert len(ways) == len(set(ways)) == len([part for part in NAMED[name].split(";") if part.strip()])


@pytest.mark.parametrize("name", NAMED)
def test_a_condition_stands_behind_the_way_it_goes_on_from(name):
    known = {()}
    for way in parse_plan(name, ACTIONS, 4):
        assert way.blocks[:-2] in known  # no entry runs more than the two blocks that it says
        known |= {way.blocks[:end] for end in range(len(way.blocks) + 1)}


def test_a_plan_reads_as_written():
    ways = parse_plan("r; program; r/program/verify ?disagrees; program", ACTIONS, 4)
    assert ways == (Way(("program",), ("",)), Way(("program", "verify"), ("", "disagrees")))
    assert parse_plan("program/sample?answered/reason", ACTIONS, 4)[0].conditions == ("", "answered", "")


def test_ways_that_are_too_deep_are_left_out():
    assert parse_plan("reason; reason/reflect; reason/reflect/program", ACTIONS, 2)[-1].blocks == ("reason", "reflect")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ponder", "no block 'ponder'"),
        ("reason/answer", "no block 'answer'"),
        ("reason//verify", "no block ''"),
        ("program/reflect?hopeless", "use failed, answered, disagrees, unsettled"),
    ],
)
def test_a_wrong_entry_is_one_clear_sentence(text, sentence):
    with pytest.raises(UsageError, match=sentence.replace("?", r"\?")):
        parse_plan(text, ACTIONS, 4)


def test_conditions_read_the_newest_step(task):
    failed, answered = step("program"), step("reason", "42")
    disagreed = step("verify", "41", evidence=Evidence(verdict="disagrees"))
    said = {
        name: [holds(moment(task, *steps)) for steps in ((), (failed,), (failed, answered), (answered, disagreed))]
        for name, holds in CONDITIONS.items()
    }
    agreed = moment(task, step("program", "42"), step("reason", "42", independent=True))
    assert not CONDITIONS["unsettled"](agreed)
    assert said == {
        "failed": [False, True, False, False],
        "answered": [False, False, True, True],
        "disagrees": [False, False, False, True],
        "unsettled": [True, True, True, True],
    }
