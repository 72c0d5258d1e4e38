"""What came of the hints of a run: followed, helped, harmed, withheld; from public evidence, once a run."""

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.graph.advance import in_control_group
from pilotage.agent.learning.credit import (
    CreditedTurn,
    follows,
    judge,
    program_marks,
    record_feedback,
    word_marks,
)
from pilotage.agent.trace import Evidence, Hint, Recalled
from pilotage.memory import Concept, ConceptDraft, ConceptStore, Provenance
from pilotage.memory.concept import Outcomes
from tests.agent.states import state_of, step

TASK = Task(id="spell", prompt="Spell the word 'garden' backward.", kind="text", gold="nedrag")
REVERSE = ConceptDraft(
    title="Reverse the letters of a word",
    cues=("a word has to be spelled backward",),
    implementation=("word = ...", "print(''.join(reversed(word)))"),
)
PROFIT = ConceptDraft(title="Profit", implementation=("price = ...", "profit = price * count - cost", "print(profit)"))
SHARE = ConceptDraft(title="Share", implementation=("print(round(part * 100 - whole))",))
ADVICE = ConceptDraft.lesson("a word is to be spelled backward", ["Number the letters, then copy them from the end."])
BY_HINT = "letters = 'garden'\nprint(''.join(reversed(letters)))"
OTHERWISE = "print('garden'[::-1])"
BROKEN = "print(''.join(reversed(undefined)))"


def stored(draft, id="c1"):
    return Concept(**dict(draft), id=id, namespace="default")


def shown(*ids):
    return Recalled(text="notes", hints=tuple(Hint(concept_id=id, title=id, similarity=0.9) for id in ids))


def program(source, candidate, **more):
    evidence = Evidence(program="ok" if candidate is not None else "failed")
    return step("program", candidate, program=source, evidence=evidence, **more)


@pytest.mark.parametrize(
    ("source", "marks"),
    [
        ("print(bin(n).count('1'))", {"bin", "count"}),
        ("import math\nx = ...\nprint(math.gcd(x, 4) % 3)", {"math", "gcd", "Mod"}),
        ("print(word[::-1])", {"[::-1]", "USub"}),
        ("profit = price * count - cost\nprint(profit)", {"Mult", "Sub"}),
        ("def solve(a):\n    return sorted(a)\nprint(solve([1]))", {"sorted"}),
        ("Number the letters", None),
        ("reverse", None),
    ],
)
def test_the_marks_of_a_program_are_what_it_does(source, marks):
    assert program_marks(source) == marks


def test_variables_may_be_called_anything():
    assert program_marks(BY_HINT) == program_marks("\n".join(REVERSE.implementation))


def test_words_are_told_by_their_stems_and_numbers_are_none():
    assert word_marks(["Numbering the letters 123 times"]) == word_marks(["number 7 Letter times"])


@pytest.mark.parametrize(
    ("draft", "taken", "expected"),
    [
        (REVERSE, program(BY_HINT, "nedrag"), True),
        (REVERSE, program(OTHERWISE, "nedrag"), False),
        (REVERSE, step("reason", "nedrag"), False),
        (PROFIT, program("print(14 * 6 - 25)", "59"), True),
        (PROFIT, program("print(14 + 6)", "20"), False),
        (SHARE, program("print(14 - 6)", "8"), False),
        (
            ADVICE,
            step("reason", "nedrag", turns=()).model_copy(update={"text": "I number each letter and copy."}),
            True,
        ),
        (ADVICE, step("reason", "nedrag", turns=()).model_copy(update={"text": "It is spelled nedrag."}), False),
        (ConceptDraft(title="Nothing to follow"), program(BY_HINT, "nedrag"), False),
    ],
)
def test_a_step_follows_a_concept_by_half_of_its_marks(draft, taken, expected):
    assert follows(taken, stored(draft), TASK.prompt) is expected


