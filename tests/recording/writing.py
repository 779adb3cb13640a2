"""A writer on a volume of its own, whose disk fails on demand."""

import queue
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.recording.streams import T0_US, gop, order, volume_at

from tandem.archive.disk import Buffer, Disk
from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Gap, Segment
from tandem.clock import SystemClock
from tandem.media.mp4.scan import scan
from tandem.recording.volume_jobs import (
    Durable,
    Report,
    Write,
)
from tandem.recording.volume_writer import VolumeWriter

DEADLINE_S = 60.0
POLL_S = 0.01
SYNC_US = 50_000


class FaultyDisk(Disk):
    """A disk that fails on demand."""

    def __init__(self) -> None:
        self.write_error = 0
        self.sync_error = 0
        self.touch_error = 0
        self.room_error = 0
        self.failures = 0

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        if self.write_error:
            self.failures += 1
            raise OSError(self.write_error, "made up")
        return super().writev(fd, buffers)

    def fdatasync(self, fd: int) -> None:
        if self.sync_error:
            self.failures += 1
            raise OSError(self.sync_error, "made up")
        super().fdatasync(fd)

    def touch(self, fd: int) -> None:
        if self.touch_error:
            self.failures += 1
            raise OSError(self.touch_error, "made up")
        super().touch(fd)

    def allocate(self, fd: int, size_bytes: int) -> None:
        if self.room_error:
            self.failures += 1
            raise OSError(self.room_error, "made up")
        super().allocate(fd, size_bytes)


class Bench:
    """A writer on a volume of its own, and what it reported."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = FaultyDisk()
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        mounted = volume_at(root, disk=self.disk)
        self.writer = VolumeWriter(mounted, SystemClock(), self.reports.put, SYNC_US)
        self.order = order()
        self.writer.start()

    def write(self, *numbers: int, begins: int | None = None) -> None:
        for number in numbers:
            self.writer.submit(Write(self.order, gop(number), begins == number))

    def wait_for(self, wanted: Callable[[Report], bool]) -> Report:
        while True:
            report = self.reports.get(timeout=DEADLINE_S)
            if wanted(report):
                return report

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline_us = SystemClock().boot_us() + int(DEADLINE_S * 1_000_000)
        while not condition():
            assert SystemClock().boot_us() < deadline_us
            time.sleep(POLL_S)

    def wait_until_durable(self, time_us: int) -> None:
        self.wait_for(
            lambda report: (
                isinstance(report, Durable) and report.until_us == {self.order.key: time_us}
            )
        )

    def stop(self) -> bool:
        return self.writer.stop(DEADLINE_S)

    def segments(self) -> list[Segment]:
        index = IndexReader.open_for_reading(self.root / INDEX_FILE)
        found = index.segments("gate", 0, T0_US * 2)
        index.close()
        return found

    def gaps(self) -> list[Gap]:
        index = IndexReader.open_for_reading(self.root / INDEX_FILE)
        found = index.gaps("gate", 0, T0_US * 2)
        index.close()
        return found

    def pictures(self) -> list[int]:
        """The numbers of all pictures in all files, by a scan of the files alone."""
        return [
            (entry.video.first_dts - T0_US * 9 // 100) // 90_000 if entry.video else -1
            for path in sorted(self.root.glob("gate/main/*/*.mp4"))
            for entry in scan(memoryview(path.read_bytes())).fragments
        ]
