"""Settings: flags over `PILOTAGE_*` variables over `pilotage.toml` over defaults."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.common.faults import first_fault
from pilotage.common.retention import Retention
from pilotage.common.seeds import LARGEST

FILE = "pilotage.toml"


class Settings(BaseSettings, Budget):
    """Everything about a run that is not its task, its limits too. `pilotage.toml` is read from the current folder."""

    model_config = SettingsConfigDict(env_prefix="PILOTAGE_", toml_file=FILE, extra="forbid")

    model: str = "embedded"
    base_url: str | None = None
    policy: str = "default"
    effort: str | float | None = Field(None, description="low, medium or high; or 0 to 1 for a trained policy")
    memory: str = Field("default", description="a folder, `none`, or `default`: a folder of the user's data folder")
    embedder: str = Field("minilm", description="of the memory: `minilm`, `hash`, or `sentence-transformers:FOLDER`")
    learn: bool = True
    learn_every: int = Field(
        0, ge=0, le=100_000, description="tasks to a batch that memory learns from together; 0 learns from each at once"
    )
    holdout: float = Field(0.0, ge=0, lt=1, description="share of the tasks that run without hints")
    memory_selection: Literal["embedding", "llm"] = "embedding"
    memory_caption: bool = False
    memory_related: int = Field(0, ge=0, le=10)
    memory_form: Literal["program", "lesson"] = "program"
    keep_unverified: bool = False
    observation: str = "free"
    blocks: tuple[str, ...] = Field((), description="strategies as further blocks, each `strategy:NAME;key=value`")
    confidence: str = Field("default", description="what says how likely an answer is right: `default`, or a file")
    min_confidence: float | None = Field(None, ge=0, le=1, description="below it the answer of a task is withheld")
    escalate_to: str | None = Field(None, description="a second model, for what would be withheld")
    sandbox: str = "auto"
    seed: int = Field(0, ge=0, le=LARGEST)
    concurrency: int = Field(1, ge=1, le=1024)
    cache: bool = True
    cache_days: float = Field(0, ge=0, description="days that cached replies are kept; 0 for ever")
    cache_mb: float = Field(4096, ge=0, description="size of the response cache; 0 for no end")
    checkpoint_days: float = Field(30, ge=0, description="days that a thread nobody goes on with is kept; 0 for ever")
    checkpoint_mb: float = Field(1024, ge=0, description="size of the checkpoints; 0 for no end")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *_: Any,
        **others: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of precedence."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    @property
    def keep_cache(self) -> Retention:
        """How long cached replies are kept."""
        return _retention(self.cache_days, self.cache_mb)

    @property
    def keep_checkpoints(self) -> Retention:
        """How long checkpoints are kept."""
        return _retention(self.checkpoint_days, self.checkpoint_mb)

    @property
    def budget(self) -> Budget:
        """Limits of each run."""
        # It loads the blocks, which a model that is loading need not wait for.
        from pilotage.agent.routing.observation import max_steps_for

        limits = {name: getattr(self, name) for name in Budget.model_fields}
        if "max_steps" not in self.model_fields_set:
            limits["max_steps"] = max_steps_for(self.observation)
        return Budget(**limits)


def _retention(days: float, megabytes: float) -> Retention:
    return Retention(days or None, int(megabytes * 2**20) or None)


def settings_from(flags: dict[str, Any]) -> Settings:
    """Settings with the flags that were given (those not None); raises UsageError naming what is wrong and where."""
    try:
        return Settings(**{key: value for key, value in flags.items() if value is not None})
    except ValidationError as error:
        name, reason = first_fault(error)
        raise UsageError(f"setting {name!r}: {reason} (from a flag, PILOTAGE_{name.upper()} or {FILE})") from error
    except (ValueError, RecursionError) as error:  # tomllib.TOMLDecodeError, or nested without end
        raise UsageError(f"{FILE} cannot be read: {error}") from error
