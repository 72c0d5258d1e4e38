"""What a block reads: never an attempt that came to nothing, unless it goes on with it or repairs it."""

import pytest

from pilotage.agent.blocks import BUILT_IN, Block, Registry
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, ScriptedChatModel
from pilotage.agent.trace import Evidence, Hint, Step, Turn
from tests.agent.states import PROGRAM_TASK, always_right, state_of, step

REFUSED = Evidence(program="refused", note="the reply holds no Python program")
PRINTED_NOTHING = Evidence(program="ok", note="what the program printed is no answer")
CRASHED = Evidence(program="failed", error="ZeroDivisionError: division by zero")

FAILED = {
    "reason": step("reason"),
    "program refused": step("program", evidence=REFUSED),
    "program printed nothing": step("program", evidence=PRINTED_NOTHING, program="x = 42", result="It printed nothing"),
    "program crashed": step("program", evidence=CRASHED, program="1 / 0", result="The program failed: oh"),
    "decompose": step("decompose"),
    "debate": step("debate"),
}
PLAN = step("plan")
HINTS = step(
    "recall", turns=(), result="A concept: times", hints=(Hint(concept_id="c", title="times", similarity=0.8),)
)

failed = pytest.mark.parametrize("failed", FAILED.values(), ids=FAILED.keys())
routes = pytest.mark.parametrize("name", ["reason", "program", "decompose", "debate", "answer"])


def legal(task, *steps, **more):
    registry = Registry()
    mask = registry.mask(state_of(task, *steps, **more))
    return {name for name, allowed in zip(registry.actions.names, mask, strict=True) if allowed}


def all_said(model):
    return "\n".join(message.text for call in model.calls for message in call.messages)


@routes
@failed
async def test_a_route_after_a_failure_asks_what_it_would_have_asked_first(name, failed, task, kit_for, registry):
    first, later = ScriptedChatModel(always_right), ScriptedChatModel(always_right)
    await registry[name].run(state_of(task), kit_for(first))
    done = await registry[name].run(state_of(task, failed), kit_for(later))
    assert [call.messages for call in later.calls] == [call.messages for call in first.calls]
    assert done.independent or name == "answer"


@routes
async def test_a_route_reads_the_plan_that_was_made_for_it(name, task, kit_for, registry):
    model = ScriptedChatModel(always_right)
    done = await registry[name].run(state_of(task, PLAN, FAILED["program crashed"]), kit_for(model))
    assert "plan says" in all_said(model)
    assert "program says" not in all_said(model) and "The program failed" not in all_said(model)
    assert done.candidate == "42"


@pytest.mark.parametrize("name", ["reason", "program", "decompose", "debate", "verify"])
async def test_once_there_is_an_answer_a_route_sees_neither_it_nor_the_plan(name, task, kit_for, registry):
    model = ScriptedChatModel(always_right)
    state = state_of(task, PLAN, step("estimate", "17", result="It printed 17"), HINTS)
    done = await registry[name].run(state, kit_for(model))
    assert "17" not in all_said(model) and "plan says" not in all_said(model)
    assert "A concept: times" in all_said(model)
    assert done.independent


async def test_two_fresh_routes_that_agree_count_as_two(task, kit_for, registry):
    kit = kit_for(ScriptedChatModel(always_right))
    first = await registry["reason"].run(state_of(task, FAILED["program crashed"]), kit)
    second = await registry["decompose"].run(state_of(task, FAILED["program crashed"], first), kit)
    state = state_of(task, FAILED["program crashed"], first, second)
    assert state.leader is not None and state.leader.routes == 2


async def test_reasoning_that_a_limit_cut_goes_on_and_sees_nothing_else(task, kit_for, registry):
    model = ScriptedChatModel(["And so it is.\nAnswer: 42"])
    started = step("reason", cut=True, independent=True)
    state = state_of(task, FAILED["program crashed"], started)
    assert registry["reason"].applicable(state)
    done = await registry["reason"].run(state, kit_for(model))
    assert "reason says" in all_said(model) and "program says" not in all_said(model)
    assert "Go on from there" in model.calls[0].text
    assert done.candidate == "42" and not done.independent


async def test_a_reply_at_its_token_limit_is_marked_as_cut(task, kit_for, registry):
    long = await registry["reason"].run(state_of(task), kit_for(ScriptedChatModel(["word " * 500])))
    assert long.cut
    assert not (await registry["reason"].run(state_of(task), kit_for(ScriptedChatModel(["Answer: 42"])))).cut


def test_what_was_asked_in_vain_is_not_asked_again_unless_something_changed(task):
    for name, vain in (("program", FAILED["program refused"]), ("reason", FAILED["reason"])):
        assert name not in legal(task, vain)
        assert name not in legal(task, vain, FAILED["decompose"], step("verify", "41"))
        assert name in legal(task, vain, PLAN)
        assert name in legal(task, vain, HINTS, memory=True)
        assert name not in legal(task, vain, step("recall", turns=()), memory=True)  # which had nothing to offer


def test_a_program_is_not_asked_for_where_a_check_has_asked_for_it(task):
    check = step("verify", independent=True, evidence=REFUSED)
    assert "program" not in legal(task, step("reason", "42"), check)


async def test_a_model_that_never_writes_code_is_asked_for_it_once(task, kit_for, registry):
    model, steps = ScriptedChatModel(lambda messages: "I would rather not."), []
    while registry["program"].applicable(state_of(task, *steps)):
        steps.append(await registry["program"].run(state_of(task, *steps), kit_for(model)))
    assert len(steps) == len(model.calls) == 1


@pytest.mark.parametrize("name", ["program refused", "program printed nothing"])
def test_a_program_that_left_no_error_is_not_reflected_on(name, task):
    assert "reflect" not in legal(task, FAILED[name])
    assert "reflect" in legal(task, FAILED["program crashed"])


