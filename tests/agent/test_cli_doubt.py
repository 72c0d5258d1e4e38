"""`pilotage bank doubt`: what it fits is what its rule file does, and what it counts is what was recorded."""

import json
import tomllib

import pytest

from pilotage.agent.blocks import installed
from pilotage.agent.cli.bank.doubt import toml_string
from pilotage.agent.routing.observation import spec_for
from pilotage.agent.routing.policies import policy_for
from pilotage.navigator.bank.records import BankMeta
from pilotage.navigator.evaluation import Protocol, evaluate
from tests.navigator.banks import node, write_bank

REGISTRY = installed()
SPEC = spec_for("free", REGISTRY)
META = BankMeta(
    REGISTRY.actions,
    SPEC,
    model="scripted",
    budget={"max_steps": 8},
    prompt_hash="0" * 16,
    created="2026-11-01T00:00:00+00:00",
    package_version="0.1.0",
)
ORDER = ("program", "reason")


def of_task(mean, program, reason, agree=False):
    """A tree in which a program that wrote with this mean log-probability is right or wrong, and so is reasoning."""

    def at(route, score, **features):
        values = dict(zip(SPEC.names, SPEC.low.tolist(), strict=True)) | {"kind_numeric": 1} | features
        mask = REGISTRY.actions.mask([name for name in ORDER if name not in route]).tolist()
        answer = f"{'+'.join(route)} {score}" if not agree else "42"
        return node(
            route, score=score, cost=300, mask=mask, observation=SPEC.vector(values).tolist(), candidate=answer or None
        )

    first = {"candidates": 1, "leader_routes": 1, "leader_executed": 1, "count_program": 1, "program": 1}
    both = {"candidates": 2 - agree, "leader_routes": 1 + agree, "count_program": 1, "count_reason": 1}
    return [
        at((), 0.0),
        at(("program",), program, leader_mean_logprob=mean, leader_min_logprob=-0.5, **first),
        at(("reason",), reason, candidates=1, leader_routes=1, count_reason=1, leader_mean_logprob=-0.2),
        at(("program", "reason"), max(program, reason) if mean < -0.2 else min(program, reason), **both),
    ]


@pytest.fixture
def bank(tmp_path):
    trees = {(f"sure{n}", "sums"): of_task(-0.05, 1.0, 0.0) for n in range(4)}
    trees |= {(f"agreed{n}", "sums"): of_task(-0.05, 1.0, 1.0, agree=True) for n in range(2)}
    trees |= {(f"unsure{n}", "words"): of_task(-0.45, 0.0, 1.0) for n in range(3)}
    trees |= {("both wrong", "words"): of_task(-0.45, 0.0, 0.0)}
    write_bank(tmp_path / "bank", trees, META)
    return tmp_path / "bank"


def test_it_finds_from_where_on_a_second_route_pays_and_tells_what_reasoning_said(command_line, bank):
    found = command_line("bank", "doubt", bank, "--json").json
    assert (found["mean"], found["least"]) == (-0.4, None)
    none = {"agree": 0, "program": 0, "reason": 0, "both": 0, "neither": 0, "silent": 0}
    assert found["sure"] == none | {"agree": 2, "program": 4}
    assert found["unsure"] == none | {"reason": 3, "neither": 1}
    shown = command_line("bank", "doubt", bank).out
    assert "a program is unsure where the mean log-probability of its tokens is below -0.4" in shown
    kept = command_line("bank", "doubt", bank, "--leave-out", "words", "--json").json
    assert (kept["tasks"], kept["mean"], kept["least"]) == (6, None, None)
    both = command_line("bank", "doubt", bank, "--only", "sums,words", "--leave-out", "words")
    assert both.code == 2 and "'words' cannot be kept and left out" in both.err
    assert command_line("bank", "doubt", bank, "--only", "sums,words", "--json").json["tasks"] == 10
    assert "a program is unsure nowhere" in command_line("bank", "doubt", bank, "--leave-out", "words").out
    assert command_line("bank", "doubt", bank, "--shipped", "--json").json["mean"] == -0.18


def test_its_rule_file_does_on_the_bank_what_the_fitted_cascade_does(command_line, bank, tmp_path):
    command_line("bank", "doubt", bank, "--out", tmp_path / "mine.toml")
    mine = policy_for(str(tmp_path / "mine.toml"), REGISTRY.actions, SPEC)
    found = evaluate(bank, [mine, "cascade", "one-bit"], Protocol(folds=2, efforts=(), resamples=100, in_sample=True))
    assert any("rules:mine.toml was trained on 10 of the judged tasks" in one for one in found.defects)
    right, fitted, one_bit = (found.policy(name).accuracy for name in ("rules:mine.toml", "cascade", "one-bit"))
    assert right == fitted == 0.9 and one_bit == 0.6
    refused = command_line("bank", "doubt", bank, "--out", tmp_path / "mine.toml")
    assert refused.code == 2 and "--force" in refused.err


