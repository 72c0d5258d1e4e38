"""Registers the environments with Gymnasium, for `gymnasium.make("pilotage/RecordedReasoning-v0")`."""

from __future__ import annotations

LIVE = "pilotage/Reasoning-v0"
RECORDED = "pilotage/RecordedReasoning-v0"


def register() -> None:
    """Registers both ids, if they are not and Gymnasium is installed."""
    try:
        import gymnasium
    except ModuleNotFoundError:  # it comes with the extra `train`
        return
    if LIVE not in gymnasium.registry:
        gymnasium.register(LIVE, entry_point="pilotage.navigator.envs.env:ReasoningEnv", nondeterministic=True)
        gymnasium.register(RECORDED, entry_point="pilotage.navigator.envs.env:RecordedReasoningEnv")
