"""Strategies in use: as the policy of a run, as a block, by the command; and refused in a sentence."""

import json
import re

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.blocks import Registry
from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.models import Capabilities, ScriptedChatModel
from pilotage.agent.strategies import installed, strategy_named
from pilotage.agent.strategies.macro import action_name, with_strategies
from pilotage.agent.task import Task
from tests.agent.strategies.skilled import answer, skilled
from tests.agent.strategies.test_contract import configured

THREE = "strategy:self-consistency;n=3"


def test_as_a_policy_it_does_the_work_and_the_run_answers_with_what_it_came_to():
    with ReasoningAgent(skilled(1.0), policy=THREE) as agent:
        run = agent.solve(Task(id="t", prompt="Right or wrong?", kind="text"))
    assert run.answer == "right" and run.policy == THREE
    assert run.trace.route == ("strategy.self-consistency+n=3", "answer")
    assert run.verified  # three draws agree
    assert run.confidence is None
    assert [draw.candidate for draw in run.trace.steps[0].draws] == ["right"] * 3
    assert run.usage.llm_calls == 3


def test_draws_that_were_outvoted_count_among_the_routes():
    replies = ["Answer: right", "Answer: wrong", "Answer: right", "I cannot say"]
    with ReasoningAgent(ScriptedChatModel(replies), policy="strategy:self-consistency;n=4") as agent:
        run = agent.solve(Task(id="t", prompt="Right or wrong?", kind="text"))
    assert run.trace.steps[-1].evidence.note == "reached by 2 of 3 routes"


def test_where_every_draw_abstains_the_run_asks_for_a_direct_answer():
    replies = iter(["no", "no", "no", "right"])
    with ReasoningAgent(ScriptedChatModel(lambda messages: next(replies)), policy=THREE) as agent:
        assert agent.solve(Task(id="t", prompt="Right or wrong?", kind="text")).answer == "right"


def test_a_limit_on_the_way_is_told_and_what_was_drawn_decides():
    budget = Budget(max_tokens=120)
    with ReasoningAgent(skilled(1.0), policy="strategy:self-consistency;n=2;stop=beta", budget=budget) as agent:
        run = agent.solve(Task(id="t", prompt="Right?", kind="text"))
    assert run.answer == "right"
    assert run.usage.total_tokens <= 120


def test_draws_are_silent_where_tokens_are_shown():
    from pilotage.agent import events

    with ReasoningAgent(skilled(1.0), policy=THREE) as agent:

        async def heard():
            return [event async for event in agent.astream(Task(id="t", prompt="Right?", kind="text"))]

        import asyncio

        assert not [event for event in asyncio.run(heard()) if isinstance(event, events.Token)]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("strategy:self-consistncy", "did you mean self-consistency?"),
        ("strategy:", "there is no strategy ''"),
        ("strategy:self-consistency;n=x", "n=x: input should be a valid integer"),
        ("strategy:self-consistency;n=0", "n=0: input should be greater than or equal to 1"),
        ("strategy:self-consistency;n=nan", "n=nan"),
        ("strategy:self-consistency;temperature=inf", "temperature=inf"),
        ("strategy:self-consistency;temperture=1", "did you mean temperature?"),
        ("strategy:self-consistency;n=3;n=4", "gives n twice"),
        ("strategy:self-consistency;n", "write strategy:self-consistency;"),
        ("strategy:self-consistency;n=", "write strategy:self-consistency;"),
        ("strategy:self-consistency;stop=never", "stop=never"),
        ("strategy:best-of-n;scorer=oracle", "there is no scorer 'oracle'"),
        ("strategy:self-consistency;n=25", "needs 25 calls and the budget has 24"),
    ],
)
def test_what_stands_for_no_strategy_is_refused_before_a_call_is_paid(spec, why):
    model = skilled(1.0)
    with pytest.raises(UsageError, match=re.escape(why)) as refused, ReasoningAgent(model, policy=spec) as agent:
        agent.solve(Task(id="t", prompt="Right?", kind="text"))
    assert "\n" not in str(refused.value)
    assert model.counted.llm_calls == 0


