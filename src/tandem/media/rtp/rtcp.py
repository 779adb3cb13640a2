"""RTCP packets (RFC 3550 section 6): what cameras send to objects, a receiver's own to bytes.

Parsing never raises. What is whole is returned, what is not is left out: cameras send counts that
exceed their packet, lengths that exceed the datagram, and private packets without a specification.
"""

import enum
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tandem.media.rtp.ntp import ntp_to_utc_us


class PacketType(enum.IntEnum):
    """RTCP packet types (RFC 3550 section 12.1)."""

    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    GOODBYE = 203
    APPLICATION = 204


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one source is received (RFC 3550 section 6.4.1).

    Attributes:
        ssrc: the source it is about.
        fraction_lost: lost since the previous report, in 1/256.
        cumulative_lost: lost since the source began; negative if duplicates prevail.
        extended_highest_sequence: with the sequence's wraps in the upper 16 bits.
        jitter: interarrival jitter in ticks.
        last_report: the middle 32 bits of the NTP timestamp of the last sender report, or 0.
        delay: since that report, in 1/65,536 s, or 0.
    """

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    extended_highest_sequence: int
    jitter: int = 0
    last_report: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a source says about itself and its clocks (RFC 3550 section 6.4.1).

    Attributes:
        ssrc: the source.
        ntp: the wall clock, 64 bits as sent; 0 from a source that has none.
        rtp_timestamp: the same instant in RTP ticks, 32 bits.
        packets: sent so far.
        payload_bytes: sent so far, headers not counted.
        blocks: how it receives others.
    """

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    payload_bytes: int
    blocks: tuple[ReportBlock, ...]

    @property
    def utc_us(self) -> int | None:
        """The wall clock as UTC microseconds; None from a source that has none."""
        return ntp_to_utc_us(self.ntp) if self.ntp else None


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """How a participant that sends nothing receives others (RFC 3550 section 6.4.2)."""

    ssrc: int
    blocks: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """Who sources are: (ssrc, item type, text) in order of appearance (RFC 3550 section 6.5)."""

    items: tuple[tuple[int, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sources that leave (RFC 3550 section 6.6)."""

    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OtherPacket:
    """An application's packet (RFC 3550 section 6.7), or of a type that is not in the RFC.

    Attributes:
        packet_type: 204 for an application's packet.
        count: the five bits that mean something else in every type.
        body: all behind the common header.
    """

    packet_type: int
    count: int
    body: bytes


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye | OtherPacket

_SDES_CNAME = 1

_unpack_common = struct.Struct("!BBH").unpack_from
_SENDER_INFO = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")


def parse(compound: bytes | memoryview) -> list[RtcpPacket]:
    """The packets in one datagram or interleaved frame.

    Args:
        compound: RTCP packets one behind the other, or anything else.

    Returns:
        Those that are whole. A report whose last blocks are missing counts as whole without them.
    """
    packets: list[RtcpPacket] = []
    for packet_type, count, body in _split(bytes(compound)):
        packet = _parse_one(packet_type, count, body)
        if packet is not None:
            packets.append(packet)
    return packets


def build_receiver_report(ssrc: int, blocks: Sequence[ReportBlock], cname: str) -> bytes:
    """A compound packet as a receiver has to send it (RFC 3550 section 6.1): RR, SDES with CNAME.

    Args:
        ssrc: this receiver's own.
        blocks: how it receives; at most 31, none before anything came.
        cname: its lasting name, at most 255 bytes of UTF-8 (RFC 3550 section 6.5.1).

    Returns:
        What to send.

    Raises:
        ValueError: if there are too many blocks or the name is too long.
    """
    name = cname.encode()
    if len(blocks) > 31 or len(name) > 255:
        raise ValueError(
            f"an RTCP receiver report takes 31 blocks and a CNAME of 255 bytes; "
            f"{len(blocks)} blocks and {len(name)} bytes were given"
        )
    report = struct.pack("!I", ssrc) + b"".join(map(_pack_block, blocks))
    item = struct.pack("!IBB", ssrc, _SDES_CNAME, len(name)) + name
    item += bytes(4 - len(item) % 4)  # one null at least ends the list of items
    return _frame(PacketType.RECEIVER_REPORT, len(blocks), report) + _frame(
        PacketType.SOURCE_DESCRIPTION, 1, item
    )


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, count and body of each whole packet (RFC 3550 sections 6.1, 6.4.1)."""
    at = 0
    while at + 4 <= len(data):
        flags, packet_type, words = _unpack_common(data, at)
        end = at + 4 + 4 * words
        if flags >> 6 != 2 or end > len(data):
            return
        padding = data[end - 1] if flags & 0x20 and words else 0
        if padding <= end - at - 4:
            yield packet_type, flags & 0x1F, data[at + 4 : end - padding]
        at = end


def _parse_one(packet_type: int, count: int, body: bytes) -> RtcpPacket | None:
    match packet_type:
        case PacketType.SENDER_REPORT if len(body) >= _SENDER_INFO.size:
            ssrc, ntp, rtp_timestamp, packets, payload_bytes = _SENDER_INFO.unpack_from(body)
            blocks = _parse_blocks(body[_SENDER_INFO.size :], count)
            return SenderReport(ssrc, ntp, rtp_timestamp, packets, payload_bytes, blocks)
        case PacketType.RECEIVER_REPORT if len(body) >= 4:
            return ReceiverReport(int.from_bytes(body[:4], "big"), _parse_blocks(body[4:], count))
        case PacketType.SENDER_REPORT | PacketType.RECEIVER_REPORT:
            return None
        case PacketType.SOURCE_DESCRIPTION:
            return SourceDescription(tuple(_parse_items(body, count)))
        case PacketType.GOODBYE:
            whole = min(count, len(body) // 4)
            return Goodbye(struct.unpack_from(f"!{whole}I", body))
        case _:
            return OtherPacket(packet_type, count, body)


def _parse_blocks(body: bytes, count: int) -> tuple[ReportBlock, ...]:
    whole = min(count, len(body) // _BLOCK.size)
    blocks = []
    for ssrc, losses, highest, jitter, last_report, delay in _BLOCK.iter_unpack(
        body[: whole * _BLOCK.size]
    ):
        cumulative = losses & 0xFF_FFFF
        if cumulative >= 1 << 23:
            cumulative -= 1 << 24
        blocks.append(
            ReportBlock(ssrc, losses >> 24, cumulative, highest, jitter, last_report, delay)
        )
    return tuple(blocks)


def _parse_items(body: bytes, chunks: int) -> Iterator[tuple[int, int, bytes]]:
    """The items of every chunk; each chunk ends with nulls up to the next multiple of 4."""
    at = 0
    for _ in range(chunks):
        if at + 4 > len(body):
            return
        ssrc = int.from_bytes(body[at : at + 4], "big")
        at += 4
        while at < len(body) and body[at] != 0:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                return
            text_end = at + 2 + body[at + 1]
            yield ssrc, body[at], body[at + 2 : text_end]
            at = text_end
        at = (at | 3) + 1


def _pack_block(block: ReportBlock) -> bytes:
    cumulative = max(-(1 << 23), min(block.cumulative_lost, (1 << 23) - 1))  # RFC 3550 A.3
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | cumulative & 0xFF_FFFF,
        block.extended_highest_sequence & 0xFFFF_FFFF,
        block.jitter,
        block.last_report,
        block.delay,
    )


def _frame(packet_type: PacketType, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, packet_type, len(body) // 4) + body
