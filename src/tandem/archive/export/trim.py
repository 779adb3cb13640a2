"""From the keyframe before the beginning to the last frame before the end. Pure.

What is shown is cut by presentation times, what is stored by decode order: before the first shown
picture come all since the keyframe that it needs, and no picture is left out between the first and
the last, since others may need it.
"""

from tandem.archive.export.units import Row
from tandem.media.mp4.decode_times import DEEPEST_REORDERING
from tandem.media.units import VIDEO_CLOCK_HZ


class Trimmer:
    """Lets through the pictures that an export of [from_us, to_us) needs.

    Attributes:
        is_done: no picture that comes can belong to it.
        following: the picture behind the last one that was let through; None before it came.
    """

    def __init__(self, from_us: int, to_us: int) -> None:
        self.is_done = False
        self._from_us = from_us
        self._to_us = to_us
        self._has_begun = False
        self._beyond = 0
        self._lead: list[Row] = []
        self._lead_runs: set[int] = set()
        self._tail: list[Row] = []

    @property
    def following(self) -> Row | None:
        """See the class."""
        return self._tail[0] if self._tail else None

    def push(self, row: Row) -> list[Row]:
        """Take the next picture in decode order; returns those that are now known to belong."""
        if self.is_done:
            return []
        if not self._has_begun:
            return self._begin(row)
        if row.time_us < self._to_us:
            passed, self._tail = [*self._tail, row], []
            return passed
        self._tail.append(row)
        self.is_done = len(self._tail) > DEEPEST_REORDERING
        return []

    def _begin(self, row: Row) -> list[Row]:
        duration_us = row.unit.duration * 1_000_000 // VIDEO_CLOCK_HZ
        if self._lead and row.is_behind_seam(self._lead[-1], self._lead_runs):
            self._drop_lead()
        if row.unit.is_keyframe and row.time_us <= self._from_us:
            self._drop_lead()
        is_beyond = row.time_us >= self._to_us
        if is_beyond:
            self._beyond += 1
            self.is_done = self._beyond > DEEPEST_REORDERING
        if not is_beyond and row.time_us + duration_us > self._from_us:
            self._has_begun = True
            return [*self._lead, row]
        if self._lead or row.unit.is_keyframe:
            self._lead.append(row)
            self._lead_runs |= row.runs
        return []

    def _drop_lead(self) -> None:
        self._lead = []
        self._lead_runs = set()
