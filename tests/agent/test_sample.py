"""sample: draws of the leading route, from the task alone, numbered, until one answer is far enough ahead."""

import pytest

from pilotage.agent.blocks.sample import LEAD, MAX_DRAWS, Sample, leading_route
from pilotage.agent.models import ScriptedChatModel
from pilotage.agent.prompting import is_apart
from pilotage.agent.task import Task
from pilotage.agent.trace import Evidence
from tests.agent.states import PROGRAM_TASK, state_of, step

RAN, FAILED = Evidence(program="ok"), Evidence(program="failed", error="NameError: x")
BLOCK = Sample()


def ran(answer, block="program", **more):
    return step(block, answer, evidence=RAN, **more)


def test_there_is_nothing_to_draw_again_before_an_attempt(task):
    assert not BLOCK.applicable(state_of(task))
    assert not BLOCK.applicable(state_of(task, step("plan", prepares=True)))


@pytest.mark.parametrize(
    ("steps", "route"),
    [
        ([step("reason", "42")], "reason"),
        ([ran("42")], "program"),
        ([step("program", evidence=FAILED)], "program"),
        ([step("program", evidence=FAILED), step("reason", "42")], "reason"),
        ([step("decompose", "42")], "reason"),
        ([ran("42"), step("reason", "41", independent=True, mean_logprob=-0.01)], "reason"),  # likelier, so it leads
        ([ran("42"), step("verify", "42", independent=True)], "program"),
        ([ran("42"), step("plan", prepares=True)], "program"),
    ],
)
def test_the_route_of_the_leading_answer_is_drawn_else_that_of_the_last_attempt(task, steps, route):
    assert leading_route(state_of(task, *steps)) == route


def test_a_program_is_drawn_only_where_programs_can_be_run(task):
    assert BLOCK.applicable(state_of(task, ran("42")))
    assert not BLOCK.applicable(state_of(task, ran("42"), sandbox=False))
    assert BLOCK.applicable(state_of(task, step("reason", "42"), sandbox=False))


def test_it_ends_where_one_answer_is_ahead_by_enough_or_the_draws_are_used_up(task):
    agreeing = [ran("42"), *(ran("42", "sample", independent=True) for _ in range(LEAD - 1))]
    assert BLOCK.applicable(state_of(task, *agreeing[:-1]))
    assert not BLOCK.applicable(state_of(task, *agreeing))
    assert BLOCK.applicable(state_of(task, *agreeing, ran("41", "sample", independent=True)))
    different = [step("sample", str(number), independent=True) for number in range(MAX_DRAWS)]
    assert BLOCK.applicable(state_of(task, step("reason", "x"), *different[:-1]))
    assert not BLOCK.applicable(state_of(task, step("reason", "x"), *different))


def test_a_program_that_passes_all_examples_needs_no_other_and_an_open_task_has_no_draws():
    passed = step("program", "print(1)", evidence=Evidence(program="ok", examples_passed=1.0))
    part = step("program", "print(1)", evidence=Evidence(program="failed", examples_passed=0.5))
    assert not BLOCK.applicable(state_of(PROGRAM_TASK.public(), passed))
    assert BLOCK.applicable(state_of(PROGRAM_TASK.public(), part))
    poem = Task(id="p", prompt="Write a poem.", kind="open")
    assert not BLOCK.applicable(state_of(poem, step("reason", "Roses are red")))


@pytest.fixture
def requests(monkeypatch):
    """What the model was asked, as requests."""
    from pilotage.agent.models import ModelClient

    asked, ask = [], ModelClient.ask

    async def noted(self, request, *more):
        asked.append(request)
        return await ask(self, request, *more)

    monkeypatch.setattr(ModelClient, "ask", noted)
    return asked


async def test_a_draw_asks_what_its_route_asked_of_the_task_alone_at_a_temperature(task, kit_for, requests):
    from pilotage.agent.blocks.program import Program
    from pilotage.agent.blocks.reason import Reason

    for block, first in ((Reason(), step("reason", "41")), (Program(), ran("41"))):
        requests.clear()
        model = ScriptedChatModel(lambda messages: "```python\nprint(6 * 7)\n```\nAnswer: 42")
        await block.run(state_of(task), kit_for(model))
        drawn = await BLOCK.run(state_of(task, first), kit_for(model))
        own, again = requests
        assert own.messages == again.messages and drawn.independent and not own.temperature
        assert again.temperature > 0 and (own.sample, again.sample) == (0, 1)
        assert (drawn.evidence.program == "ok") is (block.name == "program") and drawn.candidate == "42"


async def test_draws_are_numbered_by_route(task, kit_for, requests):
    """The second draw of a route is the same call whatever was drawn of the other one."""
    model = ScriptedChatModel(lambda messages: "Answer: 42")
    reasons = [step("reason", "42"), step("sample", "41", independent=True)]
    for others in ((), (ran("7", "sample", independent=True),)):
        await BLOCK.run(state_of(task, *reasons[:1], *others, *reasons[1:]), kit_for(model))
    assert [request.sample for request in requests] == [2, 2]


def test_what_follows_a_draw_starts_from_the_task_alone(task):
    assert is_apart(state_of(task, step("reason", "42"), step("sample", "41", independent=True)))
