"""`BackupKeeper`: a backup of the store each hour, on this node's own disk."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from tandem.archive.errors import words_of
from tandem.clock import Clock
from tandem.node.backup.document import BackupError
from tandem.node.backup.taking import Source, keep_backup, read_store

log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
FIRST_S: Final = 60.0
"""After the agent begins: a store that is about to be lost is best kept before."""

RETRY_S: Final = 300.0
OLD_US: Final = 3 * 3_600_000_000


class BackupKeeper:
    """Keeps backups, each node for itself.

    Args:
        source: which store.
        directory: for the backups.
        clock: of this node.
        random: jitters the moments, so that not all nodes read at once.
    """

    def __init__(
        self, source: Callable[[], Source], directory: Path, clock: Clock, random: Random
    ) -> None:
        self._source, self._directory = source, directory
        self._clock, self._random = clock, random
        self._taken_us = clock.boot_us()
        self._failure = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, in sentences: said when no backup was taken for hours."""
        if not self._failure or self._clock.boot_us() - self._taken_us < OLD_US:
            return ()
        return (f"No backup of the store was taken here for 3 hours. {self._failure}",)

    async def run(self) -> None:
        """Take one each hour until cancelled."""
        pause_s = FIRST_S
        while True:
            await asyncio.sleep(pause_s * self._random.uniform(0.8, 1.2))
            pause_s = EVERY_S if await self.take() else RETRY_S

    async def take(self) -> bool:
        """Take one now; returns whether there is one more."""
        try:
            backup = await read_store(self._source(), self._clock)
            await asyncio.to_thread(keep_backup, backup, self._directory)
        except BackupError as problem:
            self._tell(str(problem))
            return False
        except OSError as problem:
            self._tell(f"{self._directory}: {words_of(problem)}. Make room there (`df -h`).")
            return False
        self._taken_us, self._failure = self._clock.boot_us(), ""
        return True

    def _tell(self, problem: str) -> None:
        if problem != self._failure:
            log.warning("no backup of the store was taken, and it is tried again: %s", problem)
        self._failure = problem
