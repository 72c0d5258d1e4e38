"""Observe: a run's state as the bounded vector that a navigator reads. Preset `free` costs no LLM call.

Preset `probe` adds the model's own probability that its answer is right, `rlot+free` its seven scores of its last step;
`rlot` is the setting of RL of Thoughts (arXiv 2505.14140): these seven alone, its five actions, and its longest run.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from pilotage.agent.blocks import BUILT_IN, Registry, installed
from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models.verdicts import ALTERNATIVES, YES_OR_NO_GRAMMAR, share_of_yes
from pilotage.agent.prompting import conversation
from pilotage.agent.routing.self_scores import FEATURES as SELF_SCORES
from pilotage.agent.routing.self_scores import self_scores
from pilotage.agent.routing.self_scores import unknown as unknown_scores
from pilotage.agent.state import Candidate, State
from pilotage.navigator.spaces import Feature, Observation, ObservationSpec

MOST = 32
NUMBER = re.compile(r"\d+(?:\.\d+)?")
QUOTED = re.compile(r"(?<!\w)'[^'\n]+'(?!\w)|\"[^\"\n]+\"|`[^`\n]+`|“[^”\n]+”")
WORD = re.compile(r"[^\W\d_]+")
SENTENCE_END = re.compile(r"[.?!](?:\s|$)")
SYMBOL = re.compile(r"[-+*/^=<>()\[\]{}|&~%∧∨¬→↔]")
COUNTING = re.compile(r"\b(?:how (?:many|much)|count|number of)\b", re.IGNORECASE)
YES_OR_NO = re.compile(r"\b(?:yes|true)\b.{1,20}\b(?:no|false)\b", re.IGNORECASE | re.DOTALL)
LOGIC = frozenset("if then or and not all some no every either neither unless therefore implies".split())

# Which block wins is decided largely by what kind of task it is, and before the first block nothing else is known.
WORDING = (
    Feature("prompt_length", 0, 12, "natural logarithm of 1 + the task's characters"),
    Feature("lines", 0, MOST, "lines of the task's text"),
    Feature("sentences", 0, MOST, "sentences in it"),
    Feature("numbers", 0, 64, "numbers in it"),
    Feature("longest_number", 0, MOST, "characters of the longest number"),
    Feature("longest_word", 0, MOST, "letters of the longest word"),
    Feature("quoted", 0, 8, "quoted pieces of text, which are often what to work on"),
    Feature("commas", 0, MOST, "commas, many of which mean a list"),
    Feature("digit_share", 0, 1, "share of digits among its characters but for spaces"),
    Feature("symbol_share", 0, 1, "share of brackets and operators among them"),
    Feature("capital_share", 0, 1, "share of capitals among its letters"),
    Feature("logic_share", 0, 1, "share of words such as if, or, not, all among its words"),
    Feature("counting", 0, 1, "1 if it asks how many or how much"),
    Feature("yes_or_no", 0, 1, "1 if it offers yes and no, or true and false"),
)


@lru_cache(maxsize=64)  # of a run, asked before each of its steps
def wording(prompt: str) -> dict[str, float]:
    """Named values of `WORDING` for a task's text; those without an upper limit are clipped by the spec."""
    numbers, words = NUMBER.findall(prompt), WORD.findall(prompt)
    solid, letters = "".join(prompt.split()), "".join(words)
    return {
        "prompt_length": math.log1p(len(prompt)),
        "lines": len(prompt.splitlines()),
        "sentences": len(SENTENCE_END.findall(prompt)),
        "numbers": len(numbers),
        "longest_number": max(map(len, numbers), default=0),
        "longest_word": max(map(len, words), default=0),
        "quoted": len(QUOTED.findall(prompt)),
        "commas": prompt.count(","),
        "digit_share": _share(sum(map(str.isdigit, solid)), solid),
        "symbol_share": _share(len(SYMBOL.findall(solid)), solid),
        "capital_share": _share(sum(map(str.isupper, letters)), letters),
        "logic_share": _share(sum(word.lower() in LOGIC for word in words), words),
        "counting": float(COUNTING.search(prompt) is not None),
        "yes_or_no": float(YES_OR_NO.search(prompt) is not None),
    }


def _share(part: int, whole: str | list[str]) -> float:
    return part / len(whole) if whole else 0.0


UNKNOWN = -1.0
PROBE = "Proposed answer: {answer}\nIs the proposed answer correct? Reply yes or no."


async def probability_right(state: State, kit: Kit) -> float:
    """Probability in [0, 1] that the model gives to `yes`, against `no`; -1 where it is unknown.

    The idea is that of 'Adaptive Inference-Time Compute' (Manvi et al. 2024).

    Raises:
        BudgetExceeded: the budget does not cover one more call.
    """
    if state.leader is None:
        return UNKNOWN
    messages = conversation(state, PROBE.format(answer=state.leader.text))
    reply = await kit.send(messages, max_tokens=1, top_logprobs=ALTERNATIVES, grammar=YES_OR_NO_GRAMMAR, silent=True)
    share = share_of_yes(reply)
    return UNKNOWN if share is None else share


