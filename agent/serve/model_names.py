"""Model names: what a request's `model` asks of the server."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from pilotage.agent.errors import UsageError
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.strategies import PREFIX, from_a_stranger, strategy_named

ROUTED = "pilotage"
PASSTHROUGH = "passthrough"
EFFORTS = ("low", "medium", "high")


@dataclass(frozen=True)
class ModelName:
    """What a name stands for.

    Attributes:
        text: the name as it was asked for.
        direct: nothing is worked out: the request goes to the upstream as it is.
        effort: of the default policy.
        strategy: that does the work before the reply, as `strategy:NAME;key=value`.
        blocks: those to run, in order, before the reply.
        upstream: which of the configured upstreams is asked; empty for the first.
    """

    text: str
    direct: bool = False
    effort: str | None = None
    strategy: str = ""
    blocks: tuple[str, ...] = ()
    upstream: str = ""


MOST_SHOWN = 100
"""Characters of a name that is none."""


def model_named(text: str, blocks: Collection[str], upstreams: Collection[str], most: int) -> ModelName:
    """What `pilotage`, `pilotage:high`, `pilotage:program,reason`, `strategy:NAME` or `passthrough` stands for.

    `@NAME` behind it chooses an upstream.

    Args:
        text: the name.
        blocks: that may be named.
        upstreams: names of the upstreams.
        most: blocks in one name, no more than a run may have steps.

    Raises:
        ApiError: 404, it stands for nothing.
    """
    name, _, upstream = text.partition("@")
    if upstream and upstream not in upstreams:
        raise unknown(text, f"there is no upstream {_shown(upstream)!r}")
    if name == PASSTHROUGH:
        return ModelName(text, direct=True, upstream=upstream)
    head, _, how = name.partition(":")
    if name.startswith(PREFIX):
        return ModelName(text, strategy=strategy_of(name, lambda why: unknown(text, why)), upstream=upstream)
    if head != ROUTED:
        raise unknown(
            text, f"use {ROUTED}, {ROUTED}:low|medium|high, {ROUTED}:BLOCK[,BLOCK], {PREFIX}NAME or {PASSTHROUGH}"
        )
    if not how:
        return ModelName(text, upstream=upstream)
    if how in EFFORTS:
        return ModelName(text, effort=how, upstream=upstream)
    named = tuple(part.strip() for part in how.split(",", most))
    if len(named) > most:
        raise unknown(text, f"a name has at most {most} blocks, as a run has steps here")
    for block in named:
        if block not in blocks:
            raise unknown(text, f"there is no block {_shown(block)!r}; there are {', '.join(blocks)}")
    return ModelName(text, blocks=named, upstream=upstream)


def strategy_of(spec: str, refusal: Callable[[str], ApiError]) -> str:
    """The full spec of a strategy that a client names.

    Raises:
        ApiError: the refusal, for one that there is not, or that asks somebody whom the client may not choose.
    """
    try:
        with from_a_stranger():
            return strategy_named(spec).spec
    except UsageError as error:
        raise refusal(str(error)) from None


def unknown(text: str, why: str) -> ApiError:
    """The error of a name that stands for nothing."""
    return ApiError(404, f"the model {_shown(text)!r} does not exist: {why}", param="model", code="model_not_found")


def _shown(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
