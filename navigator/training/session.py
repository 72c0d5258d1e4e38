"""Session: splits the tasks, trains seed after seed in pieces, scores each piece, keeps the best."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing, nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import torch

from pilotage.common.paths import expanded
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.envs.step_rewards import rewards_from
from pilotage.navigator.errors import BankError, PolicyError
from pilotage.navigator.policies.inputs import LIMIT, CostWeighting, Scaling
from pilotage.navigator.policies.learned import Layers, LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.provenance import tasks_of
from pilotage.navigator.policies.trained import Meaning
from pilotage.navigator.training.algorithms.learner import Learner, TrainingSetup, learner_for
from pilotage.navigator.training.card import about, behaviour, learned_from, rounded, scores
from pilotage.navigator.training.ensemble import mean_network, members
from pilotage.navigator.training.plan import (
    PIECES,
    Plan,
    Progress,
    SeedResult,
    TrainingOutputs,
    TrainingResult,
    best_of,
)
from pilotage.navigator.training.support import action_support, allowed_actions, header_for
from pilotage.navigator.training.work import Work


class Session:
    """One call of `train`; see there for the arguments. Use it as a context manager."""

    def __init__(
        self,
        bank: Bank,
        plan: Plan,
        resume: str | Path | None = None,
        outputs: TrainingOutputs = TrainingOutputs(),  # noqa: B008 (frozen)
    ) -> None:
        self.bank, self.plan, self.outputs = bank, plan, outputs
        self.tasks = split(bank, plan)
        self._read()
        self.support = action_support(self.arrays["train"])
        resume = expanded(resume) if resume is not None else None
        self.start = _start_from(resume, bank, plan) if resume is not None else None
        self._resumed_from = hashlib.sha256(resume.read_bytes()).hexdigest()[:16] if resume is not None else None
        # marks of the tasks that the policy to go on from had learned from; None without one, or where it does not say
        self._learned_before = tasks_of(self.start.header) if self.start is not None else None
        self._require_fresh_test()
        self.step_scores = rewards_from(plan.step_scores) if plan.step_scores is not None else None
        self.setup = self._setup(self.arrays["train"])
        self._work = Work(outputs.work, self._fingerprint()) if outputs.work is not None else None
        self._threads = torch.get_num_threads()

    def _read(self) -> None:
        self.arrays = {part: BankArrays.of(self.bank, ids) for part, ids in self.tasks.items()}

    def _setup(self, train: BankArrays) -> TrainingSetup:
        start, dial = self.start, None
        if self.plan.effort_input:
            dial = start.dial if start else CostWeighting()
        scaling = start.scaling if start else self._scaling(train)
        allowed = allowed_actions(train, self.support)
        return TrainingSetup(self.plan, self.bank, train, scaling, dial, allowed, self.step_scores)

    def _scaling(self, train: BankArrays) -> Scaling:
        features = self.bank.observations
        if self.plan.base == "rlot" and max(abs(features.low).max(), abs(features.high).max()) <= LIMIT:
            return Scaling.none(features)  # the paper's network reads its scores as they are
        return Scaling.from_data(features, train.features)

    def run(self) -> TrainingResult:
        """Trains all seeds; the policy to keep has the card inside and is written where the outputs say."""
        plan, out = self.plan, self.outputs.out
        seeds = tuple(self._train(plan.seed + place) for place in range(plan.seeds))
        best = max(seeds, key=lambda seed: (seed.reward, -seed.curve[seed.best]["cost"]))
        layers = mean_network([seed.layers for seed in seeds]) if plan.ensemble else best.layers
        draft = self._policy(layers, best.output)
        by_part = {part: self._scored(draft, part) for part in self.tasks}
        card = {
            "package": version("pilotage"),
            "algorithm": plan.algorithm,
            "steps": plan.length,
            "unit": plan.unit,
            "hyperparameters": asdict(plan.hyperparameters),
            "ensemble": plan.ensemble,
            "base": plan.base,
            "shaping": plan.shaping,
            "step_scores": self.step_scores.about() if self.step_scores else None,
            "resumed_from": self._resumed_from,
            **({"learned_before": sorted(self._learned_before)} if self._learned_before is not None else {}),
            "bank": about(self.bank, self.arrays["train"]),
            **learned_from(self.bank, self.tasks),
            "seeds": [{"seed": s.seed, "kept": s.best, "curve": rounded(s.curve)} for s in seeds],
            "chosen_seed": None if plan.ensemble else best.seed,
            "scores": by_part,
            "behaviour": behaviour(draft, self.arrays["train"]),
            **self._more_for_the_card(),
        }
        # lists for tuples, as the file will give them back
        policy = self._policy(layers, best.output, json.loads(json.dumps(card)))
        if out is not None:
            policy.save(out)
            if self._work is not None:
                self._work.discard()
        return TrainingResult(policy, seeds, self.tasks, out)

    def _train(self, seed: int) -> SeedResult:
        learner = learner_for(self.setup, seed)
        if self.start is not None:
            learner.adopt(_first_layers(self.start, seed - self.plan.seed))
        curve, best = (self._work.restore(seed, learner) if self._work else None) or ((), learner.layers())
        with closing(learner), self._log(f"{self.plan.algorithm}-{seed}") as log:
            while len(curve) < PIECES:
                curve = (*curve, self._piece(seed, len(curve), learner, log))
                best = learner.layers() if best_of(curve) == len(curve) - 1 else best
                if self._work is not None:
                    self._work.store(seed, learner, curve, best)
        return SeedResult(seed, curve, best, learner.output)

    def _piece(self, seed: int, number: int, learner: Learner, log: Any) -> dict[str, float]:
        length = self.plan.length
        step = length * (number + 1) // PIECES
        figures = dict(learner.advance(step - length * number // PIECES, seed, number))
        self._look_again()
        by_effort = self._scored(self._policy(learner.layers(), learner.output), "validation").values()
        point = {name: sum(s[name] for s in by_effort) / len(by_effort) for name in ("reward", "accuracy", "cost")}
        if log is not None:
            for name, value in (figures | {f"validation/{name}": value for name, value in point.items()}).items():
                log.add_scalar(name, value, step)
        if self.outputs.progress is not None:
            self.outputs.progress(Progress(seed, step, length, **point))
        return {"step": float(step), **point}

    def _log(self, name: str) -> Any:
        """TensorBoard events in a folder of the run; None where there is no folder."""
        if self.outputs.tensorboard is None:
            return nullcontext()
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(Path(self.outputs.tensorboard) / name))

    def _scored(self, policy: LearnedPolicy, part: str) -> dict[str, dict[str, float]]:
        return scores(policy, self.arrays[part])

    def _look_again(self) -> None:
        """Takes in what the last piece has brought; a recorded bank stays as it is."""

    def _require_fresh_test(self) -> None:
        """The test part says how good the policy is, so nothing in it may have learned from that."""
        known = sorted(self.bank.matching(self._learned_before or ()) & set(self.tasks.get("test", ())))
        if known:
            raise PolicyError(
                f"the policy to go on from was trained on {len(known)} tasks of the test part ({known[0]!r} for one): "
                "split as it was split (--split-seed, --parts), or leave the test part out"
            )

    def _more_for_the_card(self) -> dict[str, Any]:
        return {}

    def _policy(self, layers: Layers, output: Meaning, card: dict[str, Any] | None = None) -> LearnedPolicy:
        weighting = self.plan.cost_weight if self.setup.dial is None else self.setup.dial
        header = header_for(self.bank, "network", self.plan.algorithm, weighting, self.support, card, output=output)
        return LearnedPolicy(header, layers, self.setup.scaling)

    def _fingerprint(self) -> str:
        """Of everything that the policy file depends on."""
        content = [
            {part: arrays.fingerprint for part, arrays in self.arrays.items()},
            {**asdict(self.plan), "length": self.plan.length, "hyper": asdict(self.plan.hyperparameters)},
            [version(name) for name in ("pilotage", "torch", "numpy", "stable-baselines3")],
            self._resumed_from,
            self.step_scores.about() if self.step_scores else None,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def __enter__(self) -> Self:
        """One thread: these networks are too small for more, and sums over several are not reproducible."""
        torch.set_num_threads(1)
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._threads)
        if self._work is not None:
            self._work.close()


def split(bank: Bank, plan: Plan) -> dict[str, list[str]]:
    """Task ids by part; raises BankError where there are too few tasks."""
    if len(bank.tasks) < len(plan.fractions):
        raise BankError(
            f"the bank has {len(bank.tasks)} task(s), but {', '.join(plan.fractions)} need one each: record more tasks"
        )
    return bank.split(plan.fractions, plan.split_seed)


def _first_layers(start: LearnedPolicy, place: int) -> Layers:
    """What the training at this place begins with: the network, or of an ensemble one of its members in turn."""
    card = start.header.card
    if not card.get("ensemble"):
        return start.layers
    every = members(start.layers, len(card["seeds"]))
    return every[place % len(every)]


def _start_from(path: Path, bank: Bank, plan: Plan) -> LearnedPolicy:
    policy = load_policy(path, bank.actions, bank.observations)
    algorithm = policy.header.algorithm
    if not isinstance(policy, LearnedPolicy) or algorithm != plan.algorithm:
        raise PolicyError(f"{path} was trained by {algorithm}: go on with that, not with {plan.algorithm}")
    if (policy.dial is not None) != plan.effort_input:
        raise PolicyError(
            f"{path} was trained {'with' if policy.dial else 'without'} an effort input: go on in the same way"
        )
    return policy