def test_its_rule_file_is_not_judged_on_the_tasks_that_it_was_fitted_to(command_line, bank, tmp_path):
    file = tmp_path / "mine.toml"
    command_line("bank", "doubt", bank, "--out", file)
    judge = ("evaluate", "--bank", bank, "--policy", file, "--policy", "one-bit", "--bootstrap", "100", "--folds", "2")
    refused = command_line(*judge)
    assert refused.code == 2 and "--in-sample" in refused.err
    command_line("bank", "doubt", bank, "--out", file, "--force", "--leave-out", "sums")
    found = command_line(*judge, "--json").json
    assert {family["family"]: family["tasks"] for family in found["families"]} == {"sums": 6}


def test_the_name_of_a_model_is_data_in_its_rule_file(command_line, bank, tmp_path):
    def named(model):
        content = json.loads((bank / "bank.json").read_text())
        (bank / "bank.json").write_text(json.dumps(content | {"model": model}) + "\n")

    name = 'gpt "4" \\ mini'
    named(name)
    command_line("bank", "doubt", bank, "--out", tmp_path / "mine.toml")
    assert tomllib.loads((tmp_path / "mine.toml").read_text())["fitted"]["model"] == name
    assert tomllib.loads(f"a = {toml_string(name + chr(127))}")["a"] == name + chr(127)
    named('m\n[[rule]]\ndo = "answer"\n#')
    refused = command_line("bank", "doubt", bank, "--out", tmp_path / "theirs.toml")
    assert refused.code != 0 and "no line of text" in refused.err and not (tmp_path / "theirs.toml").exists()


def test_its_rule_file_takes_nobody_for_unsure_whose_log_probabilities_are_untold(command_line, bank, tmp_path):
    command_line("bank", "doubt", bank, "--out", tmp_path / "mine.toml")
    mine = policy_for(str(tmp_path / "mine.toml"), REGISTRY.actions, SPEC)
    shipped = policy_for("default", REGISTRY.actions, SPEC, effort="medium")
    knowledge = {"kind_text": 1, "prompt_length": 4, "sentences": 1, "lines": 1}
    answered = {"kind_numeric": 1, "candidates": 1, "leader_routes": 1, "leader_executed": 1, "count_program": 1}
    untold = answered | {"leader_mean_logprob": -20, "leader_min_logprob": -20}
    unsure = answered | {"leader_mean_logprob": -0.5, "leader_min_logprob": -0.6}
    for features, block in ((knowledge, "answer"), (untold, "answer"), (unsure, "reason"), ({}, "answer")):
        seen = SPEC.vector({**dict(zip(SPEC.names, SPEC.low.tolist(), strict=True)), **features})
        mask = REGISTRY.actions.mask(("program", "reason"))
        taken = [REGISTRY.actions.names[policy.decide(seen, mask).action] for policy in (mine, shipped)]
        assert taken == [block, block], features


def test_a_bank_in_which_no_second_route_was_recorded_is_told_so(command_line, tmp_path):
    trees = {("a", "sums"): of_task(-0.05, 1.0, 0.0)[:3], ("b", "sums"): of_task(-20, 1.0, 0.0)}
    write_bank(tmp_path / "bank", trees, META)
    refused = command_line("bank", "doubt", tmp_path / "bank", "--out", tmp_path / "mine.toml")
    assert refused.code == 2 and "record it with `pilotage collect --plan draws`" in refused.err
    assert not (tmp_path / "mine.toml").exists()
    found = evaluate(tmp_path / "bank", ["cascade", "one-bit"], Protocol(folds=2, efforts=(), resamples=100))
    assert found.policy("cascade").accuracy == found.policy("one-bit").accuracy == 1
    both = command_line("bank", "doubt", tmp_path / "bank", "--shipped", "--out", tmp_path / "mine.toml")
    assert both.code == 2 and "--shipped fits nothing" in both.err


def test_a_bank_without_what_it_reads_is_named_in_a_sentence(command_line, tmp_path):
    write_bank(tmp_path / "other", {("a", "x"): [node(), node(["program"])]})
    refused = command_line("bank", "doubt", tmp_path / "other")
    assert refused.code == 2 and "Traceback" not in refused.err and "unknown feature" in refused.err
