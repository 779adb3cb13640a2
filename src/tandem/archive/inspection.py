"""Reading a segment file: what is whole in it, and its hash.

Files are read with `pread`, never mapped: a bad sector under a mapping is a SIGBUS that kills the
recorder, under `pread` an error to be told. What `scan` looks at is laid out in anonymous memory at
its place in the file; the media data between, nine tenths and more, is neither read nor allocated.
"""

import errno
import mmap
import os
import struct
from dataclasses import dataclass

from blake3 import blake3

from tandem.media.mp4.fragment import LARGEST_MOOF_BYTES
from tandem.media.mp4.scan import Scan, TrackSpan, scan
from tandem.media.units import VIDEO_CLOCK_HZ

_BOX = struct.Struct(">I4s")
_CHUNK_BYTES = 1 << 20
_SPARSE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


@dataclass(frozen=True, slots=True)
class Content:
    """What the whole fragments of a file hold, in the terms of a row.

    Attributes:
        end_us: capture time at which the last sample ends, UTC.
        frames: pictures.
        keyframes: pictures at which decoding may begin.
    """

    end_us: int
    frames: int
    keyframes: int


def inspect(fd: int, size_bytes: int, verify_from: int | None = None) -> Scan:
    """Find out what of a file is whole, reading no more than that takes.

    Args:
        fd: open for reading.
        size_bytes: of the file.
        verify_from: see `tandem.media.mp4.scan.scan`; the data behind it is read.

    Raises:
        OSError: the disk cannot read it.
    """
    if size_bytes == 0:
        return scan(b"", verify_from)
    sparse = mmap.mmap(-1, size_bytes, _SPARSE)
    _lay_out(fd, sparse, verify_from)
    return scan(memoryview(sparse), verify_from)


def is_of_a_later_release(scanned: Scan, size_bytes: int) -> bool:
    """Whether a later release wrote it: `scan` counts as whole what it cannot judge (A9)."""
    return scanned.problem is not None and scanned.whole_bytes == size_bytes > 0


def content(scanned: Scan, start_us: int) -> Content:
    """Sum up a scan.

    Args:
        scanned: what is whole.
        start_us: where the segment begins: its end too, while it holds nothing.
    """
    ends = [start_us]
    for fragment in scanned.fragments:
        if fragment.video:
            ends.append(_end_us(fragment.video, VIDEO_CLOCK_HZ))
        elif fragment.audio and scanned.audio:
            ends.append(_end_us(fragment.audio, scanned.audio.sample_rate_hz))
    return Content(
        end_us=max(ends),
        frames=sum(part.video.sample_count for part in scanned.fragments if part.video),
        keyframes=len(scanned.sync_points),
    )


def hash_file(fd: int, size_bytes: int) -> bytes:
    """BLAKE3 of the first `size_bytes` of a file, 32 bytes.

    Raises:
        OSError: the disk cannot read it, or the file is shorter.
    """
    hasher = blake3()
    at = 0
    while at < size_bytes:
        chunk = os.pread(fd, min(_CHUNK_BYTES, size_bytes - at), at)
        if not chunk:
            raise OSError(errno.EIO, f"the file ends at byte {at} of {size_bytes}")
        hasher.update(chunk)
        at += len(chunk)
    return hasher.digest()


def _end_us(span: TrackSpan, rate_hz: int) -> int:
    return span.end_pts * 1_000_000 // rate_hz


def _lay_out(fd: int, sparse: mmap.mmap, verify_from: int | None) -> None:
    """Copy all boxes but the media data of trusted fragments to their places."""
    at = 0
    while at + _BOX.size <= len(sparse):
        size, kind = _BOX.unpack(os.pread(fd, _BOX.size, at).ljust(_BOX.size, b"\0"))
        end = min(at + size, len(sparse))
        is_trusted_data = kind == b"mdat" and (verify_from is None or end <= verify_from)
        wanted = _BOX.size if is_trusted_data else end - at
        if kind != b"mdat":
            wanted = min(wanted, LARGEST_MOOF_BYTES)
        _copy(fd, sparse, at, max(wanted, _BOX.size))
        if size < _BOX.size:
            return  # not a box of ours: `scan` stops here too
        at = end


def _copy(fd: int, sparse: mmap.mmap, start: int, length: int) -> None:
    end = min(start + length, len(sparse))
    while start < end:
        chunk = os.pread(fd, min(_CHUNK_BYTES, end - start), start)
        if not chunk:
            return
        sparse[start : start + len(chunk)] = chunk
        start += len(chunk)
