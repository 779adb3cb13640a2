"""RTP payloads of H.264 (RFC 6184) to access units.

Packetization modes 0 and 1: single NAL units, STAP-A and FU-A. The interleaved formats of mode 2
(STAP-B, MTAP, FU-B) are refused: an access unit with one of them counts as damaged.

A keyframe is an IDR picture, or one with a recovery point of zero frames (open GOPs). A gradual
intra refresh has neither: it is recorded, but decoding begins only with an IDR.
"""

from typing import Final

from tandem.media.codecs import h264
from tandem.media.depacketise import nal, nal_payload

_STAP_A: Final = 24
_FU_A: Final = 28

_ROLE_BY_TYPE: Final = {
    h264.SLICE: nal.SLICE,
    h264.SLICE_PARTITION_A: nal.SLICE,  # it has the slice header
    h264.SLICE_PARTITION_B: nal.PARTITION,
    h264.SLICE_PARTITION_C: nal.PARTITION,
    h264.SLICE_IDR: nal.KEY_SLICE,
    h264.SEI: nal.SEI,
    h264.SPS: nal.PARAMETER_SET,
    h264.PPS: nal.PARAMETER_SET,
    h264.END_OF_SEQUENCE: nal.SUFFIX,
    h264.END_OF_STREAM: nal.SUFFIX,
    h264.FILLER: nal.SUFFIX,
    h264.SLICE_AUXILIARY: nal.SUFFIX,
    h264.SLICE_EXTENSION: nal.SUFFIX,
    h264.SLICE_EXTENSION_DEPTH: nal.SUFFIX,
}
"""ITU-T H.264 table 7-1 and section 7.4.1.2.3."""


def _shape(payload_type: int) -> int:
    """RFC 6184 table 1; 0 is undefined there, and kept as a NAL unit that no decoder knows."""
    if payload_type < _STAP_A:
        return nal_payload.SINGLE
    if payload_type == _STAP_A:
        return nal_payload.AGGREGATE
    return nal_payload.FRAGMENT if payload_type == _FU_A else nal_payload.REFUSED


class H264Depacketiser(nal_payload.NalDepacketiser):
    """Joins H.264 payloads into access units.

    Args:
        parameter_sets: with those of `sprop-parameter-sets` (RFC 6184 section 8.1).
    """

    __slots__ = ()

    _ROLES = bytes(_ROLE_BY_TYPE.get(first & 0x1F, nal.PREFIX) for first in range(256))
    _SHAPES = bytes(_shape(first & 0x1F) for first in range(256))
    _HEADER_BYTES = 1

    def _whole_header(self, buffer: memoryview, start: int) -> bytes:
        """RFC 6184 section 5.8: the indicator's F and NRI, the FU header's type."""
        return bytes((buffer[start] & 0xE0 | buffer[start + 1] & 0x1F,))

    def _says_recovery(self, sei: bytes) -> bool:
        return h264.recovers_at_once(sei)