CHECKED = step("verify", "nedrag", independent=True)
OTHER = step("verify", "nedrga", independent=True)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([program(BY_HINT, "nedrag"), CHECKED], ("recalled", "recalled_solved", "followed", "helped")),
        ([program(OTHERWISE, "nedrag"), CHECKED], ("recalled", "recalled_solved")),
        ([program(BY_HINT, "nedrag")], ("recalled", "followed")),
        ([program(BY_HINT, "nedrag"), OTHER], ("recalled", "followed")),
        ([program(BROKEN, None)], ("recalled", "followed", "harmed")),
        (
            [program(BROKEN, None), program(BY_HINT, "nedrag"), CHECKED],
            ("recalled", "recalled_solved", "followed", "helped"),
        ),
        (
            [program(BY_HINT, "wrong"), program(OTHERWISE, "nedrag"), CHECKED],
            ("recalled", "recalled_solved", "followed", "harmed"),
        ),
        ([], ("recalled",)),
    ],
    ids=["verified", "not followed", "unverified", "undecided", "failed", "repaired", "overruled", "nothing done"],
)
def test_credit_needs_public_evidence(steps, expected):
    state = state_of(TASK.public(), *steps, recalled=shown("c1"))
    assert judge(state, {"c1": stored(REVERSE)}) == {"c1": expected}


def test_a_concept_recalled_on_the_way_is_credited_for_later_steps_only():
    again = step("recall", hints=shown("c1").hints)
    before = state_of(TASK.public(), program(BY_HINT, "nedrag"), CHECKED, again)
    after = state_of(TASK.public(), again, program(BY_HINT, "nedrag"), CHECKED)
    assert judge(before, {"c1": stored(REVERSE)})["c1"] == ("recalled", "recalled_solved")
    assert "helped" in judge(after, {"c1": stored(REVERSE)})["c1"]


def test_a_withheld_concept_counts_what_happened_without_it():
    held = shown("c1").withhold()
    assert held.text == "" and held.hints == ()
    solved = state_of(TASK.public(), program(OTHERWISE, "nedrag"), CHECKED, recalled=held)
    failed = state_of(TASK.public(), program(BROKEN, None), recalled=held)
    assert judge(solved, {"c1": stored(REVERSE)}) == {"c1": ("withheld", "withheld_solved")}
    assert judge(failed, {"c1": stored(REVERSE)}) == {"c1": ("withheld",)}


def test_the_holdout_is_a_share_chosen_by_task_and_seed():
    names = [f"task-{number}" for number in range(2000)]
    tenth = {name for name in names if in_control_group(name, 0, 0.1)}
    assert 140 < len(tenth) < 260
    assert tenth == {name for name in names if in_control_group(name, 0, 0.1)}
    assert tenth < {name for name in names if in_control_group(name, 0, 0.3)}
    assert tenth != {name for name in names if in_control_group(name, 1, 0.1)}
    assert not any(in_control_group(name, 0, 0.0) for name in names)


def speller(messages):
    if "Python program" in messages[-1].text:
        return f"```python\n{BY_HINT}\n```"
    return "From the end: n, e, d, r, a, g.\nAnswer: nedrag"


@pytest.fixture
def store():
    with ConceptStore.temporary(embedder="hash") as store:
        yield store


def agent_over(store, model=speller, **options):
    policy = options.pop("policy", "fixed:program,verify,answer")
    return ReasoningAgent(ScriptedChatModel(model), memory=store, policy=policy, **options)


async def test_a_run_credits_what_it_followed_and_says_so(store):
    id = store.add(REVERSE)
    async with agent_over(store) as agent:
        run = await agent.asolve(TASK)
    assert run.recalled == run.followed == (id,)
    assert run.verified
    line = run.to_json()
    assert (line["recalled"], line["followed"], line["withheld"], line["verified"]) == ([id], [id], [], True)
    counted = store.get(id).outcomes
    assert counted == Outcomes(recalled=1, recalled_solved=1, followed=1, helped=1)
    event = next(event for event in store.history(id) if event.action == "outcome")
    assert (event.run, event.cause) == (run.id, TASK.id)


