"""Progressive files: one table of all samples in front, then all their data.

ISO/IEC 14496-12 sections 8.2 to 8.7. What editors, browsers and old players know best: the file
opens and seeks at once, since `moov` stands before `mdat`. The tables are made from compact arrays,
so that hours of samples cost tens of megabytes. An edit list (section 8.6.6) says from which
picture to which the file is shown: it begins before its first shown picture, at a keyframe.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from tandem.media.mp4.boxes import Mp4Error, box, full_box
from tandem.media.mp4.movie import (
    creation_time,
    media_header,
    media_information,
    movie_header,
    sample_description,
    track_header,
)
from tandem.media.units import Codec, TrackConfig

NOTHING = -1
"""The media time of an edit that shows nothing (section 8.6.6.3)."""

_LARGEST_32_BIT = 0xFFFF_FFFF
_EDIT = struct.Struct(">QqI")
_RATE_1 = 1 << 16
_COUNT = struct.Struct(">I")
_BOX = struct.Struct(">I4s")
_LARGE_BOX = struct.Struct(">I4sQ")


class Edit(NamedTuple):
    """A row of the edit list.

    Attributes:
        duration: how long it is shown, in ticks of `MOVIE_HZ`.
        media_time: from where in the track, in ticks of the track; or `NOTHING`.
    """

    duration: int
    media_time: int


@dataclass(frozen=True, slots=True)
class MovieTrack:
    """One track; arrays have an entry for each sample, in decode order, unless they say otherwise.

    Attributes:
        config: how to decode it.
        durations: in ticks of the track (type code `I`).
        sizes: in bytes (`I`).
        composition_offsets: presentation time less decode time, in ticks (`i`); empty for none.
        keyframes: numbers of the samples where decoding may begin, from 1 (`I`).
        chunk_offsets: where each chunk begins, counted from the first byte of media data (`Q`).
        chunk_samples: how many samples each chunk has (`I`).
        edits: what is shown of it.
    """

    config: TrackConfig
    durations: "array[int]"
    sizes: "array[int]"
    composition_offsets: "array[int]"
    keyframes: "array[int]"
    chunk_offsets: "array[int]"
    chunk_samples: "array[int]"
    edits: Sequence[Edit]

    @property
    def shown(self) -> int:
        """How long it is shown, in ticks of `MOVIE_HZ`."""
        return sum(edit.duration for edit in self.edits)


def movie_head(tracks: Sequence[MovieTrack], data_bytes: int, created_us: int) -> bytes:
    """Build all of a file but its media data, which is to follow at once.

    Args:
        tracks: at least one; the first gets id 1.
        data_bytes: how much media data follows.
        created_us: what to give as creation time, UTC: that of the recording.

    Returns:
        `ftyp`, `moov` and the header of `mdat`.

    Raises:
        Mp4Error: the tables have no sample, disagree in length, or a parameter set is damaged.
    """
    for track in tracks:
        _check(track)
    created_s = creation_time(created_us)
    ftyp = _ftyp(tracks)
    mdat = _mdat_header(data_bytes)
    bodies = [_Trak(track, number, created_s) for number, track in enumerate(tracks, 1)]
    mvhd = movie_header(created_s, max(track.shown for track in tracks), len(tracks) + 1)
    is_large = False
    head_bytes = len(ftyp) + len(_moov(mvhd, bodies, 0, is_large=False)) + len(mdat)
    if head_bytes + data_bytes > _LARGEST_32_BIT:
        is_large = True
        head_bytes = len(ftyp) + len(_moov(mvhd, bodies, 0, is_large=True)) + len(mdat)
    return ftyp + _moov(mvhd, bodies, head_bytes, is_large=is_large) + mdat


def _check(track: MovieTrack) -> None:
    count = len(track.sizes)
    lengths = {count, len(track.durations), len(track.composition_offsets) or count}
    if count == 0 or len(lengths) != 1 or sum(track.chunk_samples) != count:
        raise Mp4Error("a track's tables are empty or disagree about how many samples it has")
    if len(track.chunk_offsets) != len(track.chunk_samples):
        raise Mp4Error("a track's tables disagree about how many chunks it has")


def _ftyp(tracks: Sequence[MovieTrack]) -> bytes:
    """Build `ftyp`: `iso4` is the first brand with signed composition offsets."""
    is_avc = any(track.config.codec is Codec.H264 for track in tracks)
    return box(b"ftyp", b"isom", bytes(4), b"isomiso4mp41", b"avc1" if is_avc else b"")


def _mdat_header(data_bytes: int) -> bytes:
    """Build the header of `mdat`, with a 64-bit size where it is needed (section 4.2)."""
    if data_bytes + _BOX.size <= _LARGEST_32_BIT:
        return _BOX.pack(data_bytes + _BOX.size, b"mdat")
    return _LARGE_BOX.pack(1, b"mdat", data_bytes + _LARGE_BOX.size)


def _moov(mvhd: bytes, traks: Sequence["_Trak"], head_bytes: int, *, is_large: bool) -> bytes:
    return box(b"moov", mvhd, *(trak.build(head_bytes, is_large=is_large) for trak in traks))


class _Trak:
    """A `trak`, of which all is built once but where its chunks are."""

    def __init__(self, track: MovieTrack, number: int, created_s: int) -> None:
        self._track = track
        config = track.config
        self._header = track_header(config, number, created_s, track.shown) + _edts(track)
        self._media_header = media_header(config, created_s, sum(track.durations))
        self._information = media_information(config)
        self._tables = _sample_tables(track)

    def build(self, head_bytes: int, *, is_large: bool) -> bytes:
        """Build it for a file whose media data begins at byte `head_bytes`."""
        offsets = _chunk_offsets(self._track.chunk_offsets, head_bytes, is_large=is_large)
        stbl = box(b"stbl", self._tables, offsets)
        minf = box(b"minf", self._information, stbl)
        return box(b"trak", self._header, box(b"mdia", self._media_header, minf))


def _edts(track: MovieTrack) -> bytes:
    rows = b"".join([_EDIT.pack(*edit, _RATE_1) for edit in track.edits])
    return box(b"edts", full_box(b"elst", 1, 0, _COUNT.pack(len(track.edits)), rows))


def _sample_tables(track: MovieTrack) -> bytes:
    """Build what is in `stbl` before the offsets of the chunks (sections 8.5 to 8.7)."""
    tables = [
        sample_description(track.config),
        full_box(b"stts", 0, 0, _runs(track.durations)),
    ]
    if any(track.composition_offsets):
        version = int(min(track.composition_offsets) < 0)
        tables.append(full_box(b"ctts", version, 0, _runs(track.composition_offsets)))
    if len(track.keyframes) < len(track.sizes):
        tables.append(
            full_box(b"stss", 0, 0, _COUNT.pack(len(track.keyframes)), _words(track.keyframes))
        )
    tables.append(full_box(b"stsc", 0, 0, _sample_to_chunk(track.chunk_samples)))
    sizes = _COUNT.pack(0) + _COUNT.pack(len(track.sizes)) + _words(track.sizes)
    tables.append(full_box(b"stsz", 0, 0, sizes))
    return b"".join(tables)


def _chunk_offsets(offsets: "array[int]", head_bytes: int, *, is_large: bool) -> bytes:
    """Build `stco`, or `co64` where the file is larger than 4 GiB (section 8.7.5)."""
    code, kind = ("Q", b"co64") if is_large else ("I", b"stco")
    if not is_large and head_bytes == 0:
        moved = array(code, bytes(len(offsets) * 4))  # only its size matters yet
    else:
        moved = array(code, [offset + head_bytes for offset in offsets])
    return full_box(kind, 0, 0, _COUNT.pack(len(offsets)), _words(moved))


def _sample_to_chunk(chunk_samples: "array[int]") -> bytes:
    """Build the rows of `stsc`: one where the number of samples a chunk changes."""
    rows = array("I")
    last = 0
    for number, samples in enumerate(chunk_samples, 1):
        if samples != last:
            rows.extend((number, samples, 1))
            last = samples
    return _COUNT.pack(len(rows) // 3) + _words(rows)


def _runs(values: Iterable[int]) -> bytes:
    """Build the rows of `stts` and `ctts`: how often a value is repeated, and the value."""
    rows = array("q")
    for value, same in groupby(values):
        rows.extend((sum(1 for _ in same), value))
    words = array("I", [value & _LARGEST_32_BIT for value in rows])
    return _COUNT.pack(len(rows) // 2) + _words(words)


def _words(values: "array[int]") -> bytes:
    """The values in network byte order, as wide as their array has them."""
    if sys.byteorder == "big":
        return values.tobytes()
    swapped = values[:]
    swapped.byteswap()
    return swapped.tobytes()
