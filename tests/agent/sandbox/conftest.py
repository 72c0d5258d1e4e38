from collections.abc import Callable

import pytest

from pilotage.agent.sandbox import Limits, Sandbox, open_sandbox
from pilotage.agent.sandbox.packages import NONE, Packages


@pytest.fixture
def opened() -> Callable[..., Sandbox]:
    """Opens a sandbox that has to work where the tests run: a machine without it fails them, loudly."""

    def open_it(mode: str = "bubblewrap", packages: Packages = NONE, **limits: float) -> Sandbox:
        sandbox = open_sandbox(mode, Limits(**limits), packages)  # type: ignore[arg-type]
        assert sandbox is not None
        return sandbox

    return open_it


@pytest.fixture
def packages() -> Packages:
    """What programs of `sandbox` may import; the modules about what holds a program try both."""
    return NONE


@pytest.fixture
def sandbox(opened: Callable[..., Sandbox], packages: Packages) -> Sandbox:
    return opened("bubblewrap", packages, cpu_seconds=2, wall_seconds=8, memory_mb=256, file_mb=4)


@pytest.fixture
def weak_sandbox(opened: Callable[..., Sandbox]) -> Sandbox:
    return opened("subprocess", cpu_seconds=1, wall_seconds=5, memory_mb=256, file_mb=4)
