"""Which class trains by which name."""

from __future__ import annotations

from pilotage.navigator.training.algorithms.learner import Learner, Setting


def learner_for(algorithm: str, setting: Setting, seed: int) -> Learner:
    """A learner at its beginning; the names are those of `pilotage.navigator.training.plan.ALGORITHMS`."""
    if algorithm == "cql":
        from pilotage.navigator.training.algorithms.fitted_q import FittedQ

        return FittedQ(setting, seed)
    if algorithm == "double-dueling-dqn" and setting.base == "rlot":
        from pilotage.navigator.training.algorithms.rlot import PaperDQN

        return PaperDQN(setting, seed)
    if algorithm == "double-dueling-dqn":
        from pilotage.navigator.training.algorithms.double_dueling_dqn import DoubleDuelingDQN

        return DoubleDuelingDQN(setting, seed)
    if algorithm == "qr-dqn":
        from pilotage.navigator.training.algorithms.qr_dqn import QuantileDQN

        return QuantileDQN(setting, seed)
    from pilotage.navigator.training.algorithms.maskable_ppo import MaskedPPO

    return MaskedPPO(setting, seed)
