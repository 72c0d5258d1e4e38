"""Registers the environments with Gymnasium: at once where it is imported already, else as soon as it is.

Gymnasium takes longer to import than the whole navigator, and a run of the agent never needs it. So `from pilotage import navigator`
does not import it, and yet `gymnasium.make("pilotage/...")` works in either order of imports.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

LIVE = "pilotage/Reasoning-v0"
RECORDED = "pilotage/RecordedReasoning-v0"


def register() -> None:
    """Registers both ids, if they are not; imports gymnasium."""
    import gymnasium

    if LIVE not in gymnasium.registry:
        gymnasium.register(LIVE, entry_point="pilotage.navigator.envs.env:ReasoningEnv", nondeterministic=True)
        gymnasium.register(RECORDED, entry_point="pilotage.navigator.envs.env:RecordedReasoningEnv")


def register_when_imported() -> None:
    """Registers both ids now or after gymnasium's import."""
    if hasattr(sys.modules.get("gymnasium"), "make"):
        register()
    elif not any(isinstance(finder, _AfterGymnasium) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterGymnasium())


class _AfterGymnasium(MetaPathFinder):
    """Finds nothing itself: it lets the usual finders find gymnasium, and registers once that has run."""

    def __init__(self) -> None:
        self._asking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "gymnasium" or self._asking:
            return None
        self._asking = True
        try:
            spec = find_spec(fullname)
        finally:
            self._asking = False
        loader = spec.loader if spec is not None else None
        if loader is None:
            return spec
        run = loader.exec_module

        def run_and_register(module: ModuleType) -> None:
            run(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            register()

        loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec
