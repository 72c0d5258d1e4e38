"""Strategies by name: those of the literature that are built in, and those that installed distributions add.

A third party adds one by an entry point in the group `pilotage.strategies` that names a subclass of `Strategy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint

from pydantic import ValidationError

from pilotage.agent.errors import UsageError
from pilotage.agent.strategies.base import PREFIX, REMOTE, Strategy
from pilotage.agent.strategies.choosing.best_of_n import BestOfN
from pilotage.agent.strategies.choosing.hedged import Hedged
from pilotage.agent.strategies.choosing.rpc import ReasoningPruningConsistency
from pilotage.agent.strategies.choosing.self_consistency import SelfConsistency
from pilotage.agent.strategies.choosing.weighted_vote import WeightedVote
from pilotage.agent.strategies.composed.archon import Archon
from pilotage.agent.strategies.composed.medprompt import Medprompt
from pilotage.agent.strategies.composed.narrative import Narrative
from pilotage.agent.strategies.composed.plangen import PlanGen
from pilotage.agent.strategies.composed.retrieve import Retrieve
from pilotage.agent.strategies.judging.debate import MultiAgentDebate
from pilotage.agent.strategies.judging.genrm import GenRM
from pilotage.agent.strategies.judging.mixture_of_agents import MixtureOfAgents
from pilotage.agent.strategies.judging.tree_of_thoughts import TreeOfThoughts
from pilotage.agent.strategies.refining.critique_revise import CritiqueRevise
from pilotage.agent.strategies.refining.iad import IterativeAgentDecoding
from pilotage.agent.strategies.refining.self_refine import SelfRefine
from pilotage.agent.strategies.searching.a_star import AStar
from pilotage.agent.strategies.searching.beam import Beam
from pilotage.agent.strategies.searching.mcts import Mcts
from pilotage.agent.strategies.searching.particle_filter import ParticleFilter
from pilotage.agent.strategies.searching.particle_gibbs import ParticleGibbs
from pilotage.agent.strategies.spending.budget_forcing import BudgetForcing
from pilotage.agent.strategies.spending.capability_aware import CapabilityAware
from pilotage.agent.strategies.spending.difficulty_adaptive import DifficultyAdaptive
from pilotage.agent.strategies.spending.saturation import Saturation
from pilotage.agent.strategies.two_models.cascade import Cascade
from pilotage.agent.strategies.two_models.speculative import Speculative
from pilotage.common.faults import first_fault
from pilotage.common.plugins import described, label, loaded, plugins

BUILT_IN: tuple[type[Strategy], ...] = (
    SelfConsistency,
    BestOfN,
    WeightedVote,
    ReasoningPruningConsistency,
    Hedged,
    ParticleFilter,
    ParticleGibbs,
    Beam,
    Mcts,
    AStar,
    TreeOfThoughts,
    Cascade,
    Speculative,
    BudgetForcing,
    CapabilityAware,
    DifficultyAdaptive,
    Saturation,
    SelfRefine,
    CritiqueRevise,
    IterativeAgentDecoding,
    MixtureOfAgents,
    MultiAgentDebate,
    GenRM,
    Archon,
    PlanGen,
    Medprompt,
    Narrative,
    Retrieve,
)


_trusted: ContextVar[bool] = ContextVar("trusted", default=True)


@contextmanager
def from_a_stranger() -> Iterator[None]:
    """Within it no strategy is made that reads a file, imports code, or asks a model or an address of a caller's.

    That goes for a strategy within another one, too.
    """
    token = _trusted.set(False)
    try:
        yield
    finally:
        _trusted.reset(token)


@cache
def installed() -> dict[str, type[Strategy]]:
    """Every strategy by name: the built-in ones first, then those of entry points in the order of their names.

    Raises:
        UsageError: one of these cannot be loaded, is none, or has the name of another.
    """
    found = {kind.name: kind for kind in BUILT_IN}
    for entry in plugins("pilotage.strategies").values():
        kind = _strategy_of(entry)
        if found.setdefault(kind.name, kind) is not kind:
            raise UsageError(f"{label(entry)} has the name {kind.name!r}, which another strategy has: give it its own")
    return found


def strategy_named(text: str) -> Strategy:
    """The strategy that `strategy:NAME;key=value;…` stands for.

    Raises:
        UsageError: there is none of that name, or a parameter is unknown or of the wrong type.
    """
    name, *pairs = (part.strip() for part in text.removeprefix(PREFIX).split(";"))
    kind, given = kind_named(name), dict[str, str]()
    for pair in filter(None, pairs):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not value:
            raise UsageError(f"{pair!r:.80} is no parameter of {PREFIX}{name}: write {PREFIX}{name};PARAMETER=VALUE")
        if key in given:
            raise UsageError(f"{PREFIX}{name} gives {key} twice: give it once")
        if key not in kind.model_fields:
            fields, meant = ", ".join(kind.model_fields) or "none", _meant(key, kind.model_fields)
            raise UsageError(f"{PREFIX}{name} has no parameter {key!r:.80}{meant}: it has {fields}")
        if not _trusted.get() and (key in kind.outside or value.startswith(REMOTE)):
            raise UsageError(f"{PREFIX}{name} has {key} for whoever starts the server to choose: leave it out")
        given[key] = value
    try:
        return kind(**given)
    except ValidationError as error:
        raise UsageError(_told(name, error)) from None


def kind_named(name: str) -> type[Strategy]:
    """The strategy of a name, not yet configured. Raises UsageError, with the nearest name, where there is none."""
    if name not in installed():
        known = ", ".join(installed())
        raise UsageError(f"there is no strategy {name!r:.80}{_meant(name, installed())}: there are {known}")
    return installed()[name]


def _meant(given: str, known: Iterable[str]) -> str:
    near = get_close_matches(given, known, n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""


def _told(name: str, error: ValidationError) -> str:
    """The first thing that is wrong with parameters, as a sentence."""
    first = error.errors()[0]
    if first["type"] == "missing":
        field = str(first["loc"][0])
        return f"{PREFIX}{name} needs {field}=VALUE: {installed()[name].model_fields[field].description}"
    message = first_fault(error).reason.partition(", unable")[0]
    if not first["loc"]:
        return f"{PREFIX}{name}: {message}"
    return f"{PREFIX}{name};{first['loc'][0]}={first['input']!s:.80}: {message[:1].lower()}{message[1:]}"


def _strategy_of(entry: EntryPoint) -> type[Strategy]:
    given = loaded(entry, UsageError)
    if not (isinstance(given, type) and issubclass(given, Strategy) and isinstance(getattr(given, "name", None), str)):
        raise UsageError(
            f"{label(entry)} is {described(given)}, which is no strategy: make one of a subclass of "
            "`pilotage.agent.strategies.Strategy` with a `name`"
        )
    return given


__all__ = ["BUILT_IN", "PREFIX", "Strategy", "from_a_stranger", "installed", "kind_named", "strategy_named"]
