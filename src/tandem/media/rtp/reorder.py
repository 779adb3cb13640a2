"""Datagrams of one RTP stream, put back in order. TCP keeps the order itself; UDP needs this.

A missing packet is waited for while later ones are held, and given up after `MAX_HELD` packets or
`MAX_WAIT_US`. `tandem.media.rtp.stream` then sees the gap and counts the loss.

Where a sequence begins, nobody knows which packet is its first: the one that came first may have
overtaken it, and the first of all carries the keyframe's parameter sets. So a beginning is treated
as a hole: what might have been overtaken is waited for as long as any packet, and is no loss if it
never comes. RTP-Info would name the first packet, but many cameras name a wrong one.
"""

import struct

from tandem.media.rtp.stream import HEADER_BYTES, MAX_DROPOUT, MAX_MISORDER

MAX_HELD = 64
"""Packets held behind a hole. Equal-cost paths and bonded links reorder by a few; 64 datagrams are
100 KiB a camera, and one large keyframe's worth."""

MAX_WAIT_US = 200_000
"""How long a hole is waited for. Reordering in a site's network takes a few milliseconds, on Wi-Fi
with its retransmissions up to a hundred; beyond that, the packet is lost."""

_unpack_header = struct.Struct("!BxH4xI").unpack_from


class ReorderBuffer:
    """Puts the datagrams of one stream in the order of their sequence numbers.

    What is no RTP packet passes unheld: the stream behind counts it. A jump, or another source, is
    a beginning; everything held is let go in front of it.

    Attributes:
        late: packets dropped since they are duplicates, or came after their place was given up.
    """

    __slots__ = ("_held", "_next", "_ssrc", "late")

    def __init__(self) -> None:
        self.late = 0
        self._held: dict[int, tuple[int, bytes]] = {}  # in the order of arrival
        self._next: int | None = None
        self._ssrc = 0

    @property
    def deadline_us(self) -> int | None:
        """When to call `expire` if nothing is pushed before; None while nothing is held."""
        for arrival_us, _ in self._held.values():
            return arrival_us + MAX_WAIT_US
        return None

    def push(self, datagram: bytes, now_us: int) -> list[bytes]:
        """Take a datagram.

        Args:
            datagram: an RTP packet; RTCP is told apart before (RFC 5761 section 4).
            now_us: CLOCK_BOOTTIME.

        Returns:
            The packets whose turn has come, in order; often just this one.
        """
        if len(datagram) < HEADER_BYTES or datagram[0] >> 6 != 2:
            return [datagram]
        _, sequence, ssrc = _unpack_header(datagram)
        if self._next is None or ssrc != self._ssrc:
            return self._begin_at(sequence, ssrc, datagram, now_us)
        ahead = (sequence - self._next) & 0xFFFF
        if ahead >= 0x10000 - MAX_MISORDER or sequence in self._held:
            self.late += 1
            return self.expire(now_us)
        if ahead >= MAX_DROPOUT:
            return self._begin_at(sequence, ssrc, datagram, now_us)
        self._held[sequence] = (now_us, datagram)
        return self._release(self._next) + self.expire(now_us)

    def expire(self, now_us: int) -> list[bytes]:
        """Give up the holes that were waited for long enough.

        Args:
            now_us: CLOCK_BOOTTIME.

        Returns:
            The packets that were held behind them, in order.
        """
        ready: list[bytes] = []
        while (deadline_us := self.deadline_us) is not None:
            if now_us < deadline_us and len(self._held) <= MAX_HELD:
                break
            ready += self._release(self._lowest())
        return ready

    def drain(self) -> list[bytes]:
        """Give up every hole: the stream ends here.

        Returns:
            All that was held, in order.
        """
        ready: list[bytes] = []
        while self._held:
            ready += self._release(self._lowest())
        return ready

    def _begin_at(self, sequence: int, ssrc: int, datagram: bytes, now_us: int) -> list[bytes]:
        """Hold the packet that came first, as if as many as it may have overtaken were missing."""
        ready = self.drain()
        self._held[sequence] = (now_us, datagram)
        self._next = (sequence - MAX_HELD) & 0xFFFF
        self._ssrc = ssrc
        return ready

    def _lowest(self) -> int:
        origin = self._next or 0
        return min(self._held, key=lambda sequence: (sequence - origin) & 0xFFFF)

    def _release(self, sequence: int) -> list[bytes]:
        """Let go the packets from `sequence` up to the next hole."""
        ready: list[bytes] = []
        while (held := self._held.pop(sequence, None)) is not None:
            ready.append(held[1])
            sequence = (sequence + 1) & 0xFFFF
        self._next = sequence
        return ready
