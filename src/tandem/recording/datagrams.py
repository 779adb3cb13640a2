"""UDP beside an RTSP session: a pair of ports for each track (RFC 3550 section 11). IPv4 only."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from functools import partial

from tandem.clock import Clock
from tandem.media.rtp.reorder import ReorderBuffer
from tandem.recording.source import Cause, SourceError
from tandem.recording.track_receiver import TrackReceiver

PAIR_ATTEMPTS = 50
"""Even ports whose neighbour is taken are rare, unless all are."""

RECEIVE_BUFFER_BYTES = 4 << 20
"""The kernel's queue: a keyframe is hundreds of datagrams in a few milliseconds, and what does not
fit is lost. The kernel may grant less (net.core.rmem_max)."""


class PortPair:
    """An even port for RTP, and the next one for RTCP.

    Attributes:
        numbers: the two ports, once open.
    """

    def __init__(self) -> None:
        self.numbers = (0, 0)
        self._transports: list[asyncio.DatagramTransport] = []
        self._rtp = _Receiver()
        self._rtcp = _Receiver()
        self._reports_to: tuple[str, int] | None = None
        self._buffer = ReorderBuffer()
        self._track: TrackReceiver | None = None
        self._clock: Clock | None = None

    async def open(self) -> None:
        """Bind both ports.

        Raises:
            SourceError: no pair is free.
        """
        loop = asyncio.get_running_loop()
        sockets = _bind_pair()
        self.numbers = (sockets[0].getsockname()[1], sockets[1].getsockname()[1])
        for receiver, bound in zip((self._rtp, self._rtcp), sockets, strict=True):
            transport, _ = await loop.create_datagram_endpoint(partial(_same, receiver), sock=bound)
            self._transports.append(transport)

    def deliver_to(
        self,
        track: TrackReceiver,
        source: str,
        reports_to: int | None,
        clock: Clock,
    ) -> None:
        """Give what arrives from the camera to a track.

        Args:
            track: takes the packets.
            source: the camera's address; datagrams of others are ignored.
            reports_to: the camera's RTCP port, where it told one.
            clock: for reordering.
        """
        self._buffer = ReorderBuffer()
        self._track = track
        self._clock = clock
        self._reports_to = (source, reports_to) if reports_to else None
        self._rtp.take_from(source, self._receive)
        self._rtcp.take_from(source, track.take_reports)

    def expire(self) -> None:
        """Give up holes that were waited for long enough, even where no datagram comes."""
        if self._clock is not None:
            self._pass_on(self._buffer.expire(self._clock.boot_us()))

    def _receive(self, datagram: bytes) -> None:
        if self._clock is not None:
            self._pass_on(self._buffer.push(datagram, self._clock.boot_us()))

    def _pass_on(self, packets: Iterable[bytes]) -> None:
        if self._track is None:
            return
        for packet in packets:
            self._track.stream.receive(memoryview(packet), 0, len(packet))
        self._track.hand_over()

    def send_report(self, report: bytes) -> None:
        """Send an RTCP packet to the camera, if it said where to."""
        if self._reports_to is not None and self._transports:
            self._transports[1].sendto(report, self._reports_to)

    def receive_nothing(self) -> None:
        """The session is over; what is held is passed on, what still arrives is nobody's."""
        self._pass_on(self._buffer.drain())
        self._track = None
        self._rtp.take_from("", lambda _: None)
        self._rtcp.take_from("", lambda _: None)

    def close(self) -> None:
        """Release the ports."""
        for transport in self._transports:
            transport.close()
        self._transports = []


class _Receiver(asyncio.DatagramProtocol):
    """Hands on the datagrams of one address."""

    def __init__(self) -> None:
        self._source = ""
        self._take: Callable[[bytes], None] = lambda _: None

    def take_from(self, source: str, take: Callable[[bytes], None]) -> None:
        self._source = source
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if addr[0] == self._source:
            self._take(data)

    def error_received(self, exc: Exception) -> None:
        """An ICMP refusal of one of our reports: the camera does not want them."""


def _same(receiver: _Receiver) -> _Receiver:
    return receiver


def _bind_pair() -> tuple[socket.socket, socket.socket]:
    for _ in range(PAIR_ATTEMPTS):
        first, second = (_socket() for _ in range(2))
        try:
            first.bind(("", 0))
            port = first.getsockname()[1]
            if port % 2 == 0:
                second.bind(("", port + 1))
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise SourceError(Cause.UNREACHABLE, "no pair of UDP ports is free on this node; use TCP")


def _socket() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return bound
