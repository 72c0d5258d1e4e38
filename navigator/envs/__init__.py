"""Gymnasium environments over recorded and live reasoning, and how they reward."""

from __future__ import annotations

LIVE, RECORDED = "pilotage/Reasoning-v0", "pilotage/RecordedReasoning-v0"
"""Ids of the two."""


def register() -> None:
    """Registers both environments with Gymnasium, if they are not and it is installed (it comes with `train`)."""
    try:
        import gymnasium
    except ModuleNotFoundError:
        return
    if LIVE not in gymnasium.registry:
        env = "pilotage.navigator.envs.env"
        gymnasium.register(LIVE, f"{env}:ReasoningEnv", nondeterministic=True)
        gymnasium.register(RECORDED, f"{env}:RecordedReasoningEnv")
