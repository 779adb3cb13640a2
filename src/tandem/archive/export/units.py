"""A stored frame, and where its bytes are; compact tables of many. Pure."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from tandem.media.mp4.fragment import StoredSample
from tandem.media.units import IDENTITY_BYTES

GAP_US = 200_000
"""A time without a picture is a gap from here on. Shorter ones are jitter between connections, or a
picture or two that were lost; the picture before is shown as long."""


class Unit(NamedTuple):
    """A picture or a frame of sound as one copy has it.

    Copies of a picture agree on when it is presented, but for the lag of their clocks. Decode times
    depend on the pictures before it that the copy has: they only tell the order.

    Attributes:
        identity: as `AccessUnit.identity`.
        time_us: when it is presented, by the copy's clock, UTC.
        decode_us: when it is decoded; ascending in a copy.
        shown: `time_us` in ticks of its track since 1970.
        duration: until the next decode time, in ticks, as recorded.
        is_keyframe: decoding may begin here.
        segment: number of its segment in the catalogue.
        offset: of its data in the file.
        size: of its data in bytes.
    """

    identity: bytes
    time_us: int
    decode_us: int
    shown: int
    duration: int
    is_keyframe: bool
    segment: int
    offset: int
    size: int


def stored_units(
    rows: Sequence[StoredSample], rate_hz: int, segment: int, moof_offset: int
) -> list[Unit]:
    """The rows of a fragment's table as units.

    Args:
        rows: of one track.
        rate_hz: its timescale.
        segment: number of the segment in the catalogue.
        moof_offset: where the fragment begins in the file.
    """
    return [
        Unit(
            identity,
            (shown := dts + composition_offset) * 1_000_000 // rate_hz,
            dts * 1_000_000 // rate_hz,
            shown,
            duration,
            is_keyframe,
            segment,
            moof_offset + offset,
            size,
        )
        for offset, size, dts, composition_offset, duration, is_keyframe, identity in rows
    ]


class Row(NamedTuple):
    """A frame on the timeline of the result.

    Attributes:
        identity: of the unit.
        time_us: when it is presented, UTC.
        decode_us: when it is decoded; nearly ascending.
        unit: whose bytes are taken.
        run: which run they are from.
        others: the other runs that have the frame too.
    """

    identity: bytes
    time_us: int
    decode_us: int
    unit: Unit
    run: int
    others: tuple[int, ...]


class UnitTable:
    """Many frames of one track of the result, 45 bytes each.

    Args:
        rate_hz: ticks a second of its times.

    Attributes:
        rate_hz: the same.
        shown: when each is presented on the result's timeline, since 1970.
        durations: as recorded.
        sizes: of the data, in bytes.
        segments: numbers in the catalogue.
        offsets: of the data in the segment.
        keyframes: 1 where decoding may begin.
        holes: places of the frames that do not follow the one before within `GAP_US`.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.shown = array("q")
        self.durations = array("I")
        self.sizes = array("I")
        self.segments = array("I")
        self.offsets = array("Q")
        self.keyframes = bytearray()
        self.holes: list[int] = []
        self._identities = bytearray()
        self._end_us: int | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    def append(self, row: Row) -> None:
        """Add a frame."""
        unit = row.unit
        if self._end_us is not None and row.decode_us - self._end_us > GAP_US:
            self.holes.append(len(self))
        self._end_us = row.decode_us + unit.duration * 1_000_000 // self.rate_hz
        moved_us = row.time_us - unit.time_us
        self.shown.append(unit.shown + moved_us * self.rate_hz // 1_000_000)
        self.durations.append(unit.duration)
        self.sizes.append(unit.size)
        self.segments.append(unit.segment)
        self.offsets.append(unit.offset)
        self.keyframes.append(unit.is_keyframe)
        self._identities += unit.identity

    def identity(self, at: int) -> bytes:
        """The identity of a frame."""
        return bytes(self._identities[at * IDENTITY_BYTES : (at + 1) * IDENTITY_BYTES])
