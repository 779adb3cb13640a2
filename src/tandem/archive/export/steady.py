"""Decode times of a copy that do not fall behind where pictures are missing. Pure.

A recorder derives the decode time of a picture from the presentation times that it has seen, so
where pictures are reordered, and some are missing, the next ones have decode times from before the
hole: as many as are reordered. By these they would stand among what another copy has of the hole.
"""

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median_low

from tandem.media.mp4.fragment import StoredSample

_LEADS = 31
"""Of how many pictures it is kept how long before they are shown they are decoded: of some seconds,
so that those behind holes, of whom it is not true, are few."""


class SteadyTimes:
    """Gives the pictures of one run their decode times anew.

    A picture is decoded no earlier than the others usually are, counted from the latest one that
    was sent.
    """

    def __init__(self) -> None:
        self._latest: int | None = None
        self._leads: deque[int] = deque(maxlen=_LEADS)

    def steady(self, rows: Sequence[StoredSample]) -> Sequence[StoredSample]:
        """Take the rows of the next fragment; returns them, some decoded later."""
        shown = [row.dts + row.composition_offset for row in rows]
        before, self._latest = self._latest, max([*shown, self._latest or 0], default=None)
        if not any(row.composition_offset for row in rows):
            return rows
        latest = list(accumulate(shown, max, initial=before or 0))
        self._leads += [
            row.composition_offset
            for row, (earlier, later) in zip(rows, pairwise(latest), strict=True)
            if later > earlier
        ]
        lead = self._usual_lead()
        usual = median_low([row.duration for row in rows])
        times = [max(row.dts, at - lead) for row, at in zip(rows, latest[1:], strict=True)]
        times.append(rows[-1].dts + rows[-1].duration)
        return [
            row._replace(
                dts=dts,
                composition_offset=at - dts,
                duration=until - dts if until > dts else usual,
            )
            for row, at, (dts, until) in zip(rows, shown, pairwise(times), strict=True)
        ]

    def _usual_lead(self) -> int:
        """Of all but those that are outliers, the longest."""
        return sorted(self._leads)[3 * len(self._leads) // 4] if self._leads else 0
