"""Fragments: a run of samples behind the table that describes them, both ways.

ISO/IEC 14496-12 section 8.8. A fragment is one `moof` and one `mdat`. The `moof` has a `traf` for
each track that has samples: `tfhd` (data offsets count from the `moof`), `tfdt` version 1 (64-bit
decode time), one `trun` version 1 (signed composition offsets) with the same four fields for every
sample, and a `uuid` box of our own: a version byte, then the identity of every sample, in order.
Where packets were lost before a picture, the lowest bit of its degradation priority (whose meaning
section 8.5.3 leaves to the writer) says so.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple
from uuid import UUID

from tandem.media.mp4.boxes import (
    Box,
    Buffer,
    Mp4Error,
    check_version,
    child,
    children,
    read_box,
    unpack,
    uuid_child,
)
from tandem.media.units import IDENTITY_BYTES

VIDEO_TRACK = 1
AUDIO_TRACK = 2

IDENTITIES_TYPE = UUID("958a48ba-78ca-4936-8bda-293e3b37ac0d").bytes
"""Extended type of the `uuid` box with the identities; never changes."""

IDENTITIES_VERSION = 1

SYNC_FLAGS = 0x02000000
"""Sample flags: depends on no other (ISO/IEC 14496-12 section 8.8.3.1)."""

NON_SYNC_FLAGS = 0x01010000
"""Sample flags: depends on others, decoding cannot begin here."""

_NON_SYNC_BIT = 0x00010000

LOSS_FLAG = 0x00000001
"""Sample flags, within the degradation priority: packets were lost before this picture."""

_DEFAULT_BASE_IS_MOOF = 0x020000
_TRUN_FIELDS = 1 << 24 | 0x000F01
"""Version 1; a data offset; duration, size, flags and composition offset of each sample."""

_MOOF = struct.Struct(">I4sI4sII")
"""`moof` header, `mfhd`."""
_TRAF = struct.Struct(">I4sI4sIII4sIQI4sIIi")
"""`traf` header, `tfhd`, `tfdt`, `trun` up to its rows."""
_IDENTITIES = struct.Struct(">I4s16sB")
_MDAT = struct.Struct(">I4s")

LARGEST_MOOF_BYTES = 1 << 20
"""More than 30,000 samples: many times what fits in a fragment of two seconds. What claims to have
more is refused, so that a damaged file cannot take memory without bounds."""

_ROW_BYTES = 16
_TRUN_BYTES = 20
_TFHD = struct.Struct(">II")
_TFDT = struct.Struct(">IQ")
_TRUN = struct.Struct(">IIi")
_WORD = struct.Struct(">II")


@dataclass(slots=True)
class Sample:
    """An access unit with its place in time; times in ticks of its track since 1970.

    Attributes:
        data: as `AccessUnit.data`.
        dts: decode time.
        composition_offset: presentation time less decode time; may be negative.
        duration: until the next decode time. Only that of the last sample of a fragment counts;
            where the others disagree with the decode times, the decode times hold.
        is_keyframe: decoding may begin here.
        identity: as `AccessUnit.identity`.
        follows_loss: as `AccessUnit.follows_loss`.
    """

    data: Buffer
    dts: int
    composition_offset: int
    duration: int
    is_keyframe: bool
    identity: bytes
    follows_loss: bool = False


class StoredSample(NamedTuple):
    """A row of a fragment's table; times in ticks of its track since 1970.

    Attributes:
        offset: of its data, counted from the first byte of the `moof`.
        size: of its data in bytes.
        dts: decode time.
        composition_offset: presentation time less decode time.
        duration: until the next decode time.
        is_keyframe: decoding may begin here.
        identity: as `AccessUnit.identity`.
        follows_loss: as `AccessUnit.follows_loss`.
    """

    offset: int
    size: int
    dts: int
    composition_offset: int
    duration: int
    is_keyframe: bool
    identity: bytes
    follows_loss: bool = False


@dataclass(frozen=True, slots=True)
class FragmentTable:
    """What a `moof` says.

    Attributes:
        sequence_number: of the fragment in its file.
        moof_bytes: size of the `moof`.
        data_bytes: size of all samples; they fill the `mdat` behind the `moof`.
        video: rows of the video track, empty where it has no samples.
        audio: rows of the audio track, empty where it has no samples.
    """

    sequence_number: int
    moof_bytes: int
    data_bytes: int
    video: list[StoredSample]
    audio: list[StoredSample]


def fragment(
    sequence_number: int, video: Sequence[Sample], audio: Sequence[Sample]
) -> list[Buffer]:
    """Build a fragment without copying sample data.

    Args:
        sequence_number: counts the fragments of a file, from 1.
        video: samples in decode order, decode times strictly increasing; may be empty.
        audio: the same for the audio track.

    Returns:
        Buffers to write one behind the other: first the `moof` with the header of the `mdat`, then
        the data of each sample. For `os.writev`, which takes 1,024 at most (IOV_MAX), the caller
        splits the list where it is longer.

    Raises:
        Mp4Error: decode times do not increase, an identity is not 16 bytes long, a number does not
            fit its field, or the table would be larger than `LARGEST_MOOF_BYTES`.
    """
    tracks = [(i, run) for i, run in ((VIDEO_TRACK, video), (AUDIO_TRACK, audio)) if run]
    sizes = [[len(sample.data) for sample in run] for _, run in tracks]
    moof_bytes = _MOOF.size + sum(_traf_bytes(len(run)) for _, run in tracks)
    if moof_bytes > LARGEST_MOOF_BYTES:
        raise Mp4Error(f"fragment {sequence_number} has too many samples")
    data_offset = moof_bytes + _MDAT.size
    pieces: list[Buffer] = [_MOOF.pack(moof_bytes, b"moof", 16, b"mfhd", 0, sequence_number)]
    try:
        for (track, run), run_sizes in zip(tracks, sizes, strict=True):
            pieces += _traf(track, run, run_sizes, data_offset)
            data_offset += sum(run_sizes)
        pieces.append(_MDAT.pack(data_offset - moof_bytes, b"mdat"))
    except struct.error as problem:
        raise Mp4Error(
            f"a number does not fit into fragment {sequence_number}: {problem}"
        ) from None
    return [b"".join(pieces), *(sample.data for _, run in tracks for sample in run)]


def _traf_bytes(samples: int) -> int:
    return _TRAF.size + _IDENTITIES.size + samples * (_ROW_BYTES + IDENTITY_BYTES)


def _traf(track: int, run: Sequence[Sample], sizes: list[int], data_offset: int) -> list[bytes]:
    count = len(run)
    times = [sample.dts for sample in run]
    times.append(times[-1] + run[-1].duration)
    rows = [0] * (4 * count)
    rows[0::4] = durations = [after - before for before, after in pairwise(times)]
    rows[1::4] = sizes
    rows[2::4] = [
        (SYNC_FLAGS if sample.is_keyframe else NON_SYNC_FLAGS) | sample.follows_loss
        for sample in run
    ]
    rows[3::4] = [sample.composition_offset for sample in run]
    identities = b"".join([sample.identity for sample in run])
    if min(durations[:-1], default=1) < 1:
        raise Mp4Error(f"decode times of track {track} do not increase from {times[0]} on")
    if len(identities) != count * IDENTITY_BYTES:
        raise Mp4Error(f"identities of track {track} are not {IDENTITY_BYTES} bytes long")
    head = _TRAF.pack(
        *(_traf_bytes(count), b"traf"),
        *(16, b"tfhd", _DEFAULT_BASE_IS_MOOF, track),
        *(20, b"tfdt", 1 << 24, times[0]),
        *(_TRUN_BYTES + _ROW_BYTES * count, b"trun", _TRUN_FIELDS, count, data_offset),
    )
    own_bytes = _IDENTITIES.size + len(identities)
    own = _IDENTITIES.pack(own_bytes, b"uuid", IDENTITIES_TYPE, IDENTITIES_VERSION)
    return [head, struct.pack(f">{'IIIi' * count}", *rows), own, identities]


def parse_fragment(moof: Buffer) -> FragmentTable:
    """Read the table of a fragment.

    Args:
        moof: begins with a whole `moof` box; what follows is not looked at.

    Raises:
        LaterVersionError: a later release wrote it.
        Mp4Error: it is not as Tandem writes it.
    """
    view = memoryview(moof)
    outer = read_box(view, 0, len(view))
    if outer.kind != b"moof" or outer.size > LARGEST_MOOF_BYTES:
        raise Mp4Error("a fragment does not begin with a moof of reasonable size")
    header = child(view, outer, b"mfhd")
    _, sequence_number = unpack(_WORD, view, header.body, header.end)
    runs: dict[int, list[StoredSample]] = {VIDEO_TRACK: [], AUDIO_TRACK: []}
    offset = outer.end + _MDAT.size
    for traf in children(view, outer, b"traf"):
        track, samples = _parse_traf(view, traf, offset)
        if runs.get(track, [track]):
            raise Mp4Error(f"the fragment has a second run, or an unknown track, of id {track}")
        runs[track] = samples
        offset = samples[-1].offset + samples[-1].size
    return FragmentTable(
        sequence_number=sequence_number,
        moof_bytes=outer.end,
        data_bytes=offset - outer.end - _MDAT.size,
        video=runs[VIDEO_TRACK],
        audio=runs[AUDIO_TRACK],
    )


def _parse_traf(view: memoryview, traf: Box, offset: int) -> tuple[int, list[StoredSample]]:
    """Return the track's id, and its rows: at least one."""
    tfhd, tfdt, trun = (child(view, traf, kind) for kind in (b"tfhd", b"tfdt", b"trun"))
    flags, track = unpack(_TFHD, view, tfhd.body, tfhd.end)
    tfdt_flags, dts = unpack(_TFDT, view, tfdt.body, tfdt.end)
    fields, count, data_offset = unpack(_TRUN, view, trun.body, trun.end)
    if (flags, tfdt_flags, fields) != (_DEFAULT_BASE_IS_MOOF, 1 << 24, _TRUN_FIELDS):
        raise Mp4Error("the fragment's table is not of the form that Tandem writes")
    if count < 1 or trun.size != _TRUN_BYTES + _ROW_BYTES * count or data_offset != offset:
        raise Mp4Error("the fragment's table disagrees with its own size")
    rows = struct.unpack_from(f">{'IIIi' * count}", view, trun.body + _TRUN.size)
    durations, sizes = rows[0::4], rows[1::4]
    return track, [
        StoredSample._make(row)
        for row in zip(
            accumulate(sizes[:-1], initial=offset),
            sizes,
            accumulate(durations[:-1], initial=dts),
            rows[3::4],
            durations,
            [not word & _NON_SYNC_BIT for word in rows[2::4]],
            _parse_identities(view, traf, count),
            [word & LOSS_FLAG == LOSS_FLAG for word in rows[2::4]],
            strict=True,
        )
    ]


def _parse_identities(view: memoryview, traf: Box, count: int) -> list[bytes]:
    own = uuid_child(view, traf, IDENTITIES_TYPE)
    version = view[own.body] if own.body < own.end else 0
    check_version(version, IDENTITIES_VERSION, "the fragment's list of identities")
    packed = bytes(view[own.body + 1 : own.end])
    if len(packed) != count * IDENTITY_BYTES:
        raise Mp4Error("the fragment's identities do not match its samples")
    return [packed[i : i + IDENTITY_BYTES] for i in range(0, len(packed), IDENTITY_BYTES)]
