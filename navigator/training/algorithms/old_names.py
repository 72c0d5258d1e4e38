"""Checkpoints hold pickles, which name modules: those of the time when this package was imported as `navigator`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

_OLD = "navigator.training"
_MODULES = ("double_dueling_dqn", "environments", "maskable_ppo", "networks", "qr_dqn", "rlot", "sb3")


@contextmanager
def old_names() -> Iterator[None]:
    """Within it, what such a checkpoint names is found where it is now."""
    here = __name__.rpartition(".")[0]
    aliases = {f"{_OLD}.{name}": import_module(f"{here}.{name}") for name in _MODULES}
    aliases |= {name: ModuleType(name) for name in (_OLD, _OLD.partition(".")[0])}
    before = {name: sys.modules.get(name) for name in aliases}
    sys.modules.update(aliases)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
