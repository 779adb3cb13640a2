"""Sample entries of video tracks: how pictures are to be decoded, both ways.

ISO/IEC 14496-12 section 12.1.3 (the entry), ISO/IEC 14496-15 section 5.3.3.1 (`avcC`) and 8.3.3.1
(`hvcC`). The entries are `avc1` and `hvc1`, whose parameter sets are in the entry, as browsers and
Apple's players want it. Where the camera repeats the sets among its pictures they stay there too,
so that signed video remains verifiable; players skip the repetition.
"""

import struct
from itertools import groupby

from tandem.media.codecs import h264, h265
from tandem.media.codecs.errors import CodecError
from tandem.media.codecs.video import video_config
from tandem.media.mp4.boxes import Box, Mp4Error, box, child, unpack
from tandem.media.units import Codec, VideoConfig

_ENTRY = struct.Struct(">6xH16xHHIIIH32sHh")
"""Data reference, width, height, resolution twice, zero, frames, compressor, depth, -1."""

_72_DPI = 72 << 16
_COLOUR_WITHOUT_ALPHA = 0x18

_AVCC = struct.Struct(">BBBBB")
_HVCC = struct.Struct(">BBI6sBHBBBBHBB")
_ARRAY = struct.Struct(">BH")
_LENGTH = struct.Struct(">H")

_NAL_LENGTH_IN_4_BYTES = 3
"""lengthSizeMinusOne."""

_PLAIN_PROFILES = frozenset({66, 77, 88})
"""Baseline, Main, Extended: always 4:2:0 in 8 bits, so their avcC does not say so."""

_MOST_H264_SPS, _MOST_H264_PPS = 31, 255
"""What the five and eight bits of avcC's counters can say: one less than there are ids."""

_ARRAY_COMPLETE = 0x80


def visual_sample_entry(config: VideoConfig) -> bytes:
    """Build the sample entry of a video track.

    Raises:
        Mp4Error: a parameter set is missing or cannot be read.
    """
    fixed = _ENTRY.pack(
        *(1, config.width_px, config.height_px, _72_DPI, _72_DPI, 0, 1),
        *(bytes(32), _COLOUR_WITHOUT_ALPHA, -1),
    )
    try:
        sets = video_config(config.codec, config.parameter_sets).parameter_sets
        if config.codec is Codec.H264:
            return box(b"avc1", fixed, box(b"avcC", _avcc(sets)))
        return box(b"hvc1", fixed, box(b"hvcC", _hvcc(sets)))
    except CodecError as problem:
        raise Mp4Error(
            f"the {config.codec} parameter sets do not fit an MP4 file: {problem}"
        ) from None


def parse_visual_sample_entry(view: memoryview, entry: Box) -> VideoConfig:
    """Read the sample entry of a video track.

    Raises:
        Mp4Error: it is not as Tandem writes it, or its parameter sets cannot be read.
    """
    if entry.kind == b"avc1":
        codec = Codec.H264
        record = child(view, entry, b"avcC", _ENTRY.size)
        sets = _parse_avcc(view, record)
    elif entry.kind == b"hvc1":
        codec = Codec.H265
        record = child(view, entry, b"hvcC", _ENTRY.size)
        sets = _parse_hvcc(view, record)
    else:
        raise Mp4Error(f"video of kind {entry.kind.decode('latin-1')!r} is none that is recorded")
    try:
        return video_config(codec, sets)
    except CodecError as problem:
        raise Mp4Error(f"the file's {codec} parameter sets are damaged: {problem}") from None


