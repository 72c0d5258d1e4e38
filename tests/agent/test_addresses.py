"""Addresses that parse badly: one sentence at every door, before anything is sent."""

import json

import pytest

from pilotage.agent.banks.scorers import RemoteScorer
from pilotage.agent.errors import UsageError
from pilotage.agent.models import load_model
from pilotage.agent.models.reward import RewardModel
from pilotage.common.addresses import checked_address
from tests.navigator.banks import learnable_bank

BROKEN = {
    "http://[::1": "Invalid IPv6 URL",
    "http://[zz]/v1": "does not appear to be an IPv4 or IPv6 address",
    "http://127.0.0.1:abc/v1": "Port could not be cast",
    "http://127.0.0.1:99999/v1": "Port out of range",
    "http://127.0.0.1:0/v1": "no server is at port 0",
    "http://": "names no host",
    "http://:8000/v1": "names no host",
    "http://a b/v1": "holds white space",
    "http://a\n/v1": "holds white space",
    "http://a\u202e/v1": "cannot be printed",
    "http://a..b/v1": "no host can have",
    "http://xn--/v1": "no host can have",
    f"http://{'a' * 70}/v1": "no host can have",
    "localhost:8000": "does not start with http://",
    "ftp://host/v1": "does not start with http://",
}
GOOD = (
    "http://localhost:8000/v1",
    "https://[::1]:80/v1",
    "HTTP://Host",
    "http://u:p@h/v1?x=1",
    "http://bücher.example/v1",
)


@pytest.mark.parametrize("address", GOOD)
def test_an_address_is_returned_as_it_is(address):
    assert checked_address(address, "a model server") == address


@pytest.mark.parametrize(("address", "why"), BROKEN.items())
def test_what_is_none_is_one_sentence(address, why):
    with pytest.raises(ValueError, match=f"is no address of a model server .*{why}.*: write http://HOST") as caught:
        checked_address(address, "a model server")
    assert str(caught.value).isprintable()
    with pytest.raises(UsageError, match=why):
        load_model("m", base_url=address.rstrip("\n"))
    with pytest.raises(UsageError, match=why):
        RemoteScorer(RewardModel(address))


def test_no_credentials_are_shown():
    with pytest.raises(ValueError) as caught:
        checked_address("http://me:hidden-word@host:abc/v1?api_key=other-word", "a model server")
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://[::1", "http://127.0.0.1:abc/v1", "http://h:99999", "http://", "http://a b/v1"]
)
@pytest.mark.parametrize("command", ["solve", "solve --out", "collect", "bank score", "judge"])
def test_every_command_says_so(command_line, tmp_path, command, address):
    learnable_bank("b", tasks=2, depth=2)
    (tmp_path / "t.jsonl").write_text(json.dumps({"prompt": "6*7", "kind": "numeric", "gold": 42}) + "\n")
    arguments = {
        "solve": ("solve", "6*7", "--memory", "none", "--model", "m", "--base-url", address),
        "solve --out": ("solve", "6*7", "--memory", "none", "--out", "r.jsonl", "--model", "m", "--base-url", address),
        "collect": ("collect", "--tasks", "t.jsonl", "--out", "c", "--model", "m", "--base-url", address),
        "bank score": ("bank", "score", "b", "--tasks", "t.jsonl", "--scorer", address),
        "judge": (
            "bank",
            "score",
            "b",
            "--tasks",
            "t.jsonl",
            "--scorer",
            "judge",
            "--model",
            "m",
            "--base-url",
            address,
        ),
    }
    said = command_line(*arguments[command])
    assert said.code == 2 and "is no address of" in said.err and said.err.count("\n") == 1, said.err
    assert not (tmp_path / "r.jsonl").exists()
