"""Weights from the Hugging Face hub (or a mirror named by HF_ENDPOINT), resumed where a download stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.agent.models.weights.weights import Progress, Weights
from pilotage.common.files import replace

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 3.0
READ_SECONDS = 30.0
TRIES = 3


def url(weights: Weights, file: str) -> str:
    """Download address of one file of the weights' official repository."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{weights.hub_repo}/resolve/main/{file}"


def download(weights: Weights, stage: Path, report: Progress) -> bool:
    """Fills `stage/files`; false where the hub is out of reach, has another file, or keeps breaking off."""
    import httpx

    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        if os.environ.get("HF_HUB_OFFLINE") == "1" or not _offers(client, weights):
            return False
        for _ in range(TRIES):
            try:
                _get_all(client, weights, stage, report)
                return True
            except httpx.HTTPError as error:
                report(0, weights.bytes, f"the hub broke off ({type(error).__name__})")
    return False


def _offers(client: httpx.Client, weights: Weights) -> bool:
    """Whether the hub answers soon and its main file has the right size."""
    import httpx

    try:
        answer = client.head(url(weights, weights.hub_file), timeout=CONNECT_SECONDS)
    except httpx.HTTPError:
        return False
    return answer.is_success and int(answer.headers.get("content-length", 0)) == weights.bytes


def _get_all(client: httpx.Client, weights: Weights, stage: Path, report: Progress) -> None:
    """Gets the main file under its hub name, and the small files besides it under their own."""
    partial = stage / "hub"
    _get_main(client, weights, partial, report)
    files = stage / "files"
    for file in weights.files[1:]:
        answer = client.get(url(weights, file)).raise_for_status()
        replace(files / file, answer.content)
    files.mkdir(exist_ok=True)
    os.replace(partial, files / weights.files[0])


def _get_main(client: httpx.Client, weights: Weights, partial: Path, report: Progress) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    if done >= weights.bytes:
        done = 0  # the hash decides about a whole file only once; a second look means that it was wrong
    headers = {"Range": f"bytes={done}-"} if done else {}
    with client.stream("GET", url(weights, weights.hub_file), headers=headers) as answer:
        answer.raise_for_status()
        if answer.status_code != 206:
            done = 0  # the server starts over
        with partial.open("r+b" if done else "wb") as file:
            file.seek(done)
            file.truncate()
            for data in answer.iter_bytes():  # as it comes, so that nothing is lost when it breaks off
                file.write(data)
                done += len(data)
                report(done, weights.bytes, "from the hub")
            file.flush()
            os.fsync(file.fileno())
