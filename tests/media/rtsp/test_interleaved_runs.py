"""Packets that are taken many at a time come out as those that are taken one by one."""

import struct
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.codecs.writing import h264_slice, h265_slice
from tests.media.depacketise.packets import fragments

from tandem.media.depacketise import make_depacketiser
from tandem.media.rtp.stream import RtpStream
from tandem.media.rtsp.interleaved import InterleavedReader, frame
from tandem.media.units import AccessUnit, Codec

PAYLOAD_TYPE = 96
SSRC = 0x1234_5678
OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"


class Counting(RtpStream):
    """A stream that counts the packets that are handed to it singly."""

    calls = 0

    def receive(self, view: memoryview, start: int, end: int) -> None:
        self.calls += 1
        super().receive(view, start, end)


class Camera:
    """What comes out of one connection."""

    def __init__(self, codec: Codec, *, runs: bool) -> None:
        self.reader = InterleavedReader()
        self.depacketiser = make_depacketiser(codec, {}, 90_000)
        self.stream = Counting(self.depacketiser, PAYLOAD_TYPE)
        if runs:
            self.reader.register_stream(0, self.stream)
        else:
            self.reader.register(0, self.stream)

    def feed(self, data: bytes, cuts: Sequence[int]) -> list[tuple[Any, ...]]:
        """Everything that can be seen of it afterwards."""
        messages = 0
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            left = data[start:end]
            while left:
                room = self.reader.get_buffer()
                taken = min(len(room), len(left))
                room[:taken] = left[:taken]
                messages += len(self.reader.received(taken))
                left = left[taken:]
        self.depacketiser.flush()
        units = [
            (bytes(unit.data), unit.rtp_time, unit.is_keyframe, unit.identity)
            if isinstance(unit, AccessUnit)
            else (unit,)
            for unit in self.depacketiser.take()
        ]
        counters = tuple(asdict(self.stream.counters).values())
        told = (messages, self.reader.unclaimed_packets, self.reader.garbage_bytes)
        return [*units, counters, (self.depacketiser.damaged_units, self.stream.reception()), told]


def rtp(sequence: int, payload: bytes, *, time: int, marker: bool, ssrc: int = SSRC) -> bytes:
    kind = PAYLOAD_TYPE | marker << 7
    return struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, time, ssrc) + payload


def picture(codec: Codec, first: int, time: int, body: bytes, size: int) -> list[bytearray]:
    """A picture in fragments of one size, as RTP packets."""
    nal = h264_slice(key=True, body=body) if codec is Codec.H264 else h265_slice(19, body=body)
    payloads = fragments(codec, nal, [size] * (len(body) // size))
    last = len(payloads) - 1
    return [
        bytearray(rtp(first + at, payload, time=time, marker=at == last))
        for at, payload in enumerate(payloads)
    ]


@st.composite
def arrivals(draw: st.DrawFn, codec: Codec) -> bytes:
    """Pictures of a camera, some bytes of their headers changed, some packets gone or moved."""
    sequence = draw(st.sampled_from([5, 0xFFF0]))
    packets: list[bytearray] = []
    for number in range(draw(st.integers(1, 4))):
        time = draw(st.sampled_from([1000, 1000 + 3600 * number, 0xFFFF_FF00 + 3600 * number]))
        length = draw(st.integers(1, 400))
        body = bytes(1 + at % 251 for at in range(length))
        sent = picture(codec, sequence, time & 0xFFFF_FFFF, body, draw(st.integers(1, 40)))
        sequence += len(sent)
        packets += sent
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(packets) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                if packets[at]:
                    where = draw(st.integers(0, min(14, len(packets[at]) - 1)))
                    packets[at][where] ^= 1 << draw(st.integers(0, 7))
            case 1:
                packets.insert(draw(st.integers(0, len(packets))), packets[at])
            case 2:
                packets.insert(draw(st.integers(0, len(packets) - 1)), packets.pop(at))
            case 3:
                del packets[at][draw(st.integers(0, len(packets[at]))) :]
            case _:
                packets[at] += b"\xee"
    between = st.sampled_from([b""] * 30 + [frame(1, b"report"), OK, b"\r\n", b"nonsense"])
    return b"".join(frame(0, bytes(packet)) + draw(between) for packet in packets)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@given(st.data())
@settings(max_examples=300)
def test_packets_taken_together_are_taken_as_if_one_by_one(
    codec: Codec, data: st.DataObject
) -> None:
    stream = data.draw(arrivals(codec))
    cut = st.lists(st.integers(0, len(stream)), max_size=12).map(sorted)
    together = Camera(codec, runs=True).feed(stream, data.draw(cut))
    assert together == Camera(codec, runs=False).feed(stream, data.draw(cut))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_the_middle_of_a_picture_is_taken_without_a_call_a_packet(codec: Codec) -> None:
    stream = b"".join(
        frame(0, bytes(packet))
        for number in range(3)
        for packet in picture(codec, 20 * number, 3600 * number, bytes(1900), 100)
    )
    camera = Camera(codec, runs=True)
    camera.feed(stream, [])
    assert camera.stream.counters.packets == 60
    assert camera.stream.calls == 6


def test_a_run_ends_at_the_highest_sequence_number() -> None:
    camera = Camera(Codec.H264, runs=True)
    packets = picture(Codec.H264, 65_530, 7, bytes(1900), 100)
    camera.feed(b"".join(frame(0, bytes(packet)) for packet in packets), [])
    assert camera.stream.calls == 3
    assert camera.stream.counters.lost == 0
