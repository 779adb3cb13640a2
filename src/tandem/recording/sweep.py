"""Making room: what is past its time goes, and on a full disk the oldest.

Planned in a thread of its own from what the indexes say, done by the writer of each volume, so that
an index has one writer in a process. One recorder of a node sweeps; its orders say which.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from tandem.archive.archive import Archive
from tandem.archive.deletion import Deletion, Policy, Retention
from tandem.archive.errors import ArchiveError
from tandem.archive.index import Index
from tandem.archive.mount import Mounted
from tandem.archive.rebuild import adopt
from tandem.clock import Clock
from tandem.recording.disks import Disks
from tandem.recording.volume_writer import Delete

log = logging.getLogger(__name__)

INTERVAL_S = 5.0
"""How often; also the reserve that the room to be made has to last for."""

RESERVE_BYTES = 512 << 20
"""Room that every sweep leaves: 5 s of 800 Mbit/s. Without it, writing would wait for sweeping."""


class Sweeper:
    """Sweeps the volumes of a node.

    Args:
        archive: the volumes.
        disks: their writers.
        clock: of the node.

    """

    def __init__(self, archive: Archive, disks: Disks, clock: Clock) -> None:
        self._policy = Policy({}, wanted_bytes=RESERVE_BYTES)
        self._archive = archive
        self._disks = disks
        self._clock = clock

    def keep(self, retention: Mapping[str, Retention]) -> None:
        """Keep cameras' recordings as ordered, from the next sweep on."""
        self._policy = replace(self._policy, retention=retention)

    async def run(self) -> None:
        """Sweep until cancelled, every `INTERVAL_S`, and at once where a disk is full.

        What an index that was lost does not know is filed meanwhile, since it cannot be deleted.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(self._adopt), name="adopting")
            await self._sweep()

    async def _sweep(self) -> None:
        told: Mapping[UUID, str] = {}
        while True:
            self._carry_out(await asyncio.to_thread(self._plan))
            for volume_id, problem in self._archive.unplanned.items():
                if told.get(volume_id) != problem:
                    log.error("nothing can be deleted from volume %s: %s", volume_id, problem)
            told = self._archive.unplanned
            try:
                async with asyncio.timeout(INTERVAL_S):
                    await self._disks.full.wait()
            except TimeoutError:
                continue
            self._disks.full.clear()

    def _adopt(self) -> None:
        for mounted in self._archive.healthy():
            try:
                self._adopt_files(mounted)
            except ArchiveError as failure:
                log.error("%s: its files could not all be filed: %s", mounted.volume.root, failure)

    def _adopt_files(self, mounted: Mounted) -> None:
        if mounted.reader.is_complete():
            return
        index = Index.open(mounted.index.path)
        try:
            report = adopt(mounted.volume, index)
        finally:
            index.close()
        for problem in report.problems:
            log.error("%s", problem)

    def _plan(self) -> Mapping[UUID, list[Deletion]]:
        return self._archive.plan_deletion(self._clock.utc_us(), self._policy)

    def _carry_out(self, plans: Mapping[UUID, list[Deletion]]) -> None:
        for volume_id, deletions in plans.items():
            if deletions and not self._disks.volumes[volume_id].is_dead:
                self._disks.volumes[volume_id].writer.submit(Delete(deletions))