async def test_a_wrong_grade_changes_no_credit(store):
    id = store.add(REVERSE)
    async with agent_over(store) as agent:
        run = await agent.asolve(TASK.model_copy(update={"gold": "something else"}))
    assert run.score == 0.0
    assert store.get(id).outcomes.helped == 1


async def test_the_same_run_is_counted_once(store):
    id = store.add(REVERSE)
    async with agent_over(store) as agent:
        await agent.asolve(TASK, run_id="r1")
        again = await agent.asolve(TASK, run_id="r1")
        assert store.get(id).outcomes.recalled == 1
        await agent.asolve(TASK, run_id="r2")
    assert again.followed == (id,)
    assert store.get(id).outcomes.recalled == 2


async def test_a_run_that_is_held_out_sees_no_hint_and_its_concepts_are_withheld(store):
    id = store.add(REVERSE)
    model = ScriptedChatModel(speller)
    policy = "fixed:program,recall,verify,answer"
    async with ReasoningAgent(model, memory=store, policy=policy, holdout=0.999999) as agent:
        run = await agent.asolve(TASK)
    assert (run.recalled, run.withheld, run.followed) == ((), (id,), ())
    assert "recall" not in run.route
    assert not any("Reverse the letters" in call.text for call in model.calls if "<solution>" not in call.text)
    assert store.get(id).outcomes == Outcomes(withheld=1, withheld_solved=1)


async def test_a_memory_that_is_only_read_keeps_its_counts(store):
    id = store.add(REVERSE)
    async with agent_over(store, learn=False) as agent:
        run = await agent.asolve(TASK)
    assert run.followed == (id,)
    assert store.get(id).outcomes == Outcomes()
    assert len(store.history(id)) == 1


async def test_what_harmed_is_pruned_and_not_recalled_again(store):
    id = store.add(REVERSE)

    def misled(messages):
        return f"```python\n{BROKEN}\n```" if "Python program" in messages[-1].text else "nothing"

    async with agent_over(store, misled, policy="fixed:program,answer") as agent:
        for number in range(3):
            await agent.asolve(TASK.model_copy(update={"id": f"t{number}"}))
        assert store.get(id).outcomes == Outcomes(recalled=3, followed=3, harmed=3)
        assert [concept.id for concept in store.prune()] == [id]
        run = await agent.asolve(TASK)
    assert run.recalled == ()


async def test_the_navigator_sees_the_posterior(store):
    id = store.add(REVERSE)
    for number in range(8):
        store.record_outcomes({id: ("recalled", "recalled_solved", "followed", "helped")}, run=f"r{number}")
    seen = []

    async with agent_over(store) as agent:
        policy = agent.components.policy
        spec = agent.components.observer.spec

        class Watching:
            name = "watching"

            def decide(self, observation, mask):
                seen.append(spec.value(observation, "recall_posterior"))
                return policy.decide(observation, mask)

        from dataclasses import replace

        agent.components = replace(agent.components, policy=Watching())
        await agent.asolve(TASK)
    assert seen[0] == pytest.approx(0.9)


@pytest.mark.parametrize("learned", [False, True])
def test_the_opposite_takes_the_first_feedback_back(learned):
    with ConceptStore.temporary() as store:
        draft = ConceptDraft(title="Total cost", cues=("prices are given",), implementation=("multiply",))
        origin = Provenance(task_id="t", trace_id="r")
        id = store.propose([draft], provenance=origin, run="r")[0].id if learned else store.add(draft)
        run = CreditedTurn("r", "t", *((), (id,)) if learned else ((id,), ()))
        for helped, status, outcomes in (
            (True, "trusted", (1, 0)),
            (False, "retired", (0, 1)),
            (True, "trusted", (1, 0)),
        ):
            record_feedback(store, run, helped)
            record_feedback(store, run, helped)
            found = store.get(id)
            if learned:
                assert found.status == status
            else:
                assert (found.outcomes.helped, found.outcomes.harmed) == outcomes