KINDS_TOLD = ("numeric", "choice", "text", "program", "grid")
"""Kinds with a feature of their own. An open task has none of them: a policy file knows it as what it never met."""

PRESETS = ("free", "probe", "rlot", "rlot+free")

PRESET = "rlot"

ACTIONS = ("reason", "decompose", "debate", "reflect", "answer")
"""Reason one step, decompose, debate, refine, terminate. That refine is not legal first is a rule of its block."""

MAX_BLOCKS = 5
"""After so many blocks the paper's environment answers, whatever the navigator says."""


def registry_for(preset: str) -> Registry:
    """The blocks that belong to a preset: the paper's five for `rlot`, all that are installed for any other."""
    return Registry([block for block in BUILT_IN if block.name in ACTIONS]) if preset == PRESET else installed()


def max_steps_for(preset: str) -> int:
    """Blocks of a run at most, the answer included, where nobody says otherwise."""
    return MAX_BLOCKS + 1 if preset == PRESET else Budget().max_steps


NO_LOGPROB = -20.0
MAX_COUNT = 8


def _log_features(name: str, about: str) -> list[Feature]:
    return [
        Feature(f"{name}_mean_logprob", NO_LOGPROB, 0, f"mean token log-probability of {about}; -20 if unknown"),
        Feature(f"{name}_min_logprob", NO_LOGPROB, 0, f"least token log-probability of {about}; -20 if unknown"),
    ]


def free_spec(registry: Registry) -> ObservationSpec:
    """Features of the preset `free` for the blocks of a registry."""
    names = [name for name in registry.actions.names if name != registry.actions.terminal]
    return ObservationSpec(
        (
            Feature("steps_taken", 0, 32, "blocks run so far"),
            Feature("steps_left", 0, 32, "blocks that may still run, the answer included"),
            Feature("budget_left", 0, 1, "share of the token budget not spent"),
            *(Feature(f"count_{name}", 0, MAX_COUNT, f"times {name} was run") for name in names),
            *(Feature(f"last_{name}", 0, 1, f"1 if {name} was the last block") for name in names),
            Feature("candidates", 0, MAX_COUNT, "distinct answers reached"),
            Feature("leader_routes", 0, MAX_COUNT, "independent routes that reached the leading answer"),
            Feature("agreement", 0, 1, "share of all routes that reached the leading answer"),
            Feature("leader_executed", 0, 1, "1 if a program printed the leading answer"),
            Feature("leader_programs", 0, MAX_COUNT, "those of its routes that were programs"),
            Feature("second_routes", 0, MAX_COUNT, "independent routes that reached the second answer"),
            Feature(
                "logprob_gap",
                NO_LOGPROB,
                -NO_LOGPROB,
                "mean log-probability of the leading answer less that of the second; 0 if unknown",
            ),
            Feature("unanswered", 0, 1, "share of the attempts that reached no answer"),
            *_log_features("leader", "the leading answer's best step"),
            *_log_features("last", "the last step"),
            Feature("last_candidate", 0, 1, "1 if the last step reached an answer"),
            Feature("program", -1, 1, "newest program: 1 ran, -1 failed, 0 none"),
            Feature("examples_passed", -1, 1, "best share of worked examples passed; -1 if none were run"),
            Feature("verdict", -1, 1, "newest check: 1 agrees, -1 disagrees, 0 none"),
            Feature("recalled", 0, MAX_COUNT, "concepts recalled"),
            Feature("recall_similarity", 0, 1, "greatest similarity among them"),
            Feature("recall_posterior", 0, 1, "greatest posterior among them; 0.5 knows nothing"),
            *(Feature(f"kind_{kind}", 0, 1, f"1 for a {kind} task") for kind in KINDS_TOLD),
            *WORDING,
            Feature("examples", 0, MAX_COUNT, "worked examples that the task shows"),
            Feature("sandbox", 0, 1, "1 if programs can be run"),
        )
    )


def spec_for(preset: str, registry: Registry) -> ObservationSpec:
    """Features of a preset; raises UsageError for an unknown one."""
    if preset not in PRESETS:
        raise UsageError(f"unknown observation preset {preset!r}; choose from {', '.join(PRESETS)}")
    if preset == PRESET:
        return ObservationSpec(SELF_SCORES)
    spec = free_spec(registry)
    probed = Feature("p_right", -1, 1, "the model's own probability that the leading answer is right; -1 if not asked")
    asked: dict[str, tuple[Feature, ...]] = {"free": (), "probe": (probed,), "rlot+free": SELF_SCORES}
    return ObservationSpec((*spec.features, *asked[preset]))


