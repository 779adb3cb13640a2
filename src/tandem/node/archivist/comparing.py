"""What this node's copy of a stream lacks that another node's has. Pure.

Times are compared, by the rows of both; and, where nobody asks about every picture (D6), how many
pictures there are. What is compared has an end, since both may be
recording at this moment, and what one of them has not yet written is no lack:

- where this node is recording, up to the moment from which on it has recorded without a hole;
- where it is not, and the other one is, up to a little before the other one's newest picture;
- else all that there is.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from tandem.archive.coverage import clip, coverage, subtract
from tandem.archive.rows import Interval, Segment, State

TOLERANCE_US: Final = 200_000
"""A hole this short between rows is none: the last picture lasts as long as its camera says."""

RECORDING_US: Final = 15_000_000
"""An open segment whose durable end is older is not being recorded: a writer tells its progress
every two seconds, and a group of pictures may take ten."""

EDGE_US: Final = 5_000_000
"""What another node wrote in its last seconds is left alone: it is about to write more."""

STEP_US: Final = 10_000_000
"""How much must lack of a segment that is being written, while this node does not record: else each
look would make a segment of two seconds."""

FEWER_US: Final = 500_000
"""So long must pictures lack within a segment: rows are cut at other times on each node, and how
many pictures a part of one has is an estimate."""

_SOUND: Final = frozenset({State.CLOSED, State.OPEN})


class Comparison(NamedTuple):
    """What was found.

    Attributes:
        lacking: rows of the other node with times that no row here covers, oldest first.
        until_us: up to where the copies were compared.
        whole_until_us: before it nothing lacks.
        is_final: whether nothing can lack later by itself: this node records, and the other one has
            written what it had until then; or the other one does not record.
        is_live: whether the other one records.
        waits_for_us: whether the other one records and this node does not, or not yet.
    """

    lacking: list[Segment]
    until_us: int
    whole_until_us: int
    is_final: bool
    is_live: bool
    waits_for_us: bool


def compare(
    theirs: Sequence[Segment],
    ours: Sequence[Segment],
    looked_until_us: Mapping[UUID, int],
    since_us: int,
    now_us: int,
    richer: Collection[UUID] = (),
) -> Comparison:
    """Compare two copies of one stream.

    Args:
        theirs: rows of the other node from `since_us` on. What a disk has failed on is left out:
            its tables are not to be believed, and it has no hash.
        ours: rows of this node from `since_us` on. What a disk has failed on counts as nothing.
        looked_until_us: up to where segments of the other one were looked through already.
        since_us: from when on, UTC.
        now_us: UTC.
        richer: closed segments of the other one that lack here though their time does not.
    """
    ours = [row for row in ours if row.state in _SOUND]
    sound = [row for row in theirs if row.state in _SOUND]
    newest_us = max((row.end_us for row in sound), default=since_us)
    covered = coverage(((row.start_us, row.end_us) for row in ours), TOLERANCE_US)
    covered_until_us = covered[-1].to_us if covered else since_us
    edge_us = max(now_us, newest_us)
    recording_since_us = _recording_since(ours, covered, edge_us)
    they_record = any(_is_being_recorded(row, edge_us) for row in sound)
    if recording_since_us is not None:
        until_us = recording_since_us
    else:
        until_us = newest_us - EDGE_US if they_record else newest_us
    until_us = max(until_us, since_us)
    lacking: list[Segment] = []
    whole_until_us = until_us
    if they_record and newest_us < until_us:
        whole_until_us = max(newest_us, since_us)
    elif recording_since_us is not None:
        whole_until_us = max(until_us, covered_until_us)
    for row in sorted(sound, key=lambda row: row.start_us):
        from_us = max(row.start_us, looked_until_us.get(row.segment_id, row.start_us))
        span = clip([Interval(from_us, row.end_us)], Interval(since_us, until_us))
        holes = [hole for hole in subtract(span, covered) if _length(hole) > TOLERANCE_US]
        if not holes and row.segment_id in richer and row.start_us >= since_us:
            holes = [one for one in span if one.to_us == row.end_us]
        if not holes:
            continue
        whole_until_us = min(whole_until_us, holes[0].from_us)
        is_growing = row.state is State.OPEN and they_record and recording_since_us is None
        if not is_growing or sum(map(_length, holes)) >= STEP_US:
            lacking.append(row)
    we_record = recording_since_us is not None
    return Comparison(
        lacking,
        until_us,
        whole_until_us,
        is_final=not they_record or (we_record and newest_us >= until_us),
        is_live=they_record,
        waits_for_us=they_record and not we_record,
    )


def richer(theirs: Sequence[Segment], ours: Sequence[Segment]) -> set[UUID]:
    """Which closed segments of another node have more pictures than this one has of their time.

    Args:
        theirs: rows of the other node.
        ours: rows of this one, for as long at least.
    """
    rows = sorted((row for row in ours if row.state in _SOUND), key=lambda row: row.start_us)
    starts = [row.start_us for row in rows]
    longest_us = max((row.end_us - row.start_us for row in rows), default=0)
    found: set[UUID] = set()
    for row in theirs:
        if row.state is not State.CLOSED or row.end_us <= row.start_us:
            continue
        first = bisect_left(starts, row.start_us - longest_us)
        near = rows[first : bisect_left(starts, row.end_us)]
        lacking = row.frames - sum(_pictures(one, row.start_us, row.end_us) for one in near)
        if lacking * (row.end_us - row.start_us) > row.frames * FEWER_US:
            found.add(row.segment_id)
    return found


def _pictures(row: Segment, from_us: int, to_us: int) -> float:
    """About how many pictures a segment has over a stretch."""
    length_us = row.end_us - row.start_us
    overlap_us = min(row.end_us, to_us) - max(row.start_us, from_us)
    return row.frames * overlap_us / length_us if overlap_us > 0 else 0


def _recording_since(
    ours: Sequence[Segment], covered: Sequence[Interval], edge_us: int
) -> int | None:
    """Since when this node has been recording without a hole; None if it is not."""
    newest = max(
        (row for row in ours if _is_being_recorded(row, edge_us)),
        key=lambda row: row.start_us,
        default=None,
    )
    if newest is None:
        return None
    starts = [
        one.from_us for one in covered if one.from_us <= newest.start_us <= one.to_us + TOLERANCE_US
    ]
    return min([*starts, newest.start_us])


def _is_being_recorded(row: Segment, edge_us: int) -> bool:
    return row.state is State.OPEN and row.end_us > edge_us - RECORDING_US


def _length(span: Interval) -> int:
    return span.to_us - span.from_us
