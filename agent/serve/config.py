"""Configuration of the server: flags over a TOML file over defaults; what a run is made of are the `Settings`."""

from __future__ import annotations

import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pilotage.agent.errors import UsageError
from pilotage.agent.telemetry.export import Telemetry

DEFAULT = "default"
"""Name of the upstream that the settings of the run describe."""


class Upstream(BaseModel):
    """A model that the server asks.

    Attributes:
        model: as `pilotage solve --model` takes it, or what a server at `base_url` calls it.
        base_url: address of an OpenAI-compatible API.
        api_key_env: the environment variable that has its key; the key itself stands in no file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"


class ServeConfig(BaseModel):
    """What the server is beside its agents.

    Attributes:
        keys: whether requests need a key; by default where the server is reached from elsewhere, and there always.
        key_store: file of the keys; by default the one of `pilotage keys`.
        index: URL of a Chroma server that all processes on this memory use.
        keep_days: how long a completion can be given feedback on.
        keep_completions: the newest of each namespace that can.
        cors: origins of pages that may ask from a browser; none by default.
        keep_alive: seconds of silence in a stream after which a comment is sent; 0 for none.
        progress: whether what a run does is told as reasoning.
        most_bytes: of the body of a request.
        responses_file: where the Responses API keeps responses; by default `responses.sqlite` in the data folder.
        responses_days: that a response is kept for after it was made or continued.
        most_responses: that are kept of one namespace.
        drain_seconds: how long a stopping server waits for the requests that it has accepted.
        upstreams: further models, by name.
        telemetry: where spans of OpenTelemetry go.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    keys: bool | None = None
    key_store: str | None = None
    index: str | None = None
    keep_days: float = Field(30.0, gt=0)
    keep_completions: int = Field(100_000, ge=1)
    cors: tuple[str, ...] = ()
    keep_alive: float = Field(15.0, ge=0)
    progress: bool = True
    most_bytes: int = Field(16 * 2**20, ge=1024)
    responses_file: Path | None = None
    responses_days: float = Field(30.0, gt=0)
    most_responses: int = Field(10_000, ge=1)
    drain_seconds: float = Field(30.0, ge=0)
    upstreams: dict[str, Upstream] = Field(default_factory=dict)
    telemetry: Telemetry = Telemetry()

    @model_validator(mode="after")
    def _is_not_open_to_all(self) -> Self:
        if self.keys is False and not is_loopback(self.host):
            raise ValueError(f"keys cannot be switched off where {self.host} is reached from elsewhere")
        return self

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
            raise UsageError(f"the configuration {file} cannot be read: {error}") from error
    try:
        return ServeConfig(**given | {name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"`{place}` of the server's configuration: {first['msg']}") from None
