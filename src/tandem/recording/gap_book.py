"""Gaps that wait to be entered into an index, however long that takes, in bounded memory."""

import threading
from collections import deque
from collections.abc import Iterable

from tandem.archive.rows import Gap, GapCause

MOST_OF_A_STREAM = 100
"""Gaps that wait of one stream, and as many of its lost packets. A camera that fails every 10 s for
a quarter of an hour has as many; it takes a disk that hangs for longer than that to blur them."""

TOUCHING_US = 100_000
"""What lies between two gaps and is shorter than this makes no two of them."""


class GapBook:
    """Collects gaps from any thread, until one takes them all.

    Gaps of one cause that touch become one. Where a stream has too many, its last one is extended
    over what comes: a gap's row covers up no recording, so that only the causes are blurred. Lost
    packets do: they are a hole in a recording. So they are kept apart, and extend no other gap, nor
    are they extended by one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gaps: dict[tuple[str, str, bool], deque[Gap]] = {}

    def add(self, gaps: Iterable[Gap]) -> None:
        """Enter gaps; never waits."""
        with self._lock:
            for gap in gaps:
                self._add(gap)

    def take(self) -> list[Gap]:
        """All that was entered since the last time."""
        with self._lock:
            taken, self._gaps = self._gaps, {}
        return [gap for gaps in taken.values() for gap in gaps]

    def _add(self, gap: Gap) -> None:
        is_loss = gap.cause is GapCause.PACKETS_LOST
        known = self._gaps.setdefault((gap.camera_id, gap.stream, is_loss), deque())
        if is_loss and known and known[-1].from_us == gap.from_us:
            known[-1] = gap  # it goes on
        elif known and (_touches(known[-1], gap) or len(known) >= MOST_OF_A_STREAM):
            last = known[-1]
            from_us, to_us = min(last.from_us, gap.from_us), max(last.to_us, gap.to_us)
            known[-1] = last._replace(from_us=from_us, to_us=to_us)
        else:
            known.append(gap)


def _touches(last: Gap, gap: Gap) -> bool:
    return (
        gap.cause is last.cause is not GapCause.PACKETS_LOST
        and last.from_us <= gap.from_us
        and gap.from_us - last.to_us <= TOUCHING_US
    )
