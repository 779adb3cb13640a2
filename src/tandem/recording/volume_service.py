"""One volume of a recorder, for as long as it is ordered: opened, written, opened anew.

It is opened in a thread of its own, so that a disk that hangs holds up nothing but itself. A volume
that is missing, or that died, is tried again until it is there: it is opened from scratch, with the
check of its identity and the recovery of what it left open, by the same path as at a start.
"""

import asyncio
import logging
from functools import partial

from tandem.archive.errors import ArchiveError, DiskReadOnlyError, VolumeError
from tandem.archive.mount import Mounted
from tandem.clock import Clock
from tandem.recording.disks import Disks
from tandem.recording.orders import VolumeOrder
from tandem.recording.own_thread import in_own_thread, post
from tandem.recording.reopening import Reopening
from tandem.recording.volume_jobs import Dead, Durable, Ended, Report
from tandem.recording.volume_opening import Opener
from tandem.recording.volume_questions import VolumeQuestions
from tandem.recording.volume_writer import VolumeWriter

log = logging.getLogger(__name__)

LAST_SYNC_S = 10.0
"""How long a disk may take to close its segments; then it is left to itself."""

RELIEF_S = 1.0
"""How often it is looked whether what waits for the disk should go elsewhere: its cameras may send
nothing more."""

_MAY_HANG = "it may hang: see `dmesg`"

SLOW_S = 10.0
"""After how long it is said that a volume is still being opened."""


class VolumeService:
    """Keeps one volume in service.

    Args:
        order: which volume.
        cluster_number: whose it is.
        disks: where it joins.
        clock: of the node.
        reopening: when it is tried again.
        open_volume: brings it into service; blocks.
    """

    def __init__(
        self,
        order: VolumeOrder,
        cluster_number: int,
        disks: Disks,
        clock: Clock,
        reopening: Reopening,
        open_volume: Opener,
    ) -> None:
        self.order = order
        self._cluster_number = cluster_number
        self._disks = disks
        self._clock = clock
        self._reopening = reopening
        self._open_volume = open_volume
        self._writer: VolumeWriter | None = None
        self._ended = asyncio.Event()
        self._is_leaving = False
        disks.expect(order)

    async def run(self) -> None:
        """Serve until cancelled; `close` is to follow."""
        while True:
            mounted = await self._open()
            began_us = self._clock.boot_us()
            await self._serve(mounted)
            served_s = (self._clock.boot_us() - began_us) / 1_000_000
            await asyncio.sleep(self._reopening.failed(served_s))

    @property
    def is_full(self) -> bool:
        """Whether pictures wait for room."""
        return self._writer is not None and self._writer.patience.is_full

    def leave(self) -> None:
        """Take no more from now on; whatever comes, or waits for room, goes to other volumes."""
        self._is_leaving = True
        self._disks.leave(self.order.volume_id)
        if self._writer is not None and self.is_full and self._disks.is_serving:
            self._disks.rescue(self._writer.recall())

    async def close(self) -> None:
        """Close every segment, once nothing runs or comes any more, within `LAST_SYNC_S`.

        What a disk that hangs, or is full, did not take goes to others.
        """
        writer = self._writer
        if writer is None:
            return
        writer.finish()
        try:
            async with asyncio.timeout(LAST_SYNC_S):
                await self._ended.wait()
        except TimeoutError:
            why = "it has no room: see `df -h`" if writer.patience.is_full else _MAY_HANG
            log.error(
                "%s: not everything reached the disk in %.0f s; %s",
                self.order.path,
                LAST_SYNC_S,
                why,
            )
        self._disks.rescue(writer.recall())

    async def _open(self) -> Mounted:
        """Try until the volume is open."""
        while True:
            try:
                return await self._try()
            except (VolumeError, DiskReadOnlyError) as problem:
                self._disks.fail(self.order.volume_id, str(problem))
                delay_s = self._reopening.absent()
            except ArchiveError as problem:
                self._disks.fail(self.order.volume_id, str(problem))
                delay_s = self._reopening.failed(0)
            await asyncio.sleep(delay_s)

    async def _try(self) -> Mounted:
        slow = asyncio.get_running_loop().call_later(
            SLOW_S,
            self._disks.fail,
            self.order.volume_id,
            f"{self.order.path} is still being opened after {SLOW_S:.0f} s. Its disk is slow or "
            "hangs: see `dmesg` and `iostat -x 5`.",
        )
        work = partial(self._open_volume, self.order, self._cluster_number)
        try:
            return await in_own_thread(f"opening {self.order.path}", work, Mounted.close)
        finally:
            slow.cancel()

    async def _serve(self, mounted: Mounted) -> None:
        """Have the volume written until it dies."""
        self._ended.clear()
        loop = asyncio.get_running_loop()
        self._writer = VolumeWriter(
            mounted, self._clock, lambda report: post(loop, self._reported, report)
        )
        questions = VolumeQuestions(self.order, self._cluster_number)
        self._disks.join(self.order, self._writer, questions)
        self._writer.start()
        try:
            while not self._ended.is_set():
                try:
                    async with asyncio.timeout(RELIEF_S):
                        await self._ended.wait()
                except TimeoutError:
                    self._disks.relieve(self.order.volume_id)
            self._writer = None
        finally:
            questions.close()

    def _reported(self, report: Report) -> None:
        match report:
            case Ended():
                self._ended.set()
            case _ if not self._is_leaving:
                self._disks.reported(self.order.volume_id, report)
            case Durable(until_us):
                self._disks.durable(until_us)
            case Dead(message) if self._writer is not None:
                log.error("%s", message)
                self._disks.rescue(self._writer.recall())
