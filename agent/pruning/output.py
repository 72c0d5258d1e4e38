"""Output: the pruned chains, a line each, on disk before the next is begun; a file that was stopped goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from pilotage.agent.errors import PilotageError, UsageError
from pilotage.common.files import append_durably, is_torn
from pilotage.common.json_text import read_json
from pilotage.common.locks import FileLock
from pilotage.common.redaction import redact
from pilotage.common.text import json_line


class PrunedFile(FileLock):
    """A JSON Lines file of pruned chains, with one writer at a time.

    Args:
        path: the file, in a folder that is there.
        resume: keep what is there and go on.
        made_by: what every line must agree on, so that two prunings never mix.

    Attributes:
        done: what the lines tell of their chains, by digest.

    Raises:
        UsageError: it holds something and is not to be resumed, or something else; or another process writes to it.
    """

    def __init__(self, path: Path, *, resume: bool, made_by: Mapping[str, Any]) -> None:
        self.path = path
        busy = UsageError(f"another process is writing to {path}: wait for it, or choose another --out")
        super().__init__(path.with_name(path.name + ".lock"), busy)
        try:
            self._file: IO[bytes] = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by close)
        except OSError as error:
            super().close()
            raise UsageError(f"cannot write to {path}: {error.strerror}; choose another --out") from error
        try:
            self.done = self._read(resume, made_by)
        except BaseException:
            self.close()
            raise

    def _read(self, resume: bool, made_by: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        self._file.seek(0)
        content = self._file.read()
        if content and not resume:
            raise UsageError(f"{self.path} holds something already; add --resume to go on, or choose another --out")
        done: dict[str, dict[str, Any]] = {}
        end = content.rfind(b"\n") + 1
        if not is_torn(content[end:], b'{"messages": ', b'{"question": '):
            raise UsageError(f"{self.path} ends in something that is no pruned chain; choose another --out")
        for number, line in enumerate(content[:end].splitlines(), 1):
            try:
                told = read_json(line)["pruning"]
                done[str(told["chain"])] = told
                before = {name: told[name] for name in made_by}
            except (ValueError, TypeError, KeyError) as error:
                raise UsageError(f"{self.path}, line {number} is no pruned chain; choose another --out") from error
            differing = [name for name, now in made_by.items() if before[name] != now]
            if other := [f"{name} {before[name]!r}, not {made_by[name]!r}" for name in differing]:
                raise UsageError(
                    f"{self.path} was made with {' and '.join(other)}; resume with the same options or choose "
                    "another --out"
                )
        os.truncate(self.path, end)  # a last line without its end was torn by a kill
        return done

    def append(self, line: Mapping[str, Any]) -> None:
        """Writes a line durably; raises PilotageError, the file left whole, where the disk will not take it."""
        try:
            append_durably(self._file, redact(json_line(line)).encode() + b"\n")
        except OSError as error:
            raise PilotageError(
                f"cannot write to {self.path}: {error.strerror}; free some space, then run again with --resume"
            ) from error
        self.done[line["pruning"]["chain"]] = line["pruning"]

    def close(self) -> None:
        """Closes the file, and lets another process write to it."""
        self._file.close()
        super().close()
