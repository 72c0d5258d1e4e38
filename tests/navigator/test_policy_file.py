import json
import warnings

import numpy as np
import pytest
from safetensors.numpy import save

from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.policy_file import read_policy
from pilotage.navigator.spaces import ActionSpec
from pilotage.navigator.training.algorithms.nearest import fit_nearest
from tests.navigator.banks import ACTIONS, OBSERVATIONS, learnable_bank
from tests.navigator.policies import network

KEY = "pilotage_policy"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "p.safetensors"
    network().save(path)
    return path


def rewritten(path, change):
    header, tensors = read_policy(path)
    data = json.loads(header.to_text())
    change(data, tensors)
    path.write_bytes(save(tensors, {KEY: json.dumps(data)}))
    return path


def test_a_file_cut_off_anywhere_is_refused(path):
    whole = path.read_bytes()
    for length in [*range(0, 64, 7), *np.linspace(64, len(whole) - 1, 60, dtype=int)]:
        path.write_bytes(whole[:length])
        with pytest.raises(PolicyError, match="cut off or no policy file"):
            load_policy(path, ACTIONS, OBSERVATIONS)


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path):
    with pytest.raises(PolicyError, match="pilotage train"):
        read_policy(tmp_path / "none.safetensors")


def test_tensors_of_something_else_are_no_policy(path):
    path.write_bytes(save({"weight": np.zeros((2, 2), dtype=np.float32)}))
    with pytest.raises(PolicyError, match="holds tensors but no policy"):
        read_policy(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data, _: data.update(format=99), "policy format 99"),
        (lambda data, _: data.pop("features"), "header .* is damaged"),
        (lambda data, _: data["features"][0].pop("low"), "header .* is damaged"),
        (lambda data, _: data["features"][0].update(high=99), "was edited"),
        (lambda data, _: data["actions"].reverse(), "was edited"),
        (lambda data, _: data.update(kind="oracle"), "kind 'oracle'"),
        (lambda _, tensors: tensors.pop("layer.1.bias"), "no tensor 'layer.1.bias'"),
        (lambda _, tensors: tensors.pop("input.shift"), "no tensor 'input.shift'"),
        (lambda _, tensors: tensors["layer.0.weight"].fill(np.inf), "tensor 'layer.0.weight' is damaged"),
        (lambda _, tensors: tensors["layer.0.weight"].fill(np.nan), "do not fit its header"),
        (lambda _, tensors: tensors.update({"layer.2.bias": np.zeros(3, np.float32)}), "do not fit its header"),
    ],
)
def test_a_file_with_a_wrong_header_or_tensor_is_refused_in_a_sentence(path, change, said):
    with pytest.raises(PolicyError, match=said):
        load_policy(rewritten(path, change), ACTIONS, OBSERVATIONS)


def with_header(path, text):
    """The file with this text as its header."""
    _, tensors = read_policy(path)
    path.write_bytes(save(tensors, {KEY: text}))
    return path


def header_with(path, **changes):
    data = json.loads(read_policy(path)[0].to_text())
    return json.dumps({**data, **changes})


@pytest.mark.parametrize(
    "odd",
    [
        "[" * 100_000,
        '{"format": 1, "card": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"card":' * 100_000,
        "",
        "null",
        "[]",
        '"format"',
        "{}",
        '{"format": true}',
        '{"format": [1]}',
        "\ud800",
    ],
)
def test_a_header_that_is_none_is_refused_in_a_sentence(path, odd):
    with pytest.raises(PolicyError, match="header .* is damaged|policy format"):
        load_policy(with_header(path, odd.encode("utf-8", "replace").decode()), ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": None},
        {"settings": []},
        {"card": "by hand"},
        {"card": [1]},
        {"kind": ["network"]},
        {"algorithm": 3},
        {"terminal": None},
        {"actions": "reason"},
        {"actions": [["reason"], "answer"]},
        {"features": {"name": "x"}},
        {"features": [[1, 2, 3]]},
        {"features": [{"name": 1, "low": 0, "high": 1}]},
        {"features": [{"name": "x", "low": "0", "high": 1}]},
        {"features": [{"name": "x", "low": 0, "high": float("inf")}]},
        {"features": [{"name": "x", "low": float("nan"), "high": 1}]},
        {"features": [{"name": "x", "low": 0, "high": 10**400}]},
        {"settings": {"cost_weight": float("nan")}},
        {"settings": {"cost_weight": -1}},
        {"settings": {"cost_weight": "dear"}},
        {"settings": {"cost_weight": 10**400}},
        {"settings": {"cost_weight": True}},
        {"settings": {"dial": 3}},
        {"settings": {"dial": {}}},
        {"settings": {"dial": {"half": 0, "top": 1}}},
        {"settings": {"dial": {"half": 1, "top": -1}}},
        {"settings": {"dial": {"half": 1, "top": 1, "more": 1}}},
        {"settings": {"output": "wish"}},
        {"settings": {"output": ["value"]}},
        {"settings": {"tried": 3}},
        {"settings": {"tried": [3]}},
        {"settings": {"tried": [[[0, 0, 0]]]}},
        {"settings": {"tried": [[[0, 0], [1]]]}},
        {"settings": {"tried": [[[0, 0, 0], [99]]]}},
        {"settings": {"tried": [[[0, 0, 0], [-1]]]}},
        {"settings": {"tried": [[[0, 0, 0.5], [1]]]}},
        {"settings": {"tried": [[["a", 0, 0], [1]]]}},
    ],
    ids=str,
)
def test_odd_settings_are_refused_in_a_sentence(path, changes):
    """Never a KeyError, a RecursionError or a policy that decides by nonsense."""
    with pytest.raises(PolicyError, match="copy|train|edited") as refused:
        load_policy(with_header(path, header_with(path, **changes)), ACTIONS, OBSERVATIONS)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "card", [{"bank": "mixed"}, {"bank": ["mixed"]}, {"bank": None}, {"tasks": 3}, {"tasks": {"train": 5}}]
)
def test_a_card_of_another_make_is_no_obstacle_to_deciding(path, card):
    policy = load_policy(with_header(path, header_with(path, card=card)), ACTIONS, OBSERVATIONS)
    policy.decide(OBSERVATIONS.low, ACTIONS.mask(("reason",)))
    with pytest.raises(SpecMismatch, match="trained for the actions"):
        policy.header.require(ActionSpec(("answer",)), OBSERVATIONS)


