"""A bare RTSP client on a blocking socket, which shows every byte that a camera sends."""

import re
import socket
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Rtp:
    """An RTP packet."""

    marker: bool
    payload_type: int
    sequence: int
    time: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """The sender report at the head of a compound RTCP packet."""

    ssrc: int
    utc_s: float
    time: int
    packets: int


def read_rtp(packet: bytes) -> Rtp:
    first, kind, sequence, time, ssrc = struct.unpack_from(">BBHII", packet)
    assert first == 0x80
    return Rtp(bool(kind & 0x80), kind & 0x7F, sequence, time, ssrc, packet[12:])


def read_report(packet: bytes) -> Report | None:
    _, kind, _, ssrc, seconds, fraction, time, packets = struct.unpack_from(
        ">BBHIIIII", packet.ljust(28, b"\0")
    )
    if kind != 200:
        return None
    return Report(ssrc, (seconds - 2_208_988_800) + fraction / (1 << 32), time, packets)


class RawClient:
    """Speaks to one camera.

    Args:
        address: RTSP address.
        receive_buffer_bytes: how much the kernel keeps for it; None for the default.
    """

    def __init__(self, address: str, receive_buffer_bytes: int | None = None) -> None:
        self.address = address
        parts = urlsplit(address)
        assert parts.hostname is not None
        self.socket = socket.socket()
        self.socket.settimeout(DEADLINE_S)
        if receive_buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        try:
            self.socket.connect((parts.hostname, parts.port))
        except OSError:
            self.socket.close()
            raise
        host, port = self.socket.getsockname()
        self.peer = f"{host}:{port}"
        self._buffer = b""
        self._packets: deque[tuple[int, bytes]] = deque()
        self._sequence = 0
        self.session = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def request(self, method: str, track: str = "", **headers: str) -> Reply:
        """Send a request and await its reply; media that comes first is kept."""
        self._sequence += 1
        lines = [f"{method} {self.address}{track} RTSP/1.0", f"CSeq: {self._sequence}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.session:
            lines.append(f"Session: {self.session}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while True:
            if (reply := self._next()) is not None:
                return reply

    def set_up(self, track: str = "/track1", channel: int = 0) -> Reply:
        transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        reply = self.request("SETUP", track, Transport=transport)
        self.session = reply.headers.get("session", "").partition(";")[0]
        return reply

    def play(self) -> Reply:
        """Set up the pictures over TCP and play."""
        assert self.set_up().status == 200
        return self.request("PLAY")

    def packet(self) -> tuple[int, bytes]:
        """Return the next interleaved packet with its channel."""
        while not self._packets:
            assert self._next() is None, "A reply came that nobody asked for."
        return self._packets.popleft()

    def rtp(self, channel: int = 0) -> Iterator[Rtp]:
        """Yield RTP packets as they come."""
        while True:
            arrived_on, packet = self.packet()
            if arrived_on == channel:
                yield read_rtp(packet)

    def report(self, channel: int = 1) -> Report:
        """Await the next sender report."""
        while True:
            arrived_on, packet = self.packet()
            if arrived_on == channel and (report := read_report(packet)) is not None:
                return report

    def pictures(self, count: int) -> list["Picture"]:
        """Await some whole pictures."""
        coming = pictures(self.rtp())
        return [next(coming) for _ in range(count)]

    def _next(self) -> Reply | None:
        """Read one message: a reply is returned, a packet kept."""
        if self._fill(1)[0] == 0x24:
            length = 4 + int.from_bytes(self._fill(4)[2:4], "big")
            packet = self._fill(length)[:length]
            self._buffer = self._buffer[length:]
            self._packets.append((packet[1], packet[4:]))
            return None
        while b"\r\n\r\n" not in self._buffer:
            self._fill(len(self._buffer) + 1)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        body = self._fill(length)[:length]
        self._buffer = self._buffer[length:]
        return Reply(int(first.split()[1]), headers, body.decode())

    def _fill(self, length: int) -> bytes:
        while len(self._buffer) < length:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("The camera closed the connection.")
            self._buffer += data
        return self._buffer


@dataclass(frozen=True, slots=True)
class Picture:
    """An access unit, put together again from H.264 packets."""

    time: int
    ssrc: int
    nals: tuple[bytes, ...]

    @property
    def number(self) -> int:
        """The frame number, read by searching the whole picture for the mark's digits."""
        found = re.search(rb"tandemLa.Camera[A-Z]([0-9a-f]{8})([0-9a-f]{16})", b"".join(self.nals))
        assert found is not None, "The picture has no mark."
        return int(found[2], 16)

    @property
    def slices(self) -> tuple[bytes, ...]:
        return tuple(nal for nal in self.nals if nal[0] & 0x1F in {1, 5})

    @property
    def is_keyframe(self) -> bool:
        return any(nal[0] & 0x1F == 5 for nal in self.nals)


def pictures(packets: Iterable[Rtp]) -> Iterator[Picture]:
    """Put H.264 pictures together, as RFC 6184 says; nothing may be missing."""
    nals: list[bytes] = []
    for packet in packets:
        payload = packet.payload
        kind = payload[0] & 0x1F
        if kind == 24:
            at = 1
            while at < len(payload):
                length = int.from_bytes(payload[at : at + 2], "big")
                nals.append(payload[at + 2 : at + 2 + length])
                at += 2 + length
        elif kind == 28:
            if payload[1] & 0x80:
                nals.append(bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)))
            nals[-1] += payload[2:]
        else:
            nals.append(payload)
        if packet.marker:
            yield Picture(packet.time, packet.ssrc, tuple(nals))
            nals = []
