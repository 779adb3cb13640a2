"""Where recordings stand that share no picture: in each other's holes. Pure.

A *strand* is what runs make that share pictures: within it every frame has its place. Two strands
are of one camera and of one encoding, so that they share no picture says that neither has one of a
time that the other has. Their clocks are apart by an unknown time, which is what moves a strand:
by as little as puts it beside the others. Then a stretch without a hole is never torn apart: what
is to stand in it stands before it or behind it, on the side of its middle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge as heap_merge
from itertools import pairwise
from operator import attrgetter
from statistics import median_low
from typing import NamedTuple

from tandem.archive.coverage import coverage
from tandem.archive.export.fitting import edge_shifts_us, length_us, overlap_with_us
from tandem.archive.export.units import Row
from tandem.archive.rows import Interval
from tandem.media.units import VIDEO_CLOCK_HZ

ASIDE_US = 2_000_000
"""How far a strand is moved at most: clocks of a cluster are hardly further apart."""

JITTER_US = 10_000
"""Less than pictures are apart."""

TORN_US = 500_000
"""What overlaps by more than this when all is moved is not of one encoding, or not of one clock: it
is put in order by time."""

WORTH = 2
"""A strand is moved only where that frees more than one part in so many of the way: room is made by
a step aside, not by a leap."""

_MOVES = 4
"""How often each strand may give way to others, which may do so too."""


@dataclass
class Strand:
    """Runs that share pictures, directly or by way of others.

    Attributes:
        runs: their numbers.
        rows: their frames, each once, in decode order.
        is_fixed: some of it was handed out already, so that its times are settled.
    """

    runs: list[int]
    rows: list[Row]
    is_fixed: bool = False


class _Block(NamedTuple):
    """Rows of a strand without a hole; `middle_us` ascends within the strand."""

    rows: Sequence[Row]
    from_us: int
    to_us: int
    middle_us: int
    is_fixed: bool


def settle(strands: Sequence[Strand]) -> list[int]:
    """By how much later each strand has to be, to stand beside the others.

    Those that are fixed stay. The move that gains most goes first, and of two strands that
    overlap each other the shorter one moves.

    Args:
        strands: at least one, with pictures.
    """
    shifts_us = [0] * len(strands)
    if len(strands) == 1:
        return shifts_us
    spans = [presence(strand.rows) for strand in strands]
    by_length = sorted(range(len(strands)), key=lambda at: length_us(spans[at]))
    movable = [at for at in by_length if not strands[at].is_fixed]
    for _ in range(_MOVES * len(movable)):
        moves = [
            (gain_us, -place, late_us)
            for place, at in enumerate(movable)
            for gain_us, late_us in _moves(at, spans, shifts_us)
        ]
        if not moves:
            break
        _, place, late_us = max(moves)
        shifts_us[movable[-place]] = late_us
    return shifts_us


def _moves(
    at: int, spans: Sequence[Sequence[Interval]], shifts_us: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """By how much later a strand would stand better, and how much better that is."""
    ours, now_us = spans[at], shifts_us[at]
    around = Interval(ours[0].from_us - 2 * ASIDE_US, ours[-1].to_us + 2 * ASIDE_US)
    theirs = coverage(
        (start + late_us, end + late_us)
        for other, (stretches, late_us) in enumerate(zip(spans, shifts_us, strict=True))
        if other != at
        for start, end in stretches
        if start < around.to_us and end > around.from_us
    )
    if overlap_with_us(ours, theirs, now_us) > JITTER_US:
        cost_us = overlap_with_us(ours, theirs, now_us) + abs(now_us) // WORTH
        for late_us in edge_shifts_us(ours, theirs, ASIDE_US):
            gain_us = cost_us - overlap_with_us(ours, theirs, late_us) - abs(late_us) // WORTH
            if gain_us > 0:
                yield gain_us, late_us


def moved(rows: Sequence[Row], late_us: int) -> list[Row]:
    """The same rows, later."""
    return [
        row._replace(time_us=row.time_us + late_us, decode_us=row.decode_us + late_us)
        for row in rows
    ]


def presence(rows: Sequence[Row]) -> list[Interval]:
    """When there are pictures: from one hole to the next.

    Args:
        rows: at least one, in decode order.
    """
    lengths = _lengths_us(rows)
    spans = ((row.decode_us, row.decode_us + us) for row, us in zip(rows, lengths, strict=True))
    return coverage(spans, JITTER_US)


def in_order(strands: Sequence[Strand]) -> list[Row]:
    """All rows of some strands, each strand in its order, and no stretch torn apart."""
    if len(strands) == 1:
        return strands[0].rows
    blocks = [_blocks(strand) for strand in strands]
    spans = [Interval(one.from_us, one.to_us) for some in blocks for one in some]
    if length_us(spans) - length_us(coverage(spans)) > TORN_US:
        return list(heap_merge(*(one.rows for one in strands), key=attrgetter("decode_us")))
    ordered = list(heap_merge(*blocks, key=attrgetter("middle_us")))
    ceilings_us: list[int | None] = [None]
    for block in reversed(ordered[1:]):
        ceilings_us.append(block.from_us if block.is_fixed else ceilings_us[-1])
    rows: list[Row] = []
    until_us = min(span.from_us for span in spans)
    for block, ceiling_us in zip(ordered, reversed(ceilings_us), strict=True):
        placed = block if block.is_fixed else _between(block, until_us, ceiling_us)
        rows += placed.rows
        until_us = placed.to_us
    return rows


def _between(block: _Block, from_us: int, to_us: int | None) -> _Block:
    """A block, moved and squeezed as far as it overlaps what it stands between."""
    length = block.to_us - block.from_us
    start = max(block.from_us, from_us)
    if to_us is not None:
        start = max(from_us, min(start, to_us - length))
    end = start + length if to_us is None else min(start + length, to_us)
    if abs(start - block.from_us) <= JITTER_US and abs(end - block.to_us) <= JITTER_US:
        return block
    end = max(end, start + len(block.rows))

    def place(time_us: int) -> int:
        return start + (time_us - block.from_us) * (end - start) // length

    rows = [
        row._replace(time_us=place(row.time_us), decode_us=place(row.decode_us))
        for row in block.rows
    ]
    return block._replace(rows=rows, from_us=start, to_us=end)


def _blocks(strand: Strand) -> list[_Block]:
    """The stretches of a strand."""
    rows = strand.rows
    ends_us = [row.decode_us + length for row, length in zip(rows, _lengths_us(rows), strict=True)]
    # So early at most is what was reordered, where another run goes on; see `steady`.
    early_us = max(row.time_us - row.decode_us for row in rows) + JITTER_US
    starts = [
        at
        for at, row in enumerate(rows)
        if at == 0 or not -early_us <= row.decode_us - ends_us[at - 1] <= JITTER_US
    ]
    blocks: list[_Block] = []
    middle_us = rows[0].decode_us
    for first, end in pairwise([*starts, len(rows)]):
        span = Interval(rows[first].decode_us, max(ends_us[first:end]))
        middle_us = max(middle_us, sum(span) // 2)
        blocks.append(_Block(rows[first:end], *span, middle_us, strand.is_fixed))
    return blocks


def _lengths_us(rows: Sequence[Row]) -> list[int]:
    """How long each picture is shown; the one before a hole no longer than others are."""
    steps = [after.decode_us - before.decode_us for before, after in pairwise(rows)]
    onward = [step for step in steps if step > 0]
    usual = (
        median_low(onward) if onward else rows[0].unit.duration * 1_000_000 // VIDEO_CLOCK_HZ or 1
    )
    return [*(min(max(1, step), usual) for step in steps), usual]
