"""Which gaps to enter where packets are lost again and again. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

RESERVE = 60
"""Losses in a row that are entered one by one: a switch that restarts, a minute of bad weather."""

REFILL_US = 10_000_000
"""One more each ten seconds. A link that loses packets all day then takes six rows of an index a
minute, beside the one row of a segment: less than 1 MB a day, of 40 GB of video. One by one, its
losses would be hundreds of thousands."""

ONCE = "packets of the stream did not arrive"

REPEATED = "packets of the stream did not arrive, again and again; between them pictures did"


class Loss(NamedTuple):
    """A time in which pictures are missing.

    Attributes:
        from_us: end of the last picture before it, UTC.
        to_us: the next picture that came whole.
        detail: in words.
    """

    from_us: int
    to_us: int
    detail: str


class LossBook:
    """Joins the losses of one stream where there are too many.

    Each is a gap of its own as long as the reserve lasts. Beyond it, the last one is extended over
    what comes, pictures between included, until the reserve has one again: ten seconds at most.

    Args:
        reserve: how many may be entered in a row.
    """

    def __init__(self, reserve: int = RESERVE) -> None:
        self._most_us = self._left_us = reserve * REFILL_US
        self._at_us: int | None = None
        self._last: Loss | None = None

    def add(self, losses: Iterable[tuple[int, int]], now_us: int) -> list[Loss]:
        """Take losses, ascending; returns what to enter, some of it once more with a later end.

        Args:
            losses: from and to, UTC us.
            now_us: by a clock that never goes back.
        """
        if self._at_us is not None:
            self._left_us = min(self._most_us, self._left_us + now_us - self._at_us)
        self._at_us = now_us
        changed: dict[int, Loss] = {}
        for from_us, to_us in losses:
            if self._last is not None and self._left_us < REFILL_US:
                self._last = Loss(self._last.from_us, to_us, REPEATED)
            else:
                self._left_us -= REFILL_US
                self._last = Loss(from_us, to_us, ONCE)
            changed[self._last.from_us] = self._last
        return list(changed.values())