async def test_a_program_that_ends_without_a_word_is_nothing_to_act_on(task, kit_for, registry):
    model = ScriptedChatModel(["```python\nimport sys\nsys.exit(3)\n```"])
    silent = await registry["program"].run(state_of(task), kit_for(model))
    assert silent.evidence == Evidence(program="failed")
    assert silent.result == "The program failed: it ended with exit code 3 and no message"
    assert "reflect" not in legal(task, silent)


def test_a_program_that_fails_its_worked_examples_can_be_repaired():
    failed = step("program", "print(1)", program="print(1)", evidence=Evidence(program="failed", examples_passed=0.5))
    assert "reflect" in legal(PROGRAM_TASK, failed)


async def test_a_repair_reads_the_failure_that_it_repairs_and_no_other(task, kit_for, registry):
    model = ScriptedChatModel(always_right)
    crashed = FAILED["program crashed"].model_copy(update={"independent": True})
    done = await registry["reflect"].run(state_of(task, PLAN, FAILED["reason"], crashed), kit_for(model))
    said = all_said(model)
    assert "plan says" in said and "program says" in said and "The program failed" in said
    assert "reason says" not in said
    assert done.candidate == "42" and not done.independent


CODE = "```python\n{}\n```"
BLUNT = "I would rather not."
SAID = {
    "no answers": (BLUNT, BLUNT),
    "crashes": (CODE.format("raise ValueError('boom')"), BLUNT),
    "prints nothing": (CODE.format("x = 1"), BLUNT),
    "ends without a word": (CODE.format("import sys\nsys.exit(3)"), BLUNT),
    "crashes where it does not reason": (CODE.format("raise ValueError('boom')"), "Answer: 42"),
    "computes where it cannot reason": (CODE.format("print(42)"), BLUNT),
    "mends what crashed": (CODE.format("raise ValueError('boom')"), BLUNT, CODE.format("print(42)")),
}
"""What a model replies where a program is asked for, where anything else is, and where a program is to be repaired."""


class Once:
    """The real sandbox, which runs each program one time however often it is given."""

    def __init__(self, sandbox):
        self._sandbox, self._done = sandbox, {}

    async def run(self, code, stdin=""):
        if (code, stdin) not in self._done:
            self._done[code, stdin] = await self._sandbox.run(code, stdin=stdin)
        return self._done[code, stdin]


def gone_on_with(steps):
    """Places of the steps that `reflect` works on: the last one, and what that one was repairing itself."""
    places = []
    if steps and not steps[-1].prepares:
        places = [len(steps) - 1]
        while steps[places[-1]].block == "reflect" and places[-1]:
            places.append(places[-1] - 1)
    return places


@pytest.mark.parametrize("said", SAID.values(), ids=SAID.keys())
async def test_no_route_of_four_blocks_reads_an_attempt_that_failed_unless_it_repairs_it(said, task, sandbox):
    registry, once, seen = Registry(), Once(sandbox), 0

    async def walk(steps):
        nonlocal seen
        for name in legal(task, *steps):
            model = ScriptedChatModel(lambda messages: reply(messages, len(steps)))
            kit = Kit(ModelClient(model), Meter(Budget()), sandbox=once)
            done = await registry[name].run(state_of(task, *steps), kit)
            prompts = all_said(model)
            working_on = gone_on_with(steps) if name == "reflect" else []
            for place, earlier in enumerate(steps):
                if earlier.candidate is None and not earlier.prepares and place not in working_on:
                    assert f"<step {place}>" not in prompts, [one.block for one in steps] + [name]
            if name == "reflect" and steps[-1].evidence.program is not None and steps[-1].candidate is None:
                assert steps[-1].evidence.error
            seen += 1
            if name != "answer" and len(steps) < 3:
                await walk([*steps, done])

    def reply(messages, place):
        asked = messages[-1].text
        code, words, *repaired = said
        kind = repaired[0] if repaired and "corrected program" in asked else code if "```python" in asked else words
        return f"<step {place}>\n{kind}"

    await walk([])
    assert seen > 100


class Sketch(Block):
    """Writes notes for later blocks, as a third party's block might."""

    name = "sketch"

    def applicable(self, state):
        return True

    async def run(self, state, kit):
        reply = await kit.ask(state, "Sketch it.", max_tokens=50)
        return kit.step(self.name, [reply], turns=[Turn(asked="Sketch it.", replied=reply.text)])


class Try(Sketch):
    """Seeks an answer, as a third party's block might."""

    name = "try"

    async def run(self, state, kit):
        reply = await kit.ask(state, "Try it.", max_tokens=50)
        return kit.step(self.name, [reply], turns=[Turn(asked="Try it.", replied=reply.text)], candidate=None)


async def test_of_a_third_party_what_seeks_no_answer_is_read_and_what_finds_none_is_not(task, kit_for):
    registry = Registry([*BUILT_IN[:-1], Sketch(), Try(), BUILT_IN[-1]])
    model = ScriptedChatModel(["a clever sketch", "a futile try", "Answer: 42"])
    kit, steps = kit_for(model), []
    for name in ("sketch", "try", "reason"):
        steps.append(await registry[name].run(state_of(task, *steps), kit))
    last = "\n".join(message.text for message in model.calls[-1].messages)
    assert "a clever sketch" in last and "a futile try" not in last
    assert [one.prepares for one in steps] == [True, False, False]


def test_steps_of_older_traces_mean_what_they_meant():
    assert Step.model_validate({"block": "plan"}).prepares
    assert Step.model_validate_json('{"block": "recall"}').prepares
    assert not Step.model_validate({"block": "reason"}).prepares
    assert not Step(block="plan", prepares=False).prepares
