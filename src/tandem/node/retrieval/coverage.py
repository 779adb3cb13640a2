"""What each copy has of a time, what all of them lack, and why. Pure, but for asking the sources.

The intervals are those of the index: a segment has no hole inside but for lost packets, which are
told however short. What is at most `GAP_US` apart is joined, as in an export.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tandem.archive.coverage import (
    Missing,
    clip,
    coverage,
    explain,
    lost_within,
    split_losses,
    subtract,
)
from tandem.archive.errors import ArchiveError
from tandem.archive.export.missing import find_causes
from tandem.archive.export.result import rfc3339
from tandem.archive.export.source import SegmentSource, Unreachable
from tandem.archive.export.units import GAP_US
from tandem.archive.rows import Gap, Interval, Segment, State
from tandem.node.retrieval.finding import FRESH_US

COVERAGE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Held:
    """What a node told of a stream.

    Attributes:
        node_id: the node.
        segments: their rows.
        gaps: what its recorder noted.
        unreachable: why it, or a part of it, cannot be read; None where all can.
    """

    node_id: str
    segments: Sequence[Segment]
    gaps: Sequence[Gap]
    unreachable: str | None


@dataclass(frozen=True, slots=True)
class CopyCoverage:
    """One node's copy.

    Attributes:
        node_id: whose.
        intervals: when it is recorded.
        gaps: when it is not, and why.
        segments: how many files that is.
        frames: pictures in these files, also those outside of the time that was asked for.
        unreachable: why it, or a part of it, cannot be read; None where all can.
    """

    node_id: str
    intervals: Sequence[Interval]
    gaps: Sequence[Missing]
    segments: int
    frames: int
    unreachable: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """All copies of a stream over a time.

    Attributes:
        camera_id: the camera.
        stream: which of its streams.
        wanted: the time.
        copies: one for each node of the cluster, by its id.
        intervals: when at least one of them is recorded.
        missing: when none is, why, and the nodes that may have it and cannot be read.
    """

    camera_id: str
    stream: str
    wanted: Interval
    copies: Sequence[CopyCoverage]
    intervals: Sequence[Interval]
    missing: Sequence[tuple[Missing, tuple[str, ...]]]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; times are RFC 3339, in UTC."""
        return {
            "version": COVERAGE_VERSION,
            "camera_id": self.camera_id,
            "stream": self.stream,
            "from": rfc3339(self.wanted.from_us),
            "to": rfc3339(self.wanted.to_us),
            "copies": [
                {
                    "node_id": copy.node_id,
                    "intervals": [_stretch(*one) for one in copy.intervals],
                    "gaps": [_lacking(one) for one in copy.gaps],
                    "segments": copy.segments,
                    "frames": copy.frames,
                    "unreachable": copy.unreachable,
                }
                for copy in self.copies
            ],
            "union": {
                "intervals": [_stretch(*one) for one in self.intervals],
                "missing": [
                    _lacking(one) | {"unreachable_nodes": list(nodes)}
                    for one, nodes in self.missing
                ],
            },
        }


def ask_holdings(
    sources: Iterable[SegmentSource],
    unreachable: Sequence[Unreachable],
    camera_id: str,
    stream: str,
    wanted: Interval,
) -> list[Held]:
    """Ask every source; one that does not answer any more is told as such. Blocks.

    Args:
        sources: the nodes that can be asked.
        unreachable: the nodes and volumes that cannot.
        camera_id: the camera.
        stream: which of its streams.
        wanted: the time.

    Returns:
        What each node has, by its id.
    """
    reasons: dict[str, list[str]] = {}
    for copy in unreachable:
        reasons.setdefault(copy.node_id, []).append(copy.reason)
    found: dict[str, Held] = {}
    for source in sources:
        segments: Sequence[Segment] = ()
        gaps: Sequence[Gap] = ()
        try:
            segments = source.segments(camera_id, stream, *wanted)
            gaps = source.gaps(camera_id, stream, *wanted)
        except ArchiveError as problem:
            reasons.setdefault(source.node_id, []).append(str(problem))
        reason = " ".join(reasons.get(source.node_id, ())) or None
        found[source.node_id] = Held(source.node_id, segments, gaps, reason)
    for node_id, sentences in reasons.items():
        found.setdefault(node_id, Held(node_id, (), (), " ".join(sentences)))
    return [found[node_id] for node_id in sorted(found)]


