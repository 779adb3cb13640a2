"""RTP payloads as RFC 6184 and RFC 7798 describe them, cut at random; and what comes of them."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from blake3 import blake3

from tandem.media.depacketise.base import Depacketiser
from tandem.media.units import AccessUnit, Codec

AGGREGATE = {Codec.H264: bytes([0x78]), Codec.H265: bytes([0x60, 0x01])}


class Packet(NamedTuple):
    payload: bytes
    time: int
    marker: bool = False


def feed(depacketiser: Depacketiser, packets: Iterable[Packet | None]) -> list[AccessUnit]:
    """Hand packets over in one buffer used again and again; None stands for lost packets."""
    for packet in packets:
        if packet is None:
            depacketiser.lose()
            continue
        buffer = bytearray(b"\x7c\x85\x00\x00\x01") + packet.payload + b"\x00\x00\x01\x7c\x45"
        end = 5 + len(packet.payload)
        depacketiser.receive(memoryview(buffer), 5, end, packet.time, packet.marker)
        buffer[:] = b"\xee" * len(buffer)
    units = depacketiser.take()
    assert all(isinstance(unit, AccessUnit) for unit in units)
    return [unit for unit in units if isinstance(unit, AccessUnit)]


def nal_units(unit: AccessUnit) -> tuple[bytes, ...]:
    """Undo the layout of MP4."""
    data, at, nals = bytes(unit.data), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        nals.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(data)
    return tuple(nals)


def is_vcl(codec: Codec, nal: bytes) -> bool:
    return 1 <= nal[0] & 31 <= 5 if codec is Codec.H264 else nal[0] >> 1 & 63 < 32


def identity(codec: Codec, nals: Iterable[bytes]) -> bytes:
    hashed = b"".join(len(n).to_bytes(4, "big") + n for n in nals if is_vcl(codec, n))
    return blake3(hashed).digest(length=16)


def fragments(codec: Codec, nal: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut one NAL unit into fragmentation units whose pieces have these sizes, and one more."""
    if codec is Codec.H264:
        start, body, nal_type = bytes([nal[0] & 0xE0 | 28]), nal[1:], nal[0] & 31
    else:
        start = bytes([nal[0] & 0x81 | 49 << 1, nal[1]])
        body, nal_type = nal[2:], nal[0] >> 1 & 63
    pieces = []
    for size in sizes:
        pieces.append(body[:size])
        body = body[size:]
    pieces.append(body)
    last = len(pieces) - 1
    flags = [(i == 0) << 7 | (i == last) << 6 for i in range(len(pieces))]
    return [
        start + bytes([flag | nal_type]) + piece for flag, piece in zip(flags, pieces, strict=True)
    ]


def aggregate(codec: Codec, nals: Iterable[bytes]) -> bytes:
    return AGGREGATE[codec] + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def packetise(
    codec: Codec, nals: Sequence[bytes], time: int, random: Random, marks: bool = True
) -> list[Packet]:
    """Send one access unit in any of the ways that the RFCs allow."""
    payloads: list[bytes] = []
    left = list(nals)
    while left:
        way = random.choice(["single", "aggregate", "fragments"])
        if way == "aggregate" and len(left[0]) < 65_536:
            fitting = next((i for i, nal in enumerate(left) if len(nal) > 65_535), len(left))
            count = random.randint(1, fitting)
            payloads.append(aggregate(codec, left[:count]))
            del left[:count]
            continue
        nal = left.pop(0)
        if way == "single" or len(nal) < 4:
            payloads.append(nal)
        else:
            few = random.randint(1, 20)
            most = max(1, 2 * len(nal) // few)
            payloads += fragments(codec, nal, [random.randint(0, most) for _ in range(few)])
    last = len(payloads) - 1
    return [Packet(p, time, marks and i == last) for i, p in enumerate(payloads)]
