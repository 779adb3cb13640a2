"""H.265 parameter sets and slice headers, as far as recording needs them (ITU-T H.265)."""

from dataclasses import dataclass
from typing import Final

from tandem.media.codecs.bits import BitReader, unescape
from tandem.media.codecs.errors import CodecError

BLA_W_LP: Final = 16
CRA: Final = 21
LAST_RESERVED_IRAP: Final = 23
LAST_VCL: Final = 31
VPS: Final = 32
SPS: Final = 33
PPS: Final = 34
END_OF_SEQUENCE: Final = 36
END_OF_BITSTREAM: Final = 37
FILLER: Final = 38
SUFFIX_SEI: Final = 40

MAX_VPS_ID: Final = 15
MAX_SPS_ID: Final = 15
MAX_PPS_ID: Final = 63

_MAX_SIDE_PX: Final = 16384
_MAX_SUB_LAYERS: Final = 7
_MAX_REORDER: Final = 15
_SLICE_HEADER_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class ProfileTierLevel:
    """The general part of profile_tier_level (section 7.3.3), field by field as `hvcC` has it.

    Attributes:
        profile_space: 2 bits.
        tier_flag: high tier.
        profile_idc: 5 bits; 1 Main, 2 Main 10.
        compatibility: general_profile_compatibility_flag[0..31], the first on top.
        constraints: the 48 bits of constraint flags.
        level_idc: 30 times the level.
    """

    profile_space: int
    tier_flag: bool
    profile_idc: int
    compatibility: int
    constraints: int
    level_idc: int


@dataclass(frozen=True, slots=True)
class H265Sps:
    """What a sequence parameter set says (section 7.3.2.2), for `hvcC` and for playing in order.

    Attributes:
        profile_tier_level: of the whole stream.
        vps_id: the video parameter set it belongs to.
        sps_id: sps_seq_parameter_set_id.
        sub_layers: number of temporal sub-layers.
        temporal_id_nested: sps_temporal_id_nesting_flag.
        chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
        bit_depth_luma: bits a sample.
        bit_depth_chroma: bits a sample.
        width_px: width of the picture within the conformance window.
        height_px: height of the picture within the conformance window.
        reorder_depth: sps_max_num_reorder_pics of the highest sub-layer.
    """

    profile_tier_level: ProfileTierLevel
    vps_id: int
    sps_id: int
    sub_layers: int
    temporal_id_nested: bool
    chroma_format_idc: int
    bit_depth_luma: int
    bit_depth_chroma: int
    width_px: int
    height_px: int
    reorder_depth: int


def parse_vps(nal: bytes) -> int:
    """Read the id of a video parameter set (section 7.3.2.1).

    Raises:
        CodecError: it ends too early.
    """
    reader = BitReader(nal)
    reader.skip(16)
    vps_id = reader.bits(4)
    reader.skip(28)  # up to vps_reserved_0xffff_16bits
    return vps_id


def parse_sps(nal: bytes) -> H265Sps:
    """Read a sequence parameter set up to its sub-layer ordering.

    Args:
        nal: the NAL unit with its header.

    Raises:
        CodecError: it ends too early, or describes a picture that cannot be.
    """
    reader = BitReader(unescape(nal))
    reader.skip(16)
    vps_id = reader.bits(4)
    sub_layers = reader.bits(3) + 1
    if sub_layers > _MAX_SUB_LAYERS:
        raise CodecError(f"The SPS tells {sub_layers} temporal sub-layers; there are at most 7.")
    nested = reader.flag()
    profile_tier_level = _read_profile_tier_level(reader, sub_layers)
    sps_id = reader.ue(MAX_SPS_ID)
    chroma = reader.ue(3)
    if chroma == 3:
        reader.skip(1)  # separate_colour_plane_flag: window units are the same with and without
    width, height = _read_dimensions(reader, chroma)
    luma_bits, chroma_bits = 8 + reader.ue(8), 8 + reader.ue(8)
    reader.ue(12)  # log2_max_pic_order_cnt_lsb_minus4
    return H265Sps(
        profile_tier_level=profile_tier_level,
        vps_id=vps_id,
        sps_id=sps_id,
        sub_layers=sub_layers,
        temporal_id_nested=nested,
        chroma_format_idc=chroma,
        bit_depth_luma=luma_bits,
        bit_depth_chroma=chroma_bits,
        width_px=width,
        height_px=height,
        reorder_depth=_read_reorder_depth(reader, sub_layers),
    )


def _read_profile_tier_level(reader: BitReader, sub_layers: int) -> ProfileTierLevel:
    """Section 7.3.3, passing over what single sub-layers say."""
    general = ProfileTierLevel(
        profile_space=reader.bits(2),
        tier_flag=reader.flag(),
        profile_idc=reader.bits(5),
        compatibility=reader.bits(32),
        constraints=reader.bits(48),
        level_idc=reader.bits(8),
    )
    if sub_layers > 1:
        present = [(reader.flag(), reader.flag()) for _ in range(sub_layers - 1)]
        reader.skip(2 * (8 - len(present)))  # reserved_zero_2bits
        for has_profile, has_level in present:
            reader.skip(88 * has_profile + 8 * has_level)
    return general


def _read_dimensions(reader: BitReader, chroma: int) -> tuple[int, int]:
    """Size less the conformance window (equations D-28, D-29), in pixels."""
    width, height = reader.ue(_MAX_SIDE_PX), reader.ue(_MAX_SIDE_PX)
    if reader.flag():
        unit_x = 2 if chroma in {1, 2} else 1
        unit_y = 2 if chroma == 1 else 1
        width -= unit_x * (reader.ue() + reader.ue())
        height -= unit_y * (reader.ue() + reader.ue())
    if width <= 0 or height <= 0:
        raise CodecError("The SPS leaves nothing of its picture.")
    return width, height


def _read_reorder_depth(reader: BitReader, sub_layers: int) -> int:
    """Section 7.3.2.2.1: sps_max_num_reorder_pics of the highest sub-layer, which is last."""
    depth = 0
    for _ in range(sub_layers if reader.flag() else 1):
        reader.ue(16)  # sps_max_dec_pic_buffering_minus1
        depth = reader.ue(_MAX_REORDER)
        reader.ue()  # sps_max_latency_increase_plus1
    return depth


def parse_pps(nal: bytes) -> tuple[int, int]:
    """Read the ids in a picture parameter set (section 7.3.2.3): its own and its SPS's.

    Raises:
        CodecError: it ends too early, or an id is out of range.
    """
    reader = BitReader(unescape(nal[:_SLICE_HEADER_BYTES]))
    reader.skip(16)
    return reader.ue(MAX_PPS_ID), reader.ue(MAX_SPS_ID)


def slice_pps_id(nal: bytes) -> int:
    """Which picture parameter set a slice segment uses (section 7.3.6.1).

    Args:
        nal: a slice segment NAL unit with its header, or the beginning of one.

    Raises:
        CodecError: it ends too early, or the id is out of range.
    """
    reader = BitReader(unescape(nal[:_SLICE_HEADER_BYTES]))
    reader.skip(1)
    nal_type = reader.bits(6)
    reader.skip(10)  # the rest of the header, first_slice_segment_in_pic_flag
    if BLA_W_LP <= nal_type <= LAST_RESERVED_IRAP:
        reader.skip(1)  # no_output_of_prior_pics_flag
    return reader.ue(MAX_PPS_ID)
