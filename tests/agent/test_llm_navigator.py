"""The model as navigator: legal choices only, every call paid, no guess where it says nothing clear."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.explore import parse_mix
from pilotage.agent.blocks import Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.models import Capabilities, ModelClient
from pilotage.agent.routing.llm_navigator import LLMNavigator, grammar, parse
from pilotage.agent.routing.observation import free_spec
from pilotage.agent.routing.policies import Navigator, navigator_for, policy_for
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.policy_file import Header
from tests.agent.states import always_right, state_of, step
from tests.navigator.policies import by_bounds

TASK = Task(id="product", prompt="What is 6 times 7?", kind="numeric", gold=42)
REGISTRY = Registry()
DIRECTING = "You direct a solver"


def directing(*choices):
    """A model that directs by these choices, the last one again and again, and solves as it should."""
    left = list(choices)

    def say(messages):
        if DIRECTING in messages[0].text:
            return left.pop(0) if len(left) > 1 else left[0]
        return always_right(messages)

    return ScriptedChatModel(say)


def run(model, **options):
    client = model if isinstance(model, ModelClient) else ModelClient(model)
    with ReasoningAgent(client, policy="llm", **options) as agent:
        return agent.solve(TASK)


def asked(model):
    return [call for call in model.calls if DIRECTING in call.text]


def test_it_goes_where_the_model_says_and_pays_for_each_choice():
    model = directing("reason", "verify", "answer")
    done = run(model)
    assert done.route == ("reason", "verify", "answer") and done.score == 1.0
    charges = [charge for charge in done.trace.charges if charge.by == "navigate"]
    assert len(charges) == len(asked(model)) == 3
    assert done.usage.total_tokens == model.counted.total_tokens
    assert done.usage.llm_calls == len(model.calls)
    assert done.policy == "llm"


def test_the_question_tells_the_task_the_work_and_the_legal_moves_and_nothing_hidden():
    model = directing("program", "verify", "answer")
    secret = TASK.model_copy(update={"gold": 987654, "metadata": {"note": "gold 987654"}})
    with ReasoningAgent(ModelClient(model), policy="llm") as agent:
        agent.solve(secret)
    first, second, third = (call.text for call in asked(model))
    assert "What is 6 times 7?" in first and "- nothing" in first and "verify" not in first.rpartition("alone:")[2]
    assert "- program: answer 42, program ok" in second and "verify" in second.rpartition("alone:")[2]
    assert "- verify: answer 42, agrees with the answer before" in third
    assert not any("987654" in call.text for call in model.calls)
    assert len({call.messages[0].text for call in asked(model)}) == 1, "what comes first never changes, for the cache"


def test_a_long_task_is_shown_by_its_beginning():
    navigator = LLMNavigator(REGISTRY, otherwise=None)
    long = state_of(Task(id="long", prompt="word " * 5000, kind="text"))
    assert len(navigator.messages(long, ["reason", "answer"])[1].content) < 800


def test_where_the_backend_has_grammars_the_reply_is_one_of_the_legal_names():
    model = directing("reason", "answer")
    client = ModelClient(model, capabilities=Capabilities(grammar=True))
    run(client)
    rules = [call.options.get("extra_body", call.options).get("grammar") for call in asked(model)]
    assert all(rule and rule.startswith("root ::= ") and '"answer"' in rule for rule in rules)
    assert '"verify"' not in rules[0]


@pytest.mark.parametrize("said", ["I would think about it.", "reason or program", "verify", "psychic", "42"])
def test_what_is_no_clear_legal_choice_is_decided_by_rule_with_the_reason(said):
    model = directing(said)
    with ReasoningAgent(ModelClient(model), policy="llm", budget=Budget(max_steps=2)) as agent:
        done = agent.solve(TASK)
    with ReasoningAgent(ModelClient(directing("")), policy="rules", budget=Budget(max_steps=2)) as agent:
        assert done.route == agent.solve(TASK).route
    assert [one.block for one in done.trace.decisions] == ["program", "answer"]
    assert len(asked(model)) == 1, "at the step limit nothing else is legal, and nothing is asked"


async def test_the_reason_is_told():
    agent = ReasoningAgent(ModelClient(directing("psychic", "", "", "answer")), policy="llm")
    update, why = {"task": TASK.public().model_dump()}, []
    async for change in agent.graph.astream(update, stream_mode="updates"):
        why += [node["decision"]["why"] for node in change.values() if node and node.get("decision")]
    assert why[0] == "the model named no legal block ('psychic'); by rule: nothing was computed yet"
    assert why[1].startswith("the model gave no usable reply; by rule: ")


@pytest.mark.parametrize("limits", [{"max_calls": 1}, {"max_calls": 2}, {"max_tokens": 260}])
def test_a_budget_without_room_for_the_question_falls_to_the_rules_and_is_never_passed(limits):
    model = directing("reason")
    done = run(model, budget=Budget(**limits))
    assert done.usage.llm_calls <= limits.get("max_calls", 99)
    assert done.usage.total_tokens <= limits.get("max_tokens", 10**6)
    assert done.route[-1] == "answer"


def test_it_holds_no_state_so_that_a_resumed_run_asks_the_same():
    navigator = navigator_for(
        "llm", REGISTRY, ReasoningAgent(ModelClient(directing("reason"))).components.observer.spec
    )
    state = state_of(TASK.public(), step("reason", "42"))
    assert navigator.messages(state, ["answer"]) == navigator.messages(state, ["answer"])
    assert isinstance(navigator, Navigator)


def test_a_navigator_of_ones_own_chooses_by_what_it_reads():
    class ByLength:
        name = "by-length"

        async def navigate(self, now, observation, mask, kit):
            wanted = "reason" if now.last is None and len(now.task.prompt) < 100 else "answer"
            return Decision(REGISTRY.actions.index(wanted), "short")

    with ReasoningAgent(ModelClient(directing("")), policy=ByLength()) as agent:
        done = agent.solve(TASK)
    assert done.route == ("reason", "answer") and done.policy == "by-length"


@given(st.text(max_size=60), st.sets(st.sampled_from(REGISTRY.actions.names), min_size=1))
def test_whatever_is_said_a_parsed_choice_is_legal_and_was_named(said, legal):
    names = sorted(legal)
    chosen = parse(said, names)
    assert chosen is None or (chosen in legal and chosen in said.casefold())


@pytest.mark.parametrize("said", ["program", "Program.", "**program**", "`program`", "Next: program", " program\n"])
def test_a_clear_choice_is_understood_without_a_grammar(said):
    assert parse(said, ["reason", "program", "answer"]) == "program"
    assert parse(said, ["reason", "answer"]) is None


def test_a_grammar_quotes_names():
    assert grammar(["a", 'b"c']) == 'root ::= "a" | "b\\"c"'


def test_it_is_for_live_runs_alone_and_has_no_effort():
    with pytest.raises(UsageError, match="live runs alone"):
        parse_mix("llm=1", ReasoningAgent(ModelClient(directing(""))).components)
    with pytest.raises(UsageError, match="not for 'llm'"):
        ReasoningAgent(ModelClient(directing("")), policy="llm", effort="low")


def test_no_policy_is_taken_for_a_navigator():
    actions, features = REGISTRY.actions, free_spec(REGISTRY)
    layer = (np.zeros((len(actions), len(features)), np.float32), np.zeros(len(actions), np.float32))
    header = Header("network", "by-hand", actions, features, {"cost_weight": 0.1})
    learned = LearnedPolicy(header, [layer], by_bounds(features))
    for policy in (
        learned,
        *(policy_for(name, actions, features) for name in ("default", "rules", "random", "fixed:reason")),
    ):
        assert not isinstance(policy, Navigator)
        with ReasoningAgent(ModelClient(directing("")), policy=policy) as agent:
            assert agent.solve(TASK).answer == "42"
