"""Session: splits the tasks, trains seed after seed in pieces, scores each piece, keeps the best."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.envs.step_rewards import rewards_from
from pilotage.navigator.errors import BankError, PolicyError
from pilotage.navigator.policies.inputs import LIMIT, CostWeighting, Scaling
from pilotage.navigator.policies.learned import Layers, LearnedPolicy, Meaning
from pilotage.navigator.policies.policy_file import Header, read_policy
from pilotage.navigator.policies.provenance import tasks_of
from pilotage.navigator.training.algorithms.learner import Learner, Setting
from pilotage.navigator.training.algorithms.learners import learner_for
from pilotage.navigator.training.card import about, behaviour, learned_from, mean_reward, rounded, scores
from pilotage.navigator.training.ensemble import mean_network, members
from pilotage.navigator.training.plan import PIECES, Plan, Progress, SeedResult
from pilotage.navigator.training.support import action_support, allowed_actions
from pilotage.navigator.training.work import Kept, Work


class Session:
    """One call of `train`; see there for the arguments. Use it as a context manager."""

    def __init__(
        self,
        bank: Bank,
        plan: Plan,
        resume: Path | None = None,
        work: Path | None = None,
        tensorboard: Path | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.bank, self.plan = bank, plan
        self.tasks = split(bank, plan)
        self.arrays = {part: BankArrays.of(bank, ids) for part, ids in self.tasks.items()}
        self.start = _start_from(resume, bank, plan) if resume is not None else None
        self._require_fresh_test()
        self._resumed_from = hashlib.sha256(resume.read_bytes()).hexdigest()[:16] if resume is not None else None
        train = self.arrays["train"]
        self.support = action_support(train)
        self.step_scores = rewards_from(plan.step_scores) if plan.step_scores is not None else None
        self.setting = self._setting(train)
        self._tensorboard, self._progress = tensorboard, progress
        self._work = Work(work, self._fingerprint()) if work is not None else None
        self._threads = torch.get_num_threads()

    def _setting(self, train: BankArrays) -> Setting:
        plan, start = self.plan, self.start
        return Setting(
            bank=self.bank,
            arrays=train,
            scaling=start.scaling if start else self._scaling(train),
            dial=(start.dial if start else CostWeighting()) if plan.effort_input else None,
            cost_weight=plan.cost_weight,
            allowed=allowed_actions(train, self.support),
            steps=plan.length,
            hyper=plan.hyperparameters,
            shaping=plan.shaping,
            base=plan.base,
            step_scores=self.step_scores,
        )

    def _scaling(self, train: BankArrays) -> Scaling:
        features = self.bank.observations
        if self.plan.base == "rlot" and max(abs(features.low).max(), abs(features.high).max()) <= LIMIT:
            return Scaling.none(features)  # the paper's network reads its scores as they are
        return Scaling.from_data(features, train.features)

    def run(self) -> tuple[LearnedPolicy, tuple[SeedResult, ...]]:
        """Trains all seeds; returns the policy to keep, its card inside, and all trainings."""
        seeds = tuple(self._train(self.plan.seed + place) for place in range(self.plan.seeds))
        best = max(seeds, key=lambda seed: (seed.reward, -seed.curve[seed.best]["cost"]))
        layers = mean_network([seed.layers for seed in seeds]) if self.plan.ensemble else best.layers
        draft = self._policy(layers, best.output, {})
        by_part = {part: self._scored(draft, part) for part in self.tasks}
        known = self.arrays["train"]
        card = {
            "package": version("pilotage"),
            "algorithm": self.plan.algorithm,
            "steps": self.plan.length,
            "unit": self.plan.unit,
            "hyperparameters": asdict(self.plan.hyperparameters),
            "ensemble": self.plan.ensemble,
            "base": self.plan.base,
            "shaping": self.plan.shaping,
            "step_scores": self.step_scores.about() if self.step_scores else None,
            "resumed_from": self._resumed_from,
            **({"learned_before": sorted(learned)} if (learned := self._learned_before()) is not None else {}),
            "bank": about(self.bank, known),
            **learned_from(self.bank, self.tasks),
            "seeds": [{"seed": s.seed, "kept": s.best, "curve": rounded(s.curve)} for s in seeds],
            "chosen_seed": None if self.plan.ensemble else best.seed,
            "scores": by_part,
            "behaviour": behaviour(draft, known),
            **self._more_for_the_card(),
        }
        card = json.loads(json.dumps(card))  # as the file will give it back: lists for tuples
        return self._policy(layers, best.output, card), seeds

    def _train(self, seed: int) -> SeedResult:
        learner = learner_for(self.plan.algorithm, self.setting, seed)
        if self.start is not None:
            learner.adopt(_first_layers(self.start, seed - self.plan.seed))
        kept = (self._work.restore(seed, learner) if self._work else None) or Kept(0, (), learner.layers())
        try:
            with _Log(self._tensorboard, f"{self.plan.algorithm}-{seed}") as log:
                while kept.pieces < PIECES:
                    kept = self._piece(seed, learner, kept, log)
                    if self._work is not None:
                        self._work.store(seed, learner, kept)
        finally:
            learner.close()
        return SeedResult(seed, kept.curve, _best(kept.curve), kept.best, learner.output)

    def _piece(self, seed: int, learner: Learner, kept: Kept, log: _Log) -> Kept:
        length, number = self.plan.length, kept.pieces
        step = length * (number + 1) // PIECES
        figures = learner.advance(step - length * number // PIECES, seed=(seed * PIECES + number) % 2**31)
        layers = learner.layers()
        self._look_again()
        by_effort = self._scored(self._policy(layers, learner.output, {}), "validation")
        count = len(by_effort)
        point = {
            "step": float(step),
            "reward": mean_reward(by_effort),
            "accuracy": sum(score["accuracy"] for score in by_effort.values()) / count,
            "cost": sum(score["cost"] for score in by_effort.values()) / count,
        }
        curve = (*kept.curve, point)
        log.write(step, {**figures, **{f"validation/{name}": value for name, value in point.items() if name != "step"}})
        if self._progress is not None:
            total = self.plan.length
            self._progress(Progress(seed, step, total, point["reward"], point["accuracy"], point["cost"]))
        return Kept(number + 1, curve, layers if _best(curve) == number else kept.best)

    def _scored(self, policy: LearnedPolicy, part: str) -> dict[str, dict[str, float]]:
        return scores(policy, self.arrays[part])

    def _look_again(self) -> None:
        """Takes in what the last piece has brought; a recorded bank stays as it is."""

    def _learned_before(self) -> set[str] | None:
        """Marks of the tasks that the policy to go on from had learned from; None without one, or without a word."""
        return tasks_of(self.start.header) if self.start is not None else None

    def _require_fresh_test(self) -> None:
        """The test part says how good the policy is, so nothing in it may have learned from that."""
        known = sorted(self.bank.among(self._learned_before() or ()) & set(self.tasks.get("test", ())))
        if known:
            raise PolicyError(
                f"the policy to go on from was trained on {len(known)} tasks of the test part ({known[0]!r} for one): "
                "split as it was split (--split-seed, --parts), or leave the test part out"
            )

    def _more_for_the_card(self) -> dict[str, Any]:
        return {}

    def _policy(self, layers: Layers, output: Meaning, card: dict[str, Any]) -> LearnedPolicy:
        dial = self.setting.dial
        settings = {
            "output": output,
            "dial": dial.to_json() if dial else None,
            "cost_weight": None if dial else self.plan.cost_weight,
            "tried": self.support.to_json(),
        }
        header = Header(
            "network", self.plan.algorithm, self.bank.actions, self.bank.observations, settings=settings, card=card
        )
        return LearnedPolicy(header, layers, self.setting.scaling)

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

    def discard_work(self) -> None:
        """Deletes the checkpoints."""
        if self._work is not None:
            self._work.discard()

    def __enter__(self) -> Self:
        """One thread: these networks are too small for more, and sums over several are not reproducible."""
        torch.set_num_threads(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch.set_num_threads(self._threads)
        if self._work is not None:
            self._work.close()


class _Log:
    """TensorBoard events in a folder of the run; nothing where there is no folder."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._writer: Any = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder / name))

    def write(self, step: int, figures: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _best(curve: Any) -> int:
    """Place of the best validation reward; of equals the cheapest, and of those the last, which has seen most."""
    return max(range(len(curve)), key=lambda place: (curve[place]["reward"], -curve[place]["cost"], place))


def split(bank: Bank, plan: Plan) -> dict[str, list[str]]:
    """Task ids by part; raises BankError where there are too few tasks."""
    if len(bank.tasks) < len(plan.fractions):
        raise BankError(
            f"the bank has {len(bank.tasks)} task(s), but {', '.join(plan.fractions)} need one each: record more tasks"
        )
    return {part: sorted(ids) for part, ids in bank.split(plan.fractions, plan.split_seed).items()}


def _first_layers(start: LearnedPolicy, place: int) -> Layers:
    """What the training at this place begins with: the network, or of an ensemble one of its members in turn."""
    card = start.header.card
    if not card.get("ensemble"):
        return start.layers
    every = members(start.layers, len(card["seeds"]))
    return every[place % len(every)]


def _start_from(path: Path, bank: Bank, plan: Plan) -> LearnedPolicy:
    header, tensors = read_policy(path)
    header.require(bank.actions, bank.observations)
    if header.kind != "network" or header.algorithm != plan.algorithm:
        raise PolicyError(f"{path} was trained by {header.algorithm}: go on with that, not with {plan.algorithm}")
    policy = LearnedPolicy.from_file(header, tensors, path)
    if (policy.dial is not None) != plan.effort_input:
        raise PolicyError(
            f"{path} was trained {'with' if policy.dial else 'without'} an effort input: go on in the same way"
        )
    return policy