def test_a_task_that_is_too_long_for_so_many_draws_is_refused_before_a_call_is_paid():
    model = skilled(1.0)
    with ReasoningAgent(model, policy="strategy:self-consistency;n=20") as agent:
        with pytest.raises(UsageError, match="a budget of 6000 tokens is too small for the 20 calls"):
            agent.solve(Task(id="t", prompt="word " * 500, kind="text"))
    assert model.counted.llm_calls == 0


def test_log_probabilities_and_a_sandbox_that_are_missing_are_told_before_a_call_is_paid():
    plain = ScriptedChatModel([], capabilities=Capabilities())
    with pytest.raises(UsageError, match="reads log-probabilities, and scripted gives none"):
        ReasoningAgent(plain, policy="strategy:best-of-n")
    with pytest.raises(UsageError, match="runs programs, and there is no sandbox"):
        ReasoningAgent(plain, policy="strategy:self-consistency;route=program", sandbox="none")


def test_by_programs_what_they_print_has_the_vote(sandbox):
    def written(messages, chance):
        return f"```python\nprint({'6 * 7' if chance.random() < 0.8 else '41'})\n```"

    from pilotage.agent.models import StochasticChatModel

    with ReasoningAgent(StochasticChatModel(written), policy="strategy:self-consistency;n=5;route=program") as agent:
        run = agent.solve(Task(id="t", prompt="What is 6 times 7?", kind="numeric"))
    assert run.answer == "42" and run.trace.steps[0].evidence.program == "ok"
    assert run.trace.steps[0].program == "print(6 * 7)"


def test_a_strategy_of_every_spec_is_another_action_and_old_registries_stay_as_they_are():
    specs = [THREE, "strategy:self-consistency;n=3;stop=adaptive", "strategy:best-of-n"]
    blocks = with_strategies(Registry(), [*specs, THREE, "strategy:self-consistency;stop=none;n=3"])
    assert blocks.actions.names[-4:] == (
        "strategy.self-consistency+n=3",
        "strategy.self-consistency+n=3+stop=adaptive",
        "strategy.best-of-n",
        "answer",
    )
    assert with_strategies(Registry(), []).actions == Registry().actions


@pytest.mark.parametrize("kind", installed().values(), ids=lambda kind: kind.name)
def test_a_spec_stands_for_the_strategy_that_it_was_written_from(kind):
    strategy = configured(kind)
    assert strategy_named(strategy.spec) == strategy
    assert action_name(strategy).startswith(f"strategy.{kind.name}")


def test_a_block_of_a_strategy_can_be_chosen_among_others():
    def reply(messages, chance):
        return answer("right")

    from pilotage.agent.models import StochasticChatModel

    policy = "fixed:reason,strategy.self-consistency+n=3,answer"
    with ReasoningAgent(StochasticChatModel(reply), policy=policy, blocks=[THREE]) as agent:
        run = agent.solve(Task(id="t", prompt="Right or wrong?", kind="text"))
    assert run.trace.route == ("reason", "strategy.self-consistency+n=3", "answer")
    assert run.trace.steps[-1].evidence.note == "reached by 4 of 4 routes"


def test_the_default_policy_runs_beside_a_strategy_as_it_does_without():
    routes = []
    for blocks in ([], [THREE]):
        with ReasoningAgent(skilled(1.0), blocks=blocks) as agent:
            routes.append(agent.solve(Task(id="t", prompt="Right or wrong?", kind="text")).trace.route)
    assert routes[0] == routes[1]


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "script.json"
    file.write_text(json.dumps({"rules": {"": "Work.\nAnswer: 4"}}))
    return f"scripted:{file}"


