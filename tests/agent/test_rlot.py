"""The preset `rlot` from end to end: the paper's actions, a bank, a policy, and solving with it."""

import json
from pathlib import Path

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.banks.meta import meta_of, prompt_hash
from pilotage.agent.banks.plan import parse_plan
from pilotage.agent.blocks import Registry
from pilotage.agent.routing.observation import registry_for
from pilotage.agent.settings import settings_from
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.load import load_policy
from tests.agent.states import always_right, state_of, step

PAPERS = ("reason", "decompose", "debate", "reflect", "answer")
RULES = {
    "Rate the last step[^$]*$": "3210123",
    "How likely is it that step 1 [^$]*$": "9",
    "How likely is it that step[^$]*$": "0",
    "Split this task[^$]*$": "1. What is it?",
    "three different approaches[^$]*$": "1. Multiply.\n2. Add.\n3. Count.",
    "most reliable[^$]*$": "2",
    "": "It is 480.\nAnswer: 480",
}
SHORT = ("--seeds", "1", "--steps", "20", "--hyper", "buffer=40", "--hyper", "batch=8")


def agent_with(preset, **options):
    return ReasoningAgent(ScriptedChatModel(always_right), policy="random", observation=preset, **options)


def test_the_preset_has_the_papers_actions_and_five_blocks_a_run():
    components = agent_with("rlot").components
    assert components.registry.actions.names == PAPERS and len(components.observer.spec) == 7
    assert components.budget.max_steps == 6  # five blocks and the answer
    free = agent_with("rlot+free").components
    assert free.registry.actions == Registry().actions and free.budget.max_steps == 8


def test_reflecting_is_not_legal_first(task):
    registry = registry_for("rlot")
    legal = dict(zip(registry.actions.names, registry.mask(state_of(task)).tolist(), strict=True))
    assert legal == {"reason": True, "decompose": True, "debate": True, "reflect": False, "answer": True}
    assert registry.mask(state_of(task, step("reason", "42")))[registry.actions.index("reflect")]


def test_a_run_may_be_longer_or_shorter_where_somebody_says_so():
    assert settings_from({"observation": "rlot"}).budget.max_steps == 6
    assert settings_from({"observation": "rlot", "max_steps": 8}).budget.max_steps == 8
    assert settings_from({}).budget.max_steps == 8


def test_the_plan_of_the_preset_is_within_its_actions_and_asks_nothing_hidden_by_them():
    ways = parse_plan("rlot", registry_for("rlot").actions, 5)
    assert len(ways) == 10 and not any(any(way.conditions) for way in ways)


def test_another_wording_of_the_question_is_another_bank_but_only_for_the_preset(monkeypatch):
    before = {preset: meta_of(agent_with(preset).components).prompt_hash for preset in ("free", "rlot", "rlot+free")}
    assert before["free"] == prompt_hash(Registry())
    monkeypatch.setattr("pilotage.agent.routing.self_scores.QUESTION", "How was it?")
    after = {preset: meta_of(agent_with(preset).components).prompt_hash for preset in before}
    assert [preset for preset in before if before[preset] != after[preset]] == ["rlot", "rlot+free"]


