"""What every depacketiser promises. The hot path: called per packet, makes no object per packet."""

from typing import NamedTuple, Protocol

from tandem.media.units import AccessUnit, TimelineBreak


class Continuation(NamedTuple):
    """A payload that would change nothing but the length of what is unfinished.

    Attributes:
        header: its first bytes.
        data: takes the rest of it, at the end.
    """

    header: bytes
    data: bytearray


class Depacketiser(Protocol):
    """Joins the payloads of one RTP stream into access units.

    Attributes:
        units: finished access units, oldest first, taken by `take`. The RTP stream puts a
            `TimelineBreak` among them where the sender began anew.
        damaged_units: how many access units were discarded since a packet of theirs was missing or
            malformed; only grows.
    """

    units: list[AccessUnit | TimelineBreak]
    damaged_units: int

    def receive(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        """Take the RTP payload `buffer[start:end]`; copies what it keeps.

        Args:
            buffer: reused by the caller after the call returns.
            start: first byte of the payload.
            end: one past its last byte.
            rtp_time: the packet's timestamp, unwrapped, in ticks.
            marker: the packet's marker bit.
        """
        ...

    def continuation(self) -> Continuation | None:
        """What may be appended without a call of `receive`, until its next call or any other.

        Only payloads with the timestamp of the last one, and no marker. Of these, at most
        `interleaved.BUFFER_BYTES` before `receive` sees one again, which looks at the limits.
        """
        ...

    def lose(self) -> None:
        """Packets are missing before the next one: what is unfinished can never be whole."""
        ...

    def flush(self) -> None:
        """The stream ends here, for now: finish what is complete."""
        ...

    def take(self) -> list[AccessUnit | TimelineBreak]:
        """Hand over the finished access units and forget them."""
        ...
