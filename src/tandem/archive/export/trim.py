"""From the keyframe before the beginning to the last frame before the end. Pure.

What is shown is cut by presentation times, what is stored by decode order: before the first shown
picture come all since the keyframe that it needs, and no picture is left out between the first and
the last, since others may need it.
"""

from tandem.archive.export.units import GAP_US, Row
from tandem.media.mp4.decode_times import DEEPEST_REORDERING
from tandem.media.units import VIDEO_CLOCK_HZ


class Trimmer:
    """Lets through the pictures that an export of [from_us, to_us) needs.

    Attributes:
        is_done: no picture that comes can belong to it.
    """

    def __init__(self, from_us: int, to_us: int) -> None:
        self.is_done = False
        self._from_us = from_us
        self._to_us = to_us
        self._has_begun = False
        self._beyond = 0
        self._lead: list[Row] = []
        self._lead_end_us = 0
        self._tail: list[Row] = []

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
        if self._lead and row.decode_us - self._lead_end_us > GAP_US:
            self._lead = []
        if row.unit.is_keyframe and row.time_us <= self._from_us:
            self._lead = []
        self._lead_end_us = row.decode_us + duration_us
        is_beyond = row.time_us >= self._to_us
        if is_beyond:
            self._beyond += 1
            self.is_done = self._beyond > DEEPEST_REORDERING
        if not is_beyond and row.time_us + duration_us > self._from_us:
            self._has_begun = True
            return [*self._lead, row]
        if self._lead or row.unit.is_keyframe:
            self._lead.append(row)
        return []
