"""The volumes of an archivist: each opened as soon as it can be, and again after it was lost.

An archivist without any volume still serves: it says that it cannot promise and what it cannot
read. A disk that hangs holds a thread of its own, and nothing else.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from tandem.archive.archive import Archive
from tandem.archive.errors import ArchiveError
from tandem.archive.mount import Mounted
from tandem.recording.orders import VolumeOrder
from tandem.recording.volume_opening import open_volume

log = logging.getLogger(__name__)

RETRY_S: Final = 10.0

FIRST_S: Final = 20.0
"""For how long the first opening is waited for: what is on a volume that opens in a moment must
neither be called missing nor be fetched again. One that takes longer does not hold up the others.
"""

_LEAVING_S: Final = 60.0
"""When a lost volume is let go of: longer than any answer that may still read it takes."""


class Volumes:
    """Keeps volumes in service.

    Args:
        orders: which.
        cluster_number: whose they have to be.

    Attributes:
        archive: those in service; what is not is among its bypassed ones, with the reason.
    """

    def __init__(self, orders: Sequence[VolumeOrder], cluster_number: int) -> None:
        self.archive = Archive([])
        self._orders = {one.volume_id: one for one in orders}
        self._cluster_number = cluster_number
        self._untried = set(self._orders)
        self._was_tried = asyncio.Event()
        for one in orders:
            self.archive.bypass(one.volume_id, f"{one.path} is being opened.")

    async def run(self) -> None:
        """Open and reopen them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for order in self._orders.values():
                tasks.create_task(self._keep(order, tasks), name=f"volume {order.path}")

    async def opened(self) -> None:
        """Wait until each was tried once, or `FIRST_S` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                while self._untried:
                    await self._was_tried.wait()
                    self._was_tried.clear()

    def status(self) -> list[dict[str, Any]]:
        """How each is now, as JSON values."""
        return [
            {
                "volume_id": str(volume_id),
                "path": str(order.path),
                "problem": self.archive.bypassed.get(volume_id),
            }
            for volume_id, order in sorted(self._orders.items())
        ]

    def close(self) -> None:
        """Let go of all. Blocks."""
        for mounted in self.archive.volumes.values():
            mounted.close()

    async def _keep(self, order: VolumeOrder, tasks: asyncio.TaskGroup) -> None:
        volume_id, left = order.volume_id, None
        while True:
            mounted = self.archive.volumes.get(volume_id)
            if mounted is not None and volume_id not in self.archive.bypassed:
                await asyncio.to_thread(self._look, mounted)
            if volume_id in self.archive.bypassed:
                if mounted is not None and mounted is not left:
                    log.error("%s", self.archive.bypassed[volume_id])
                    left = mounted
                    tasks.create_task(self._leave(mounted))
                await self._open(order)
                self._untried.discard(volume_id)
                self._was_tried.set()
            await asyncio.sleep(RETRY_S)

    def _look(self, mounted: Mounted) -> None:
        try:
            mounted.volume.check_present()
        except ArchiveError as problem:
            self.archive.bypass(mounted.volume_id, str(problem))

    async def _open(self, order: VolumeOrder) -> None:
        volume_id = order.volume_id
        try:
            mounted = await asyncio.to_thread(open_volume, order, self._cluster_number)
        except ArchiveError as problem:
            if self.archive.bypassed.get(volume_id) != str(problem):
                log.error("%s It is tried again every %d s.", problem, RETRY_S)
            self.archive.bypassed[volume_id] = str(problem)
            return
        # Threads go through these as they are: one is replaced as a whole, never changed.
        self.archive.volumes = {**self.archive.volumes, volume_id: mounted}
        del self.archive.bypassed[volume_id]
        log.info("%s is in use.", order.path)

    async def _leave(self, mounted: Mounted) -> None:
        """Let go of a lost volume, so that it can be unmounted."""
        await asyncio.sleep(_LEAVING_S)
        await asyncio.to_thread(mounted.close)
