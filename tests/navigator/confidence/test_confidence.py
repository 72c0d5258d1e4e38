"""A model of confidence: what it learns from a bank, how it is judged, and its file."""

import json

import numpy as np
import pytest

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.confidence.file import SHIPPED, read_model, write_model
from pilotage.navigator.confidence.fit import fit_confidence
from pilotage.navigator.confidence.judge import (
    EVERYWHERE,
    judge_confidence,
    judge_model,
    learned_marks,
)
from pilotage.navigator.confidence.stops import Stops
from pilotage.navigator.errors import BankError, ConfidenceError, SpecMismatch
from pilotage.navigator.spaces import Feature, ObservationSpec
from tests.navigator.banks import OBSERVATIONS, node, observed, write_bank
from tests.navigator.confidence.made_up import chance, known_bank

SEALED = "aiw,base_conversion,coin_flip,color_cube_rotation,count_bits,family_relationships,number_filtering".split(",")


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return known_bank(tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="module")
def model(bank):
    return fit_confidence(bank)


def seen(sign, route=("reason",)):
    return np.array(observed(route, sign=sign), dtype=np.float32)


def test_the_probability_that_the_bank_was_made_with_is_found(model):
    reader = model.among(OBSERVATIONS)
    signs = np.linspace(-0.9, 0.9, 13)
    found = np.array([reader(seen(sign)) for sign in signs])
    assert np.abs(found - chance(signs)).max() < 0.12
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("unit", ["tasks", "families"])
def test_held_out_it_is_calibrated_and_beats_what_knows_less(bank, unit):
    everywhere, stopping = judge_confidence(bank, unit, ["linear"], resamples=200)
    assert (everywhere.where, stopping.where, everywhere.tasks) == (EVERYWHERE, "linear", 240)
    own, constant = everywhere.figures["confidence"], everywhere.figures["a constant"]
    assert own.ece.value < 0.08 < 0.75 < own.auc.value
    assert own.log_loss.value < constant.log_loss.value - 0.1
    assert 0.3 < constant.auc.value < 0.6
    assert set(stopping.figures) == {"confidence", "a constant", "its own value"}  # the bank counts no routes
    rights = [row.right.value for row in own.above]
    assert rights[-1] > rights[0] > own.right.value


def test_what_marks_a_family_is_read_of_known_families_alone(tmp_path):
    generator = np.random.default_rng(0)
    made = {}
    for number in range(240):
        family = number % 3
        nodes = []
        for route in ((), ("reason",)):
            sign = float(generator.uniform(-1, 1))
            right = float(generator.random() < chance(sign) / 2 + (0.05, 0.45, 0.3)[family])
            nodes.append(node(route, score=right, sign=sign, cue=family / 2))
        made[f"t{number}", f"f{family}"] = nodes
    bank = write_bank(tmp_path, made)
    known, unseen = (set(fit_confidence(bank, unit).observations.names) for unit in ("tasks", "families"))
    assert "cue" in known and "sign" in known & unseen and "cue" not in unseen


def test_nothing_is_found_where_nothing_is(tmp_path):
    judged = judge_confidence(known_bank(tmp_path, scored=False), "tasks", [], resamples=200)[0]
    assert judged.figures["confidence"].auc.interval[0] < 0.55
    assert judged.figures["confidence"].log_loss.value == pytest.approx(np.log(2), abs=0.02)


def test_no_answer_is_judged_by_what_it_taught(tmp_path):
    """Each task's cue is a mark of its own that tells its score: who had learned from it would know it."""
    generator = np.random.default_rng(0)
    made = {}
    for number in range(60):
        right = float(generator.random() < 0.5)
        made[f"t{number}", f"f{number % 5}"] = [node((), score=right, cue=number / 60, sign=float(generator.normal()))]
    judged = judge_confidence(write_bank(tmp_path, made), "tasks", [], resamples=200)[0]
    assert judged.figures["confidence"].auc.value < 0.7


def test_each_task_weighs_the_same_and_stops_without_an_answer_do_not_count(tmp_path):
    silent = node(("program",), answer=None, candidate=None)
    made = {"a/1": [node(), node(("reason",), score=1.0), silent], "a/2": [node(score=1.0)]}
    stops = Stops.of(write_bank(tmp_path, made))
    assert len(stops) == 3 and stops.weight.tolist() == [0.5, 0.5, 1.0]
    assert not set(stops.observations.names) & {"steps_taken", "steps_left", "budget_left"}
    with pytest.raises(BankError, match="answers anything"):
        Stops.of(write_bank(tmp_path / "none", {"a/1": [node(answer=None)]}))


def test_answers_that_are_all_right_teach_nothing(tmp_path):
    right = {f"a/{n}": [node(score=1.0, sign=n / 10)] for n in range(10)}
    with pytest.raises(ConfidenceError, match="all right, or all wrong"):
        fit_confidence(write_bank(tmp_path, right), "tasks")


