"""Video packets of libav, and what it calls extradata, to NAL units behind 4-byte lengths."""

import struct
from collections.abc import Iterable
from typing import Final

from tandem.media.depacketise.annexb import START_CODE, split_start_codes
from tandem.media.units import Codec

_LENGTH: Final = struct.Struct(">I")
_SHORT: Final = struct.Struct(">H")
_AVCC_HEADER_BYTES: Final = 5
_HVCC_HEADER_BYTES: Final = 22
_LAST_BYTE_BEFORE_SETS: Final = {Codec.H264: 4, Codec.H265: 21}
_WHOLE_LENGTH_BYTES: Final = 4


class Bitstream:
    """How one video track delimits its NAL units, as its extradata says.

    Attributes:
        parameter_sets: those of the extradata, without length or start code.

    Args:
        codec: H264 or H265.
        extradata: an AVCDecoderConfigurationRecord, an HEVCDecoderConfigurationRecord (ISO/IEC
            14496-15 sections 5.3.3.1 and 8.3.3.1), an Annex B byte stream, or nothing.
    """

    __slots__ = ("_length_bytes", "parameter_sets")

    def __init__(self, codec: Codec, extradata: bytes) -> None:
        self._length_bytes = 0
        if _is_record(codec, extradata):
            self._length_bytes = (extradata[_LAST_BYTE_BEFORE_SETS[codec]] & 3) + 1
            self.parameter_sets = _record_sets(codec, extradata)
        else:
            self.parameter_sets = tuple(_split(extradata))

    def sample(self, packet: bytes) -> bytes:
        """Put every NAL unit of a packet behind its length in 4 bytes.

        Args:
            packet: as libav delivered it.

        Returns:
            The NAL units in their order, none added, dropped or changed. Of one whose length runs
            past the end of the packet, what is there.
        """
        if not self._length_bytes:
            return _join(_split(packet))
        if self._length_bytes == _WHOLE_LENGTH_BYTES and _adds_up(packet):
            return packet
        return _join(_split_lengths(packet, self._length_bytes))


def _is_record(codec: Codec, extradata: bytes) -> bool:
    """Records begin with their version, 1 (old H.265 muxers wrote 0); byte streams with zeros."""
    shortest = _HVCC_HEADER_BYTES if codec is Codec.H265 else _AVCC_HEADER_BYTES
    return len(extradata) > shortest and extradata[:3] != START_CODE and extradata[:3] != b"\0\0\0"


def _record_sets(codec: Codec, record: bytes) -> tuple[bytes, ...]:
    """What is whole of the parameter sets in a configuration record."""
    sets: list[bytes] = []
    try:
        if codec is Codec.H264:
            at = _read_sets(record, _AVCC_HEADER_BYTES + 1, record[5] & 0x1F, sets)
            _read_sets(record, at + 1, record[at], sets)
        else:
            at = _HVCC_HEADER_BYTES + 1
            for _ in range(record[_HVCC_HEADER_BYTES]):
                (count,) = _SHORT.unpack_from(record, at + 1)
                at = _read_sets(record, at + 1 + _SHORT.size, count, sets)
    except (struct.error, IndexError):
        pass  # the stream's own parameter sets decide, these only come sooner
    return tuple(sets)


def _read_sets(record: bytes, at: int, count: int, sets: list[bytes]) -> int:
    """Read `count` NAL units behind 16-bit lengths into `sets`; return where they end."""
    for _ in range(count):
        (length,) = _SHORT.unpack_from(record, at)
        at += _SHORT.size + length
        if at > len(record):
            raise IndexError
        sets.append(record[at - length : at])
    return at


def _split(packet: bytes) -> list[bytes]:
    return split_start_codes(packet, len(packet))


def _split_lengths(packet: bytes, length_bytes: int) -> list[bytes]:
    nals = []
    at = 0
    while at + length_bytes < len(packet):
        start = at + length_bytes
        at = start + int.from_bytes(packet[at:start], "big")
        nals.append(packet[start:at])
    return nals


def _adds_up(packet: bytes) -> bool:
    """Whether 4-byte lengths lead exactly to the end, with no empty NAL unit on the way."""
    at = 0
    while at + _LENGTH.size < len(packet):
        (length,) = _LENGTH.unpack_from(packet, at)
        if not length:
            return False
        at += _LENGTH.size + length
    return at == len(packet)


def _join(nals: Iterable[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(nal)) + nal for nal in nals if nal)
