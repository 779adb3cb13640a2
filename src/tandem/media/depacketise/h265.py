"""RTP payloads of H.265 (RFC 7798) to access units.

Single NAL units, aggregation packets and fragmentation units, without DONL fields (which
`make_depacketiser` refuses). PACI packets are refused: their access unit counts as damaged.

A keyframe is an IRAP picture: BLA, IDR or CRA.
"""

from typing import Final

from tandem.media.codecs import h265
from tandem.media.depacketise import nal

_AP: Final = 48
_FU: Final = 49
_FU_START: Final = 0x80
_FU_END: Final = 0x40
_FU_FIRST_BYTE: Final = _FU << 1
_TYPE_BITS: Final = 0x7E


def _role(nal_type: int) -> int:
    """ITU-T H.265 table 7-1 and section 7.4.2.4.4."""
    if nal_type <= h265.LAST_VCL:
        return nal.KEY_SLICE if h265.BLA_W_LP <= nal_type <= h265.CRA else nal.SLICE
    if nal_type in {h265.VPS, h265.SPS, h265.PPS}:
        return nal.PARAMETER_SET
    suffixes = {h265.END_OF_SEQUENCE, h265.END_OF_BITSTREAM, h265.FILLER, h265.SUFFIX_SEI}
    return nal.SUFFIX if nal_type in suffixes else nal.PREFIX


class H265Depacketiser(nal.NalAssembler):
    """Joins H.265 payloads into access units.

    Args:
        parameter_sets: with those of `sprop-vps`, `-sps`, `-pps` (RFC 7798 section 7.1).
    """

    __slots__ = ()

    _ROLES = bytes(_role(first >> 1 & 0x3F) for first in range(256))
    _HEADER_BYTES = 2

    def receive(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        """Take a payload; see `Depacketiser.receive`."""
        if (
            self._nal >= 0
            and end - start > 3
            and buffer[start + 2] < _FU_END
            and buffer[start] & _TYPE_BITS == _FU_FIRST_BYTE
            and rtp_time == self._time
            and not marker
        ):
            # The middle of a fragmented NAL unit: most packets are. Its header says nothing new,
            # and is wrong in some cameras.
            self._unit += buffer[start + 3 : end]
            if len(self._unit) > nal.MAX_UNIT_BYTES:
                self._discard()
        else:
            self._receive_any(buffer, start, end, rtp_time, marker)

    def _unpack(self, buffer: memoryview, start: int, end: int) -> None:
        payload_type = buffer[start] >> 1 & 0x3F
        if payload_type == _FU:
            self._add_fragment(buffer, start, end)
        elif payload_type < _AP:
            self._add_nal(buffer, start, end)
        elif payload_type == _AP:
            self._add_aggregate(buffer, start + 2, end)
        else:
            self._discard()

    def _add_fragment(self, buffer: memoryview, start: int, end: int) -> None:
        """RFC 7798 section 4.4.3. Fragments without a byte occur, and do no harm."""
        if end - start < 3:
            return
        fu_header = buffer[start + 2]
        if fu_header & _FU_START:
            self._open_nal()
            if self._skipping:
                return
            self._unit.append(buffer[start] & 0x81 | (fu_header & 0x3F) << 1)
            self._unit.append(buffer[start + 1])
        elif self._nal < 0:
            self._discard()  # its beginning is missing
            return
        self._unit += buffer[start + 3 : end]
        if fu_header & _FU_END:
            self._close_nal()

    def _add_aggregate(self, buffer: memoryview, at: int, end: int) -> None:
        """RFC 7798 section 4.4.2."""
        while at + 2 < end and not self._skipping:
            after = at + 2 + (buffer[at] << 8 | buffer[at + 1])
            if after > end:
                self._discard()
                return
            if after > at + 2:
                self._add_nal(buffer, at + 2, after)
            at = after