def test_features_that_it_does_not_know_are_left_alone_in_any_order(model):
    more = ObservationSpec((Feature("new", 0, 1), *reversed(OBSERVATIONS.features)))
    observation = np.array([1, *seen(0.5)[::-1]], dtype=np.float32)
    assert model.among(more)(observation) == pytest.approx(model.among(OBSERVATIONS)(seen(0.5)))


def test_features_that_it_needs_are_named_where_they_are_missing(model):
    others = tuple(one for one in OBSERVATIONS.features if one.name != "sign")
    for spec in (ObservationSpec(others), ObservationSpec((*others, Feature("sign", 0, 1)))):
        with pytest.raises(SpecMismatch, match=r"with other bounds: sign\)"):
            model.among(spec)


def test_families_are_chosen_by_name(bank):
    assert bank.of_families() is bank
    assert set(bank.of_families(only=["f1", "f2"], leave_out=["f2"]).families) == {"f1"}
    for options, why in (
        ({"only": ["f9"]}, "the family 'f9' cannot be chosen: .* has f0"),
        ({"leave_out": bank.families}, "is left"),
    ):
        with pytest.raises(BankError, match=why):
            bank.of_families(**options)


def test_a_file_gives_the_same_model_and_the_same_bytes(model, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    write_model(first, model)
    write_model(second, read_model(first))
    assert first.read_bytes() == second.read_bytes()
    for sign in (-0.7, 0.1, 0.8):
        assert read_model(first).among(OBSERVATIONS)(seen(sign)) == model.among(OBSERVATIONS)(seen(sign))


def test_a_file_is_judged_on_the_tasks_that_it_did_not_learn_from(bank, model, tmp_path):
    assert learned_marks(model) == set(bank.tasks)
    with pytest.raises(ConfidenceError, match="learned from every task"):
        judge_model(bank, model)
    part = fit_confidence(bank.only(bank.tasks[:150]))
    judged = judge_model(bank, part, resamples=200)
    assert judged.tasks == 90 and judged.figures["confidence"].auc.value > 0.7
    nameless = type(part)(part.observations, part.scaling, part.coefficients, part.calibrator, part.ridge)
    with pytest.raises(ConfidenceError, match="does not say which tasks"):
        judge_model(bank, nameless)
    with pytest.raises(SpecMismatch, match="reads other features"):
        judge_model(Bank.open("examples/banks/mixed"), part)


def changed(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"coefficient": 1}, "has the unknown key 'coefficient'"),
        ({"format": "pilotage-evaluation"}, "is no model of confidence"),
        ({"version": 2}, "has version 2, this version reads 1"),
        ({"version": True}, "has version True"),
        ({"features_hash": "0"}, "were edited"),
        ({"coefficients": [0.0]}, "do not fit its features"),
        ({"coefficients": ["x"]}, "damaged"),
        ({"scaling": {}}, "it has no 'input.shift'"),
        ({"calibration": {"kind": "platt"}}, "it has no 'intercept'"),
        ({"calibration": {"kind": "beta"}}, "which this version does not know"),
        ({"card": []}, "its card is no object"),
        ({"features": [{"name": "x"}]}, "damaged"),
        ({"ridge": None}, "damaged"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_a_sentence(model, tmp_path, changes, why):
    write_model(tmp_path / "m.json", model)
    changed(tmp_path / "m.json", **changes)
    with pytest.raises(ConfidenceError, match=why) as refused:
        read_model(tmp_path / "m.json")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_cut_off_or_not_there_is_refused(model, tmp_path):
    write_model(tmp_path / "m.json", model)
    whole = (tmp_path / "m.json").read_bytes()
    for length in np.linspace(0, len(whole) - 3, 25, dtype=int):
        (tmp_path / "m.json").write_bytes(whole[:length])
        with pytest.raises(ConfidenceError, match="damaged|no model"):
            read_model(tmp_path / "m.json")
    with pytest.raises(ConfidenceError, match="bank confidence BANK --out FILE"):
        read_model(tmp_path / "none.json")
    with pytest.raises(ConfidenceError, match="cannot be written"):
        write_model(tmp_path / "m.json" / "x.json", model)


def test_the_shipped_model_is_what_its_command_makes():
    bank = Bank.open("examples/banks/mixed2").of_families(leave_out=SEALED)
    made, shipped = fit_confidence(bank), read_model(SHIPPED)
    assert learned_marks(shipped) >= set(bank.tasks)
    assert shipped.card["bank"]["fingerprint"] == made.card["bank"]["fingerprint"]
    stops = Stops.of(bank)
    features = stops.features[:, made.places_in(stops.observations)]
    assert shipped.observations.schema_hash == made.observations.schema_hash
    assert np.abs(shipped.probabilities(features) - made.probabilities(features)).max() < 1e-4
