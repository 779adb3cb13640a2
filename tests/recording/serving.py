"""Volumes of a recorder on disks that fail and hang on demand, without any camera."""

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Self
from uuid import UUID, uuid4

from tests.recording.streams import T0_US, gop

from tandem.archive.disk import SYSTEM_DISK, Buffer, Disk
from tandem.archive.identity import VolumeIdentity
from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.mount import Mounted, mount
from tandem.archive.rows import Gap, Segment
from tandem.archive.space import NO_CAP
from tandem.archive.volume import Volume
from tandem.clock import SystemClock
from tandem.media.mp4.scan import scan
from tandem.recording.camera import StreamOrder
from tandem.recording.disks import Disks
from tandem.recording.orders import VolumeOrder
from tandem.recording.reopening import Reopening
from tandem.recording.volume_service import VolumeService
from tandem.recording.volumes import Volumes

DEADLINE_S = 60.0
POLL_S = 0.01
CLUSTER = 1


class MoodyDisk(Disk):
    """A disk that fails or hangs while it is told to."""

    def __init__(self) -> None:
        self.is_failing = False
        self.error = errno.EIO
        self.goes_on = threading.Event()
        self.goes_on.set()

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        self._suffer()
        return super().writev(fd, buffers)

    def fdatasync(self, fd: int) -> None:
        self._suffer()
        super().fdatasync(fd)

    def touch(self, fd: int) -> None:
        self._suffer()
        super().touch(fd)

    def open(self, path: str, flags: int, *, dir_fd: int) -> int:
        self._suffer()
        return super().open(path, flags, dir_fd=dir_fd)

    def _suffer(self) -> None:
        assert self.goes_on.wait(DEADLINE_S)
        if self.is_failing:
            raise OSError(self.error, "made up")


class Waits(Reopening):
    """Remembers after what a volume was waited for."""

    def __init__(self) -> None:
        super().__init__(Random(1), retry_s=0.02)
        self.told: list[str] = []

    def absent(self) -> float:
        self.told.append("absent")
        return super().absent()

    def failed(self, served_s: float) -> float:
        self.told.append("failed")
        return super().failed(served_s)


class Bench:
    """The volumes of a recorder; use it as a context inside a running event loop."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = SystemClock()
        self.disks = Disks()
        self.moods: dict[UUID, MoodyDisk] = {}
        self.reopenings: dict[UUID, Waits] = {}
        self.opened: list[Mounted] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self.volumes = await self._stack.enter_async_context(Volumes(self._serve, tasks))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def order(self, name: str, *, exists: bool = True) -> VolumeOrder:
        """An order for a volume, which is made."""
        wanted = VolumeOrder(self.root / name, uuid4(), NO_CAP)
        if exists:
            self.make(wanted)
        return wanted

    def make(self, wanted: VolumeOrder) -> None:
        """Make the volume that an order is for."""
        wanted.path.mkdir(parents=True)
        Volume.create(wanted.path, VolumeIdentity(wanted.volume_id, CLUSTER, "node-1", T0_US))

    def mood(self, wanted: VolumeOrder) -> MoodyDisk:
        """The disk of a volume."""
        return self.moods.setdefault(wanted.volume_id, MoodyDisk())

    def release(self) -> None:
        """No disk hangs any more."""
        for mood in self.moods.values():
            mood.goes_on.set()

    def close_what_hung(self) -> None:
        """Let a disk go on that hung until all was over; what is opened so late, nobody uses."""
        known = len(self.opened)
        self.release()
        deadline_us = self.clock.boot_us() + int(DEADLINE_S * 1_000_000)
        while len(self.opened) == known:
            assert self.clock.boot_us() < deadline_us
            time.sleep(POLL_S)
        self.opened[-1].close()

    def is_serving(self, wanted: VolumeOrder) -> bool:
        """Whether a volume is in service."""
        state = self.disks.volumes.get(wanted.volume_id)
        return state is not None and state.writer is not None

    def problem(self, wanted: VolumeOrder) -> str:
        """What is wrong with a volume."""
        return self.disks.volumes[wanted.volume_id].problem or ""

    def keep(self, stream: StreamOrder, *numbers: int) -> None:
        """Record GOPs of a stream."""
        for number in numbers:
            self.disks.keep(stream, gop(number, continues=number > 0))

    async def serve(self, order: VolumeOrder) -> None:
        """Have this volume alone ordered, and wait until it is in service."""
        self.volumes.apply([order])
        await self.until(lambda: self.is_serving(order))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - of files, too
                await asyncio.sleep(POLL_S)

    def _serve(self, wanted: VolumeOrder) -> VolumeService:
        reopening = self.reopenings.setdefault(wanted.volume_id, Waits())
        return VolumeService(wanted, CLUSTER, self.disks, self.clock, reopening, self._open)

    def _open(self, wanted: VolumeOrder, cluster_number: int) -> Mounted:
        disk = self.moods.get(wanted.volume_id, SYSTEM_DISK)
        mounted = mount(wanted.path, wanted.volume_id, cluster_number, wanted.limits, disk)
        self.opened.append(mounted)
        return mounted


def segments(wanted: VolumeOrder, camera: str = "gate") -> list[Segment]:
    """What the index of a volume has of a camera."""
    index = IndexReader.open_for_reading(wanted.path / INDEX_FILE)
    found = index.segments(camera, 0, T0_US * 2)
    index.close()
    return found


def gaps(wanted: VolumeOrder, camera: str = "gate") -> list[Gap]:
    """The gaps that the index of a volume has of a camera."""
    index = IndexReader.open_for_reading(wanted.path / INDEX_FILE)
    found = index.gaps(camera, 0, T0_US * 2)
    index.close()
    return found


def pictures(*volumes: VolumeOrder, camera: str = "gate") -> list[int]:
    """The numbers of all GOPs in all files, by a scan of the files alone."""
    return sorted(
        (entry.video.first_dts - T0_US * 9 // 100) // 90_000 if entry.video else -1
        for wanted in volumes
        for path in wanted.path.glob(f"{camera}/main/*/*.mp4")
        for entry in scan(memoryview(path.read_bytes())).fragments
    )