def _avcc(sets: tuple[bytes, ...]) -> bytes:
    """Build the AVCDecoderConfigurationRecord (section 5.3.3.1.2)."""
    sequence = [nal for nal in sets if nal[0] & 0x1F == h264.SPS]
    picture = [nal for nal in sets if nal[0] & 0x1F == h264.PPS]
    if len(sequence) > _MOST_H264_SPS or len(picture) > _MOST_H264_PPS:
        raise CodecError("There are more parameter sets than avcC has room for.")
    sps = h264.parse_sps(sequence[0])
    record = _AVCC.pack(
        *(1, sps.profile_idc, sps.compatibility, sps.level_idc, 0xFC | _NAL_LENGTH_IN_4_BYTES)
    )
    record += bytes([0xE0 | len(sequence)]) + b"".join(map(_with_length, sequence))
    record += bytes([len(picture)]) + b"".join(map(_with_length, picture))
    if sps.profile_idc not in _PLAIN_PROFILES:
        luma, chroma = sps.bit_depth_luma - 8, sps.bit_depth_chroma - 8
        record += bytes([0xFC | sps.chroma_format_idc, 0xF8 | luma, 0xF8 | chroma, 0])
    return record


def _parse_avcc(view: memoryview, record: Box) -> list[bytes]:
    version, *_, lengths = unpack(_AVCC, view, record.body, record.end)
    if (version, lengths & 3) != (1, _NAL_LENGTH_IN_4_BYTES):
        raise Mp4Error("avcC is not of the form that Tandem writes")
    at = record.body + _AVCC.size
    sequence, at = _parse_sets(view, at + 1, record.end, _byte(view, at, record.end) & 0x1F)
    picture, _ = _parse_sets(view, at + 1, record.end, _byte(view, at, record.end))
    return sequence + picture


def _hvcc(sets: tuple[bytes, ...]) -> bytes:
    """Build the HEVCDecoderConfigurationRecord (section 8.3.3.1.2).

    Left open, as the standard allows: spatial segmentation, parallelism, frame rate.
    """
    arrays = [(kind, list(nals)) for kind, nals in groupby(sets, _h265_kind)]
    sps = h265.parse_sps(dict(arrays)[h265.SPS][0])
    general = sps.profile_tier_level
    record = _HVCC.pack(
        1,
        general.profile_space << 6 | general.tier_flag << 5 | general.profile_idc,
        general.compatibility,
        general.constraints.to_bytes(6, "big"),
        general.level_idc,
        0xF000,
        0xFC,
        0xFC | sps.chroma_format_idc,
        0xF8 | sps.bit_depth_luma - 8,
        0xF8 | sps.bit_depth_chroma - 8,
        0,
        sps.sub_layers << 3 | sps.temporal_id_nested << 2 | _NAL_LENGTH_IN_4_BYTES,
        len(arrays),
    )
    for kind, nals in arrays:
        record += _ARRAY.pack(_ARRAY_COMPLETE | kind, len(nals))
        record += b"".join(map(_with_length, nals))
    return record


def _parse_hvcc(view: memoryview, record: Box) -> list[bytes]:
    fields = unpack(_HVCC, view, record.body, record.end)
    if (fields[0], fields[-2] & 3) != (1, _NAL_LENGTH_IN_4_BYTES):
        raise Mp4Error("hvcC is not of the form that Tandem writes")
    at = record.body + _HVCC.size
    sets: list[bytes] = []
    for _ in range(fields[-1]):
        _, count = unpack(_ARRAY, view, at, record.end)
        nals, at = _parse_sets(view, at + _ARRAY.size, record.end, count)
        sets += nals
    return sets


def _h265_kind(nal: bytes) -> int:
    return nal[0] >> 1 & 0x3F


def _with_length(nal: bytes) -> bytes:
    return _LENGTH.pack(len(nal)) + nal


def _parse_sets(view: memoryview, at: int, end: int, count: int) -> tuple[list[bytes], int]:
    """Read `count` NAL units behind their 16-bit lengths; return them and where they end."""
    nals: list[bytes] = []
    for _ in range(count):
        (length,) = unpack(_LENGTH, view, at, end)
        at += _LENGTH.size + length
        if at > end:
            raise Mp4Error("a parameter set is cut off")
        nals.append(bytes(view[at - length : at]))
    return nals, at


def _byte(view: memoryview, at: int, end: int) -> int:
    if at >= end:
        raise Mp4Error("avcC is cut off")
    return view[at]
