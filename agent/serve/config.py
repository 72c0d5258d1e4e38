"""Configuration of the server: flags over a TOML file over defaults; what a run is made of are the `Settings`."""

from __future__ import annotations

import os
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pilotage.agent.errors import UsageError
from pilotage.agent.models.factory import is_in_process
from pilotage.agent.models.prices import Price, price_file
from pilotage.agent.serve.upstreams.upstream import DEFAULT, Upstream, line
from pilotage.agent.telemetry.export import Telemetry
from pilotage.common.faults import first_fault, reason_of


class ServeConfig(BaseModel):
    """What the server is beside its agents.

    Attributes:
        keys: whether requests need a key; by default where the server is reached from elsewhere, and there always.
        key_store: file of the keys; by default the one of `pilotage keys`.
        index: URL of a Chroma server that all processes on this memory use.
        most_namespaces: whose memory and agents are kept open while nobody uses them; those in use may be more. They
            share the connections to the database.
        keep_days: how long a completion can be given feedback on.
        keep_completions: the newest of each namespace that can.
        cors: origins of pages that may ask from a browser; none by default.
        keep_alive: seconds of silence in a stream after which a comment is sent; 0 for none.
        progress: whether what a run does is told as reasoning.
        most_bytes: of the body of a request.
        responses_file: where the Responses API keeps responses; by default `responses.sqlite` in the data folder.
        responses_days: that a response is kept for after it was made or continued.
        most_responses: that are kept of one namespace.
        most_response_bytes: that those of one namespace may have together.
        report: of an evaluation, which the page shows to everybody who may open the page.
        drain_seconds: how long a stopping server waits for the requests that it has accepted.
        notice_seconds: how long a stopping server goes on accepting before that, while `/health` says 503: for a proxy
            that looks there.
        reuse_port: whether other processes may listen on the same port, so that a new one takes over from this one.
        upstreams: further models, by name; what stands under `default` is of the first one.
        embeddings: name of the upstream that makes embeddings; without one there are none.
        prices: file of prices, by the models' names (`pilotage.agent.models.prices`).
        access_log: whether a line is logged for each request; `"json"` for objects.
        telemetry: where spans of OpenTelemetry go.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    keys: bool | None = None
    key_store: str | None = None
    index: str | None = None
    most_namespaces: int = Field(64, ge=1)
    keep_days: float = Field(30.0, gt=0)
    keep_completions: int = Field(100_000, ge=1)
    cors: tuple[str, ...] = ()
    keep_alive: float = Field(15.0, ge=0)
    progress: bool = True
    most_bytes: int = Field(16 * 2**20, ge=1024)
    responses_file: Path | None = None
    responses_days: float = Field(30.0, gt=0)
    most_responses: int = Field(10_000, ge=1)
    most_response_bytes: int = Field(2**30, ge=2**20)
    report: Path | None = None
    drain_seconds: float = Field(30.0, ge=0)
    notice_seconds: float = Field(0.0, ge=0)
    reuse_port: bool = False
    upstreams: dict[str, Upstream] = Field(default_factory=dict)
    embeddings: str | None = None
    prices: Path | None = None
    access_log: Literal[False, True, "json"] = False
    telemetry: Telemetry = Telemetry()

    @model_validator(mode="after")
    def _is_not_open_to_all(self) -> Self:
        if self.keys is False and not is_loopback(self.host):
            raise ValueError(f"keys cannot be switched off where {self.host} is reached from elsewhere")
        return self

    @model_validator(mode="after")
    def _lets_in_pages_that_can_come(self) -> Self:
        if "*" in self.cors and not self.needs_keys:
            raise ValueError(
                "`cors` lets in every page only where requests need a key: name the pages' origins, or set keys = true"
            )
        return self

    @model_validator(mode="after")
    def _has_upstreams_that_fit(self) -> Self:
        every = {DEFAULT: Upstream()} | self.upstreams
        for name, upstream in self.upstreams.items():
            if not upstream.model and name != DEFAULT:
                raise ValueError(f"the upstream {name!r} names no model")
            if upstream.api_key_env and not os.environ.get(upstream.api_key_env):
                raise ValueError(
                    f"the key of the upstream {name!r} is to be in {upstream.api_key_env}, which is not set: set it, "
                    "or leave `api_key_env` out where none is needed"
                )
            if upstream.api_key_env and upstream.base_url is None and is_in_process(upstream.model):
                raise ValueError(f"the upstream {name!r} works in this process and takes no key: leave it out")
        for name in every:
            line(name, every)
        if self.embeddings is None:
            return self
        if self.embeddings not in every:
            raise ValueError(f"`embeddings` names no upstream; there are {', '.join(every)}")
        names = line(self.embeddings, every)
        if others := [name for name in names if every[name].model != every[names[0]].model]:
            raise ValueError(
                f"{others[0]!r} stands in for {names[0]!r} with another model: vectors of two models cannot be compared"
            )
        return self

    @property
    def known_prices(self) -> dict[str, Price]:
        """Those of the file of prices, by the models' names; none without one. Raises UsageError for a bad file."""
        return {} if self.prices is None else price_file(self.prices)

    def price_of(self, name: str, model: str) -> Price | None:
        """Of the tokens of an upstream with such a model; None where nobody said. Raises as `known_prices`."""
        own = self.upstreams[name].price if name in self.upstreams else None
        return own or self.known_prices.get(model)

    @property
    def needs_keys(self) -> bool:
        """Whether requests need a key."""
        return self.keys is True or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a name or address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def serve_config(file: Path | None, flags: dict[str, Any]) -> ServeConfig:
    """The configuration that a file and flags (those not None) give.

    Raises:
        UsageError: the file cannot be read, or a value in it is none.
    """
    given: dict[str, Any] = {}
    if file is not None:
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"the configuration {file} cannot be read: {reason_of(error)}") from error
    try:
        return ServeConfig(**given | {name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        place, reason = first_fault(error)
        where = f"`{place}` of the server's configuration" if place else "the server's configuration"
        raise UsageError(f"{where}: {reason}") from None
