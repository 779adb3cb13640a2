"""RTP packets of one access unit, laid out once and then stamped for each client.

Sources: RFC 6184 (H.264), RFC 7798 (H.265), RFC 3640 (AAC-hbr), RFC 7826 section 14 (interleaving).

All packets of an access unit stand in one block, each as interleaving wants it: `$`, channel,
length, RTP header, payload. Only sequence number, timestamp and SSRC differ between clients.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tandem.lab.camera.mark import MARK_DIGITS, MARK_UUID, mark_nal
from tandem.lab.camera.nal import is_vcl
from tandem.lab.camera.profile import Codec

MTU_BYTES = 1400
"""Longest RTP packet."""

VIDEO_PAYLOAD_TYPE = 96
AUDIO_PAYLOAD_TYPE = 97

INTERLEAVE_BYTES = 4
RTP_HEADER_BYTES = 12
_LONGEST_PAYLOAD = MTU_BYTES - RTP_HEADER_BYTES
_FRAME_START = struct.Struct(">BBHBBHII")

_STAP_A = 24
_FU_A = 28
_AP = 48
_FU = 49
_START_BIT = 0x80
_END_BIT = 0x40
_MARKER_BIT = 0x80
_RTP_VERSION_2 = 0x80
_MAGIC = 0x24


@dataclass(frozen=True, slots=True)
class Packed:
    """The RTP packets of one access unit, with the fields of the client still zero.

    Attributes:
        block: all packets, each behind its interleaving header.
        starts: where each packet's interleaving header begins.
        ends: where each packet ends.
        mark_at: where the digits of the mark begin; None without a mark.
        payload_bytes: RTP payload in all, for the sender reports.
    """

    block: bytes
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    mark_at: int | None
    payload_bytes: int


def pack_picture(codec: Codec, nals: Iterable[bytes], *, marked: bool) -> Packed:
    """Lay out one coded picture.

    Args:
        codec: decides the payload format.
        nals: the picture's NAL units in order.
        marked: whether to put an SEI mark before the first slice.

    Returns:
        The packets.
    """
    units = list(nals)
    if marked:
        first_slice = next(at for at, nal in enumerate(units) if is_vcl(codec, nal))
        units.insert(first_slice, mark_nal(codec))
    payloads = _h264_payloads(units) if codec is Codec.H264 else _h265_payloads(units)
    return _lay_out(list(payloads), VIDEO_PAYLOAD_TYPE, marked=marked)


def pack_sound(frame: bytes) -> Packed:
    """Lay out one AAC frame behind its AU header (RFC 3640 section 3.3.6, mode AAC-hbr)."""
    au_headers = struct.pack(">HH", 16, len(frame) << 3)
    return _lay_out([au_headers + frame], AUDIO_PAYLOAD_TYPE, marked=False)


def _lay_out(payloads: list[bytes], payload_type: int, *, marked: bool) -> Packed:
    parts: list[bytes] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for place, payload in enumerate(payloads):
        last = place == len(payloads) - 1
        kind = payload_type | (_MARKER_BIT if last else 0)
        length = RTP_HEADER_BYTES + len(payload)
        parts += (_FRAME_START.pack(_MAGIC, 0, length, _RTP_VERSION_2, kind, 0, 0, 0), payload)
        starts.append(at)
        at += INTERLEAVE_BYTES + length
        ends.append(at)
    block = b"".join(parts)
    mark_at = block.index(MARK_UUID) + len(MARK_UUID) if marked else None
    if mark_at is not None and not block[mark_at : mark_at + MARK_DIGITS].isdigit():
        raise AssertionError("The mark was split over two packets.")
    return Packed(block, tuple(starts), tuple(ends), mark_at, sum(map(len, payloads)))


def _h264_payloads(nals: list[bytes]) -> Iterator[bytes]:
    for group in _groups(nals, header_bytes=1):
        if len(group) > 1:
            importance = max(nal[0] & 0x60 for nal in group)
            yield bytes((importance | _STAP_A,)) + _aggregate(group)
        elif len(group[0]) <= _LONGEST_PAYLOAD:
            yield group[0]
        else:
            nal = group[0]
            indicator = (nal[0] & 0xE0) | _FU_A
            yield from _fragments(bytes((indicator,)), nal[0] & 0x1F, nal[1:])


def _h265_payloads(nals: list[bytes]) -> Iterator[bytes]:
    for group in _groups(nals, header_bytes=2):
        if len(group) > 1:
            yield bytes((_AP << 1, 1)) + _aggregate(group)
        elif len(group[0]) <= _LONGEST_PAYLOAD:
            yield group[0]
        else:
            nal = group[0]
            header = bytes(((nal[0] & 0x81) | (_FU << 1), nal[1]))
            yield from _fragments(header, (nal[0] >> 1) & 0x3F, nal[2:])


def _groups(nals: list[bytes], *, header_bytes: int) -> Iterator[list[bytes]]:
    """Gather neighbouring NAL units that fit into one packet together."""
    group: list[bytes] = []
    length = header_bytes
    for nal in nals:
        if group and length + 2 + len(nal) > _LONGEST_PAYLOAD:
            yield group
            group, length = [], header_bytes
        group.append(nal)
        length += 2 + len(nal)
    if group:
        yield group


def _aggregate(group: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(nal)) + nal for nal in group)


def _fragments(header: bytes, kind: int, body: bytes) -> Iterator[bytes]:
    room = _LONGEST_PAYLOAD - len(header) - 1
    for at in range(0, len(body), room):
        first = _START_BIT if at == 0 else 0
        last = _END_BIT if at + room >= len(body) else 0
        yield header + bytes((first | last | kind,)) + body[at : at + room]
