"""H.264 parameter sets, slice headers and SEI, as far as recording needs them (ITU-T H.264)."""

from dataclasses import dataclass, field
from typing import Final

from tandem.media.codecs.bits import BitReader, unescape
from tandem.media.codecs.errors import CodecError

SLICE: Final = 1
SLICE_PARTITION_A: Final = 2
SLICE_PARTITION_B: Final = 3
SLICE_PARTITION_C: Final = 4
SLICE_IDR: Final = 5
SEI: Final = 6
SPS: Final = 7
PPS: Final = 8
END_OF_SEQUENCE: Final = 10
END_OF_STREAM: Final = 11
FILLER: Final = 12
SLICE_AUXILIARY: Final = 19
SLICE_EXTENSION: Final = 20
SLICE_EXTENSION_DEPTH: Final = 21

MAX_SPS_ID: Final = 31
MAX_PPS_ID: Final = 255

_BASELINE: Final = 66
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose SPS tells chroma format and bit depths (section 7.3.2.1.1)."""
_INTRA_PROFILES: Final = frozenset({44, 86, 100, 110, 122, 244})
"""With constraint_set3_flag these code every picture alone (section E.2.1)."""

_MAX_SIDE_MBS: Final = 1024
_MAX_REORDER: Final = 16
_MAX_SEI_MESSAGES: Final = 32
_SEI_RECOVERY_POINT: Final = 6
_EXTENDED_SAR: Final = 255
_SLICE_HEADER_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class H264Sps:
    """What a sequence parameter set says (section 7.3.2.1.1); the first three fields make `avcC`.

    Attributes:
        profile_idc: AVCProfileIndication.
        compatibility: the byte of constraint flags, profile_compatibility.
        level_idc: AVCLevelIndication.
        sps_id: seq_parameter_set_id.
        chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
        bit_depth_luma: bits a sample.
        bit_depth_chroma: bits a sample.
        width_px: width of the cropped picture.
        height_px: height of the cropped picture, of both fields where it is interlaced.
        poc_type: pic_order_cnt_type; 2 means that output follows decoding.
        reorder_depth: by how many pictures output lags behind decoding; None if it is not said.
        essence: equal where two sets decode alike: without timing, HRD and trailing bytes.
    """

    profile_idc: int
    compatibility: int
    level_idc: int
    sps_id: int
    chroma_format_idc: int
    bit_depth_luma: int
    bit_depth_chroma: int
    width_px: int
    height_px: int
    poc_type: int
    reorder_depth: int | None
    essence: bytes = field(repr=False)


def parse_sps(nal: bytes) -> H264Sps:
    """Read a sequence parameter set; bytes after its end are passed over.

    A broken VUI costs only what it would have told: the picture decodes without it.

    Args:
        nal: the NAL unit with its header.

    Raises:
        CodecError: it ends too early, or describes a picture that cannot be.
    """
    reader = BitReader(unescape(nal))
    reader.skip(8)
    profile, compatibility, level = reader.bits(8), reader.bits(8), reader.bits(8)
    sps_id = reader.ue(MAX_SPS_ID)
    chroma, luma_bits, chroma_bits = 1, 8, 8
    if profile in _HIGH_PROFILES:
        chroma, luma_bits, chroma_bits = _read_chroma(reader)
    reader.ue(12)  # log2_max_frame_num_minus4
    poc_type = _read_poc_type(reader)
    reader.ue(_MAX_REORDER)  # max_num_ref_frames
    reader.skip(1)
    width, height = _read_dimensions(reader, chroma)
    told, essence = _read_vui(reader)
    return H264Sps(
        profile_idc=profile,
        compatibility=compatibility,
        level_idc=level,
        sps_id=sps_id,
        chroma_format_idc=chroma,
        bit_depth_luma=luma_bits,
        bit_depth_chroma=chroma_bits,
        width_px=width,
        height_px=height,
        poc_type=poc_type,
        reorder_depth=told
        if told is not None
        else _implied_reorder(profile, compatibility, poc_type),
        essence=essence,
    )


def _implied_reorder(profile: int, compatibility: int, poc_type: int) -> int | None:
    """What follows without a word of it: no B slices, output in decoding order, or intra only."""
    intra_only = profile in _INTRA_PROFILES and compatibility & 0x10
    return 0 if profile == _BASELINE or poc_type == 2 or intra_only else None


def _read_chroma(reader: BitReader) -> tuple[int, int, int]:
    """Section 7.3.2.1.1: chroma_format_idc up to the scaling lists."""
    chroma = reader.ue(3)
    if chroma == 3:
        reader.skip(1)  # separate_colour_plane_flag: cropping units are the same with and without
    luma_bits, chroma_bits = 8 + reader.ue(6), 8 + reader.ue(6)
    reader.skip(1)  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():
        for index in range(8 if chroma != 3 else 12):
            if reader.flag():
                _pass_scaling_list(reader, 16 if index < 6 else 64)
    return chroma, luma_bits, chroma_bits


def _pass_scaling_list(reader: BitReader, size: int) -> None:
    """Section 7.3.2.1.1.1: the list ends early where the next scale becomes zero."""
    scale = 8
    for _ in range(size):
        scale = (scale + reader.se()) % 256
        if scale == 0:
            return


def _read_poc_type(reader: BitReader) -> int:
    """Section 7.3.2.1.1: pic_order_cnt_type and what belongs to it."""
    poc_type = reader.ue(2)
    if poc_type == 0:
        reader.ue(12)  # log2_max_pic_order_cnt_lsb_minus4
    elif poc_type == 1:
        reader.skip(1)
        reader.se()
        reader.se()
        for _ in range(reader.ue(255)):
            reader.se()
    return poc_type


def _read_dimensions(reader: BitReader, chroma: int) -> tuple[int, int]:
    """Size in macroblocks less cropping (equations 7-13 to 7-22), in pixels."""
    columns = reader.ue(_MAX_SIDE_MBS - 1) + 1
    rows = reader.ue(_MAX_SIDE_MBS - 1) + 1
    frames_only = reader.flag()
    if not frames_only:
        reader.skip(1)  # mb_adaptive_frame_field_flag
    reader.skip(1)  # direct_8x8_inference_flag
    fields = 1 if frames_only else 2
    width, height = columns * 16, rows * 16 * fields
    if reader.flag():
        unit_x = 2 if chroma in {1, 2} else 1
        unit_y = fields * (2 if chroma == 1 else 1)
        width -= unit_x * (reader.ue() + reader.ue())
        height -= unit_y * (reader.ue() + reader.ue())
    if width <= 0 or height <= 0:
        raise CodecError("The SPS crops its picture away entirely.")
    return width, height


def _read_vui(reader: BitReader) -> tuple[int | None, bytes]:
    """Section E.1.1: max_num_reorder_frames if told, and the essence of the whole set."""
    coding_end = reader.position
    try:
        if not reader.flag():
            return None, _essence(reader, (0, reader.position))
        _pass_display(reader)
        display_end = reader.position
        _pass_timing(reader)
        restriction_at = reader.position
        depth = _read_bitstream_restriction(reader)
    except CodecError:
        return None, _essence(reader, (0, coding_end))
    return depth, _essence(reader, (0, display_end), (restriction_at, reader.position))


def _essence(reader: BitReader, *spans: tuple[int, int]) -> bytes:
    """The bits of the spans, each behind a one that keeps its leading zeros; nal_ref_idc apart."""
    numbers = [
        reader.span(8, end) if start == 0 else reader.span(start, end) for start, end in spans
    ]
    return b"".join(
        (number | 1 << (end - start)).to_bytes((end - start) // 8 + 1, "big")
        for number, (start, end) in zip(numbers, spans, strict=True)
    )


def _pass_display(reader: BitReader) -> None:
    """Section E.1.1: aspect ratio, overscan, video signal type, chroma location."""
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
        reader.skip(32)
    if reader.flag():
        reader.skip(1)  # overscan_appropriate_flag
    if reader.flag():
        reader.skip(4)  # video_format, video_full_range_flag
        if reader.flag():
            reader.skip(24)
    if reader.flag():
        reader.ue(5)
        reader.ue(5)


def _pass_timing(reader: BitReader) -> None:
    """Section E.1.1: tick rate and hypothetical reference decoders, which nothing here uses."""
    if reader.flag():
        reader.skip(65)
    nal_hrd = reader.flag()
    if nal_hrd:
        _pass_hrd(reader)
    vcl_hrd = reader.flag()
    if vcl_hrd:
        _pass_hrd(reader)
    if nal_hrd or vcl_hrd:
        reader.skip(1)  # low_delay_hrd_flag
    reader.skip(1)  # pic_struct_present_flag


def _pass_hrd(reader: BitReader) -> None:
    """Section E.1.2."""
    count = reader.ue(31) + 1
    reader.skip(8)
    for _ in range(count):
        reader.ue()
        reader.ue()
        reader.skip(1)
    reader.skip(20)


def _read_bitstream_restriction(reader: BitReader) -> int | None:
    """Section E.1.1: max_num_reorder_frames."""
    if not reader.flag():
        return None
    reader.skip(1)  # motion_vectors_over_pic_boundaries_flag
    for _ in range(4):
        reader.ue(16)
    depth = reader.ue(_MAX_REORDER)
    reader.ue(_MAX_REORDER)  # max_dec_frame_buffering
    return depth


def parse_pps(nal: bytes) -> tuple[int, int]:
    """Read the ids in a picture parameter set (section 7.3.2.2): its own and its SPS's.

    Raises:
        CodecError: it ends too early, or an id is out of range.
    """
    reader = BitReader(unescape(nal[:_SLICE_HEADER_BYTES]))
    reader.skip(8)
    return reader.ue(MAX_PPS_ID), reader.ue(MAX_SPS_ID)


def slice_pps_id(nal: bytes) -> int:
    """Which picture parameter set a slice uses (section 7.3.3).

    Args:
        nal: a slice NAL unit with its header, or the beginning of one.

    Raises:
        CodecError: it ends too early, or the id is out of range.
    """
    reader = BitReader(unescape(nal[:_SLICE_HEADER_BYTES]))
    reader.skip(8)
    reader.ue()  # first_mb_in_slice
    reader.ue(9)  # slice_type
    return reader.ue(MAX_PPS_ID)


def recovers_at_once(nal: bytes) -> bool:
    """Whether an SEI NAL unit holds a recovery point with recovery_frame_cnt 0 (section D.2.8).

    From such a picture on everything is right in output order, as from an H.265 CRA: an encoder
    with open GOPs sends it instead of an IDR. A gradual refresh counts frames up to its recovery.
    """
    if nal.find(_SEI_RECOVERY_POINT, 1) < 0:
        return False  # most SEI has no such byte anywhere, and every picture may have an SEI
    sei = unescape(nal)
    at = 1
    for _ in range(_MAX_SEI_MESSAGES):
        kind, at = _read_sei_number(sei, at)
        size, at = _read_sei_number(sei, at)
        if at >= len(sei):
            return False
        if kind == _SEI_RECOVERY_POINT:
            return sei[at] & 0x80 != 0  # the code of zero is a single one
        at += size
    return False


def _read_sei_number(sei: bytes, at: int) -> tuple[int, int]:
    """Section 7.3.2.3.1: a number as a run of 0xFF and a last byte; and where it ends."""
    start = at
    while at < len(sei) and sei[at] == 0xFF:
        at += 1
    last = sei[at] if at < len(sei) else 0
    return (at - start) * 255 + last, at + 1
