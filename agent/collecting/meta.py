"""Meta: what all nodes of a collection share, as the bank's header keeps it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from importlib.metadata import version
from types import ModuleType
from typing import Any

from agent import prompting, self_scores
from agent.blocks import Registry
from agent.errors import UsageError
from agent.parts import Parts
from navigator.bank import BankMeta


def meta_of(parts: Parts, **extras: Any) -> BankMeta:
    """The header of a bank that these parts record. It names the model, but no address of it."""
    identity = hashlib.sha256(parts.model.identity.encode()).hexdigest()[:16]
    return BankMeta(
        actions=parts.registry.actions,
        observations=parts.observer.spec,
        preset=parts.observer.preset,
        model=parts.model.name,
        budget=parts.budget.model_dump(mode="json"),
        prompt_hash=prompt_hash(parts.registry, *([self_scores] if "rlot" in parts.observer.preset else [])),
        package_version=version("pilotage"),
        extras={
            "model_identity": identity,
            "seed": parts.seed,
            "sandbox": parts.abilities.sandbox,
            "memory": parts.abilities.memory,
            **extras,
        },
    )


def require_same_abilities(recorded: BankMeta, now: BankMeta) -> None:
    """Raises UsageError where a bank was recorded with a sandbox or a memory and this recording has none, or so."""
    for ability in ("sandbox", "memory"):
        before = recorded.extras.get(ability, now.extras[ability])
        if before != now.extras[ability]:
            with_it, without = ("with", "without") if before else ("without", "with")
            raise UsageError(
                f"the bank was recorded {with_it} a {ability}, and this run is {without} one; record as before, or "
                "choose another --out"
            )


def prompt_hash(registry: Registry, *more: ModuleType) -> str:
    """Changes with any prompt: the constants in capitals of the blocks' modules, of `agent.prompting` and of `more`."""
    modules = {type(block).__module__: sys.modules[type(block).__module__] for block in registry}
    modules |= {module.__name__: module for module in more}
    said = {name: dict(_constants(module)) for name, module in sorted(modules.items())}
    said[prompting.__name__] = dict(_constants(prompting))
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _constants(module: ModuleType) -> Iterable[tuple[str, Any]]:
    kinds = (str, int, float, dict)
    return ((name, value) for name, value in vars(module).items() if name.isupper() and isinstance(value, kinds))