@dataclass(frozen=True)
class Observer:
    """Turns a state into an observation of one preset.

    Args:
        registry: the blocks, which name the features of use.
        preset: `free` (no LLM call), `probe` (one yes/no token for each newly reached answer), `rlot` (seven digits for
            each step, and nothing else) or `rlot+free` (both; scores are expectations where the model gives
            log-probabilities).
    """

    registry: Registry
    preset: str = "free"

    @property
    def asks(self) -> bool:
        """Whether an observation costs a call of the model."""
        return self.preset != "free"

    @cached_property
    def spec(self) -> ObservationSpec:
        """Names and bounds of the features."""
        return spec_for(self.preset, self.registry)

    async def observe(self, state: State, kit: Kit) -> Observation:
        """The observation of a state, shape (len(spec),), within its bounds; what it asks is charged to `kit`."""
        asked: dict[str, float] = {}
        if self.preset == "probe":
            reached = state.last is not None and state.last.candidate is not None
            asked = {"p_right": await probability_right(state, kit) if reached else UNKNOWN}
        elif self.preset != "free":
            asked = await self_scores(state, kit, expected=self.preset == "rlot+free")
        return self._observation(state, asked)

    def without_asking(self, state: State) -> Observation:
        """The observation where the budget allows no call: what costs one is unknown."""
        asked = {"free": {}, "probe": {"p_right": UNKNOWN}}.get(self.preset)
        return self._observation(state, unknown_scores() if asked is None else asked)

    def _observation(self, state: State, asked: dict[str, float]) -> Observation:
        free = {} if self.preset == PRESET else free_values(state, self.registry)
        return self.spec.vector(free | asked)

    def vector(self, numbers: list[float]) -> Observation:
        """An observation read back from a graph's state; raises SpecMismatch where it does not fit."""
        return self.spec.check(np.array(numbers, dtype=np.float32))


def free_values(state: State, registry: Registry) -> dict[str, float]:
    """Named values of the preset `free`."""
    trace, route, leader, last = state.trace, state.trace.route, state.leader, state.last
    second = state.candidates[1] if len(state.candidates) > 1 else None
    attempts = [step for step in trace.steps if not step.prepares]
    names = [name for name in registry.actions.names if name != registry.actions.terminal]
    best = max(leader.steps, key=lambda s: _or_unknown(s.mean_logprob)) if leader else None
    shares = [s.evidence.examples_passed for s in trace.steps if s.evidence.examples_passed is not None]
    programs = [1.0 if s.evidence.program == "ok" else -1.0 for s in trace.steps if s.evidence.program]
    verdicts = [1.0 if s.evidence.verdict == "agrees" else -1.0 for s in trace.steps if s.evidence.verdict]
    recalled = trace.hints
    return {
        "steps_taken": len(trace.steps),
        "steps_left": state.steps_left,
        "budget_left": state.tokens_left / state.budget.max_tokens,
        **{f"count_{name}": route.count(name) for name in names},
        **{f"last_{name}": float(last is not None and last.block == name) for name in names},
        "candidates": len(state.candidates),
        "leader_routes": leader.routes if leader else 0,
        "agreement": leader.routes / state.routes if leader else 0.0,
        "leader_executed": float(leader is not None and leader.executed),
        "leader_programs": leader.programs if leader else 0,
        "second_routes": second.routes if second else 0,
        "logprob_gap": _gap(leader, second) if leader and second else 0.0,
        "unanswered": sum(step.candidate is None for step in attempts) / len(attempts) if attempts else 0.0,
        "leader_mean_logprob": _or_unknown(best.mean_logprob if best else None),
        "leader_min_logprob": _or_unknown(best.min_logprob if best else None),
        "last_mean_logprob": _or_unknown(last.mean_logprob if last else None),
        "last_min_logprob": _or_unknown(last.min_logprob if last else None),
        "last_candidate": float(last is not None and last.candidate is not None),
        "program": programs[-1] if programs else 0.0,
        "examples_passed": max(shares, default=-1.0),
        "verdict": verdicts[-1] if verdicts else 0.0,
        "recalled": len(recalled),
        "recall_similarity": max((hint.similarity for hint in recalled), default=0.0),
        "recall_posterior": max((hint.posterior for hint in recalled), default=0.5),
        **{f"kind_{kind}": float(state.task.kind == kind) for kind in KINDS_TOLD},
        **wording(state.task.prompt),
        "examples": len(state.task.examples),
        "sandbox": float(state.abilities.sandbox),
    }


def _gap(leader: Candidate, second: Candidate) -> float:
    """How much likelier the model found the one than the other, by their best steps."""
    gap = leader.mean_logprob - second.mean_logprob
    return gap if math.isfinite(gap) else 0.0


def _or_unknown(logprob: float | None) -> float:
    return NO_LOGPROB if logprob is None else logprob
