"""Pictures of one recording in the holes of another, whose clock may be off. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median_low

from tandem.archive.coverage import coverage, subtract
from tandem.archive.rows import Interval
from tandem.media.units import VIDEO_CLOCK_HZ


def present(pictures: Iterable[tuple[int, int]], tolerance_us: int) -> list[Interval]:
    """When there are pictures; the one before a hole lasts no longer than others do.

    Args:
        pictures: when each is decoded, UTC us, and its duration in ticks; ascending.
        tolerance_us: holes up to this length are none.
    """
    known = list(pictures)
    if not known:
        return []
    usual = median_low([duration for _, duration in known])
    return coverage(
        (
            (decode_us, decode_us + min(duration, usual) * 1_000_000 // VIDEO_CLOCK_HZ)
            for decode_us, duration in known
        ),
        tolerance_us,
    )


def shared_us(ours: Sequence[Interval], theirs: Sequence[Interval]) -> int:
    """For how long both are there."""
    return length_us(ours) - length_us(subtract(ours, theirs))


def length_us(spans: Iterable[Interval]) -> int:
    """How long some spans are together."""
    return sum(end - start for start, end in spans)


def fitting_shift_us(
    ours: Sequence[Interval], theirs: Sequence[Interval], most_us: int, tolerated_us: int
) -> int | None:
    """The smallest shift that puts some spans beside others, and into their holes.

    Args:
        ours: what is shifted; disjoint and ascending.
        theirs: likewise.
        most_us: how far, earlier or later.
        tolerated_us: for how long both may be there nevertheless.

    Returns:
        By how much later ours has to be; None where no shift does.
    """
    for late_us in sorted(edge_shifts_us(ours, theirs, most_us), key=abs):
        if overlap_with_us(ours, theirs, late_us) <= tolerated_us:
            return late_us
    return None


def edge_shifts_us(ours: Sequence[Interval], theirs: Sequence[Interval], most_us: int) -> set[int]:
    """By how much later ours has to be to begin or end where one of theirs does."""
    shifts_us = {0, -most_us, most_us}
    for edge in (ours[0].from_us, ours[-1].to_us):
        shifts_us |= {their_edge - edge for span in theirs for their_edge in span}
    return {late_us for late_us in shifts_us if abs(late_us) <= most_us}


def overlap_with_us(ours: Sequence[Interval], theirs: Sequence[Interval], late_us: int) -> int:
    """For how long both are there, once ours is so much later."""
    return shared_us([Interval(start + late_us, end + late_us) for start, end in ours], theirs)