@pytest.fixture
def pilotage(command_line):
    """Runs `pilotage ...` in a folder with tasks and a script."""
    tasks = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480 if n % 2 else 1} for n in range(9)]
    Path("tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    Path("script.json").write_text(json.dumps({"rules": RULES}))
    return command_line


SOURCE = ("--tasks", "tasks.jsonl", "--model", "scripted:script.json")
SOLVE = ("solve", "How many?", "--model", "scripted:script.json", "--observation", "rlot", "--memory", "none")
COLLECT = ("collect", "--preset", "rlot", *SOURCE, "--out", "bank")


def test_from_tasks_to_an_answer(pilotage, tmp_path):
    code, out, err = pilotage(*COLLECT, "--json")
    assert code == 0, err
    assert json.loads(out)["nodes_recorded"] == 9 * 10
    bank = Bank.open("bank")
    assert (bank.meta.preset, bank.actions.names, bank.meta.budget["max_steps"]) == ("rlot", PAPERS, 6)
    tree = bank.tree("q1")
    assert tree.nodes["r"].observation == [-1] * 7 and tree.nodes["r"].usage["llm_calls"] == 0
    assert tree.nodes["r/reason"].observation == [3, 2, 1, 0, 1, 2, 3]
    assert tree.nodes["r/reason"].usage["llm_calls"] == 2  # the block, and its self-assessment

    code, out, err = pilotage("train", "--bank", "bank", "--preset", "rlot", "--out", "p.safetensors", *SHORT, "--json")
    assert code == 0, err
    card = json.loads(out)
    assert (card["base"], card["unit"], card["steps"]) == ("rlot", "episodes", 20)
    assert card["step_scores"] == {"scorer": "values"} and card["scores"]["test"]["only"]["cost_weight"] == 0
    policy = load_policy("p.safetensors", bank.actions, bank.observations)
    assert policy.scaling.shift.tolist() == [0] * 7 and policy.scaling.scale.tolist() == [1] * 7

    code, out, _ = pilotage("policy", "show", "p.safetensors")
    assert code == 0 and "actions   reason, decompose, debate, reflect, answer" in out
    assert "1 seeds of 20 episodes" in out and "combinations of blocks" not in out

    solve = ("solve", *SOURCE, "--memory", "none", "--policy", "p.safetensors", "--limit", "2", "--json")
    code, out, err = pilotage(*solve, "--observation", "rlot")
    assert code == 0, err
    runs = [json.loads(line) for line in out.splitlines()]
    assert all(run["answer"] == "480" and len(run["route"]) <= 6 for run in runs)
    assert all(len(run["charges"]) == len(run["route"]) - 1 for run in runs)  # one self-assessment for each block
    code, _, err = pilotage(*solve)
    assert code == 2 and "preset 'rlot'" in err and err.count("\n") == 1


def test_steps_are_scored_beside_the_bank_and_training_asks_nobody(pilotage, tmp_path):
    pilotage(*COLLECT)
    judge = ("bank", "score", "bank", "--scorer", "judge", *SOURCE, "--out", "judge.jsonl", "--json")
    code, out, err = pilotage(*judge)
    assert code == 0, err
    first = json.loads(out)
    assert (first["steps"], first["new"], first["unknown"]) == (81, 81, 0)
    assert first["usage"]["llm_calls"] == 81 and first["usage"]["prompt_tokens"] > 0
    code, out, _ = pilotage(*judge)
    assert json.loads(out)["known"] == 81 and json.loads(out)["usage"]["llm_calls"] == 0
    (tmp_path / "script.json").unlink()
    train = ("train", "--bank", "bank", "--preset", "rlot", "--out", "p.safetensors", *SHORT, "--json")
    code, out, err = pilotage(*train, "--step-scores", "judge.jsonl")
    assert code == 0, err
    card = json.loads(out)["step_scores"]
    assert (card["scorer"], card["steps"], card["unknown"]) == ("judge-scripted:script.json", 81, 0)
    assert card["usage"]["llm_calls"] == 81


def test_values_are_scored_without_tasks_or_a_model(pilotage):
    pilotage(*COLLECT)
    code, _, err = pilotage("bank", "score", "bank")
    assert code == 0 and "81 of 81 steps scored" in err and "0 calls" in err
    code, out, err = pilotage(
        "train", "--bank", "bank", "--out", "p.safetensors", "--step-scores", "bank/step-scores/values.jsonl",
        "--cost-weight", "0", "--base", "rlot", *SHORT, "--json",
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["step_scores"]["scorer"] == "values"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("collect", *SOURCE, "--preset", "rlot", "--out", "b", "--plan", "small"), "no block 'program'"),
        (("collect", *SOURCE, "--preset", "rlot", "--out", "b", "--max-depth", "6"), "do not fit into --max-steps 6"),
        ((*SOLVE,), "'default' reads what the run did so far"),
        ((*SOLVE, "--policy", "fixed:answer"), "'fixed:answer' reads what the run did so far"),
    ],
)
def test_what_does_not_go_with_the_preset_is_one_sentence(pilotage, arguments, said):
    code, _, err = pilotage(*arguments)
    assert code == 2 and said in err and err.count("\n") == 1, err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--preset", "free"), "was recorded with the preset 'rlot'"),
        (("train", "--preset", "psychic"), "unknown observation preset 'psychic'"),
        (("train", "--preset", "rlot", "--algo", "cql"), "base rlot is a schedule for double-dueling-dqn"),
        (("train", "--preset", "rlot", "--step-scores", "none.jsonl"), "no step scores in none.jsonl"),
        (("train", "--preset", "rlot", "--step-scores", "tasks.jsonl"), "no file of step scores"),
        (("train", "--step-scores", "values", "--algo", "linear"), "leave --step-scores out"),
        (("train", "--step-scores", "values", "--shaping", "exact"), "with shaping"),
        (("train", "--step-scores", "values", "--effort-input"), "not with an effort input"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(pilotage, arguments, said):
    pilotage(*COLLECT, "--plan", "none", "--limit", "5")
    code, _, err = pilotage(*arguments, "--bank", "bank", "--out", "p.safetensors")
    assert code == 2 and said in err and err.count("\n") == 1, err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scorer", "oracle"), "unknown step scorer 'oracle'"),
        (("--scorer", "http://"), "is no address of a step scorer"),
        (("--scorer", "judge", "--model", "scripted:script.json"), "3 of the bank's 3 tasks are not among --tasks"),
        (("--step-tag", "<x>"), "are for an address that ends in /pooling"),
        (("--out", "tasks.jsonl"), "no file of step scores"),
        (("--out", "judge.jsonl"), "holds scores of judge-scripted:script.json"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(pilotage, arguments, said):
    pilotage(*COLLECT, "--plan", "reason", "--limit", "3")
    pilotage("bank", "score", "bank", "--scorer", "judge", *SOURCE, "--out", "judge.jsonl")
    code, _, err = pilotage("bank", "score", "bank", *arguments)
    assert code == 2 and said in err and err.count("\n") == 1, err
