"""Upstream: a model that the server asks, as its configuration describes it, and who is asked where it fails."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from pilotage.agent.models.prices import Price
from pilotage.agent.serve.keys.limits import Limit

DEFAULT = "default"
"""Name of the upstream that the settings of the run describe."""
OPENAI_KEY = "OPENAI_API_KEY"
NO_KEY = "none"
"""Clients insist on sending one."""
RETRIES = 4
RETRIES_BEFORE_ANOTHER = 1


class Upstream(BaseModel):
    """A model that the server asks.

    Attributes:
        model: as `pilotage solve --model` takes it, or what a server at `base_url` calls it. The first upstream may
            leave it to the command line.
        base_url: address of an OpenAI-compatible API.
        api_key_env: the environment variable that has its key; the key itself stands in no file. By default none is
            sent to a `base_url`, or every upstream would be shown the key of another, and of a provider the package
            finds its own; to the `--base-url` of the command line goes `OPENAI_API_KEY`, as `pilotage solve` sends it.
        fallback: names of the upstreams that are asked, in this order, where it fails.
        timeout: seconds for one call; of one that is passed through as a stream, until the stream begins.
        retries: further calls of the same upstream, on failures that may pass, before it counts as failed; by default
            4, and 1 where it has a fallback. What is passed through is tried once.
        cooldown: seconds for which it is passed over after it failed, where another can be asked; 0 for none.
        requests_per_minute: that are sent to it, retries too.
        tokens_per_minute: of prompts and replies together.
        longest_wait: seconds that a call waits for these two, or for what the upstream's own `Retry-After` says.
        price: of its tokens; it goes before that of the price file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = ""
    base_url: str | None = None
    api_key_env: str = ""
    fallback: tuple[str, ...] = ()
    timeout: float = Field(300.0, gt=0)
    retries: int | None = Field(None, ge=0)
    cooldown: float = Field(30.0, ge=0)
    requests_per_minute: Limit = None
    tokens_per_minute: Limit = None
    longest_wait: float = Field(30.0, ge=0)
    price: Price | None = None

    @property
    def key(self) -> str | None:
        """Its key; None for what its provider's package finds, or works in this process, `none` for none at all."""
        key = os.environ.get(self.api_key_env) if self.api_key_env else None
        return key or (NO_KEY if self.base_url is not None else None)

    @property
    def tries_again(self) -> int:
        """Calls after the first, on failures that may pass."""
        if self.retries is not None:
            return self.retries
        return RETRIES_BEFORE_ANOTHER if self.fallback else RETRIES


def line(name: str, upstreams: Mapping[str, Upstream], before: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of those that a request for an upstream may reach, itself first, each once, in the order of asking.

    Args:
        name: of the upstream.
        upstreams: all, by name.
        before: those on the way to it.

    Raises:
        ValueError: a name means none of them, or the fallbacks go round in a circle; the text says which.
    """
    if name in before:
        raise ValueError(f"the fallbacks go round in a circle: {' → '.join((*before[before.index(name) :], name))}")
    if name not in upstreams:
        raise ValueError(f"the fallback {name!r} of {before[-1]!r} names no upstream; there are {', '.join(upstreams)}")
    names = [name]
    for other in upstreams[name].fallback:
        names += line(other, upstreams, (*before, name))
    return tuple(dict.fromkeys(names))
