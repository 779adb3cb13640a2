"""A straight line from RTP ticks to microseconds, and two ways to lay one through observations.

Integers throughout: every node computes the same from the same, and nothing is lost at 2**40 ticks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

PPM = 1_000_000
"""Parts per million; also microseconds per second."""

MAX_RATE_ERROR_PPM = 100_000
"""What is believed of a fitted rate. Crystals are off by up to 200 ppm; cameras that stamp a fixed
step a frame, whatever their frame rate, by some per cent; what is beyond 10 % is no clock."""

Point = tuple[int, int]
"""An RTP time in ticks, and a time in microseconds that was observed for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """Microseconds as a function of RTP ticks.

    Attributes:
        rtp_time: where it is pinned, in ticks.
        us: the time there.
        ppm: by how much a tick lasts longer than its nominal 1/clock_hz.
        clock_hz: nominal ticks a second.
    """

    rtp_time: int
    us: int
    ppm: int
    clock_hz: int

    def us_at(self, rtp_time: int) -> int:
        """The time at `rtp_time`; strictly increasing while a tick lasts a microsecond or more."""
        return self.us + (rtp_time - self.rtp_time) * (PPM + self.ppm) // self.clock_hz

    def all_us_at(self, rtp_times: Sequence[int]) -> list[int]:
        """The times at several."""
        pin, us, clock_hz = self.rtp_time, self.us, self.clock_hz
        rate = PPM + self.ppm
        return [us + (rtp_time - pin) * rate // clock_hz for rtp_time in rtp_times]

    def shifted(self, by_us: int) -> "Line":
        """The same line, later by `by_us`."""
        return replace(self, us=self.us + by_us)


def clamp(value: int, limit: int) -> int:
    """`value`, held within plus and minus `limit`."""
    return max(-limit, min(value, limit))


def line_under(points: Sequence[Point], clock_hz: int, min_span_us: int) -> Line:
    """The line below all points that is closest to them: delays only ever add.

    Its slope is that of the edge of the lower convex hull in the middle of the points, the solution
    of the linear program in Moon, Skelly, Towsley, "Estimation and removal of clock skew from
    network delay measurements" (INFOCOM 1999). Points late for whatever reason do not touch it.

    Args:
        points: at least one; times rise with RTP times but for delays.
        clock_hz: nominal ticks a second.
        min_span_us: with points closer together, the nominal rate is taken.

    Returns:
        The line, pinned at the last point's RTP time.
    """
    ordered = sorted(points)
    first, last = ordered[0], ordered[-1]
    ppm = 0
    if (last[0] - first[0]) * PPM >= min_span_us * clock_hz:
        middle = sum(point[0] for point in ordered) // len(ordered)
        for left, right in pairwise(_lower_hull(ordered)):
            if right[0] >= middle:
                ppm = clamp(_ppm_between(left, right, clock_hz), MAX_RATE_ERROR_PPM)
                break
    line = Line(last[0], 0, ppm, clock_hz)
    return line.shifted(min(us - line.us_at(rtp_time) for rtp_time, us in ordered))


def line_through(points: Sequence[Point], clock_hz: int, min_span_us: int) -> Line:
    """The line in the middle of the points: their errors go both ways, and some are nonsense.

    The Theil-Sen estimator: the median of the slopes between all pairs, and the median of the
    offsets that remain. Up to 29 % of the points may be arbitrarily wrong.

    Args:
        points: at least one, in the order of their RTP times.
        clock_hz: nominal ticks a second.
        min_span_us: with points closer together, the nominal rate is taken.

    Returns:
        The line, pinned at the last point's RTP time.
    """
    ppm = 0
    if (points[-1][0] - points[0][0]) * PPM >= min_span_us * clock_hz:
        slopes = [
            _ppm_between(left, right, clock_hz)
            for left, right in combinations(points, 2)
            if right[0] > left[0]
        ]
        ppm = clamp(_median(slopes), MAX_RATE_ERROR_PPM)
    line = Line(points[-1][0], 0, ppm, clock_hz)
    return line.shifted(_median([us - line.us_at(rtp_time) for rtp_time, us in points]))


def _ppm_between(left: Point, right: Point, clock_hz: int) -> int:
    ticks = right[0] - left[0]
    return (right[1] - left[1]) * clock_hz // ticks - PPM


def _lower_hull(ordered: Sequence[Point]) -> list[Point]:
    """Andrew's monotone chain, the lower half; of equal RTP times the earliest counts."""
    hull: list[Point] = []
    for point in ordered:
        if hull and hull[-1][0] == point[0]:
            continue
        while len(hull) >= 2 and not _turns_up(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _turns_up(a: Point, b: Point, c: Point) -> bool:
    return (b[1] - a[1]) * (c[0] - b[0]) < (c[1] - b[1]) * (b[0] - a[0])


def _median(values: list[int]) -> int:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2
