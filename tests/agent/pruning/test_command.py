"""`pilotage traces prune`, run as the command line runs it."""

import json
from pathlib import Path

import pytest

from tests.agent.models.conftest import smollm2_path  # noqa: F401 (a fixture)
from tests.agent.pruning.conftest import record, write

SCRIPT = f"scripted:{Path(__file__).parents[3] / 'examples' / 'script.json'}"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "cannot tell how likely a given text is"),
        (("--drop", "2"), "is no share of the steps"),
        (("--drop", "0.5", "--below", "1"), "give one of them"),
        (("--map", "prompt=q"), "use question, reasoning, answer, gold, id"),
        (("--map", "question=nothing"), "no chain can be read"),
        (("--only-right",), "needs to know what is right"),
    ],
)
def test_bad_input_is_one_sentence_before_any_call(command_line, options, why):
    write("f.jsonl", record("P needed", "V none"))
    code, out, err = command_line("traces", "prune", "f.jsonl", "--model", SCRIPT, "--out", "o.jsonl", *options)
    assert code != 0 and why in err and "Traceback" not in err, err
    assert not out and not Path("o.jsonl").exists()


@pytest.mark.live
def test_a_real_model_prunes_a_file_and_has_nothing_left_to_do(smollm2_path, command_line):  # noqa: F811
    steps = ("Six times seven is 42.", "I like that number.", "Answer: 42")
    write("f.jsonl", record(*steps, gold=42), record("It is 41.", question="What is 6 * 7?", answer="41", gold=42))
    prune = ("traces", "prune", "f.jsonl", "--model", str(smollm2_path), "--out", "o.jsonl", "--kinds", "none")
    code, out, err = command_line(*prune, "--only-right", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["chains"], told["new"], told["steps"], told["dropped"]) == (1, 1, 3, 1)
    assert told["not_right"] == 1
    assert told["usage"]["llm_calls"] == 3  # behind both steps, and without each of them
    [line] = map(json.loads, Path("o.jsonl").read_text().splitlines())
    assert line["pruning"]["tokens"]["counted"]
    # What says the answer is what makes it likely, for any model that reads.
    assert line["messages"][1]["content"] == "Six times seven is 42.\n\nAnswer: 42"
    code, out, _ = command_line(*prune, "--only-right", "--resume", "--json")
    assert (code, json.loads(out)["known"], json.loads(out)["usage"]["llm_calls"]) == (0, 1, 0)
    _, out, _ = command_line(*prune, "--only-right", "--resume")
    first, sums, now, _ = out.splitlines()
    assert first == "0 chains pruned, 1 were there before, 0 left out, 1 not right"
    assert sums.startswith("in all 1 of 3 steps dropped") and now.startswith("now 0 calls")