def compare(camera_id: str, stream: str, wanted: Interval, held: Sequence[Held]) -> Coverage:
    """Work out the coverage of each copy and of all together.

    Args:
        camera_id: the camera.
        stream: which of its streams.
        wanted: the time; to be known up to its end, see `finding.settled_end_us`.
        held: what each node has.
    """
    recorded = [_Recorded.of(one, wanted) for one in held]
    covered = clip(coverage(_spans(held), GAP_US), wanted)
    lost = coverage(stretch for one in recorded for stretch in one.lost)
    for one in recorded:
        lost = subtract(lost, subtract(one.covered, one.lost))
    losses, gaps = split_losses(gap for one in held for gap in one.gaps)
    unreachable = [
        Unreachable(one.node_id, one.unreachable) for one in held if one.unreachable is not None
    ]
    return Coverage(
        camera_id=camera_id,
        stream=stream,
        wanted=wanted,
        copies=[_copy(one, known, wanted) for one, known in zip(held, recorded, strict=True)],
        intervals=subtract(covered, lost),
        missing=sorted(
            find_causes(_holes(covered, wanted), gaps, unreachable)
            + find_causes(lost, losses, unreachable)
        ),
    )


class _Recorded(NamedTuple):
    """What a copy has of a time.

    Attributes:
        covered: from when to when its segments reach.
        lost: when its pictures are missing in them.
    """

    covered: Sequence[Interval]
    lost: Sequence[Interval]

    @staticmethod
    def of(held: Held, wanted: Interval) -> "_Recorded":
        losses, _ = split_losses(held.gaps)
        spans = list(_spans([held]))
        lost = lost_within(spans, losses)
        return _Recorded(clip(coverage(spans, GAP_US), wanted), clip(lost, wanted))


def _copy(held: Held, recorded: _Recorded, wanted: Interval) -> CopyCoverage:
    losses, gaps = split_losses(held.gaps)
    until_us = _told_until_us(held, wanted)
    holes = _holes(recorded.covered, Interval(wanted.from_us, until_us))
    is_read = bool(held.segments) or held.unreachable is None
    return CopyCoverage(
        node_id=held.node_id,
        intervals=subtract(recorded.covered, recorded.lost),
        gaps=sorted(explain(holes, gaps, GAP_US) + explain(recorded.lost, losses))
        if is_read
        else [],
        segments=len(held.segments),
        frames=sum(row.frames for row in held.segments),
        unreachable=held.unreachable,
    )


def _spans(held: Iterable[Held]) -> Iterator[tuple[int, int]]:
    return ((row.start_us, row.end_us) for one in held for row in one.segments)


def _told_until_us(held: Held, wanted: Interval) -> int:
    """Up to when a copy is known: what it writes now may be on another copy's disk already."""
    written = [row.end_us for row in held.segments if row.state is State.OPEN]
    until_us = max(written, default=0)
    return until_us if wanted.to_us - FRESH_US <= until_us < wanted.to_us else wanted.to_us


def _holes(intervals: Sequence[Interval], wanted: Interval) -> list[Interval]:
    return [hole for hole in subtract([wanted], intervals) if hole.to_us - hole.from_us >= GAP_US]


def _stretch(from_us: int, to_us: int) -> dict[str, str]:
    return {"from": rfc3339(from_us), "to": rfc3339(to_us)}


def _lacking(one: Missing) -> dict[str, Any]:
    return {**_stretch(one.from_us, one.to_us), "cause": str(one.cause), "detail": one.detail}
