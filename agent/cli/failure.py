"""Which errors are the user's to mend: each becomes one sentence and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from typing import Any

import typer

from pilotage.agent.errors import Interrupted, PilotageError
from pilotage.common.redaction import redact_message

ELSEWHERE = "choose another place"
REMEDIES = {
    errno.ENOENT: "check the path",
    errno.EROFS: ELSEWHERE,
    errno.ENAMETOOLONG: ELSEWHERE,
    errno.ENOTDIR: ELSEWHERE,
    errno.EISDIR: ELSEWHERE,
    errno.EEXIST: ELSEWHERE,
    errno.ENOTEMPTY: ELSEWHERE,
    errno.EIO: "check the disk, or choose another place",
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.EACCES: "choose another place or change its permissions",
    errno.EPERM: "choose another place or change its permissions",
    errno.EMFILE: "raise the limit with `ulimit -n 1024` and run the same command again",
    errno.ENFILE: "close some programs and run the same command again",
    errno.ENOMEM: "close some programs and run the same command again",
}


def report_failure(error: BaseException) -> int:
    """Prints what became of a command that raised, on stderr, and returns its exit code."""
    from pilotage.agent.cli.terminal import SENTENCE, guarded, shortened

    if isinstance(error, KeyboardInterrupt | typer.Abort):
        error = Interrupted("interrupted")
    if isinstance(error, Interrupted):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who presses Ctrl-C again waits for nothing more
    if isinstance(error, SystemExit):
        raise error
    known = sentence_and_code(error)
    with guarded():
        if known is None:
            print(redact_message("".join(traceback.format_exception(error))), end="", file=sys.stderr)
            return 1
        sentence, code = known
        if sentence:
            label = "" if isinstance(error, Interrupted) else "error: "
            print(label + shortened(" ".join(sentence.splitlines()), SENTENCE), file=sys.stderr)
        return code


def sentence_and_code(error: BaseException) -> tuple[str, int] | None:
    """Text and exit code of an error that a user can mend; None for one that is a defect of the program."""
    if isinstance(error, PilotageError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and error.errno is not None:
        return about_file(error), 1
    if hasattr(error, "format_message"):
        return _about_usage(error), 2
    if _is_one(error, "pilotage.memory.errors", "ConceptStoreError"):
        return str(error), 1
    return (str(error), 2) if _is_one(error, "pilotage.navigator.errors", "NavigatorError") else None


def _is_one(error: BaseException, module: str, name: str) -> bool:
    """Whether an error is of a class whose package may not be loaded, and is not loaded for this question."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))


def about_file(error: OSError) -> str:
    """What the machine refused, as one sentence, and what to do where that is known."""
    where = f"{error.filename}: " if error.filename is not None else ""
    what = (error.strerror or os.strerror(error.errno or 0)).lower()
    remedy = REMEDIES.get(error.errno or 0)
    return f"{where}{what}" if remedy is None else f"{where}{what}; {remedy}"


def _about_usage(error: Any) -> str:
    """An error of Typer, whose classes it does not export; empty where it has shown the help instead."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    message = str(error.format_message()).rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message}{' See' if message.endswith('?') else '; see'} `{context.command_path} --help`"
