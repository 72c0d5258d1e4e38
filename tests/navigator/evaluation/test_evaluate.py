import json
from dataclasses import replace

import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import BankError, EnvError, PolicyError, SpecMismatch
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.evaluation.folds import cross_fit
from pilotage.navigator.evaluation.frontier import variants
from pilotage.navigator.evaluation.names import CandidateOptions, candidate
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.policy import FixedPolicy
from pilotage.navigator.policies.policy_file import read_policy
from pilotage.navigator.report.reading import as_json, parse
from pilotage.navigator.training.algorithms.linear import fit_linear
from pilotage.navigator.values.rollout import by_batch, rollout
from tests.navigator.banks import ACTIONS, BLOCKS, META, OBSERVATIONS, learnable_bank, node, write_bank
from tests.navigator.evaluation.made_up import flat_bank
from tests.navigator.policies import network
from tests.navigator.rlot_banks import rlot_bank

QUICK = Protocol(folds=3, seeds=2, efforts=(), resamples=500)
SHORT = {"steps": 20, "hyper": {"batch": 16, "hidden": (8, 8)}}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=60, depth=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "s", tasks=18, depth=2)


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    """An evaluation with trained networks, and the folder in which they are kept."""
    work = tmp_path_factory.mktemp("work")
    protocol = replace(QUICK, folds=2, seeds=3, efforts=(0.0, 1.0), plan=SHORT)
    names = ["best-fixed", "linear:effort", "nearest", "cql", "cql:ensemble", "cql:best", "random-matched", "oracle"]
    return evaluate(small, names, protocol, work=work), work


def test_routing_by_family_wins_where_it_does_by_construction(bank):
    found = evaluate(bank, ["best-fixed", "best-fixed-per-family", "nearest", "oracle"], QUICK)
    for name, least in (("nearest", 0.1), ("best-fixed-per-family", 0.5)):
        pair = found.comparison(name, "best-fixed")
        assert pair.value_interval[0] > 0 and pair.cost_ratio_interval[1] < 1
        assert least < pair.gap_closed <= 1


def test_what_is_done_on_a_task_does_not_depend_on_how_it_turns_out(tmp_path):
    """Turn every score of one fold's tasks: what was learned from the others does the same there as before."""
    made = {f"f{n % 2}/{n:02}": {BLOCKS[n % 3]} for n in range(20)}
    first = flat_bank(tmp_path / "a", made)
    judged = set(cross_fit(first, 2)[0].judged.tasks)
    turned = flat_bank(
        tmp_path / "b", {t: set(ACTIONS.names) - good if t in judged else good for t, good in made.items()}
    )
    names = ["best-fixed", "best-fixed-per-family", "linear", "linear:effort", "nearest", "cql"]
    protocol = replace(QUICK, folds=2, seeds=1, plan=SHORT)
    before, after = (evaluate(one, names, protocol) for one in (first, turned))
    for name in names:
        costs = [{task: found.outcomes[name][task][1] for task in judged} for found in (before, after)]
        assert costs[0] == costs[1], name
    assert before.outcomes["nearest"] != after.outcomes["nearest"], "the other fold learned something else"


def test_every_trained_network_saw_training_tasks_of_its_fold_only(small, trained):
    _, work = trained
    held_out = [set(fold.judged.tasks) for fold in cross_fit(small, 2)]
    files = list(work.glob("*.safetensors"))
    assert len(files) == 2 * 3, "one for each fold and seed, whatever is kept of them"
    for file in files:
        parts = read_policy(file)[0].card["tasks"]
        assert set(small.tasks) - {task for ids in parts.values() for task in ids} in held_out


def test_what_was_trained_is_not_trained_again(small, trained):
    found, work = trained
    before = {file: file.stat().st_mtime_ns for file in work.iterdir()}
    again = evaluate(small, ["best-fixed", "cql"], replace(QUICK, folds=2, seeds=3, plan=SHORT), work=work)
    assert {file: file.stat().st_mtime_ns for file in work.iterdir()} == before
    assert again.policy("cql") == found.policy("cql")


