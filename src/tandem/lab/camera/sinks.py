"""Where a session's packets go: into the RTSP connection, or out of UDP sockets."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from tandem.lab.camera.outbox import Outbox
from tandem.lab.camera.packing import INTERLEAVE_BYTES, Packed

_PORT_ATTEMPTS = 100


class Sink(Protocol):
    """Takes the stamped packets of one session."""

    @property
    def transport(self) -> str:
        """`tcp` or `udp`."""
        ...

    @property
    def backlog_bytes(self) -> int:
        """What the kernel has not yet taken."""
        ...

    def send(
        self,
        track: str,
        unit: Packed,
        block: bytearray,
        order: Sequence[int],
        number: int | None,
    ) -> None:
        """Send an access unit.

        Args:
            track: which track it belongs to.
            unit: where the packets stand.
            block: the packets, stamped for this client.
            order: which packets to send, in this order, where the transport can lose or reorder.
            number: the picture's number; None for sound.
        """
        ...

    def report(self, track: str, packet: bytes) -> None:
        """Send an RTCP packet."""
        ...

    def settle(self) -> list[int]:
        """Return the pictures that have gone to the kernel completely since last asked."""
        ...

    def abandon(self) -> list[int]:
        """Return the pictures that were queued and never went out completely."""
        ...

    def close(self) -> None:
        """Free what belongs to the sink alone."""
        ...


class InterleavedSink:
    """Packets between the messages of the RTSP connection (RFC 2326 section 10.12).

    Args:
        outbox: the connection.
    """

    transport = "tcp"

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._channels: dict[str, int] = {}

    @property
    def backlog_bytes(self) -> int:
        """What the kernel has not yet taken."""
        return self._outbox.backlog_bytes

    def add(self, track: str, channel: int) -> None:
        """Let a track use a channel and the next one."""
        self._channels[track] = channel

    def send(
        self,
        track: str,
        unit: Packed,
        block: bytearray,
        order: Sequence[int],  # noqa: ARG002  TCP neither loses nor reorders
        number: int | None,
    ) -> None:
        """Send all packets in one write."""
        if channel := self._channels[track]:
            for start in unit.starts:
                block[start + 1] = channel
        self._outbox.write(block, number)

    def report(self, track: str, packet: bytes) -> None:
        """Send an RTCP packet."""
        head = bytes((0x24, self._channels[track] + 1)) + len(packet).to_bytes(2, "big")
        self._outbox.write(head + packet)

    def settle(self) -> list[int]:
        """Return the pictures that have gone to the kernel completely since last asked."""
        return self._outbox.settle()

    def abandon(self) -> list[int]:
        """Return the pictures that were queued and never went out completely."""
        return self._outbox.abandon()

    def close(self) -> None:
        """Do nothing: the connection belongs to the dialogue."""


class UdpSink:
    """Packets out of a pair of ports per track.

    Args:
        address: the camera's own address.
        client: the client's address.
        heard: called when a receiver report came in.
    """

    transport = "udp"
    backlog_bytes = 0

    def __init__(self, address: str, client: str, heard: Callable[[], None]) -> None:
        self._address = address
        self._client = client
        self._heard = heard
        self._pairs: dict[str, tuple[socket.socket, socket.socket]] = {}
        self._gone: list[int] = []

    def add(self, track: str, client_ports: tuple[int, int]) -> tuple[int, int]:
        """Open the ports of a track.

        Args:
            track: the track.
            client_ports: where the client awaits RTP and RTCP.

        Returns:
            The ports of the camera.

        Raises:
            OSError: the address has no free pair of ports.
        """
        rtp, rtcp = _open_pair(self._address)
        rtp.connect((self._client, client_ports[0]))
        rtcp.connect((self._client, client_ports[1]))
        self._pairs[track] = rtp, rtcp
        asyncio.get_running_loop().add_reader(rtcp, self._receive, rtcp)
        return rtp.getsockname()[1], rtcp.getsockname()[1]

    def send(
        self,
        track: str,
        unit: Packed,
        block: bytearray,
        order: Sequence[int],
        number: int | None,
    ) -> None:
        """Send one datagram per packet; a picture counts only if all its packets went."""
        rtp = self._pairs[track][0]
        view = memoryview(block)
        sent = 0
        for place in order:
            with contextlib.suppress(OSError):  # as a camera: what the network refuses is lost
                rtp.send(view[unit.starts[place] + INTERLEAVE_BYTES : unit.ends[place]])
                sent += 1
        if number is not None and sent == len(unit.starts):
            self._gone.append(number)

    def report(self, track: str, packet: bytes) -> None:
        """Send an RTCP packet."""
        with contextlib.suppress(OSError):
            self._pairs[track][1].send(packet)

    def settle(self) -> list[int]:
        """Return the pictures that have gone to the kernel completely since last asked."""
        gone, self._gone = self._gone, []
        return gone

    def abandon(self) -> list[int]:
        """Return nothing: no datagram is queued."""
        return []

    def close(self) -> None:
        """Close the ports."""
        for pair in self._pairs.values():
            asyncio.get_running_loop().remove_reader(pair[1])
            for one in pair:
                one.close()
        self._pairs.clear()

    def _receive(self, rtcp: socket.socket) -> None:
        with contextlib.suppress(OSError):
            rtcp.recv(2048)
            self._heard()


def _open_pair(address: str) -> tuple[socket.socket, socket.socket]:
    """Open an even port and the one above it (RFC 3550 section 11)."""
    for _ in range(_PORT_ATTEMPTS):
        rtp = _bound(address, 0)
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            try:
                return rtp, _bound(address, port + 1)
            except OSError:
                pass  # taken: try another pair
        rtp.close()
    raise OSError(f"{address} has no free pair of UDP ports.")


def _bound(address: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    try:
        opened.bind((address, port))
    except OSError:
        opened.close()
        raise
    return opened
