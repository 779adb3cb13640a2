"""Whether a node's UTC runs evenly. A clock that was just set may be set again a moment later.

After a start without a network the time is a guess; a wrong source of time may move it by years.
Whoever vouches for the clock compares it with others from time to time, and needs that long.
"""

from typing import Final

from tandem.clock import Clock

STEP_US: Final = 10_000_000
"""What no clock is corrected by while it runs: so much was set."""

SETTLED_US: Final = 180_000_000
"""For how long it has to run evenly: it has been compared by then."""


class Steadiness:
    """Watches a clock; to be asked more often than a clock is set.

    Args:
        clock: of the node.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._origin_us = self._offset_us()
        self._since_us = clock.boot_us()

    def settled_utc_us(self) -> int | None:
        """UTC; None until it has run evenly for `SETTLED_US`."""
        now_us, offset_us = self._clock.boot_us(), self._offset_us()
        if abs(offset_us - self._origin_us) > STEP_US:
            self._origin_us, self._since_us = offset_us, now_us
        if now_us - self._since_us < SETTLED_US:
            return None
        return now_us + offset_us

    def _offset_us(self) -> int:
        """When the machine was started, by this clock."""
        return self._clock.utc_us() - self._clock.boot_us()
