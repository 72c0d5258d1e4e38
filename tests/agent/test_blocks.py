"""One contract for every registered block, then what each does on its own."""

from operator import attrgetter

import pytest

from pilotage.agent.blocks import BUILT_IN, Block, Registry
from pilotage.agent.errors import BudgetExceeded, UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, ScriptedChatModel
from pilotage.agent.trace import Evidence, Hint, Recalled
from tests.agent.states import PROGRAM_TASK, state_of, step

every_block = pytest.mark.parametrize("block", BUILT_IN, ids=attrgetter("name"))


def where_applicable(block, task):
    """A state in which the block may run: fresh, or after an unverified answer."""
    fresh, answered = state_of(task, memory=True), state_of(task, step("reason", "42"), memory=True)
    return next(state for state in (fresh, answered) if block.applicable(state))


@every_block
async def test_a_block_charges_exactly_what_the_model_counted(block, scripted, task, kit_for):
    done = await block.run(where_applicable(block, task), kit_for(scripted))
    assert done.block == block.name
    charged = done.usage.model_copy(update={"seconds": 0.0})
    assert charged == scripted.counted


@every_block
async def test_a_block_stops_at_the_budget_instead_of_spending_more(block, scripted, task, kit_for):
    state = where_applicable(block, task)
    kit = kit_for(scripted, max_calls=1)
    try:
        await block.run(state, kit)
    except BudgetExceeded as limit:
        assert limit.limit == "max_calls"
    assert scripted.counted.llm_calls <= 1
    assert kit.usage.llm_calls == scripted.counted.llm_calls


@every_block
async def test_a_block_never_guesses_from_garbage(block, task, kit_for):
    model = ScriptedChatModel(lambda messages: "I would rather talk about the weather.")
    done = await block.run(where_applicable(block, task), kit_for(model))
    if block.name == "answer":
        assert done.candidate is None or done.candidate == "42"
    else:
        assert done.candidate is None


@every_block
async def test_a_reply_that_is_cut_in_the_middle_is_no_answer(block, task, kit_for):
    """Half a program prints something, and half a number is one: both would be taken for answers."""
    halves = ["```python\nprint(4)\nprint(42)" + " " * 10 + "\n# " + "word " * 500, "so 6 * 7 is 4\n" + "word " * 500]
    for half in halves:
        fresh = state_of(task)
        if block.applicable(fresh):
            done = await block.run(fresh, kit_for(ScriptedChatModel(lambda messages, half=half: half)))
            assert done.candidate is None
            assert done.program is None


