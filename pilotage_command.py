"""The `pilotage` command's first step, and the check that `agent`, `memory` and `navigator` are those of this package.

They have names that users' own files have, too. A file of that name which Python finds first would be imported in
their place, and fail on something that the user never wrote.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

# Other imports are where they are used: until `main` has begun, Ctrl-C is answered by Python with a traceback.
PACKAGES = ("agent", "memory", "navigator")
_INTERRUPTED = 130  # exit code


def stranger() -> str | None:
    """A sentence that names the file which is imported in place of one of the packages; None where all are found."""
    from pathlib import Path

    home = Path(__file__).resolve().parent
    for name in PACKAGES:
        found = _found(name)
        if found is not None and found.parent != home:
            return (
                f"{found} is found before pilotage's own package {name!r}: rename it, or start Python where it is not "
                "on the path (PYTHONPATH, or the folder of the script)"
            )
    return None


def require_own_packages() -> None:
    """Raises ImportError with that sentence."""
    told = stranger()
    if told is not None:
        raise ImportError(told)


def main() -> None:
    """The command."""
    import os
    import signal

    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:  # until the command answers Ctrl-C itself, there is nothing to tell
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(_INTERRUPTED))
    _open_missing_streams()
    told = stranger()
    if told is not None:
        sys.exit(f"error: {told}")
    from pilotage.agent.cli import main as command

    signal.signal(signal.SIGINT, interrupt)
    command()


def _open_missing_streams() -> None:
    """Gives a command that was started without a standard stream (`>&-`) an empty one.

    What it opens next would otherwise get that number, and be read from or written to as the stream.
    """
    import os

    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this stream's, unless somebody has it
            setattr(sys, name, open(opened, "w" if descriptor else "r", encoding="utf-8", closefd=False))


def _found(name: str) -> Path | None:
    """The file or folder that `import name` takes; None where there is none."""
    from importlib.util import find_spec
    from pathlib import Path

    module = sys.modules.get(name)
    spec = module.__spec__ if module is not None else find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    place = places[0] if places else spec.origin if spec is not None else getattr(module, "__file__", None)
    return Path(place).resolve() if place else None


if __name__ == "__main__":
    main()
