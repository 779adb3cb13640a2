"""A stored frame, and where its bytes are; compact tables of many. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from statistics import median_low
from typing import NamedTuple

from tandem.archive.coverage import coverage
from tandem.archive.rows import Interval
from tandem.media.losses import is_late, late_gaps
from tandem.media.mp4.decode_times import DEEPEST_REORDERING
from tandem.media.mp4.fragment import StoredSample
from tandem.media.units import IDENTITY_BYTES, VIDEO_CLOCK_HZ

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
        follows_loss: as `AccessUnit.follows_loss`.
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
    follows_loss: bool = False


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
            follows_loss,
        )
        for (
            *(offset, size, dts, composition_offset, duration, is_keyframe, identity),
            follows_loss,
        ) in rows
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
        lossy: those of all these runs that lost packets right before it.
    """

    identity: bytes
    time_us: int
    decode_us: int
    unit: Unit
    run: int
    others: tuple[int, ...]
    lossy: tuple[int, ...] = ()

    @property
    def runs(self) -> set[int]:
        """All that have the frame."""
        return {self.run, *self.others}

    def shared_with(self, before: "Row") -> set[int]:
        """The runs that have both this frame and the one before it."""
        return self.runs.intersection(before.runs)

    def is_behind_seam(self, before: "Row", known: AbstractSet[int]) -> bool:
        """Whether neither a run leads from the pictures before to this one, nor do their times.

        Lost packets make no seam: who had some of those pictures goes on decoding.

        Args:
            before: the picture before.
            known: the runs that had any since decoding began.
        """
        end_us = before.decode_us + before.unit.duration * 1_000_000 // VIDEO_CLOCK_HZ
        return self.decode_us - end_us > GAP_US and known.isdisjoint(self.runs)


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
        self._last: Row | None = None
        self._step_us = 0
        self._losses: list[Interval] = []
        self._behind_losses: list[int] = []
        self._beyond: list[int] = []

    def __len__(self) -> int:
        return len(self.sizes)

    def append(self, row: Row) -> None:
        """Add a frame."""
        unit = row.unit
        if self._last is not None:
            self._follow(self._last, row)
        self._last = row
        moved_us = row.time_us - unit.time_us
        self.shown.append(unit.shown + moved_us * self.rate_hz // 1_000_000)
        self.durations.append(unit.duration)
        self.sizes.append(unit.size)
        self.segments.append(unit.segment)
        self.offsets.append(unit.offset)
        self.keyframes.append(unit.is_keyframe)
        self._identities += unit.identity

    def is_seam_before(self, row: Row, known: AbstractSet[int]) -> bool:
        """See `Row.is_behind_seam`: of the last picture, and one that is to be added."""
        return self._last is not None and row.is_behind_seam(self._last, known)

    def end(self, first: int, end: int) -> int:
        """When the last of some pictures is no longer shown."""
        last = range(max(first, end - 2 * DEEPEST_REORDERING), end)
        return max(self.shown[at] + self.durations[at] for at in last)

    def end_before(self, row: Row) -> None:
        """Note what is missing between the last frame and one that is not added."""
        if self._last is not None:
            self._follow(self._last, row)
            self._beyond = [row.time_us * self.rate_hz // 1_000_000]

    @property
    def losses(self) -> list[Interval]:
        """When pictures are missing since their packets were lost, in every run."""
        found = [gap for place in self._behind_losses for gap in self._gaps_around(place)]
        return coverage([*self._losses, *found])

    def _gaps_around(self, place: int) -> list[Interval]:
        """When no picture is shown, where some were lost before one of reordered pictures.

        What was lost was to be shown before some that came before it, or behind some that came
        behind it.
        """
        hole = bisect_left(self.holes, place)
        first = max([0, *self.holes[max(0, hole - 1) : hole]])
        end = min([len(self), *(at for at in self.holes[hole : hole + 2] if at > place)])
        beyond = self._beyond if end == len(self) else []

        def near(pictures: int) -> list[int]:
            behind = self.shown[max(first, place - pictures) : min(end, place + pictures)]
            return sorted([*behind, *(beyond if place + pictures >= end else ())])

        nearest = near(DEEPEST_REORDERING)
        shown = near(2 * DEEPEST_REORDERING)  # all that may stand between those
        around = sorted(self.shown[max(0, place - DEEPEST_REORDERING) : place + DEEPEST_REORDERING])
        usual = median_low([after - before for before, after in pairwise([*around, *beyond])])
        return [
            Interval(*(ticks * 1_000_000 // self.rate_hz for ticks in gap))
            for gap in late_gaps(shown, nearest, usual)
        ]

    def _end_us(self, row: Row) -> int:
        """When a frame ends, as recorded."""
        return row.decode_us + row.unit.duration * 1_000_000 // self.rate_hz

    def _follow(self, last: Row, row: Row) -> None:
        """Note what is missing between two frames."""
        end_us, step_us = self._end_us(last), row.decode_us - last.decode_us
        if step_us > 0:  # the copy that it is from may have no other picture for long
            step = max(1, step_us * self.rate_hz // 1_000_000)
            self.durations[-1] = min(self.durations[-1], step)
        if row.lossy and row.shared_with(last).issubset(row.lossy):
            usual_us = self._step_us or row.unit.duration * 1_000_000 // self.rate_hz
            is_reordered = row.time_us != row.decode_us
            if is_reordered:
                self._behind_losses.append(len(self))
            if is_late(step_us, usual_us):
                # Recorded until the next one, which stands for what was lost.
                end_us = last.decode_us + usual_us
                self.durations[-1] = usual_us * self.rate_hz // 1_000_000
                if not is_reordered:
                    self._losses.append(Interval(end_us, row.decode_us))
        elif 0 < step_us <= GAP_US:
            self._step_us = step_us
        if row.decode_us - end_us > GAP_US:
            self.holes.append(len(self))

    def identity(self, at: int) -> bytes:
        """The identity of a frame."""
        return bytes(self._identities[at * IDENTITY_BYTES : (at + 1) * IDENTITY_BYTES])
