"""Headers of the movie and of its tracks: what files in fragments and progressive files share.

ISO/IEC 14496-12 sections 8.2 to 8.5. The movie counts time as its pictures do, so that an edit ends
on the very tick; a track of sound counts its samples.
"""

import struct

from tandem.media.mp4.audio_entries import audio_sample_entry
from tandem.media.mp4.boxes import box, full_box
from tandem.media.mp4.video_entries import visual_sample_entry
from tandem.media.units import VIDEO_CLOCK_HZ, TrackConfig, VideoConfig

MOVIE_HZ = VIDEO_CLOCK_HZ
"""Timescale of the movie."""

_UNIX_EPOCH_S = 2_082_844_800
"""1970-01-01 in seconds since 1904-01-01, from which section 8.2.2 counts."""

VERSION_1 = 1 << 24
"""The first word of a box of version 1 without flags."""

MDHD = struct.Struct(">IQQIQHH")
"""Version and flags, creation and modification time, timescale, duration, language."""

TKHD = struct.Struct(">IQQI4xQ8xhhh2x36sII")
"""Version and flags, creation and modification time, track, duration, layer, group, volume, matrix,
width and height."""

_MVHD = struct.Struct(">QQIQIH10x36s24xI")
_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_RATE_1 = 1 << 16
_FULL_VOLUME = 1 << 8
_ENABLED_IN_MOVIE = 3
_UNDETERMINED = 0x55C4
"""Language `und`: three letters of five bits (section 8.4.2)."""


def timescale(config: TrackConfig) -> int:
    """Ticks a second of a track."""
    return VIDEO_CLOCK_HZ if isinstance(config, VideoConfig) else config.sample_rate_hz


def creation_time(utc_us: int) -> int:
    """A time as headers give it, in seconds; 0 for what they cannot express."""
    return max(0, utc_us // 1_000_000 + _UNIX_EPOCH_S)


def movie_header(created_s: int, duration: int, next_track: int) -> bytes:
    """Build `mvhd` (section 8.2.2).

    Args:
        created_s: see `creation_time`.
        duration: in ticks of `MOVIE_HZ`; 0 where fragments tell it.
        next_track: an id that no track has.
    """
    times = (created_s, created_s, MOVIE_HZ, duration)
    fields = _MVHD.pack(*times, _RATE_1, _FULL_VOLUME, _MATRIX, next_track)
    return full_box(b"mvhd", 1, 0, fields)


def track_header(config: TrackConfig, track: int, created_s: int, duration: int) -> bytes:
    """Build `tkhd` (section 8.3.2).

    Args:
        config: how to decode the track.
        track: its id.
        created_s: see `creation_time`.
        duration: in ticks of `MOVIE_HZ`; 0 where fragments tell it.
    """
    width, height, volume = (
        (config.width_px, config.height_px, 0)
        if isinstance(config, VideoConfig)
        else (0, 0, _FULL_VOLUME)
    )
    fields = TKHD.pack(
        *(VERSION_1 | _ENABLED_IN_MOVIE, created_s, created_s, track, duration),
        *(0, 0, volume, _MATRIX, width << 16, height << 16),
    )
    return box(b"tkhd", fields)


def media_header(config: TrackConfig, created_s: int, duration: int) -> bytes:
    """Build `mdhd` and `hdlr` (sections 8.4.2 and 8.4.3).

    Args:
        config: how to decode the track.
        created_s: see `creation_time`.
        duration: in ticks of the track; 0 where fragments tell it.
    """
    times = (created_s, created_s, timescale(config), duration)
    mdhd = box(b"mdhd", MDHD.pack(VERSION_1, *times, _UNDETERMINED, 0))
    handler = b"vide" if isinstance(config, VideoConfig) else b"soun"
    return mdhd + full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), b"Tandem\0")


def media_information(config: TrackConfig) -> bytes:
    """Build what stands before `stbl` in `minf`: the data is in this file (section 8.7.2)."""
    kind = (
        full_box(b"vmhd", 0, 1, bytes(8))
        if isinstance(config, VideoConfig)
        else full_box(b"smhd", 0, 0, bytes(4))
    )
    return kind + box(b"dinf", full_box(b"dref", 0, 0, b"\0\0\0\1", full_box(b"url ", 0, 1)))


def sample_description(config: TrackConfig) -> bytes:
    """Build `stsd` (section 8.5.2).

    Raises:
        Mp4Error: the configuration lacks a parameter set, or has one that cannot be read.
    """
    entry = (
        visual_sample_entry(config)
        if isinstance(config, VideoConfig)
        else audio_sample_entry(config)
    )
    return full_box(b"stsd", 0, 0, b"\0\0\0\1", entry)