@every_block
def test_a_block_describes_itself_in_one_line(block):
    first = (type(block).__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 120


def test_the_prompt_only_ever_grows(scripted, task):
    """What an earlier call sent, and its reply, is a prefix of what a later one sends: the prefix cache serves it."""
    from pilotage.agent.prompting import conversation

    first = conversation(state_of(task), "Do plan.")
    second = conversation(state_of(task, step("plan")), "Do reason.")
    third = conversation(state_of(task, step("plan"), step("program", "42", result="It printed 42")), "Go on.")
    assert second[: len(first)] == first
    assert third[: len(second) - 1] == second[:-1]
    assert third[-1].content.startswith("It printed 42")


def test_the_registry_gives_the_action_list_in_order(registry):
    assert registry.actions.names == tuple(block.name for block in BUILT_IN)
    assert registry.actions.names[-1] == registry.actions.terminal == "answer"


def test_two_blocks_of_one_name_are_refused():
    with pytest.raises(UsageError, match="unique"):
        Registry([*BUILT_IN, BUILT_IN[0]])
    with pytest.raises(UsageError, match="answer"):
        Registry(BUILT_IN[:-1])


@pytest.mark.parametrize(
    ("steps", "legal", "illegal"),
    [
        ([], {"reason", "plan", "program", "decompose", "debate", "answer"}, {"reflect", "verify", "recall"}),
        ([step("reason", "42")], {"verify", "reflect", "program", "recall"}, {"plan", "reason"}),
        ([step("program", "42", program="print(42)")], {"verify", "reason"}, {"program"}),
        ([step("reason", "42"), step("verify", "42")], {"reflect"}, {"verify"}),
    ],
)
def test_the_mask_follows_what_was_done(registry, task, steps, legal, illegal):
    mask = registry.mask(state_of(task, *steps, memory=True))
    allowed = {name for name, yes in zip(registry.actions.names, mask, strict=True) if yes}
    assert legal <= allowed
    assert not illegal & allowed


def test_without_a_sandbox_no_program_is_ever_written(registry, task):
    mask = registry.mask(state_of(task, sandbox=False))
    assert not mask[registry.actions.index("program")]


def test_at_the_step_limit_only_the_answer_is_left(registry, task):
    from pilotage.agent.budget import Budget

    mask = registry.mask(state_of(task, step("plan"), budget=Budget(max_steps=2)))
    assert mask.sum() == 1 and mask[registry.actions.index("answer")]


async def test_a_program_is_run_and_what_it_printed_is_the_candidate(scripted, task, kit_for, registry):
    done = await registry["program"].run(state_of(task), kit_for(scripted))
    assert done.candidate == "42"
    assert done.program == "print(6 * 7)"
    assert done.evidence == Evidence(program="ok")
    assert not done.independent


async def test_a_program_that_fails_leaves_its_error_as_evidence_and_is_repaired(task, kit_for, registry):
    model = ScriptedChatModel(["```python\nprint(1 / 0)\n```", "Division.\n```python\nprint(42)\n```"])
    kit = kit_for(model)
    failed = await registry["program"].run(state_of(task), kit)
    assert failed.candidate is None
    assert failed.evidence.program == "failed"
    assert failed.evidence.error == "ZeroDivisionError: division by zero"
    repaired = await registry["reflect"].run(state_of(task, failed), kit)
    assert repaired.candidate == "42"
    assert "ZeroDivisionError" in model.calls[-1].text


async def test_a_reply_without_a_program_is_refused_not_run(task, kit_for, registry):
    done = await registry["program"].run(state_of(task), kit_for(ScriptedChatModel(["The answer is 42."])))
    assert done.evidence.program == "refused"
    assert done.candidate is None


async def test_a_program_task_is_judged_by_its_own_worked_examples(kit_for, registry):
    half = "```python\nprint(4)\n```"
    done = await registry["program"].run(state_of(PROGRAM_TASK), kit_for(ScriptedChatModel([half])))
    assert done.evidence.examples_passed == 0.5
    right = "```python\nprint(2 * int(input()))\n```"
    done = await registry["program"].run(state_of(PROGRAM_TASK), kit_for(ScriptedChatModel([right])))
    assert done.evidence.examples_passed == 1.0
    assert done.candidate == "print(2 * int(input()))"


async def test_verify_does_not_see_the_candidate(task, kit_for, registry):
    model = ScriptedChatModel(["Answer: 41"])
    answered = state_of(task, step("program", "42", evidence=Evidence(program="ok"), program="print(42)"))
    done = await registry["verify"].run(answered, kit_for(model))
    assert "42" not in model.calls[0].text
    assert done.evidence.verdict == "disagrees"
    assert done.independent


async def test_verify_checks_reasoning_by_a_program(scripted, task, kit_for, registry):
    done = await registry["verify"].run(state_of(task, step("reason", "42.0")), kit_for(scripted))
    assert done.program == "print(6 * 7)"
    assert done.evidence.verdict == "agrees"


async def test_debate_carries_out_the_chosen_approach(scripted, task, kit_for, registry):
    done = await registry["debate"].run(state_of(task), kit_for(scripted))
    assert "Carry out approach 2" in scripted.calls[-1].text
    assert done.candidate == "42"


async def test_debate_without_a_clear_choice_is_a_miss(task, kit_for, registry):
    model = ScriptedChatModel(["1. a\n2. b\n3. c", "either 1 or 3"])
    done = await registry["debate"].run(state_of(task), kit_for(model))
    assert done.candidate is None
    assert done.evidence.note is not None


async def test_answer_takes_what_two_routes_agree_on_without_a_call(task, kit_for, registry):
    model = ScriptedChatModel([])
    steps = [
        step("program", "10", evidence=Evidence(program="ok"), program="print(10)"),
        step("verify", "6", independent=True),
        step("decompose", "6.0", independent=True),
    ]
    done = await registry["answer"].run(state_of(task, *steps), kit_for(model))
    assert done.candidate == "6.0"
    assert done.usage.llm_calls == 0


async def test_recall_adds_only_what_is_new(task, registry, scripted, sandbox):
    known = Hint(concept_id="a", title="known", similarity=0.9)
    new = Hint(concept_id="b", title="new", similarity=0.8)

    async def recall(query, max_tokens, kit, *, exclude, tried):
        assert "6 times 7" in query and exclude == {"a"} and "reason says" in tried
        return Recalled(text="notes", hints=(known, new))

    from pilotage.agent.budget import Budget, Meter

    kit = Kit(ModelClient(scripted), Meter(Budget()), sandbox=sandbox, recall=recall)
    done = await registry["recall"].run(
        state_of(task, step("reason"), recalled=Recalled(hints=(known,)), memory=True), kit
    )
    assert done.hints == (new,)
    assert done.result == "notes"
    assert done.usage.llm_calls == 0


class Guess(Block):
    """Guesses, as a third party's block might."""

    name = "guess"

    def applicable(self, state):
        return True

    async def run(self, state, kit):
        return kit.step(self.name, [], candidate="41")


def test_a_third_party_block_joins_before_the_answer(task):
    registry = Registry([*BUILT_IN[:-1], Guess(), BUILT_IN[-1]])
    assert registry.actions.names[-2:] == ("guess", "answer")
    assert registry.mask(state_of(task))[registry.actions.index("guess")]


SLEEPS = "import sys, time\nprint({shown!r}, flush=True)\nprint('10%', file=sys.stderr, flush=True)\ntime.sleep(600)"


async def test_a_limit_is_told_whatever_the_program_had_printed(task, kit_for, registry):
    kit = kit_for(ScriptedChatModel(lambda messages: f"```python\n{SLEEPS.format(shown=42)}\n```"))
    done = await registry["program"].run(state_of(task), kit)
    assert done.evidence.error == "stopped by its time limit" and done.candidate is None
    assert "stopped by its time limit" in done.result


async def test_a_program_that_prints_what_is_wanted_and_then_fails_has_not_passed(kit_for, registry):
    for ending in ("sys.exit(3)", "raise ValueError('late')"):
        program = f"import sys\nprint(int(input()) * 2)\n{ending}"
        kit = kit_for(ScriptedChatModel(lambda messages, program=program: f"```python\n{program}\n```"))
        done = await registry["program"].run(state_of(PROGRAM_TASK), kit)
        assert (done.evidence.program, done.evidence.examples_passed) == ("failed", 0.0)
        assert ("late" if "late" in ending else "instead of") in done.result
