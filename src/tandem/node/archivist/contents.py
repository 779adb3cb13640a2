"""What a segment file holds, read again from the disk and verified. Blocking.

Past the page cache (rule D3): what is dirty is written first, then the kernel is asked to drop the
file's pages, so that the reads that follow come from the disk. It keeps a page that another process
has mapped or is reading at that very moment; nothing of Tandem maps segments, and a page that is
being read has just come from the disk itself. `O_DIRECT` would be certain, at the price of the
alignment rules of each file system.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from blake3 import blake3

from tandem.archive.disk import Disk
from tandem.archive.export.errors import SourceError
from tandem.archive.export.local import FileBytes
from tandem.archive.export.source import SegmentBytes
from tandem.archive.export.tables import Placed, read_fragments, read_init
from tandem.archive.rows import Segment, State
from tandem.archive.volume import Volume
from tandem.media.codecs.errors import CodecError
from tandem.media.mp4.boxes import Mp4Error
from tandem.media.mp4.identity import audio_identity, video_identity
from tandem.media.mp4.init import InitSegment
from tandem.media.units import VIDEO_CLOCK_HZ
from tandem.node.archivist.errors import UnsoundError

_MDAT_HEADER_BYTES = 8

Check = Callable[[], None]
"""Called between two reads of what takes long; raises `GivenUpError` where nobody waits any more.
"""


def no_check() -> None:
    """For whoever waits as long as it takes."""


class Picture(NamedTuple):
    """A picture of a segment.

    Attributes:
        identity: as `AccessUnit.identity`.
        time_us: its decode time, UTC.
        part: the number of its fragment in the file, from 0.
    """

    identity: bytes
    time_us: int
    part: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a segment file says it holds.

    Attributes:
        init: whose it is, and how to decode it.
        parts: its fragments' tables, in order.
        pictures: all of them, in decode order.
    """

    init: InitSegment
    parts: list[Placed]
    pictures: list[Picture]


def part_bytes(part: Placed) -> int:
    """The size of a fragment, its data included."""
    return part.table.moof_bytes + _MDAT_HEADER_BYTES + part.table.data_bytes


@contextmanager
def opened(volume: Volume, segment: Segment) -> Iterator[int]:
    """Open the file of a segment for reading.

    Raises:
        UnsoundError: it cannot be opened.
    """
    try:
        fd = volume.open_file(segment.path, os.O_RDONLY)
    except OSError as error:
        raise UnsoundError(
            f"{volume.root / segment.path} cannot be opened: {error.strerror}. See `dmesg`."
        ) from error
    try:
        yield fd
    finally:
        volume.disk.close(fd)


def read_contents(volume: Volume, segment: Segment) -> Contents:
    """Read the tables of a segment, from wherever the kernel has them.

    Of an open one, those of what is sure.

    Raises:
        UnsoundError: they are not all there.
    """
    with opened(volume, segment) as fd:
        file = FileBytes(fd, str(volume.root / segment.path))
        if segment.state is State.OPEN:
            file.size_bytes = min(file.size_bytes, segment.durable_bytes)
        return contents_of(file)


def read_piece(volume: Volume, segment: Segment, offset: int, length: int) -> bytes:
    """Read from the file of a segment, from wherever the kernel has it; all of `length`.

    Raises:
        UnsoundError: it cannot be read.
    """
    name = volume.root / segment.path
    with opened(volume, segment) as fd:
        try:
            data = os.pread(fd, length, offset)
        except OSError as error:
            raise UnsoundError(f"{name} cannot be read: {error.strerror}. See `dmesg`.") from error
    if len(data) < length:
        raise UnsoundError(f"{name} is shorter than its row says.")
    return data


def read_verified(volume: Volume, segment: Segment, check: Check = no_check) -> Contents:
    """Read all of a closed segment from the disk; verify its hash and every frame in it (D3).

    Raises:
        GivenUpError: `check` says so.
        UnsoundError: it is not what was recorded, or the disk cannot read it.
    """
    name = str(volume.root / segment.path)
    with opened(volume, segment) as fd:
        _leave_the_page_cache(volume.disk, fd, name)
        file = FileBytes(fd, name)
        if file.size_bytes != segment.durable_bytes:
            raise UnsoundError(
                f"{name} has {file.size_bytes} bytes, and {segment.durable_bytes} were recorded. "
                f"The file system lost data, or somebody changed the file: see `fsck`."
            )
        found = contents_of(file)
        verify(file, found, segment.hash, name, check)
        return found


def contents_of(file: SegmentBytes, from_bytes: int = 0) -> Contents:
    """Read the tables of a file, every one of them.

    Args:
        file: which.
        from_bytes: where to begin behind the init segment: at a fragment; 0 for the first.

    Raises:
        UnsoundError: they are not all there.
    """
    problems: list[str] = []
    try:
        init = read_init(file)
        begin = max(init.init_bytes, from_bytes)
        parts = list(read_fragments(file, begin, file.size_bytes, problems.append))
    except (Mp4Error, CodecError, SourceError) as problem:
        raise UnsoundError(f"A segment is not whole: {problem}.") from problem
    if problems:
        raise UnsoundError(f"A segment is not whole: {problems[0]}.")
    pictures = [
        Picture(row.identity, row.dts * 1_000_000 // VIDEO_CLOCK_HZ, number)
        for number, part in enumerate(parts)
        for row in part.table.video
    ]
    return Contents(init, parts, pictures)


def verify(
    file: SegmentBytes,
    contents: Contents,
    hash_: bytes | None,
    name: str,
    check: Check = no_check,
) -> None:
    """Read all of a file once, a fragment at a time, and compare it with what it should be.

    Args:
        file: which.
        contents: its tables.
        hash_: BLAKE3 of the whole file; None where nobody knows it, after a rebuild. The frames'
            identities alone tell then.
        name: what messages call it.
        check: called before each fragment.

    Raises:
        GivenUpError: `check` says so.
        UnsoundError: a frame is not what the camera sent, or the file not what was recorded.
    """
    hasher = blake3()
    try:
        hasher.update(file.read(0, contents.init.init_bytes))
        end = contents.init.init_bytes
        for part in contents.parts:
            check()
            data = file.read(part.offset, part_bytes(part))
            _verify_part(memoryview(data), part, contents.init, name)
            hasher.update(data)
            end = part.offset + len(data)
        hasher.update(file.read(end, file.size_bytes - end))
    except SourceError as error:
        raise UnsoundError(str(error)) from error
    if hash_ is not None and hasher.digest() != hash_:
        raise UnsoundError(
            f"{name} is not what was recorded: its hash differs. The disk lost or changed data: "
            f"see `smartctl -a` and `dmesg`."
        )


def _verify_part(data: memoryview, part: Placed, init: InitSegment, name: str) -> None:
    samples = [
        *(
            (row, video_identity(init.video.codec, data[row.offset : row.offset + row.size]))
            for row in part.table.video
        ),
        *(
            (row, audio_identity(data[row.offset : row.offset + row.size]))
            for row in part.table.audio
        ),
    ]
    for row, identity in samples:
        if identity != row.identity:
            raise UnsoundError(
                f"{name} has a frame at byte {part.offset + row.offset} that is not what the "
                f"camera sent. The disk lost or changed data: see `smartctl -a` and `dmesg`."
            )


def _leave_the_page_cache(disk: Disk, fd: int, name: str) -> None:
    try:
        disk.fdatasync(fd)  # dirty pages cannot be dropped
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        raise UnsoundError(
            f"{name} cannot be read from the disk: {error.strerror}. See `dmesg`."
        ) from error
