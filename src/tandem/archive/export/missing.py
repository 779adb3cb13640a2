"""What is not there, and why. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tandem.archive.coverage import Missing, coverage, explain, split_losses, subtract
from tandem.archive.export.layout import Span
from tandem.archive.export.source import Unreachable
from tandem.archive.export.units import GAP_US
from tandem.archive.rows import Gap, GapCause, Interval


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """A stretch of time without pictures.

    Attributes:
        from_us: its first time, UTC.
        to_us: the first time after it.
        cause: why.
        detail: in words, if the recorder left any.
        unreachable_nodes: nodes that are down and have, or may have, recorded it.
        file: number of the file that goes on behind it, from 0; None where none does.
        at_us: where in that file it was cut out; None likewise.
    """

    from_us: int
    to_us: int
    cause: GapCause
    detail: str
    unreachable_nodes: tuple[str, ...]
    file: int | None
    at_us: int | None


def find_missing(
    window: Interval,
    files: Sequence[Sequence[Span]],
    gaps: Iterable[Gap],
    unreachable: Sequence[Unreachable],
) -> list[MissingSpan]:
    """List what an export lacks.

    Args:
        window: what was asked for.
        files: what each file shows.
        gaps: what the recorders noted; of lost packets, what is lost in all copies.
        unreachable: copies that could not be read.

    Returns:
        Stretches of at least `GAP_US`, and all that lost packets left, ascending.
    """
    shown = coverage(((span.from_us, span.to_us) for spans in files for span in spans), GAP_US)
    holes = [hole for hole in subtract([window], shown) if hole.to_us - hole.from_us >= GAP_US]
    known = list(gaps)
    losses, _ = split_losses(known)
    # Too short to be cut out, or with sound in it.
    lost = subtract(coverage((loss.from_us, loss.to_us) for loss in losses), holes)
    found = find_causes(holes, known, unreachable) + find_causes(lost, losses, unreachable)
    return [
        MissingSpan(*lacking, nodes, *_place(lacking.to_us, files))
        for lacking, nodes in sorted(found)
    ]


def find_causes(
    holes: Iterable[Interval], gaps: Iterable[Gap], unreachable: Sequence[Unreachable]
) -> list[tuple[Missing, tuple[str, ...]]]:
    """Say of each hole why it is there, and which nodes that are down have it, or may have it.

    Args:
        holes: disjoint and ascending.
        gaps: what the recorders of all copies noted.
        unreachable: copies that could not be read.
    """
    found: list[tuple[Missing, tuple[str, ...]]] = []
    for missing in explain(holes, gaps, GAP_US):
        stretch = Interval(missing.from_us, missing.to_us)
        nodes = tuple(sorted({copy.node_id for copy in unreachable if _has(copy, stretch)}))
        is_known = missing.cause is not GapCause.UNKNOWN
        cause = GapCause.NODE_DOWN if nodes and not is_known else missing.cause
        found.append((missing._replace(cause=cause), nodes))
    return found


def _has(copy: Unreachable, stretch: Interval) -> bool:
    """Whether a copy has, or may have, some of a stretch."""
    return copy.spans is None or any(
        start < stretch.to_us and end > stretch.from_us for start, end in copy.spans
    )


def _place(to_us: int, files: Sequence[Sequence[Span]]) -> tuple[int, int] | tuple[None, None]:
    """Where the first picture behind a stretch is."""
    for number, spans in enumerate(files):
        for span in spans:
            if span.from_us + GAP_US >= to_us:
                return number, span.at_us
            if to_us < span.to_us:
                return number, span.at_us + to_us - span.from_us
    return None, None
