"""The index at the end of a file that was closed in order: where its keyframes are.

ISO/IEC 14496-12 section 8.8.9: `mfra` holds a `tfra` (one row for each random access point of the
video track), and last a `mfro` with the size of the whole, by which players find it from the end.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from tandem.media.mp4.boxes import Buffer, Mp4Error, box, child, full_box, read_box, unpack
from tandem.media.mp4.fragment import VIDEO_TRACK

_TFRA = struct.Struct(">III")
"""Track, sizes of the last three fields of a row (all one byte: zero), number of rows."""

_ROW = struct.Struct(">QQBBB")
_MFRO_BYTES = 16
_MFRA_HEADER_BYTES = 8
_VERSION_FLAGS_BYTES = 4
_WORD = struct.Struct(">I")


class SyncPoint(NamedTuple):
    """A fragment whose first picture is a keyframe.

    Attributes:
        pts: presentation time of that picture in ticks since 1970.
        moof_offset: offset of the fragment in the file.
    """

    pts: int
    moof_offset: int


def mfra(points: Sequence[SyncPoint]) -> bytes:
    """Build the index of a file's keyframes.

    Args:
        points: in the order of the file; every one is the first picture of its fragment.
    """
    rows = b"".join([_ROW.pack(*point, 1, 1, 1) for point in points])
    tfra = full_box(b"tfra", 1, 0, _TFRA.pack(VIDEO_TRACK, 0, len(points)), rows)
    size = _MFRA_HEADER_BYTES + len(tfra) + _MFRO_BYTES
    return box(b"mfra", tfra, full_box(b"mfro", 0, 0, _WORD.pack(size)))


def parse_mfra(mfra: Buffer) -> list[SyncPoint]:
    """Read the index of a file's keyframes.

    Args:
        mfra: begins with a whole `mfra` box; what follows is not looked at.

    Raises:
        Mp4Error: it is not as Tandem writes it.
    """
    view = memoryview(mfra)
    outer = read_box(view, 0, len(view))
    if outer.kind != b"mfra":
        raise Mp4Error("the index of keyframes does not begin with mfra")
    tfra = child(view, outer, b"tfra")
    mfro = child(view, outer, b"mfro")
    start = tfra.body + _VERSION_FLAGS_BYTES
    track, sizes, count = unpack(_TFRA, view, start, tfra.end)
    start += _TFRA.size
    if view[tfra.body] != 1 or (track, sizes) != (VIDEO_TRACK, 0):
        raise Mp4Error("the index of keyframes is not of the form that Tandem writes")
    if count * _ROW.size != tfra.end - start:
        raise Mp4Error("the index of keyframes disagrees with its own size")
    (size,) = unpack(_WORD, view, mfro.body + _VERSION_FLAGS_BYTES, mfro.end)
    if size != outer.size:
        raise Mp4Error("the index of keyframes ends with another one's size")
    return [SyncPoint(*row[:2]) for row in _ROW.iter_unpack(view[start : tfra.end])]
