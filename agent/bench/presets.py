"""Presets: the grids of studies of test-time methods, as methods and limits; each is what this package has of them.

A study's methods that are not here, because no strategy of that name is registered or it has no such parameter, are
named as left out when a preset is used. What the first study varies is read off its code
(github.com/usail-hkust/benchmark_inference_time_computation_LLM), whose 32 draws are 8 here; of the others the methods
are the studies' own, and the numbers of draws are those that a run's budget can hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pilotage.agent.bench.methods import Method
from pilotage.agent.errors import UsageError
from pilotage.agent.tasks.source import did_you_mean


@dataclass(frozen=True)
class Preset:
    """A study's grid.

    Attributes:
        source: the study.
        methods: as they are written; the first is what the others are compared with.
        absent: what else the study varies, and nothing here can.
        limits: of a run, where no others are given.
    """

    source: str
    methods: tuple[str, ...]
    absent: tuple[str, ...] = ()
    limits: dict[str, int] = field(default_factory=lambda: {"max_tokens": 40_000, "max_calls": 80})


@dataclass(frozen=True)
class Chosen:
    """What of a preset can be run here.

    Attributes:
        methods: those that are known here, as they are written.
        left_out: the others and what cannot be varied, a sentence each.
        limits: of a run.
    """

    methods: tuple[str, ...]
    left_out: tuple[str, ...]
    limits: dict[str, int]


def _draws(name: str, numbers: Sequence[int], *more: str) -> tuple[str, ...]:
    return tuple(";".join([f"strategy:{name}", f"n={number}", *more]) for number in numbers)


PRESETS = {
    "bag-of-tricks": Preset(
        "Liu et al. 2025, 'Bag of Tricks for Inference-time Computation of LLM Reasoning' (arXiv 2502.07191)",
        (
            "fixed:reason,answer",
            *(f"strategy:self-consistency;n=8;temperature={heat}" for heat in (0.6, 0.7, 0.8, 0.9, 1.0)),
            *(f"strategy:best-of-n;n=8;scorer={scorer}" for scorer in ("judge", "p-correct")),
            *(f"strategy:weighted-vote;n=8;scorer={scorer}" for scorer in ("judge", "p-correct")),
            "strategy:self-refine;rounds=3",
            "strategy:beam;scorer=judge",
            "strategy:mcts;scorer=judge",
        ),
        (
            "top-p of the draws",
            "instruction prompts beside the blocks' own",
            "depth-first tree of thoughts",
            "reward models: give methods with scorer=remote:URL",
        ),
    ),
    "think-deep-think-fast": Preset(
        "Wang et al. 2025, 'Think Deep, Think Fast: Investigating Efficiency of Verifier-free Inference-time-scaling "
        "Methods' (arXiv 2504.14047)",
        (
            "fixed:reason,answer",
            *_draws("self-consistency", (2, 4, 8, 16, 32)),
            *_draws("best-of-n", (4, 8, 16), "scorer=judge"),
            "strategy:self-refine",
            "strategy:mixture-of-agents",
        ),
        ("the lengths of replies as features of a vote",),
    ),
    "where-we-stand": Preset(
        "Balachandran et al. 2025, 'Inference-Time Scaling for Complex Tasks: Where We Stand and What Lies Ahead' "
        "(arXiv 2504.00294)",
        (
            "fixed:reason,answer",
            *_draws("self-consistency", (5,)),
            "strategy:critique-revise;rounds=4",
        ),
        (
            "best of n by a perfect verifier: it is the oracle line of the report, and the mean of n the blind one",
            "worst of n",
        ),
    ),
    "o1-patterns": Preset(
        "Wu et al. 2024, 'A Comparative Study on Reasoning Patterns of OpenAI's o1 Model' (arXiv 2410.13639)",
        (
            "fixed:reason,answer",
            *_draws("best-of-n", (4, 8), "scorer=judge"),
            "strategy:beam",
            "strategy:self-refine",
            "fixed:plan,reason,verify,answer",
        ),
        ("the model o1 itself: give it by --model",),
    ),
}
"""Presets by name."""


def chosen(name: str) -> Chosen:
    """The methods of a preset that are known here, and what is left out.

    Raises:
        UsageError: there is no preset of that name.
    """
    if name not in PRESETS:
        raise UsageError(
            f"there is no preset {name!r:.80}{did_you_mean(name, PRESETS)}: there are {', '.join(PRESETS)}"
        )
    preset, methods, left_out = PRESETS[name], list[str](), list[str]()
    for written in preset.methods:
        try:
            Method.parse(written)
        except UsageError as error:
            left_out.append(f"{written}: {str(error).partition(':')[0]}")
        else:
            methods.append(written)
    absent = [f"{what}: nothing here varies it" if ":" not in what else what for what in preset.absent]
    return Chosen(tuple(methods), (*left_out, *absent), dict(preset.limits))
