"""Fitted Q with a conservative penalty, on a bank's transitions: no environment, every recorded outcome in reach.

Double Q-learning with duelling heads and a slowly following target network (Ernst et al. 2005; van Hasselt et al.
2016), and the penalty of CQL(H) (Kumar et al. 2020) in a form that leaves recorded actions alone:
`logsumexp over allowed - logsumexp over recorded`. It is 0 where all that is allowed was recorded. Conservatism means
that actions outside the data's support are valued lower than the network by itself would value them: what they are
worth there was never corrected by an outcome. Recorded actions keep their values. The next state's best action is
looked for among all that a policy may choose there, so that a state with few recorded actions is not taken for a dead
end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.policies.learned import Layers
from pilotage.navigator.policies.trained import Meaning
from pilotage.navigator.training.algorithms.learner import TrainingSetup
from pilotage.navigator.training.algorithms.networks import Dueling, masked
from pilotage.navigator.training.plan import PIECES

TEMPERATURE = 0.1
FOLLOW = 0.01
"""How much of the network its target takes over each step."""

_FILE = "learner.pt"
_PARTS = ("network", "target", "optimizer")


class FittedQ:
    """`cql`: gradient steps on random batches of recorded transitions."""

    output: Meaning = "value"

    def __init__(self, setup: TrainingSetup, seed: int) -> None:
        torch.manual_seed(seed)
        self.setup = setup
        arrays, steps, hyper = setup.arrays, setup.arrays.transitions, setup.plan.hyperparameters
        self.network = Dueling(setup.inputs, len(arrays.actions), hyper.hidden)
        self.target = Dueling(setup.inputs, len(arrays.actions), hyper.hidden)
        self.target.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=hyper.learning_rate, weight_decay=hyper.decay, fused=True
        )
        self.done = 0
        self._inputs = torch.from_numpy(setup.scaling(arrays.features))
        self._allowed, self._recorded = torch.tensor(setup.allowed), torch.tensor(steps.recorded)
        self._source, self._action = torch.tensor(steps.source), torch.tensor(steps.action)
        self._next = torch.tensor(steps.target)
        self._cost, self._correct = torch.tensor(steps.cost), torch.tensor(steps.correct)

    def advance(self, steps: int, seed: int, piece: int) -> Mapping[str, float]:
        generator = np.random.default_rng((seed * PIECES + piece) % 2**31)
        batch, loss = self.setup.plan.hyperparameters.batch, 0.0
        for _ in range(steps):
            efforts = self.setup.efforts(generator, batch)
            loss += self._step(torch.from_numpy(generator.integers(len(self._source), size=batch)), efforts)
            self.done += 1
        return {"train/loss": loss / max(steps, 1)}

    def _step(self, transitions: torch.Tensor, efforts: Float32s) -> float:
        hyper = self.setup.plan.hyperparameters
        for group in self.optimizer.param_groups:
            group["lr"] = hyper.learning_rate * (1 - 0.9 * self.done / self.setup.plan.length)
        source, after = self._source[transitions], self._next[transitions]
        goes_on, after = after >= 0, after.clamp(min=0)
        weights = torch.from_numpy(self.setup.weights(efforts))
        with torch.no_grad():
            state = self._with_effort(after, efforts)
            best = masked(self.network(state), self._allowed[after]).argmax(dim=1, keepdim=True)
            future = self.target(state).gather(1, best)[:, 0] * goes_on
            target_q_values = self._correct[transitions] - weights * self._cost[transitions] + hyper.gamma * future
        values = self.network(self._with_effort(source, efforts))
        current_q_values = values.gather(1, self._action[transitions][:, None])[:, 0]
        loss = functional.mse_loss(current_q_values, target_q_values)
        loss = loss + hyper.conservatism * self._overreach(values, source)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, FOLLOW)
        return float(loss.detach())

    def _overreach(self, values: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        allowed, recorded = self._allowed[states], self._recorded[states]
        reach = torch.logsumexp(masked(values / TEMPERATURE, allowed | recorded), dim=1)
        return TEMPERATURE * (reach - torch.logsumexp(masked(values / TEMPERATURE, recorded), dim=1)).mean()

    def _with_effort(self, states: torch.Tensor, efforts: Float32s) -> torch.Tensor:
        inputs = self._inputs[states]
        if self.setup.dial is None:
            return inputs
        return torch.cat([inputs, 1 - torch.from_numpy(efforts)[:, None]], dim=1)

    def layers(self) -> Layers:
        return self.network.layers()

    def adopt(self, layers: Layers) -> None:
        self.network.adopt(layers)
        self.target.adopt(layers)

    def save(self, folder: Path) -> None:
        state = {name: getattr(self, name).state_dict() for name in _PARTS}
        torch.save(state | {"done": self.done}, folder / _FILE)

    def restore(self, folder: Path) -> None:
        state = torch.load(folder / _FILE, weights_only=True)
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.done = state["done"]

    def close(self) -> None:
        """Nothing to release."""