def test_the_command_solves_by_a_strategy_and_has_it_as_a_block(command_line, script):
    said = command_line("solve", "What is 2+2?", "--model", script, "--policy", THREE, "--json", "--memory", "none")
    assert said.json["answer"] == "4" and said.json["policy"] == THREE
    assert len(said.json["steps"][0]["draws"]) == 3
    policy = "fixed:strategy.self-consistency+n=3,answer"
    said = command_line(
        "solve", "What is 2+2?", "--model", script, "--policy", policy, "--blocks", THREE, "--json", "--memory", "none"
    )
    assert said.json["route"][0] == "strategy.self-consistency+n=3"
    said = command_line("solve", "What is 2+2?", "--model", script, "--blocks", "reason", "--memory", "none")
    why = "error: 'reason' is no strategy to have as a block: write strategy:NAME;PARAMETER=VALUE\n"
    assert (said.code, said.err) == (2, why)


def test_a_results_file_of_other_blocks_is_not_gone_on_with(command_line, script, tmp_path):
    (tmp_path / "tasks.jsonl").write_text('{"id": "t", "prompt": "2+2?", "answer": "4", "kind": "numeric"}\n')
    file = ["solve", "--tasks", "tasks.jsonl", "--model", script, "--out", "out.jsonl", "--memory", "none", "--policy"]
    assert command_line(*file, "fixed:reason,answer", "--blocks", THREE).code == 0
    assert command_line(*file, "fixed:reason,answer", "--blocks", THREE, "--resume").code == 0
    said = command_line(*file, "fixed:reason,answer", "--resume")
    assert said.code == 2 and "was made with blocks" in said.err


def test_the_command_lists_strategies_and_tells_of_one(command_line):
    listed = command_line("strategies", "--json").json
    assert [one["name"] for one in listed] == list(installed())
    assert all(len(one["tokens"]) > 15 for one in listed), "each tells what it costs"
    page = command_line("strategies", "strategy:self-consistency").out
    assert "Wang et al. 2023" in page and "draws at most" in page and "\\n" not in page
    assert command_line("strategies", "best-of").err == (
        f"error: there is no strategy 'best-of' (did you mean best-of-n?): there are {', '.join(installed())}\n"
    )


def test_a_run_shows_what_each_draw_came_to(command_line, tmp_path):
    replies = ["Answer: 4", "Answer: 5", "I cannot say.", "Answer: 4"]
    (tmp_path / "s.json").write_text(json.dumps(replies))
    asked = ("solve", "2+2?", "--kind", "numeric", "--model", "scripted:s.json", "--memory", "none")
    page = command_line(*asked, "--policy", "strategy:self-consistency;n=4").out
    (drawn,) = (line for line in page.splitlines() if line.startswith("  draws  "))
    assert sorted(drawn.removeprefix("  draws  ").split(" · ")) == ["4", "4", "5", "no answer"]


def test_a_named_plan_records_the_strategies_that_were_added(command_line, script, tmp_path):
    from pilotage.navigator import Bank

    (tmp_path / "tasks.csv").write_text("ask,right\n2+2?,4\n")
    collect = ["collect", "--tasks", "tasks.csv", "--map", "prompt=ask,answer=right", "--model", script]
    for plan, recorded in (("small", True), ("none", False), ("reason", False)):
        assert command_line(*collect, "--plan", plan, "--blocks", THREE, "--out", plan).code == 0
        (file,) = Bank.open(tmp_path / plan).files.values()
        assert ('"r/strategy.self-consistency+n=3"' in file.read_text()) == recorded
    assert command_line("bank", "grade", "small", "--tasks", "tasks.csv", "--map", "prompt=ask,answer=right").code == 0


def test_a_bank_records_what_a_strategy_comes_to(command_line, script, tmp_path):
    from pilotage.navigator import Bank

    (tmp_path / "tasks.jsonl").write_text('{"id": "t", "prompt": "2+2?", "answer": "4", "kind": "numeric"}\n')
    plan = "reason; strategy.self-consistency+n=3"
    collect = ["collect", "--tasks", "tasks.jsonl", "--model", script, "--out", "bank", "--plan", plan]
    assert command_line(*collect, "--blocks", THREE).code == 0
    bank = Bank.open(tmp_path / "bank")
    assert bank.actions.names[-2:] == ("strategy.self-consistency+n=3", "answer")
    said = command_line(*collect)
    assert said.code == 2 and "strategy.self-consistency+n=3" in said.err