def test_seeds_are_reported_each_and_together(trained):
    cql = trained[0].policy("cql")
    assert [seed.seed for seed in cql.seeds] == [0, 1, 2]
    assert cql.accuracy == pytest.approx(sum(seed.accuracy for seed in cql.seeds) / 3)
    assert cql.iqm.interval[0] <= cql.iqm.accuracy <= cql.iqm.interval[1]
    for one in ("cql:best", "cql:ensemble", "nearest"):
        assert trained[0].policy(one).seeds == () and trained[0].policy(one).iqm is None
    assert [curve.seed for curve in trained[0].curves if curve.policy == "cql"] == [0, 1, 2]


def test_the_frontier_has_a_point_for_every_setting(trained):
    lines = {line.policy: line.points for line in trained[0].frontier}
    assert [point.effort for point in lines["linear:effort"]] == [0.0, 1.0]
    assert [point.cost_weight for point in lines["nearest"]] == [1.0, 0.0]
    assert "cql" not in lines, "networks without a dial are trained anew only when asked for"
    fixed = [points[0] for name, points in lines.items() if name.startswith("fixed:")]
    assert len(fixed) > 1
    assert all(a.cost < b.cost and a.accuracy < b.accuracy for a, b in zip(fixed, fixed[1:], strict=False))


def test_families_held_out_are_reported_against_the_best_fixed_sequence(bank):
    found = evaluate(bank, ["best-fixed", "nearest", "random", "always:reason"], replace(QUICK, groups=3))
    assert {one.held_out for one in found.transfer} == {"easy", "sums", "words"}
    assert all((one.policy, one.kind, one.tasks) == ("nearest", "family", 20) for one in found.transfer)


def test_the_json_is_what_reports_read(trained):
    content = json.loads(json.dumps(trained[0].to_json(), allow_nan=False))
    data = parse(as_json(content))
    assert [one.name for one in data.policies] == [one.name for one in trained[0].policies]
    assert data.protocol.kind == "cross-fit" and data.protocol.folds == 2 and data.protocol.tasks == 18
    assert data.bank.families == {"easy": 6, "sums": 6, "words": 6}
    assert {one.family: one.tasks for one in data.families} == data.bank.families
    for one in data.policies:
        edges = next(r.edges for r in data.routes if r.policy == one.name and r.family is None)
        assert sum(edge.share for edge in edges if edge.source == "start") == pytest.approx(1, abs=1e-4)
        assert sum(one.uses.values()) - one.uses["answer"] == pytest.approx(one.blocks, abs=1e-4)
    assert trained[0].outcomes_csv().count("\n") == 1 + 18 * len(data.policies)


def test_another_bank_is_judged_by_what_was_learned_here(bank, tmp_path):
    other = learnable_bank(tmp_path / "o", tasks=60, depth=2, seed=9)
    found = evaluate(bank, ["nearest"], QUICK, other=other)
    (moved,) = found.transfer
    assert (moved.kind, moved.held_out, moved.tasks) == ("bank", "scripted", 60)
    assert moved.cost < moved.best_fixed_cost


def test_one_part_of_a_split_is_judged_by_the_others(bank):
    found = evaluate(bank, ["best-fixed", "linear"], replace(QUICK, part="test"))
    assert found.protocol.kind == "held-out" and found.protocol.tasks == 12
    assert any("48 of 60 tasks are not judged" in one for one in found.defects)


def test_a_policy_file_is_judged_on_what_it_was_not_trained_on(bank, tmp_path):
    parts = bank.split({"train": 0.7, "test": 0.3}, seed=5)
    fit_linear(bank, parts["train"]).save(tmp_path / "mine.safetensors")
    found = evaluate(bank, [str(tmp_path / "mine.safetensors"), "best-fixed", "linear"], QUICK)
    assert found.protocol.tasks == 18 and set(found.outcomes["mine"]) == set(parts["test"])
    assert set(found.outcomes["linear"]) == set(parts["test"]), "all are compared on the same tasks"
    own = load_policy(tmp_path / "mine.safetensors", ACTIONS, OBSERVATIONS)
    arrays = BankArrays.of(bank, parts["test"])
    played = rollout(arrays, by_batch(own.choose, arrays)).outcomes
    assert found.policy("mine").accuracy == pytest.approx(played.correct.mean())
    assert found.policy("mine").cost == pytest.approx(played.cost.mean())


