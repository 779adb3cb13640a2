"""When a camera is recorded, when not, and why not. Pure; intervals are half-open, in UTC us."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tandem.archive.rows import Gap, GapCause, Interval


class Missing(NamedTuple):
    """A stretch that is not recorded, and why."""

    from_us: int
    to_us: int
    cause: GapCause
    detail: str


def coverage(spans: Iterable[tuple[int, int]], tolerance_us: int = 0) -> list[Interval]:
    """Join spans into the fewest intervals.

    Args:
        spans: in any order, overlapping or not; empty ones are left out.
        tolerance_us: holes up to this length are none. A frame's duration or two: the last sample
            of a segment lasts as long as its camera says, not until the next one begins.

    Returns:
        Disjoint intervals, ascending, further apart than `tolerance_us`.
    """
    ordered = sorted([span for span in spans if span[0] < span[1]])
    if not ordered:
        return []
    joined: list[Interval] = []
    start, end = ordered[0]
    for from_us, to_us in ordered:
        if from_us > end + tolerance_us:
            joined.append(Interval(start, end))
            start, end = from_us, to_us
        elif to_us > end:
            end = to_us
    joined.append(Interval(start, end))
    return joined


def subtract(whole: Sequence[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """What is in `whole` and not in `taken`: what a copy lacks that another has.

    Args:
        whole: disjoint and ascending, as `coverage` returns.
        taken: likewise.
    """
    rest: list[Interval] = []
    at = 0
    for start, end in whole:
        while at < len(taken) and taken[at].to_us <= start:
            at += 1
        position, ahead = start, at
        while ahead < len(taken) and taken[ahead].from_us < end:
            if taken[ahead].from_us > position:
                rest.append(Interval(position, taken[ahead].from_us))
            position = max(position, taken[ahead].to_us)
            ahead += 1
        if position < end:
            rest.append(Interval(position, end))
    return rest


def clip(intervals: Iterable[Interval], window: Interval) -> list[Interval]:
    """The parts of intervals inside a window."""
    return [
        Interval(max(start, window.from_us), min(end, window.to_us))
        for start, end in intervals
        if start < window.to_us and end > window.from_us
    ]


def split_losses(gaps: Iterable[Gap]) -> tuple[list[Gap], list[Gap]]:
    """Tell lost packets, which are holes inside recordings, from all other gaps.

    Returns:
        The losses, and the others.
    """
    found: tuple[list[Gap], list[Gap]] = ([], [])
    for gap in gaps:
        found[gap.cause is not GapCause.PACKETS_LOST].append(gap)
    return found


def lost_within(spans: Iterable[tuple[int, int]], losses: Iterable[Gap]) -> list[Interval]:
    """When a copy has a recording, and its pictures are missing in it.

    A recorder writes one segment of a stream at a time. So what reaches over the same time was
    fetched from another copy, with losses of its own: time is lost where there are as many losses
    as segments. Segments that begin at the same time are of one copy, a part of which was fetched
    twice; its losses are entered once.

    Args:
        spans: of the copy's segments.
        losses: what its indexes have of lost packets; the same one may be in several.

    Returns:
        Disjoint and ascending.
    """
    ends: dict[int, int] = {}
    for loss in losses:
        ends[loss.from_us] = max(ends.get(loss.from_us, 0), loss.to_us)
    steps = [
        (at_us, 0, step)
        for from_us, to_us in ends.items()
        for at_us, step in ((from_us, 1), (to_us, -1))
    ]
    if not steps:
        return []
    fetched: dict[int, int] = {}
    for from_us, to_us in spans:
        fetched[from_us] = max(fetched.get(from_us, 0), to_us)
    steps += [
        (at_us, 1, step)
        for from_us, to_us in fetched.items()
        for at_us, step in ((from_us, 1), (to_us, -1))
    ]
    lost: list[tuple[int, int]] = []
    depth = [0, 0]
    steps.sort()
    for (at_us, kind, step), following in pairwise(steps):
        depth[kind] += step
        if 0 < depth[1] <= depth[0]:
            lost.append((at_us, following[0]))
    return coverage(lost)


def explain(
    missing: Iterable[Interval], gaps: Iterable[Gap], tolerance_us: int = 0
) -> list[Missing]:
    """Say of each missing stretch why it is missing.

    Where gaps overlap, the one that began last speaks: it is nearest to what happened (a camera
    that refused us while the node was taken out). A stretch of at most `tolerance_us` beside an
    explained one has its cause, since a gap is entered from frame to frame.

    Args:
        missing: disjoint and ascending.
        gaps: of one camera and stream, in any order.
        tolerance_us: as for `coverage`.

    Returns:
        The same stretches, split by cause and ascending; `UNKNOWN` only where nothing says why.
    """
    known = sorted(gaps, key=lambda gap: (gap.from_us, -gap.to_us, gap.cause, gap.detail))
    explained: list[Missing] = []
    for stretch in missing:
        explained.extend(_adopt_slivers(_split(stretch, known), tolerance_us))
    return explained


def _split(stretch: Interval, known: Sequence[Gap]) -> list[Missing]:
    """Cut a stretch where a gap begins or ends, and give each piece its cause."""
    over = [gap for gap in known if gap.from_us < stretch.to_us and gap.to_us > stretch.from_us]
    edges = {stretch.from_us, stretch.to_us}
    for gap in over:
        edges.update((max(gap.from_us, stretch.from_us), min(gap.to_us, stretch.to_us)))
    cuts = sorted(edges)
    pieces: list[Missing] = []
    for start, end in pairwise(cuts):
        speaking = [gap for gap in over if gap.from_us <= start and gap.to_us >= end]
        cause, detail = speaking[-1][4:] if speaking else (GapCause.UNKNOWN, "")
        pieces.append(Missing(start, end, cause, detail))
    return _join(pieces)


def _adopt_slivers(pieces: list[Missing], tolerance_us: int) -> list[Missing]:
    """Give short unexplained pieces the cause of the neighbour before, or else after."""
    adopted = list(pieces)
    for at, piece in enumerate(pieces):
        if piece.cause is not GapCause.UNKNOWN or piece.to_us - piece.from_us > tolerance_us:
            continue
        neighbours = [*pieces[max(at - 1, 0) : at], *pieces[at + 1 : at + 2]]
        if neighbours:
            adopted[at] = piece._replace(cause=neighbours[0].cause, detail=neighbours[0].detail)
    return _join(adopted)


def _join(pieces: Iterable[Missing]) -> list[Missing]:
    joined: list[Missing] = []
    for piece in pieces:
        if joined and joined[-1].to_us == piece.from_us and joined[-1][2:] == piece[2:]:
            joined[-1] = joined[-1]._replace(to_us=piece.to_us)
        else:
            joined.append(piece)
    return joined
