import json

import numpy as np
import pytest
from safetensors.numpy import save

from navigator.errors import PolicyError
from navigator.load import load_policy
from navigator.policy_file import read_policy
from tests.navigator.banks import ACTIONS, OBSERVATIONS
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


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(OSError):
        network(5).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
