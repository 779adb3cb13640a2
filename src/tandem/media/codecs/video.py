"""Parameter sets of either video codec to the configuration of a track."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tandem.media.codecs import h264, h265
from tandem.media.codecs.errors import CodecError
from tandem.media.units import Codec, VideoConfig

MAX_PARAMETER_SET_BYTES: Final = 4096
"""Longer than any real one; what a hostile sender may make us keep and parse."""


class Kind(enum.IntEnum):
    """Kinds of parameter sets, in the order in which a configuration lists them."""

    VPS = 0
    SPS = 1
    PPS = 2


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """One parameter set and its place among the others.

    Attributes:
        kind: what it is.
        set_id: its id within its kind.
        parent_id: id of the set it builds on: an SPS's VPS, a PPS's SPS; 0 where there is none.
        nal: the NAL unit, with its header.
        essence: equal where two sets of one codec decode alike.
    """

    kind: Kind
    set_id: int
    parent_id: int
    nal: bytes = field(repr=False)
    essence: bytes = field(repr=False)


def parse_parameter_set(codec: Codec, nal: bytes) -> ParameterSet:
    """Read one parameter set.

    Args:
        codec: H264 or H265.
        nal: the NAL unit, with its header, without length or start code.

    Raises:
        CodecError: it is not a parameter set, too long, or nonsense.
    """
    if not 2 <= len(nal) <= MAX_PARAMETER_SET_BYTES:
        raise CodecError(f"{len(nal)} bytes are no parameter set.")
    if codec is Codec.H264:
        return _parse_h264(nal)
    if codec is Codec.H265:
        return _parse_h265(nal)
    raise CodecError(f"{codec} has no parameter sets.")


def _parse_h264(nal: bytes) -> ParameterSet:
    nal_type = nal[0] & 0x1F
    if nal_type == h264.SPS:
        sps = h264.parse_sps(nal)
        return ParameterSet(Kind.SPS, sps.sps_id, 0, nal, sps.essence)
    if nal_type == h264.PPS:
        pps_id, sps_id = h264.parse_pps(nal)
        return ParameterSet(Kind.PPS, pps_id, sps_id, nal, nal[1:].rstrip(b"\x00"))
    raise CodecError(f"An H.264 NAL unit of type {nal_type} is no parameter set.")


def _parse_h265(nal: bytes) -> ParameterSet:
    nal_type = nal[0] >> 1 & 0x3F
    if nal[0] & 1 or nal[1] & 0xF8:
        raise CodecError("It belongs to an enhancement layer, which is not recorded.")
    essence = nal[2:].rstrip(b"\x00")
    if nal_type == h265.VPS:
        return ParameterSet(Kind.VPS, h265.parse_vps(nal), 0, nal, essence)
    if nal_type == h265.SPS:
        sps = h265.parse_sps(nal)
        return ParameterSet(Kind.SPS, sps.sps_id, sps.vps_id, nal, essence)
    if nal_type == h265.PPS:
        pps_id, sps_id = h265.parse_pps(nal)
        return ParameterSet(Kind.PPS, pps_id, sps_id, nal, essence)
    raise CodecError(f"An H.265 NAL unit of type {nal_type} is no parameter set.")


def video_config(codec: Codec, parameter_sets: Iterable[bytes]) -> VideoConfig:
    """Describe a video track by its parameter sets.

    Args:
        codec: H264 or H265.
        parameter_sets: NAL units with their header, without length or start code, in any order;
            of several with one kind and id the last counts. Where they describe several sequences,
            the picture is that of the SPS with the lowest id.

    Raises:
        CodecError: a kind is missing, or one of them is nonsense.
    """
    sets = {
        (parsed.kind, parsed.set_id): parsed
        for parsed in (parse_parameter_set(codec, nal) for nal in parameter_sets)
    }
    ordered = [sets[key] for key in sorted(sets)]
    needed = (Kind.SPS, Kind.PPS) if codec is Codec.H264 else tuple(Kind)
    for kind in needed:
        if all(parsed.kind is not kind for parsed in ordered):
            raise CodecError(f"The {codec} stream has no {kind.name}.")
    nal = next(parsed.nal for parsed in ordered if parsed.kind is Kind.SPS)
    sps = h264.parse_sps(nal) if codec is Codec.H264 else h265.parse_sps(nal)
    return VideoConfig(
        codec=codec,
        parameter_sets=tuple(parsed.nal for parsed in ordered),
        width_px=sps.width_px,
        height_px=sps.height_px,
        reorder_depth=sps.reorder_depth,
    )
