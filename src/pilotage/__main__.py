"""The `pilotage` command's first step, also `python -m pilotage`.

Imports are where they are used: until `main` has begun, Ctrl-C is answered by Python with a traceback.
"""

from __future__ import annotations

import sys

_INTERRUPTED = 130  # exit code


def main() -> None:
    """The command."""
    import os
    import signal

    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:  # until the command answers Ctrl-C itself, there is nothing to tell
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(_INTERRUPTED))
    _open_missing_streams()
    from pilotage.agent.cli import main as command

    signal.signal(signal.SIGINT, interrupt)
    try:
        command()
    except KeyboardInterrupt:  # pressed again while the first one was being answered
        os._exit(_INTERRUPTED)


def _open_missing_streams() -> None:
    """Gives a command that was started without a standard stream (`>&-`) an empty one.

    What it opens next would otherwise get that number, and be read from or written to as the stream.
    """
    import os

    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this stream's, unless somebody has it
            setattr(sys, name, open(opened, "w" if descriptor else "r", encoding="utf-8", closefd=False))


if __name__ == "__main__":
    main()
