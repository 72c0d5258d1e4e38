"""LangGraph's saver of checkpoints in SQLite: of each thread the newest one, and errors that name the file."""

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

_OLDER = "thread_id = new.thread_id AND checkpoint_ns = new.checkpoint_ns AND checkpoint_id < new.checkpoint_id"
# A run goes on from its newest checkpoint alone. The older ones go in the transaction that writes it, so that a kill
# leaves one or the other; only through this connection, since a file may hold threads of other graphs too.
_NEWEST_ONLY = f"""
CREATE TEMP TRIGGER IF NOT EXISTS newest_only AFTER INSERT ON main.checkpoints BEGIN
    DELETE FROM checkpoints WHERE {_OLDER};
    DELETE FROM writes WHERE {_OLDER};
END
"""


class CheckpointSaver(AsyncSqliteSaver):
    """Keeps runs in the SQLite file `path`; raises CheckpointsUnusable for what SQLite refuses."""

    path: Path

    async def setup(self) -> None:
        """Makes the tables where they are missing."""
        if self.is_setup:
            return
        await self.conn.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: `pilotage cache prune` shrinks it
        await super().setup()
        await self.conn.execute(_NEWEST_ONLY)

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
