"""RTP payloads of H.265 (RFC 7798) to access units.

Single NAL units, aggregation packets and fragmentation units, without DONL fields (which
`make_depacketiser` refuses). PACI packets are refused: their access unit counts as damaged.

A keyframe is an IRAP picture: BLA, IDR or CRA.
"""

from typing import Final

from tandem.media.codecs import h265
from tandem.media.depacketise import nal, nal_payload

_AP: Final = 48
_FU: Final = 49


def _role(nal_type: int) -> int:
    """ITU-T H.265 table 7-1 and section 7.4.2.4.4."""
    if nal_type <= h265.LAST_VCL:
        return nal.KEY_SLICE if h265.BLA_W_LP <= nal_type <= h265.CRA else nal.SLICE
    if nal_type in {h265.VPS, h265.SPS, h265.PPS}:
        return nal.PARAMETER_SET
    suffixes = {h265.END_OF_SEQUENCE, h265.END_OF_BITSTREAM, h265.FILLER, h265.SUFFIX_SEI}
    return nal.SUFFIX if nal_type in suffixes else nal.PREFIX


def _shape(payload_type: int) -> int:
    """RFC 7798 section 4.2."""
    if payload_type < _AP:
        return nal_payload.SINGLE
    if payload_type == _AP:
        return nal_payload.AGGREGATE
    return nal_payload.FRAGMENT if payload_type == _FU else nal_payload.REFUSED


class H265Depacketiser(nal_payload.NalDepacketiser):
    """Joins H.265 payloads into access units.

    Args:
        parameter_sets: with those of `sprop-vps`, `-sps`, `-pps` (RFC 7798 section 7.1).
    """

    __slots__ = ()

    _ROLES = bytes(_role(first >> 1 & 0x3F) for first in range(256))
    _SHAPES = bytes(_shape(first >> 1 & 0x3F) for first in range(256))
    _HEADER_BYTES = 2

    def _whole_header(self, buffer: memoryview, start: int) -> bytes:
        """RFC 7798 section 4.4.3: the payload header with the FU header's type."""
        first = buffer[start] & 0x81 | (buffer[start + 2] & 0x3F) << 1
        return bytes((first, buffer[start + 1]))