def test_a_policy_file_that_leaves_nothing_to_judge_is_refused(bank, tmp_path):
    fit_linear(bank).save(tmp_path / "all.safetensors")
    with pytest.raises(BankError, match="was trained on every task of .*--parts"):
        evaluate(bank, [str(tmp_path / "all.safetensors")], QUICK)
    for name, tasks in (("a", bank.tasks[:30]), ("b", bank.tasks[30:])):
        fit_linear(bank, tasks).save(tmp_path / f"{name}.safetensors")
    with pytest.raises(PolicyError, match="judge them one at a time"):
        evaluate(bank, [str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")], QUICK)
    network().save(tmp_path / "silent.safetensors")
    with pytest.raises(PolicyError, match="does not say which tasks it was trained on"):
        evaluate(bank, [str(tmp_path / "silent.safetensors")], QUICK)


def test_a_policy_of_ones_own_takes_part(bank):
    own = FixedPolicy(["reason", "answer"], ACTIONS, OBSERVATIONS)
    found = evaluate(bank, [own, "always:reason"], QUICK)
    assert found.policy("fixed:reason,answer").accuracy == found.policy("always:reason").accuracy


def test_a_given_policy_that_does_not_say_what_it_learned_from_is_refused_or_noted(bank):
    with pytest.raises(PolicyError, match="does not say which tasks it was trained on"):
        evaluate(bank, [network(), "best-fixed"], QUICK)
    found = evaluate(bank, [network(), "best-fixed"], replace(QUICK, in_sample=True))
    assert any("does not say which tasks it was trained on" in one for one in found.defects)


def test_networks_without_a_dial_are_made_anew_for_other_weights_when_asked(bank):
    wishes = CandidateOptions(bank, 0.1, (0, 1))
    made = [candidate(name, wishes) for name in ("cql", "cql:effort", "nearest", "always:reason")]
    plain, again = variants(made, (0.0, 1.0), False), variants(made, (0.0, 1.0), True)
    assert [one.name for _, one in plain] == ["cql:effort @ 0", "cql:effort @ 1", "nearest @ 0", "nearest @ 1"]
    assert [one.plan.cost_weight for _, one in again[:2]] == [1.0, 0.0]
    assert {one.plan.cost_weight for _, one in plain[:2]} == {0.1}, "one network serves all"


def test_what_a_bank_has_no_blocks_for_is_left_out_of_the_usual_ones(small):
    found = evaluate(small, None, replace(QUICK, folds=2, seeds=1, plan=SHORT))
    names = [one.name for one in found.policies]
    assert "double-dueling-dqn" in names and "random-matched:double-dueling-dqn" in names and "rules" not in names
    assert any(one.startswith("rules is left out: the rules do not fit") for one in found.defects)
    assert any(one.startswith("one-bit is left out: unknown feature 'kind_numeric'") for one in found.defects)


def test_processes_give_what_one_gives(small, trained, tmp_path):
    evaluate(small, ["cql"], replace(QUICK, folds=2, seeds=1, plan=SHORT, jobs=2), work=tmp_path)
    files = list(tmp_path.glob("*.safetensors"))
    assert len(files) == 2
    for file in files:
        assert file.read_bytes() == (trained[1] / file.name).read_bytes()


def test_trees_that_end_within_a_line_are_said_to(tmp_path):
    bank = write_bank(tmp_path / "b", {f"t{n}": [node(), node(("reason",), score=1.0)] for n in range(12)})
    file = tmp_path / "b" / "tasks" / "t3.jsonl"
    assert not any("within a line" in one for one in evaluate(bank, ["always:reason"], QUICK).defects)
    file.write_bytes(file.read_bytes()[:-9])
    found = evaluate(Bank.open(tmp_path / "b"), ["always:reason"], QUICK)
    assert any("The files of 1 tasks, 't3' for one, end within a line" in one for one in found.defects)


def test_unknown_tasks_are_left_out_and_said_to_be(tmp_path):
    """`verify` was recorded on half of the tasks only."""
    trees = {}
    for n in range(12):
        after = [node(("reason",), score=1.0)] + [node(("verify",), score=1.0)] * (n % 2)
        trees[f"f/{n}"] = [node(), *after]
    found = evaluate(write_bank(tmp_path / "b", trees), ["always:verify", "always:reason", "always:program"], QUICK)
    assert found.policy("always:verify").coverage == 0.5 and found.policy("always:verify").accuracy == 1
    assert found.comparisons[0].tasks == 6
    assert any("always:verify: 6 of 12 tasks are unknown" in one for one in found.defects)
    assert found.policy("always:program").coverage == 0
    data = parse(as_json(found.to_json()))
    assert data.unmeasured == ("always:program",)


@pytest.mark.parametrize(
    ("names", "changes", "error", "said"),
    [
        (["magic"], {}, PolicyError, "unknown policy 'magic'; there are default, default@medium, default@high, rules"),
        (["always:fly"], {}, SpecMismatch, "unknown action 'fly'"),
        (["always:"], {}, PolicyError, "names no block"),
        (["fixed:answer,reason"], {}, PolicyError, "answer ends a run"),
        (["cql:slow"], {}, PolicyError, "may stand :effort"),
        (["rules"], {}, SpecMismatch, "the rules do not fit"),
        (["default"], {}, SpecMismatch, "the default policy does not fit these features .unknown feature"),
        (["network"], {}, SpecMismatch, "trained for the actions reason, plan"),
        (["random-matched"], {}, PolicyError, "name the policy to match"),
        (["random-matched:oracle"], {}, PolicyError, "cannot follow oracle"),
        (["nearest", "nearest"], {}, PolicyError, "nearest takes part twice"),
        ([], {}, PolicyError, "at least one policy"),
        (["none.safetensors"], {}, PolicyError, "there is no policy file"),
        (["linear"], {"folds": 61}, BankError, "60 tasks, too few for 61 folds"),
        (["linear"], {"cost_weight": -1.0}, EnvError, "cost weight must be 0 or more"),
        (["linear"], {"efforts": (2.0,)}, PolicyError, "number from 0 to 1"),
        (["linear"], {"seeds": 0}, PolicyError, "evaluation's seeds is a whole number from 1 on, not 0"),
        (["linear"], {"split_seed": -1}, PolicyError, "split_seed is a whole number from 0 to"),
        (["linear"], {"bootstrap_seed": -1}, PolicyError, "bootstrap_seed is a whole number from 0 to"),
        (["linear"], {"jobs": 1.5}, PolicyError, "jobs is a whole number"),
        (["cql"], {"plan": {"speed": 1}}, PolicyError, "no setting 'speed'"),
        (["cql"], {"plan": {"hyper": {"speed": 1}}}, PolicyError, "unknown hyperparameter 'speed'"),
    ],
)
def test_bad_input_is_one_clear_sentence(bank, names, changes, error, said):
    with pytest.raises(error, match=said):
        evaluate(bank, names, replace(QUICK, **changes))


def test_chance_follows_a_policy_that_is_never_asked(tmp_path):
    """Where every run ends before its first decision, there is nothing to match, and nothing is missing."""
    over = [node(terminal=True, mask=META.actions.mask(()).tolist())]
    found = evaluate(
        write_bank(tmp_path / "over", {f"f/{n}": over for n in range(4)}), ["linear", "random-matched:linear"], QUICK
    )
    assert found.policy("random-matched:linear").blocks == 0


def test_banks_that_are_too_small_say_so(tmp_path):
    with pytest.raises(BankError, match="there is no bank"):
        evaluate(tmp_path / "none", ["linear"], QUICK)
    one = write_bank(tmp_path / "one", {"f/a": [node()]}, META)
    with pytest.raises(BankError, match="the bank has 1 task, too few for 3 folds"):
        evaluate(one, ["linear"], QUICK)
    three = flat_bank(tmp_path / "three", {f"f/{n}": {"program"} for n in range(3)})
    with pytest.raises(BankError, match="cannot be split into train, validation"):
        evaluate(three, ["cql"], QUICK)
    assert evaluate(three, ["linear", "nearest"], QUICK).policy("linear").coverage == 1
    assert isinstance(three, Bank)


def test_the_papers_training_takes_part(tmp_path):
    names = ["rlot", "oracle", "best-fixed", "best-fixed-per-family", "always:reason", "nearest", "linear"]
    found = evaluate(rlot_bank(tmp_path / "r"), names, replace(QUICK, folds=2, plan={"steps": 20}))
    rlot = found.policy("rlot")
    assert len(rlot.seeds) == 2 and rlot.calibration is None, "its values are not chances of success"
    assert "double-dueling-dqn as RL of Thoughts trains it, 20 episodes" in rlot.about
    assert rlot.accuracy <= found.policy("oracle").accuracy
    assert found.policy("best-fixed").accuracy == 1, "reason, then reflect, though no feature counts the blocks"
