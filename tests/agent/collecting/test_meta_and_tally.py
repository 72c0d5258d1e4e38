"""What a bank's header holds, and how the time left is told."""

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel
from pilotage.agent.banks.meta import meta_of, prompt_hash, recorded
from pilotage.agent.banks.plan import NAMED
from pilotage.agent.banks.progress import Tally, Walked, clock
from pilotage.agent.blocks import BUILT_IN, Registry, plan
from pilotage.agent.models import ModelClient
from tests.agent.states import always_right
from tests.navigator.banks import node


def test_a_header_names_what_was_used_and_no_address():
    client = ModelClient(ScriptedChatModel(always_right), name="m", identity="http://10.0.0.1/v1#m")
    meta = meta_of(ReasoningAgent(client, budget=Budget(max_tokens=900), sandbox="none").components)
    assert (meta.model, meta.preset, meta.budget["max_tokens"], meta.extras["sandbox"]) == ("m", "free", 900, False)
    assert "10.0.0.1" not in str(meta.to_json())
    assert meta.package_version


def test_another_prompt_is_another_hash(monkeypatch):
    before = prompt_hash(Registry())
    assert prompt_hash(Registry()) == before
    monkeypatch.setattr(plan, "PROMPT", "Think first.")
    assert prompt_hash(Registry()) != before


@pytest.mark.parametrize(
    "limit", ["plan.PLAN_TOKENS", "decompose.SPLIT_TOKENS", "debate.CHOOSE_TOKENS", "steps.MAX_TOKENS", "sample.LEAD"]
)
def test_another_limit_is_another_hash(monkeypatch, limit):
    before = prompt_hash(Registry())
    monkeypatch.setattr(f"pilotage.agent.blocks.{limit}", 77)
    assert prompt_hash(Registry()) != before


def test_every_limit_of_a_reply_is_a_constant_that_the_hash_sees():
    """A number in the middle of a block could change, and a recording would go on beside what it recorded before."""
    folder = Path(inspect.getfile(plan)).parent
    limits = [
        (file.name, keyword.value)
        for file in folder.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg in ("max_tokens", "temperature")
    ]
    assert len(limits) >= 5
    assert not [where for where, value in limits if isinstance(value, ast.Constant)]


def test_a_block_that_is_moved_to_another_file_keeps_its_hash(monkeypatch):
    """Whatever the file and its constants are called: what counts is what is said, and by which block."""
    hashes = []
    for place, name, said in (("a", "PROMPT", "Go."), ("b.c", "ASKED", "Go."), ("b.c", "ASKED", "Stop.")):
        module = ModuleType(place)
        vars(module).update({name: said})
        moved = type("Own", (plan.Plan,), {"name": "own", "__module__": place})
        monkeypatch.setitem(sys.modules, place, module)
        hashes.append(prompt_hash(Registry([*BUILT_IN[:-1], moved(), BUILT_IN[-1]])))
    assert hashes[0] == hashes[1] != hashes[2]


def test_what_a_block_reads_of_a_run_is_part_of_the_hash_and_of_the_header(monkeypatch):
    before = prompt_hash(Registry())
    monkeypatch.setattr("pilotage.agent.banks.meta.ROUTES", "of another sort")
    assert prompt_hash(Registry()) != before
    components = ReasoningAgent(ScriptedChatModel(always_right), sandbox="none").components
    assert meta_of(components).extras["routes"] == "of another sort" and not meta_of(components).has_earlier_routes


def test_the_time_left_is_that_of_entries_that_are_not_on_disk():
    tally = Tally(entries=20, known=10)
    assert tally.seconds_left is None
    tally.begin()
    tally.started -= 30
    here = Walked(tally, 5, {"r", "r/program"})
    for id in ("r", "r/program", "r/reason"):
        here.passed(id)
    assert tally.fresh == 0, "nothing was recorded in this sitting yet"
    here.add(node("r"))
    here.passed(None)
    assert (tally.fresh, tally.done) == (2, 12)
    assert tally.seconds_left == pytest.approx(30 / 2 * 8, rel=0.01)
    here.finished()
    assert tally.fresh == 3


def test_a_task_that_was_complete_on_disk_tells_nothing_of_the_pace():
    tally = Tally(entries=10, known=2)
    here = Walked(tally, 5, {"r", "r/program"})
    for id in ("r", "r/program", "r/reason"):
        here.passed(id)
    here.finished()
    assert (tally.fresh, tally.done, tally.seconds_left) == (0, 5, None)


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "?"), (40, "40 s"), (59.9, "60 s"), (300, "5 min"), (7500, "2 h 05 min")]
)
def test_a_time_for_people(seconds, said):
    assert clock(seconds) == said


def test_the_docs_name_every_plan():

    text = (Path(__file__).parents[3] / "docs" / "collecting.md").read_text()
    assert all(f"| `{name}` |" in text for name in NAMED)


def test_a_bank_from_before_reply_tokens_goes_on_and_one_with_them_is_another():
    assert set(recorded(Budget())) == {"max_tokens", "max_calls", "max_steps", "max_seconds"}
    assert recorded(Budget(reply_tokens=900))["reply_tokens"] == 900
