"""Meta: what all nodes of a collection share, as the bank's header keeps it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from pilotage.agent import prompting
from pilotage.agent.blocks import Registry, steps
from pilotage.agent.blocks.base import ROUTES
from pilotage.agent.budget import Budget
from pilotage.agent.components import Components
from pilotage.agent.errors import UsageError
from pilotage.agent.routing import self_scores
from pilotage.agent.strategies.macro import specs_of
from pilotage.navigator.bank.records import BankMeta
from pilotage.navigator.bank.writer import BankWriter


def meta_of(components: Components, asks: Sequence[ModuleType] = (), **extras: Any) -> BankMeta:
    """The header of a bank that these components record. It names the model, but no address of it.

    Args:
        components: of the agent.
        asks: modules of what the blocks ask beside their own and those that all blocks share.
        extras: what else the header is to keep.
    """
    by_scores = [self_scores] if "rlot" in components.observer.preset else []
    identity = hashlib.sha256(components.model.identity.encode()).hexdigest()[:16]
    return BankMeta(
        actions=components.registry.actions,
        observations=components.observer.spec,
        preset=components.observer.preset,
        model=components.model.name,
        budget=recorded(components.budget),
        prompt_hash=prompt_hash(components.registry, *by_scores, *asks),
        package_version=version("pilotage"),
        extras={
            "model_identity": identity,
            "routes": ROUTES,
            "seed": components.seed,
            "sandbox": components.abilities.sandbox,
            "memory": components.abilities.memory,
            **({"strategies": specs} if (specs := specs_of(components.registry)) else {}),
            **extras,
        },
    )


def recorded(budget: Budget) -> dict[str, Any]:
    """A budget as banks keep it: without a limit that it does not set, so that banks from before that limit go on."""
    limits = budget.model_dump(mode="json")
    return limits if budget.reply_tokens else {name: limits[name] for name in limits if name != "reply_tokens"}


def recorded_in(folder: Path, components: Components, asks: Sequence[ModuleType] = (), **extras: Any) -> BankWriter:
    """The bank of what these components record, new or as an earlier sitting left it; arguments as of `meta_of`.

    Raises:
        BankError: the folder holds a bank of other settings, or another process writes to it.
        UsageError: it was recorded with a sandbox or a memory and these components have none, or so.
    """
    meta = meta_of(components, asks, **extras)
    writer = BankWriter(folder, meta)
    for ability in ("sandbox", "memory"):
        now = meta.extras[ability]
        if (before := writer.meta.extras.get(ability, now)) != now:
            writer.close()
            with_it, without = ("with", "without") if before else ("without", "with")
            raise UsageError(
                f"the bank was recorded {with_it} a {ability}, and this run is {without} one; record as before, or "
                "choose another --out"
            )
    return writer


def prompt_hash(registry: Registry, *more: ModuleType) -> str:
    """Changes with the prompts and limits of the blocks, with those that all share, and with what they read of a run.

    It goes over the blocks' names and the values of their constants in capitals, not over where these stand: a file
    that is moved, or a constant that gets a better name, ends no recording. What a block asks or limits by something
    else than such a constant is not seen.

    Args:
        registry: the blocks.
        more: modules of what else the model is asked.
    """
    blocks = {block.name: _constants(sys.modules[block.written_in]) for block in registry}
    content = {"routes": ROUTES, "blocks": blocks, "shared": [*map(_constants, (prompting, steps, *more))]}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _constants(module: ModuleType) -> list[str]:
    kinds = (str, int, float, dict, tuple, list, frozenset)
    constants = (value for name, value in vars(module).items() if name.isupper() and isinstance(value, kinds))
    return sorted(json.dumps(value, sort_keys=True, default=_plain) for value in constants)


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, frozenset) else str(value)
