"""LangGraph's saver of checkpoints in SQLite, whose errors name the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from pilotage.agent.errors import CheckpointsUnusable


class CheckpointSaver(AsyncSqliteSaver):
    """Keeps runs in the SQLite file `path`; raises CheckpointsUnusable for what SQLite refuses."""

    path: Path

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CheckpointsUnusable(
                f"the checkpoints in {self.path} cannot be used ({error}): free some space, move that file, or solve "
                "without a thread id"
            ) from error

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The latest checkpoint of a thread, or the one that is named."""
        with self._naming_the_file():
            return await super().aget_tuple(config)

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, versions: ChannelVersions
    ) -> RunnableConfig:
        """Stores a checkpoint."""
        with self._naming_the_file():
            return await super().aput(config, checkpoint, metadata, versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Stores what one node wrote after a checkpoint."""
        with self._naming_the_file():
            await super().aput_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Deletes all of a thread."""
        with self._naming_the_file():
            await super().adelete_thread(thread_id)
