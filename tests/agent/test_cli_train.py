"""`pilotage train` and `pilotage policy`, run as the command line runs them."""

import json

import pytest

from tests.navigator.banks import learnable_bank, node, write_bank

SHORT = ("--steps", "40", "--seeds", "2", "--hyper", "hidden=8,8", "--hyper", "batch=16")


@pytest.fixture
def pilotage(command_line):
    """Runs `pilotage ...` beside a bank in the folder `b`."""
    learnable_bank("b", tasks=15, depth=2)
    return command_line


def test_a_trained_policy_can_be_read_by_people_and_programs(pilotage):
    code, out, err = pilotage(
        "train", "--bank", "b", "--out", "p.safetensors", "--algo", "cql", "--effort-input", *SHORT
    )
    assert (code, out) == (0, "")
    assert "seed 1: " in err and "scores by part of the split" in err and "written to p.safetensors" in err
    code, out, _ = pilotage("policy", "show", "p.safetensors")
    assert code == 0
    assert "actions   reason, program, verify, answer" in out
    assert "choose with --effort" in out and "tasks: " in out and "a small tree that decides like it" in out
    code, out, _ = pilotage("policy", "show", "p.safetensors", "--json")
    described = json.loads(out)
    assert set(described["card"]["scores"]["test"]) == {"low", "medium", "high"}
    assert len(described["card"]["seeds"]) == 2


@pytest.mark.parametrize("algo", ["linear", "nearest"])
def test_baselines_are_trained_by_the_same_command(pilotage, algo):
    code, out, _ = pilotage("train", "--bank", "b", "--out", "p.safetensors", "--algo", algo, "--json")
    assert code == 0 and json.loads(out)["algorithm"] == algo
    code, out, _ = pilotage("policy", "show", "p.safetensors")
    assert code == 0 and "cost weight of 0.1" in out


def test_a_policy_is_a_start_for_the_next(pilotage):
    pilotage("train", "--bank", "b", "--out", "p.safetensors", "--algo", "cql", *SHORT)
    command = ("train", "--bank", "b", "--out", "q.safetensors", "--algo", "cql", "--resume", "p.safetensors", "--json")
    code, out, _ = pilotage(*command, *SHORT)
    assert code == 0 and json.loads(out)["resumed_from"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "p.bin"), "must end in .safetensors"),
        (("--out", "p.safetensors", "--algo", "magic"), "unknown algorithm 'magic'"),
        (("--out", "p.safetensors", "--effort-input", "--cost-weight", "1"), "not both"),
        (("--out", "p.safetensors", "--hyper", "batch"), "no hyperparameter"),
        (("--out", "p.safetensors", "--hyper", "pace=3"), "unknown hyperparameter 'pace'"),
        (("--out", "p.safetensors", "--parts", "train=1"), "only test may be left out"),
        (("--out", "p.safetensors", "--algo", "nearest", "--effort-input"), "has no effort input"),
        (("--out", "p.safetensors", "--resume", "none.safetensors"), "there is no policy file"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(pilotage, arguments, said):
    code, out, err = pilotage("train", "--bank", "b", *arguments)
    assert code == 2 and out == ""
    assert said in err and err.startswith("error: ") and err.count("\n") == 1


def test_no_bank_and_one_task_are_one_sentence(pilotage):
    code, _, err = pilotage("train", "--bank", "nowhere", "--out", "p.safetensors")
    assert code == 2 and "there is no bank in nowhere" in err
    write_bank("one", {"f/a": [node()]})
    code, _, err = pilotage("train", "--bank", "one", "--out", "p.safetensors")
    assert code == 2 and "has 1 task" in err and err.count("\n") == 1


def test_a_file_that_is_no_policy_is_one_sentence(pilotage, tmp_path):
    (tmp_path / "p.safetensors").write_bytes(b"not a policy")
    code, _, err = pilotage("policy", "show", "p.safetensors")
    assert code == 2 and "cut off or no policy file" in err and err.count("\n") == 1


def test_a_policy_by_rules_is_shown_by_its_rules(pilotage):
    code, out, _ = pilotage("policy", "show", "default")
    assert code == 0 and out.index("nothing was computed yet") < out.index("the program gave no answer")
    code, out, _ = pilotage("policy", "show", "default@medium")
    assert code == 0 and out.index("nothing was computed yet") < out.index("the program was unsure of itself")
    code, out, _ = pilotage("policy", "show", "default@high", "--json")
    assert {"why": "the two routes disagree", "action": "sample"} in json.loads(out)["rules"]
    code, _, err = pilotage("policy", "show", "default@much")
    assert code == 2 and "has the efforts low, medium, high" in err
