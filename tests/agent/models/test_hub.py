"""Weights from a hub: a real server with HEAD and Range that can break off, lie, or be absent."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pilotage.agent.errors import WeightsError
from pilotage.agent.models.weights.fetch import fetch
from tests.agent.models.toy_weights import CONTENT, toy


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
        weights = toy(hub_repo="org/gone") if case == "not found" else toy()
        assert fetch(weights, tmp_path).read_bytes() == CONTENT
    assert hub.ranges == []
    assert time.monotonic() - started < 120  # the hub's own time-outs and retries would take longer


def test_wrong_content_from_the_hub_is_discarded(shelf, tmp_path, monkeypatch):
    with Hub(bytes(len(CONTENT))) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(WeightsError, match="is not the published file"):
            fetch(toy(), tmp_path)
    assert not (tmp_path / ".partial" / "toy").exists()
    assert not (tmp_path / "toy").exists()
