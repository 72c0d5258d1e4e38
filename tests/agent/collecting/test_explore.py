"""Explorers: legal choices only, repeatable, and never more doubt than public evidence gives."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.explore import doubt, parse_mix, uncertain, uniform
from pilotage.agent.banks.stepwise import ObservedState
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ModelClient
from tests.agent.states import always_right, state_of, step

PARTS = ReasoningAgent(ModelClient(ScriptedChatModel(always_right))).components
ACTIONS = PARTS.registry.actions
TASK = Task(id="product", prompt="What is 6 times 7?", kind="numeric")


def moment(*steps, mask=None):
    state = state_of(TASK, *steps)
    seen = PARTS.observer.without_asking(state)
    return ObservedState(state, seen, PARTS.registry.mask(state) if mask is None else mask)


@given(st.lists(st.booleans(), min_size=len(ACTIONS), max_size=len(ACTIONS)), st.integers(0, 10**9))
def test_what_is_chosen_is_legal_and_repeats_itself(allowed, seed):
    mask = np.array(allowed, dtype=np.bool_)
    mask[ACTIONS.index("answer")] = True
    now = moment(mask=mask)
    visits = {"reason": seed % 3}
    for explorer in (uniform(ACTIONS), uncertain(ACTIONS)):
        chosen = explorer.choose(now, visits, Random(seed))
        assert mask[ACTIONS.index(chosen)]
        assert chosen == explorer.choose(now, visits, Random(seed))


def test_uncertain_takes_what_was_taken_least():
    chance = Random(0)
    visits = {name: 2 for name in ACTIONS.names} | {"plan": 0}
    chosen = Counter(uncertain(ACTIONS).choose(moment(), visits, chance) for _ in range(200))
    assert set(chosen) == {"plan", "answer"} and chosen["plan"] > 150


def test_doubt_falls_with_evidence():
    program, reason, other = step("program", "42"), step("reason", "42", independent=True), step("reason", "41")
    nothing, single, torn, agreed = (doubt(moment(*s)) for s in ((), (program,), (program, other), (program, reason)))
    assert agreed < single < torn < nothing
    outvoted, split = (
        moment(program, reason, other),
        moment(program, reason, other, step("verify", "41", independent=True)),
    )
    assert doubt(outvoted) == agreed, "two routes agree, whatever one more reached"
    assert doubt(split) == torn, "two agree on each"


def test_a_mix_draws_by_weight():
    mix = parse_mix("uniform=1; uncertain = 3;fixed:program,answer=4", PARTS)
    chance = Random(1)
    drawn = Counter(mix.draw(chance).name for _ in range(4000))
    assert {name: round(count / 500) for name, count in drawn.items()} == {
        "uniform": 1,
        "uncertain": 3,
        "fixed:program,answer": 4,
    }


@pytest.mark.parametrize(
    ("text", "names", "weights"),
    [
        ("epsilon=0.1:rules", ["epsilon=0.1:rules"], [1]),
        ("epsilon=0.1:rules=2; uniform", ["epsilon=0.1:rules", "uniform"], [2, 1]),
        ("epsilon=0.25:epsilon=0.5:random", ["epsilon=0.25:epsilon=0.5:random"], [1]),
        ("runs/lr=0.1/mine.toml", ["rules:mine.toml"], [1]),
        ("runs/lr=0.1/mine.toml=3", ["rules:mine.toml"], [3]),
        ("epsilon=0:runs/lr=0.1/mine.toml=3", ["epsilon=0:rules:mine.toml"], [3]),
        ("~/mine.toml", ["rules:mine.toml"], [1]),
    ],
)
def test_a_mix_can_name_what_has_signs_of_its_own_in_its_name(tmp_path, monkeypatch, text, names, weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("mine.toml", "runs/lr=0.1/mine.toml"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text('[[rule]]\ndo = "program"\n')
    mix = parse_mix(text, PARTS)
    assert ([one.name for one in mix.explorers], list(mix.weights)) == (names, weights)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names nobody"),
        ("epsilon=2:rules", "share from 0 to 1"),
        ("epsilon=0.1", "exploring policy is written"),
        ("uniform=0", "no number above 0"),
        ("uniform=x", "no number above 0"),
        ("psychic=1", "unknown policy 'psychic'"),
        ("fixed:ponder=1", "unknown action 'ponder'"),
    ],
)
def test_a_wrong_mix_is_one_clear_sentence(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        parse_mix(text, PARTS)
