"""The volumes of an archivist: each opened as soon as it can be, and again after it was lost.

An archivist without any volume still serves: it says that it cannot promise and what it cannot
read. A disk that hangs holds a thread of its own, and nothing else. One that was lost, or that
takes no changes any more, is let go of within moments, so that it can be unmounted and repaired.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from tandem.archive.archive import Archive
from tandem.archive.errors import ArchiveError, DiskReadOnlyError, VolumeReadOnlyError
from tandem.archive.mount import Mounted, open_to_read
from tandem.recording.orders import VolumeOrder
from tandem.recording.own_thread import in_own_thread
from tandem.recording.volume_opening import open_volume

log = logging.getLogger(__name__)

_Volume = TypeVar("_Volume")

LOOK_S: Final = 1.0
"""How often a volume in use is looked at: so long it may keep a disk from being unmounted."""

RETRY_S: Final = 5.0

FIRST_S: Final = 20.0
"""For how long the first opening is waited for: what is on a volume that opens in a moment must
neither be called missing nor be fetched again. One that takes longer does not hold up the others.
"""


class Volumes:
    """Keeps volumes in service. They may come and go.

    Args:
        orders: which.
        cluster_number: whose they have to be.

    Attributes:
        archive: those in service; what is not is among its bypassed ones, with the reason.
        changed: set whenever one came into service or was lost.
    """

    def __init__(self, orders: Sequence[VolumeOrder], cluster_number: int) -> None:
        self.archive = Archive([])
        self.changed = asyncio.Event()
        self._cluster_number = cluster_number
        self._wanted: dict[UUID, VolumeOrder] = {}
        self._untried: set[UUID] = set()
        self._reordered = asyncio.Event()
        self._was_tried = asyncio.Event()
        self.apply(orders)

    def apply(self, orders: Sequence[VolumeOrder]) -> None:
        """Make the volumes in service those that are ordered, soon."""
        wanted = {one.volume_id: one for one in orders}
        for volume_id in wanted.keys() - self._wanted.keys():
            self._untried.add(volume_id)
            self.archive.bypass(volume_id, _being_opened(wanted[volume_id]))
        self._untried &= wanted.keys()
        self._wanted = wanted
        self._was_tried.set()
        self._reordered.set()

    async def run(self) -> None:
        """Open and reopen them until cancelled."""
        kept: dict[UUID, tuple[VolumeOrder, asyncio.Task[None]]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._reordered.clear()
                for volume_id, (order, task) in list(kept.items()):
                    if self._wanted.get(volume_id) != order:
                        task.cancel()
                        del kept[volume_id]
                        if mounted := self._forget(volume_id):
                            tasks.create_task(asyncio.to_thread(mounted.loans.end))
                for volume_id in self._wanted.keys() - kept.keys():
                    order = self._wanted[volume_id]
                    task = tasks.create_task(self._keep(order), name=f"volume {order.path}")
                    kept[volume_id] = order, task
                await self._reordered.wait()

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
            for volume_id, order in sorted(self._wanted.items())
        ]

    def close(self) -> None:
        """Let go of all. Blocks."""
        for mounted in self.archive.volumes.values():
            mounted.loans.end()

    def _forget(self, volume_id: UUID) -> Mounted | None:
        """Use a volume no more that is not ordered any more, or otherwise; returns what is open."""
        archive = self.archive
        mounted = archive.volumes.get(volume_id)
        archive.volumes = _without(volume_id, archive.volumes)
        archive.read_only = _without(volume_id, archive.read_only)
        archive.bypassed.pop(volume_id, None)
        self.changed.set()
        if order := self._wanted.get(volume_id):
            archive.bypass(volume_id, _being_opened(order))
        return mounted

    async def _keep(self, order: VolumeOrder) -> None:
        volume_id = order.volume_id
        while True:
            mounted = self.archive.volumes.get(volume_id)
            if mounted is not None and volume_id not in self.archive.bypassed:
                await asyncio.to_thread(self._look, mounted)
            if volume_id in self.archive.bypassed:
                if mounted is not None:
                    log.error("%s", self.archive.bypassed[volume_id])
                    self.archive.volumes = _without(volume_id, self.archive.volumes)
                    self.changed.set()
                    await asyncio.to_thread(mounted.loans.end)
                await self._open(order)
                self._untried.discard(volume_id)
                self._was_tried.set()
            is_open = volume_id in self.archive.volumes
            await asyncio.sleep(LOOK_S if is_open else RETRY_S)

    def _look(self, mounted: Mounted) -> None:
        try:
            mounted.volume.check_present()
            mounted.writer.check_writable()
        except ArchiveError as problem:
            self.archive.bypass(mounted.volume_id, str(problem))

    async def _open(self, order: VolumeOrder) -> None:
        volume_id, archive = order.volume_id, self.archive
        work = partial(open_volume, order, self._cluster_number)
        try:
            mounted = await in_own_thread(f"opening {order.path}", work, Mounted.close)
        except ArchiveError as problem:
            if archive.bypassed.get(volume_id) != str(problem):
                log.error("%s It is tried again every %d s.", problem, RETRY_S)
            archive.bypassed[volume_id] = str(problem)
            read_only = _without(volume_id, archive.read_only)
            if isinstance(problem, VolumeReadOnlyError | DiskReadOnlyError):
                where = order.path, volume_id, self._cluster_number
                read_only[volume_id] = partial(open_to_read, *where)
            archive.read_only = read_only
            return
        # Threads go through these as they are: one is replaced as a whole, never changed.
        archive.volumes = {**archive.volumes, volume_id: mounted}
        archive.read_only = _without(volume_id, archive.read_only)
        del archive.bypassed[volume_id]
        self.changed.set()
        log.info("%s is in use.", order.path)


def _being_opened(order: VolumeOrder) -> str:
    return f"{order.path} is being opened."


def _without(volume_id: UUID, volumes: dict[UUID, _Volume]) -> dict[UUID, _Volume]:
    return {it: one for it, one in volumes.items() if it != volume_id}
