"""Runs first in the sandbox's interpreter: lowers every limit for good, then runs the program as `__main__`.

Never imported: its code is handed to `python -I -S -c`; its arguments are the program's path, a descriptor in which
it notes that it was reached, the folder of packages that the program may import (empty for none), and the limits. It
may use nothing but the standard library, and little of that, since its imports are part of every run.
"""

import builtins
import os
import resource
import sys
from _sitebuiltins import _Helper, _Printer
from types import ModuleType, TracebackType


def lower_limits(limits: list[str]) -> None:
    """Sets each `NAME=soft:hard`; without privileges nobody can raise a hard limit again."""
    for limit in limits:
        name, _, values = limit.partition("=")
        kind = getattr(resource, name, None)
        if kind is None:  # Linux has them all, other systems some
            continue
        soft, hard = (int(value) for value in values.split(":"))
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (ValueError, OSError):
            if sys.platform == "linux":  # macOS refuses some of them, and never has the strong sandbox
                raise


def show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints an uncaught error as plain Python would: without the frames of this file on top."""
    while trace and trace.tb_frame.f_code.co_filename == show_error.__code__.co_filename:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def run(path: str, packages: str) -> None:
    """Executes the program's file in a fresh `__main__`, with nothing in its environment."""
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins)
    sys.modules["__main__"] = main
    sys.argv = [path]
    sys.path.insert(0, "")
    if packages:
        sys.path.append(packages)
        os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")  # a program has one core
    # `site` is off, and with it these names that programs like to use.
    vars(builtins).update(exit=sys.exit, quit=sys.exit, help=_Helper(), copyright=_Printer("copyright", sys.copyright))
    vars(builtins).update(license=_Printer("license", "See https://docs.python.org/3/license.html"))
    sys.excepthook = show_error
    os.environ.pop("MALLOC_ARENA_MAX", None)
    os.environ.update(HOME=os.getcwd(), USER="nobody")
    with open(path, encoding="utf-8") as file:
        source = file.read().lstrip("\ufeff")  # some models begin their files with a byte order mark
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)


if __name__ == "__main__":
    lower_limits(sys.argv[4:])
    # Whatever happens from here on is the program's doing, and no fault of the sandbox.
    os.write(int(sys.argv[2]), b"\nbegun\n")
    os.close(int(sys.argv[2]))
    run(sys.argv[1], sys.argv[3])
