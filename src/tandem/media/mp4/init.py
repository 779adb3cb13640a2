"""Init segments: what a player needs to know before the first fragment, both ways.

ISO/IEC 14496-12 sections 4.3 and 8.2 to 8.8. The sample tables are empty: all samples are in
fragments. The major brand is `iso6`, which is the first to know `tfdt` and signed composition
offsets. The CMAF brands are not claimed: they promise one track a file (ISO/IEC 23000-19 section
7.3.1), and here sound lies beside the pictures.
"""

import struct
from dataclasses import dataclass

from tandem.media.mp4.audio_entries import parse_audio_sample_entry
from tandem.media.mp4.boxes import (
    Box,
    Buffer,
    Mp4Error,
    box,
    child,
    children,
    full_box,
    read_box,
    unpack,
    walk,
)
from tandem.media.mp4.fragment import AUDIO_TRACK, VIDEO_TRACK
from tandem.media.mp4.header import SegmentHeader, header_box, parse_header
from tandem.media.mp4.movie import (
    MDHD,
    TKHD,
    VERSION_1,
    creation_time,
    media_header,
    media_information,
    movie_header,
    sample_description,
    track_header,
)
from tandem.media.mp4.video_entries import parse_visual_sample_entry
from tandem.media.units import VIDEO_CLOCK_HZ, AudioConfig, TrackConfig, VideoConfig

_BRANDS = b"iso6" + bytes(4) + b"iso6mp41"
_TREX = struct.Struct(">IIIIII")
_STSD_PREFIX = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class InitSegment:
    """What an init segment says.

    Attributes:
        init_bytes: its size.
        header: whose recording it is.
        video: how to decode track 1.
        audio: how to decode track 2, None where there is none.
    """

    init_bytes: int
    header: SegmentHeader
    video: VideoConfig
    audio: AudioConfig | None


def init_segment(video: VideoConfig, audio: AudioConfig | None, header: SegmentHeader) -> bytes:
    """Build the init segment of a segment file.

    Args:
        video: how to decode track 1.
        audio: how to decode track 2, None for a file without sound.
        header: whose recording it is.

    Raises:
        Mp4Error: the video configuration lacks a parameter set, or has one that cannot be read.
    """
    created_s = creation_time(header.start_us)
    traks = [_trak(video, VIDEO_TRACK, created_s)]
    trexs = [_trex(VIDEO_TRACK, 0)]
    if audio is not None:
        traks.append(_trak(audio, AUDIO_TRACK, created_s))
        trexs.append(_trex(AUDIO_TRACK, audio.samples_per_frame))
    return box(b"ftyp", _BRANDS) + box(
        b"moov",
        movie_header(created_s, 0, AUDIO_TRACK + 1),
        *traks,
        box(b"mvex", *trexs),
        header_box(header),
    )


def _trak(config: TrackConfig, track: int, created_s: int) -> bytes:
    """Build a `trak` without samples (section 8.5.1)."""
    stbl = box(
        b"stbl",
        sample_description(config),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    minf = box(b"minf", media_information(config), stbl)
    return box(
        b"trak",
        track_header(config, track, created_s, 0),
        box(b"mdia", media_header(config, created_s, 0), minf),
    )


def _trex(track: int, default_duration: int) -> bytes:
    """Build a `trex` (section 8.8.3). Fragments state all they need and rely on none of it."""
    return box(b"trex", _TREX.pack(0, track, 1, default_duration, 0, 0))


def parse_init(init: Buffer) -> InitSegment:
    """Read an init segment.

    Args:
        init: begins with a whole init segment; what follows is not looked at.

    Raises:
        LaterVersionError: a later release wrote it.
        Mp4Error: it is not as Tandem writes it.
    """
    view = memoryview(init)
    ftyp = read_box(view, 0, len(view))
    moov = read_box(view, ftyp.end, len(view))
    if (ftyp.kind, moov.kind) != (b"ftyp", b"moov"):
        raise Mp4Error("the file does not begin with ftyp and moov")
    header = parse_header(view, moov)
    video: VideoConfig | None = None
    audio: AudioConfig | None = None
    for trak in children(view, moov, b"trak"):
        track, timescale, entry = _parse_trak(view, trak)
        if track == VIDEO_TRACK and video is None and timescale == VIDEO_CLOCK_HZ:
            video = parse_visual_sample_entry(view, entry)
        elif track == AUDIO_TRACK and audio is None and timescale > 0:
            samples = _default_duration(view, moov, track)
            audio = parse_audio_sample_entry(view, entry, timescale, samples)
        else:
            raise Mp4Error(f"track {track} of timescale {timescale} is not one of Tandem's")
    if video is None:
        raise Mp4Error("the file has no video track")
    return InitSegment(moov.end, header, video, audio)


def _parse_trak(view: memoryview, trak: Box) -> tuple[int, int, Box]:
    """Return a track's id, its timescale and its sample entry."""
    tkhd = child(view, trak, b"tkhd")
    mdia = child(view, trak, b"mdia")
    mdhd = child(view, mdia, b"mdhd")
    stbl = child(view, child(view, mdia, b"minf"), b"stbl")
    stsd = child(view, stbl, b"stsd")
    entries = list(walk(view, stsd.body + _STSD_PREFIX.size, stsd.end))
    if len(entries) != 1:
        raise Mp4Error(f"a track has {len(entries)} sample entries instead of one")
    tkhd_fields = unpack(TKHD, view, tkhd.body, tkhd.end)
    mdhd_fields = unpack(MDHD, view, mdhd.body, mdhd.end)
    if (tkhd_fields[0] >> 24, mdhd_fields[0]) != (1, VERSION_1):
        raise Mp4Error("a track's headers are not of the version that Tandem writes")
    return tkhd_fields[3], mdhd_fields[3], entries[0]


def _default_duration(view: memoryview, moov: Box, track: int) -> int:
    for trex in children(view, child(view, moov, b"mvex"), b"trex"):
        _, found, _, duration, _, _ = unpack(_TREX, view, trex.body, trex.end)
        if found == track:
            return int(duration)
    raise Mp4Error(f"track {track} has no trex")
