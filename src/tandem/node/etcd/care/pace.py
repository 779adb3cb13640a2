"""How fast a member's disk is, and how often its leader changes, from etcd's counters (pure).

etcd shows them as Prometheus text: https://prometheus.io/docs/instrumenting/exposition_formats/
Buckets hold all that took as long as their bound or less, since the member was started.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WINDOW_US: Final = 300_000_000
HOUR_US: Final = 3_600_000_000

LEAST_SYNCS: Final = 100
"""Of fewer, the slowest hundredth says nothing."""

_BUCKET: Final = re.compile(
    r'^etcd_disk_wal_fsync_duration_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE
)
_LEADERS: Final = re.compile(r"^etcd_server_leader_changes_seen_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters at one moment.

    Attributes:
        bounds_s: of the buckets; the last is infinite.
        counts: how many syncs took no longer than each.
        leaders: how often the member has seen the leader change.
    """

    bounds_s: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    leaders: int = 0


def parse(text: str) -> Sample:
    """Read the counters; what is missing or no number counts as nothing."""
    try:
        buckets = sorted((float(le), int(float(count))) for le, count in _BUCKET.findall(text))
        leaders = [int(float(it)) for it in _LEADERS.findall(text)]
    except (ValueError, OverflowError):
        return Sample()
    return Sample(
        tuple(bound for bound, _ in buckets),
        tuple(count for _, count in buckets),
        leaders[0] if leaders else 0,
    )


def p99_us(earlier: Sample, later: Sample) -> int | None:
    """What 99 of 100 syncs between two moments took at most; straight lines within a bucket."""
    if earlier.bounds_s != later.bounds_s:
        return None
    counts = [now - before for before, now in zip(earlier.counts, later.counts, strict=True)]
    if not counts or counts[-1] < LEAST_SYNCS or min(counts) < 0:
        return None
    rank, below, floor_s = 0.99 * counts[-1], 0, 0.0
    for bound_s, count in zip(later.bounds_s, counts, strict=True):
        if count >= rank:
            part = (rank - below) / (count - below)
            top_s = floor_s if bound_s == float("inf") else bound_s
            return round((floor_s + part * (top_s - floor_s)) * 1e6)
        below, floor_s = count, bound_s
    return None


class Pace:
    """What one member's counters have told within the last hour."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Sample]] = deque()

    def note(self, at_us: int, sample: Sample) -> None:
        """Keep a sample. A member that was started again counts from nothing, and so does this."""
        if self._samples and not _goes_on(self._samples[-1][1], sample):
            self._samples.clear()
        self._samples.append((at_us, sample))
        while at_us - self._samples[0][0] > HOUR_US:
            self._samples.popleft()

    @property
    def fsync_p99_us(self) -> int | None:
        """Of the last five minutes; None where there is too little to tell."""
        recent = self._since(WINDOW_US)
        return p99_us(recent[0], recent[-1]) if recent else None

    @property
    def leader_changes(self) -> int:
        """Within the last hour."""
        hour = self._since(HOUR_US)
        return hour[-1].leaders - hour[0].leaders if hour else 0

    def _since(self, age_us: int) -> Sequence[Sample]:
        if not self._samples:
            return ()
        newest_us = self._samples[-1][0]
        return [sample for at_us, sample in self._samples if newest_us - at_us <= age_us]


def _goes_on(earlier: Sample, later: Sample) -> bool:
    return (
        earlier.bounds_s == later.bounds_s
        and all(now >= then for then, now in zip(earlier.counts, later.counts, strict=True))
        and later.leaders >= earlier.leaders
    )
