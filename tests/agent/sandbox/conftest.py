from collections.abc import Callable

import pytest

from pilotage.agent.sandbox import Limits, Sandbox, open_sandbox


@pytest.fixture
def opened() -> Callable[..., Sandbox]:
    """Opens a sandbox that has to work where the tests run: a machine without it fails them, loudly."""

    def open_it(mode: str = "bubblewrap", **limits: float) -> Sandbox:
        sandbox = open_sandbox(mode, Limits(**limits))  # type: ignore[arg-type]
        assert sandbox is not None
        return sandbox

    return open_it


@pytest.fixture
def sandbox(opened: Callable[..., Sandbox]) -> Sandbox:
    return opened("bubblewrap", cpu_seconds=2, wall_seconds=8, memory_mb=256, file_mb=4)


@pytest.fixture
def weak_sandbox(opened: Callable[..., Sandbox]) -> Sandbox:
    return opened("subprocess", cpu_seconds=1, wall_seconds=5, memory_mb=256, file_mb=4)
