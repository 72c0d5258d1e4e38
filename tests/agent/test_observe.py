import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.blocks import BUILT_IN, Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ScriptedChatModel
from pilotage.agent.routing.observation import Observer, free_values
from pilotage.agent.task import Task
from pilotage.agent.trace import Evidence, Hint, Recalled
from tests.agent.states import state_of, step

TASK = Task(id="t", prompt="What is 6 times 7?", kind="numeric")

evidence = st.builds(
    Evidence,
    program=st.sampled_from(["ok", "failed", None]),
    verdict=st.sampled_from(["agrees", "disagrees", None]),
    examples_passed=st.none() | st.floats(0, 1),
)
logprob = st.none() | st.floats(-30, 0)
steps = st.builds(
    step,
    st.sampled_from([block.name for block in BUILT_IN[:-1]]),
    st.sampled_from([None, "1", "2", "41.5"]),
    evidence=evidence,
    mean_logprob=logprob,
    min_logprob=logprob,
    independent=st.booleans(),
)


@given(st.lists(steps, max_size=12))
async def test_every_observation_is_within_the_bounds_of_its_spec(done):
    observer = Observer(Registry())
    vector = await observer.observe(state_of(TASK, *done), kit=None)
    assert vector.shape == (len(observer.spec),)
    assert ((observer.spec.low <= vector) & (vector <= observer.spec.high)).all()


def test_the_features_say_what_happened():
    done = [
        step("program", "42", evidence=Evidence(program="ok"), mean_logprob=-0.2, min_logprob=-1.5),
        step("verify", "42", independent=True, evidence=Evidence(verdict="agrees")),
    ]
    hint = Hint(concept_id="c", title="t", similarity=0.7, posterior=0.6)
    seen = free_values(state_of(TASK, *done, recalled=Recalled(hints=(hint,))), Registry())
    expected = {
        "steps_taken": 2,
        "steps_left": 6,
        "count_program": 1,
        "last_verify": 1,
        "candidates": 1,
        "leader_routes": 2,
        "agreement": 1,
        "leader_executed": 1,
        "leader_mean_logprob": -0.2,
        "leader_min_logprob": -1.5,
        "last_mean_logprob": -20,
        "program": 1,
        "verdict": 1,
        "recalled": 1,
        "recall_similarity": 0.7,
        "recall_posterior": 0.6,
        "kind_numeric": 1,
        "kind_text": 0,
        "numbers": 2,
        "quoted": 0,
    }
    assert {name: seen[name] for name in expected} == expected


PROGRAM = step("program", "10", evidence=Evidence(program="ok"))
REASON = step("reason", "6")
AGAIN = step("decompose", "6", independent=True)
ECHO = step("reflect", "6")


@pytest.mark.parametrize(
    ("done", "agreement", "routes", "candidates"),
    [
        ([], 0, 0, 0),
        ([step("program")], 0, 0, 0),
        ([PROGRAM], 1, 1, 1),
        ([PROGRAM, REASON], 1 / 2, 1, 2),
        ([PROGRAM, REASON, AGAIN], 2 / 3, 2, 2),
        ([PROGRAM, REASON, AGAIN, step("debate", "7", independent=True)], 2 / 4, 2, 3),
        (
            [PROGRAM, REASON, AGAIN, step("verify", "10", independent=True), step("debate", "6", independent=True)],
            3 / 5,
            3,
            2,
        ),
        ([REASON, ECHO], 1, 1, 1),  # it had seen the answer, so it is no route of its own
        ([PROGRAM, REASON, ECHO], 1 / 2, 1, 2),
        ([step("program"), REASON, AGAIN], 1, 2, 1),  # an attempt without an answer disagrees with nobody
    ],
)
def test_agreement_is_the_share_of_all_routes_that_reached_the_leading_answer(done, agreement, routes, candidates):
    seen = free_values(state_of(TASK, *done), Registry())
    assert seen["agreement"] == pytest.approx(agreement)
    assert (seen["leader_routes"], seen["candidates"]) == (routes, candidates)


def test_the_newest_program_and_check_and_the_best_examples_count():
    done = [
        step("program", evidence=Evidence(program="failed", examples_passed=0.25, verdict="agrees")),
        step("reflect", "1", evidence=Evidence(program="ok", examples_passed=0.75, verdict="disagrees")),
        step("reflect", "2", evidence=Evidence(examples_passed=0.5)),
    ]
    seen = free_values(state_of(TASK, *done), Registry())
    assert (seen["program"], seen["verdict"], seen["examples_passed"], seen["last_candidate"]) == (1, -1, 0.75, 1)
    before = free_values(state_of(TASK, done[0]), Registry())
    assert (before["program"], before["verdict"], before["last_candidate"]) == (-1, 1, 0)
    nothing = free_values(state_of(TASK), Registry())
    assert (nothing["program"], nothing["verdict"], nothing["examples_passed"]) == (0, 0, -1)


def test_what_is_left_falls_with_what_was_spent():
    from pilotage.agent.budget import Budget
    from pilotage.agent.trace import Usage

    spent = step("reason", usage=Usage(prompt_tokens=100, completion_tokens=150, llm_calls=1))
    seen = free_values(state_of(TASK, spent, budget=Budget(max_tokens=1000, max_steps=5)), Registry())
    assert (seen["budget_left"], seen["steps_left"], seen["steps_taken"]) == (0.75, 4, 1)


def test_the_hidden_answer_cannot_enter_a_state():
    with pytest.raises(ValueError, match="the hidden answer stays with the grader"):
        state_of(TASK.model_copy(update={"gold": 42}))


async def test_the_free_preset_makes_no_call(scripted, kit_for):
    await Observer(Registry()).observe(state_of(TASK, step("reason", "42")), kit_for(scripted))
    assert scripted.calls == ()


@pytest.mark.parametrize(("says", "p"), [("yes", 1.0), ("no", 0.0), ("perhaps", -1.0)])
async def test_the_probe_asks_once_for_a_new_answer_and_is_charged(says, p, kit_for):
    model = ScriptedChatModel(lambda messages: says)
    observer, kit = Observer(Registry(), "probe"), kit_for(model)
    vector = await observer.observe(state_of(TASK, step("reason", "42")), kit)
    assert observer.spec.value(vector, "p_right") == p
    assert kit.usage.llm_calls == len(model.calls) == 1
    vector = await observer.observe(state_of(TASK, step("reason", "42"), step("plan")), kit)
    assert observer.spec.value(vector, "p_right") == -1
    assert len(model.calls) == 1


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(UsageError, match="choose from free, probe"):
        _ = Observer(Registry(), "psychic").spec


@pytest.mark.parametrize(
    ("prompt", "quoted"),
    [("Spell 'pilotage' backwards.", 1), ("It's Ann's and Bob's.", 0), ('Join "ab" and `cd`.', 2)],
)
def test_quoted_text_is_counted_and_apostrophes_are_not(prompt, quoted):
    assert free_values(state_of(Task(id="q", prompt=prompt)), Registry())["quoted"] == quoted
