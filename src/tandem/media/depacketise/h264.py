"""RTP payloads of H.264 (RFC 6184) to access units.

Packetization modes 0 and 1: single NAL units, STAP-A and FU-A. The interleaved formats of mode 2
(STAP-B, MTAP, FU-B) are refused: an access unit with one of them counts as damaged.

A keyframe is an IDR picture, or one with a recovery point of zero frames (open GOPs). A gradual
intra refresh has neither: it is recorded, but decoding begins only with an IDR.
"""

from typing import Final

from tandem.media.codecs import h264
from tandem.media.depacketise import nal

_STAP_A: Final = 24
_FU_A: Final = 28
_FU_START: Final = 0x80
_FU_END: Final = 0x40

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


class H264Depacketiser(nal.NalAssembler):
    """Joins H.264 payloads into access units.

    Args:
        parameter_sets: with those of `sprop-parameter-sets` (RFC 6184 section 8.1).
    """

    __slots__ = ()

    _ROLES = bytes(_ROLE_BY_TYPE.get(first & 0x1F, nal.PREFIX) for first in range(256))
    _HEADER_BYTES = 1

    def receive(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        """Take a payload; see `Depacketiser.receive`."""
        if (
            self._nal >= 0
            and end - start > 2
            and buffer[start + 1] < _FU_END
            and buffer[start] & 0x1F == _FU_A
            and rtp_time == self._time
            and not marker
        ):
            # The middle of a fragmented NAL unit: most packets are. Its header says nothing new,
            # and is wrong in some cameras.
            self._unit += buffer[start + 2 : end]
            if len(self._unit) > nal.MAX_UNIT_BYTES:
                self._discard()
        else:
            self._receive_any(buffer, start, end, rtp_time, marker)

    def _unpack(self, buffer: memoryview, start: int, end: int) -> None:
        payload_type = buffer[start] & 0x1F
        if payload_type == _FU_A:
            self._add_fragment(buffer, start, end)
        elif payload_type < _STAP_A:
            self._add_nal(buffer, start, end)
        elif payload_type == _STAP_A:
            self._add_aggregate(buffer, start + 1, end)
        else:
            self._discard()

    def _add_fragment(self, buffer: memoryview, start: int, end: int) -> None:
        """RFC 6184 section 5.8. Fragments without a byte occur, and do no harm."""
        if end - start < 2:
            return
        fu_header = buffer[start + 1]
        if fu_header & _FU_START:
            self._open_nal()
            if self._skipping:
                return
            self._unit.append(buffer[start] & 0xE0 | fu_header & 0x1F)
        elif self._nal < 0:
            self._discard()  # its beginning is missing
            return
        self._unit += buffer[start + 2 : end]
        if fu_header & _FU_END:
            self._close_nal()

    def _add_aggregate(self, buffer: memoryview, at: int, end: int) -> None:
        """RFC 6184 section 5.7.1."""
        while at + 2 < end and not self._skipping:
            after = at + 2 + (buffer[at] << 8 | buffer[at + 1])
            if after > end:
                self._discard()
                return
            if after > at + 2:
                self._add_nal(buffer, at + 2, after)
            at = after

    def _says_recovery(self, sei: bytes) -> bool:
        return h264.recovers_at_once(sei)
