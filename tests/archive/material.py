"""Volumes, segments and failing disks for the tests; pictures are noise with true identities."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from uuid import UUID

from blake3 import blake3

from tandem.archive.disk import SYSTEM_DISK, Buffer, Disk
from tandem.archive.identity import VolumeIdentity
from tandem.archive.layout import segment_path
from tandem.archive.mount import Mounted, mount
from tandem.archive.rows import Closing, Progress, Role, Segment
from tandem.archive.segment_file import SegmentFile
from tandem.archive.space import Limits
from tandem.archive.volume import Volume
from tandem.media.mp4.fragment import Sample, fragment
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra
from tandem.media.units import Codec, VideoConfig

CLUSTER = 7
VOLUME = UUID("11111111-1111-4111-8111-111111111111")
BASE_US = 1_795_000_000_000_000
FRAGMENT_US = 1_000_000
NO_FLOOR = Limits(min_free_bytes=0)

FRAMES = 25
_TICKS = 3_600
# 64x64, from x264; the pictures' slices are noise, which nothing here decodes
_SPS = bytes.fromhex("6764000aacd94426c044000003000400000300c83c489658")
_PPS = bytes.fromhex("68ebe3cb22c0")
VIDEO = VideoConfig(Codec.H264, (_SPS, _PPS), 64, 64, 0)


def segment_uuid(number: int) -> UUID:
    return UUID(int=number << 96 | 0x4000_8000_0000_0000_0000 | number)


def init(number: int, camera_id: str = "gate", start_us: int = BASE_US) -> bytes:
    header = SegmentHeader(CLUSTER, "n1", camera_id, "main", str(segment_uuid(number)), start_us)
    return init_segment(VIDEO, None, header)


def picture(random: Random, size_bytes: int, *, key: bool) -> tuple[bytes, bytes]:
    nal = bytes([0x65 if key else 0x41]) + random.randbytes(size_bytes)
    data = len(nal).to_bytes(4, "big") + nal
    return data, blake3(data).digest(length=16)


def gop(number: int, at: int, start_us: int = BASE_US, frame_bytes: int = 400) -> list[Buffer]:
    """The buffers of fragment `at` of segment `number`: a second of pictures."""
    random = Random(f"{number}/{at}")
    first = start_us * 9 // 100 + at * FRAMES * _TICKS
    samples = []
    for frame in range(FRAMES):
        data, identity = picture(random, frame_bytes, key=frame == 0)
        samples.append(Sample(data, first + frame * _TICKS, 0, _TICKS, frame == 0, identity))
    return fragment(at + 1, samples, [])


def row(
    number: int,
    *,
    camera_id: str = "gate",
    start_us: int = BASE_US,
    role: Role = Role.PRIMARY,
) -> Segment:
    segment_id = segment_uuid(number)
    path = segment_path(camera_id, "main", start_us, segment_id)
    return Segment(segment_id, camera_id, "main", path, role, start_us, start_us)


@dataclass
class Writing:
    """A segment being recorded, as a recorder does it: row, file, fragments, syncs."""

    mounted: Mounted
    number: int
    start_us: int = BASE_US
    camera_id: str = "gate"
    role: Role = Role.PRIMARY
    frame_bytes: int = 400
    points: list[SyncPoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        described = row(
            self.number, camera_id=self.camera_id, start_us=self.start_us, role=self.role
        )
        self.row = replace(described, writer_id=self.mounted.writer.writer_id)
        self.mounted.index.begin(self.row)
        self.file = SegmentFile.create(self.mounted.volume, self.row.path)

    @property
    def path(self) -> Path:
        return self.mounted.volume.root / self.row.path

    def append(self, fragments: int = 1) -> None:
        for _ in range(fragments):
            at = len(self.points)
            head = [] if at else [init(self.number, self.camera_id, self.start_us)]
            offset = self.file.size_bytes + sum(map(len, head))
            self.points.append(SyncPoint(self.start_us * 9 // 100 + at * FRAMES * _TICKS, offset))
            parts = gop(self.number, at, self.start_us, self.frame_bytes)
            self.file.append([*head, *parts])

    def progress(self, durable_bytes: int) -> Progress:
        count = len(self.points)
        return Progress(
            self.row.segment_id,
            self.start_us + count * FRAGMENT_US,
            durable_bytes,
            count * FRAMES,
            count,
        )

    def sync(self) -> None:
        self.mounted.index.sync_round([self.progress(self.file.sync())])

    def close(self) -> Segment:
        sealed = self.file.close([mfra(self.points)])
        step = self.progress(sealed.size_bytes)
        self.mounted.index.sync_round(closings=[Closing(step, sealed.hash)])
        found = self.mounted.index.segment(self.row.segment_id)
        assert found is not None
        return found


def record(
    mounted: Mounted,
    number: int,
    fragments: int = 3,
    start_us: int | None = None,
    camera_id: str = "gate",
    role: Role = Role.PRIMARY,
    frame_bytes: int = 400,
) -> Segment:
    """A whole segment."""
    start = BASE_US + number * 60_000_000 if start_us is None else start_us
    writing = Writing(mounted, number, start, camera_id, role, frame_bytes)
    writing.append(fragments)
    return writing.close()


def create(root: Path, volume_id: UUID = VOLUME) -> None:
    root.mkdir(exist_ok=True)
    Volume.create(root, VolumeIdentity(volume_id, CLUSTER, "n1", BASE_US))


@contextmanager
def mounted_at(
    root: Path,
    disk: Disk = SYSTEM_DISK,
    limits: Limits = NO_FLOOR,
    volume_id: UUID = VOLUME,
) -> Iterator[Mounted]:
    opened = mount(root, volume_id, CLUSTER, limits, disk)
    try:
        yield opened
    finally:
        opened.close()


class FailingDisk(Disk):
    """A disk on which chosen calls fail with an errno, the nth of their kind and all after it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails: dict[str, tuple[int, int]] = {}
        self.longest_write: int | None = None

    def fail(self, call: str, code: int, after: int = 0) -> None:
        self.fails[call] = (code, self.calls.count(call) + after)

    def heal(self) -> None:
        self.fails.clear()

    def _note(self, call: str) -> None:
        self.calls.append(call)
        code, after = self.fails.get(call, (0, 0))
        if code and self.calls.count(call) > after:
            raise OSError(code, os.strerror(code))

    def open(self, path: str, flags: int, *, dir_fd: int) -> int:
        self._note("create" if flags & os.O_CREAT else "open")
        return super().open(path, flags, dir_fd=dir_fd)

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        self._note("writev")
        if self.longest_write is not None:
            return os.write(fd, b"".join(buffers)[: self.longest_write])
        return super().writev(fd, buffers)

    def fdatasync(self, fd: int) -> None:
        self._note("fdatasync")
        super().fdatasync(fd)

    def fsync(self, fd: int) -> None:
        self._note("fsync")
        super().fsync(fd)

    def truncate(self, fd: int, size_bytes: int) -> None:
        self._note("truncate")
        super().truncate(fd, size_bytes)

    def mkdir(self, path: str, *, dir_fd: int) -> None:
        self._note("mkdir")
        super().mkdir(path, dir_fd=dir_fd)

    def rename(self, old: str, new: str, *, dir_fd: int) -> None:
        self._note("rename")
        super().rename(old, new, dir_fd=dir_fd)

    def rmdir(self, path: str, *, dir_fd: int) -> None:
        self._note("rmdir")
        super().rmdir(path, dir_fd=dir_fd)

    def unlink(self, path: str, *, dir_fd: int) -> None:
        self._note("unlink")
        super().unlink(path, dir_fd=dir_fd)
