"""Gymnasium environments over recorded and live reasoning, and how they reward."""

from __future__ import annotations


def register() -> None:
    """Registers both environments with Gymnasium, if they are not and it is installed (it comes with `train`)."""
    try:
        import gymnasium
    except ModuleNotFoundError:
        return
    if "pilotage/Reasoning-v0" not in gymnasium.registry:
        env = "pilotage.navigator.envs.env"
        gymnasium.register("pilotage/Reasoning-v0", f"{env}:ReasoningEnv", nondeterministic=True)
        gymnasium.register("pilotage/RecordedReasoning-v0", f"{env}:RecordedReasoningEnv")