@pytest.mark.parametrize(
    "name", ["input.shift", "input.scale", "input.low", "input.high", "layer.0.bias", "layer.2.weight"]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_none_is_enough_to_refuse_a_file(path, name, value):
    def change(_, tensors):
        tensors[name] = tensors[name].copy()
        tensors[name].flat[-1] = value

    with pytest.raises(PolicyError, match="damaged|do not fit"):
        load_policy(rewritten(path, change), ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update({"layer.0.weight": t["layer.0.weight"].astype(np.float64)}),
        lambda t: t.update({"layer.0.weight": t["layer.0.weight"].astype(np.float16)}),
        lambda t: t.update({"layer.0.bias": t["layer.0.bias"].astype(np.int32)}),
        lambda t: t.update({"layer.0.weight": t["layer.0.weight"].ravel()}),
        lambda t: t.update({"layer.0.weight": np.zeros((0, len(OBSERVATIONS)), np.float32)}),
        lambda t: t.update({"layer.0.weight": t["layer.0.weight"].T.copy()}),
        lambda t: t.update({"layer.0.bias": np.zeros((), np.float32)}),
        lambda t: t.update({"input.scale": np.zeros_like(t["input.scale"])}),
        lambda t: t.update({"input.scale": -t["input.scale"]}),
        lambda t: t.update({"input.shift": t["input.shift"][:-1]}),
        lambda t: t.update({"layer.0.weight": np.full_like(t["layer.0.weight"], 3e38)}),
        lambda t: [t.pop(name) for name in list(t) if name.startswith("layer")],
    ],
)
def test_tensors_of_other_types_shapes_and_sizes_are_refused(path, change):
    with pytest.raises(PolicyError, match="damaged|do not fit"):
        load_policy(rewritten(path, lambda _, tensors: change(tensors)), ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize("length", [2**31, 2**40, 2**63, 2**64 - 1])
def test_a_header_that_claims_to_be_enormous_is_refused_at_once(path, length):
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(PolicyError, match="cut off or no policy file"):
        load_policy(path, ACTIONS, OBSERVATIONS)


def test_numbers_that_numpy_has_not_are_refused(path):
    """Half floats of another sort (bfloat16), which safetensors knows and numpy does not."""
    head = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"\0" * 4)
    with pytest.raises(PolicyError):
        load_policy(path, ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize(
    "change", [{"k": None}, {"k": 0}, {"k": 1.5}, {"k": True}, {"tried": "all"}, {"cost_weight": []}]
)
def test_odd_settings_of_neighbours_are_refused(tmp_path, change):
    bank = learnable_bank(tmp_path / "bank", tasks=9)
    path = tmp_path / "p.safetensors"
    fit_nearest(bank).save(path)
    settings = {**read_policy(path)[0].settings, **change}
    with pytest.raises(PolicyError, match="copy or train"):
        load_policy(with_header(path, header_with(path, settings=settings)), ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize("name", ["states", "input.shift", "values"])
def test_states_that_are_none_are_refused(tmp_path, name):
    path = tmp_path / "p.safetensors"
    fit_nearest(learnable_bank(tmp_path / "bank", tasks=9)).save(path)
    load_policy(path, ACTIONS, OBSERVATIONS)  # its values hold NaN for what was not recorded, and are sound

    def change(_, tensors):
        tensors[name] = tensors[name][..., :-1] if name == "values" else np.full_like(tensors[name], np.nan)

    with pytest.raises(PolicyError, match="do not fit"):
        load_policy(rewritten(path, change), ACTIONS, OBSERVATIONS)


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    network().save("~/p.safetensors")
    assert (tmp_path / "p.safetensors").is_file()
    assert load_policy("~/p.safetensors", ACTIONS, OBSERVATIONS).header.algorithm == "made-up"
    with pytest.raises(PolicyError, match="there is no policy file ~nobody-of-this-name/"):
        load_policy("~nobody-of-this-name/p.safetensors", ACTIONS, OBSERVATIONS)


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(PolicyError, match="cannot be written to .*disk full; name another file"):
        network(5).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["network", "nearest"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("input.shift", 3e38), ("input.shift", -3e38), ("input.scale", 3e38), ("input.scale", 1e-40)]
    + [("input.low", -3e38), ("input.high", 3e38), ("states", 3e38), ("values", -3e38)],
)
def test_numbers_that_cannot_be_computed_with_are_refused_without_a_warning(path, tmp_path, kind, name, value):
    if kind == "nearest":
        fit_nearest(learnable_bank(tmp_path / "bank", tasks=6)).save(path)
    elif not name.startswith("input"):
        pytest.skip("a network has no such tensor")

    def change(_, tensors):
        tensors[name] = tensors[name].copy()
        tensors[name].flat[0] = value

    with warnings.catch_warnings(), pytest.raises(PolicyError, match="do not fit"):
        warnings.simplefilter("error")
        load_policy(rewritten(path, change), ACTIONS, OBSERVATIONS)
