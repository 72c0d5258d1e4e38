"""Prices: what the tokens of a model cost, and the file that says so for many models."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pilotage.agent.errors import UsageError
from pilotage.agent.trace import Usage
from pilotage.common.faults import first_fault, reason_of

PER = 1_000_000
"""Tokens that a price is for."""


class Price(BaseModel):
    """What a model's tokens cost, in US dollars for a million.

    Attributes:
        input: tokens of the prompt.
        cached_input: those of them that the backend had read before; by default as the others.
        output: tokens that the model wrote, thinking too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    cached_input: float | None = Field(None, ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)

    def of(self, usage: Usage) -> Usage:
        """The same usage with what all of it costs."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        cached_price = self.input if self.cached_input is None else self.cached_input
        read = (usage.prompt_tokens - cached) * self.input + cached * cached_price
        dollars = (read + usage.completion_tokens * self.output) / PER
        return usage.model_copy(update={"cost_usd": dollars, "priced_tokens": usage.total_tokens})


def price_file(path: Path) -> dict[str, Price]:
    """The prices of a TOML file, a table for each model: `["gpt-4o"]`, then `input`, `cached_input` and `output`.

    Raises:
        UsageError: it cannot be read, or a price in it is none.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the prices {path} cannot be read: {reason_of(error)}") from error
    prices = {}
    for model, table in tables.items():
        try:
            prices[model] = Price.model_validate(table)
        except ValidationError as error:
            place, reason = first_fault(error)
            what = f"`{place}` of {model!r}" if place else repr(model)
            raise UsageError(f"{what} in the prices {path}: {reason}") from None
    return prices


def price_of(model: str, path: Path, prices: Mapping[str, Price]) -> Price:
    """The price of a model in a file's prices; raises UsageError where it has none."""
    if model not in prices:
        raise UsageError(
            f"{path} has no price of the model {model!r}: it has {', '.join(prices) or 'none'}; add a table with "
            "`input` and `output`"
        )
    return prices[model]
