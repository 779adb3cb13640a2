"""By how much this process is late: what a busy machine, or a mistake, does to it."""

import asyncio
from collections import deque
from typing import Final

from tandem.clock import Clock

EACH_S: Final = 0.05
KEPT_US: Final = 60_000_000


class Lateness:
    """Sleeps for a moment, again and again, and notes by how much it oversleeps.

    Args:
        clock: of this node.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._peaks: deque[tuple[int, int]] = deque()  # each later one is less late

    @property
    def latest_us(self) -> int:
        """The most of the last minute."""
        return self._peaks[0][1] if self._peaks else 0

    async def run(self) -> None:
        """Note until cancelled."""
        while True:
            due_us = self._clock.boot_us() + round(EACH_S * 1e6)
            await asyncio.sleep(EACH_S)
            now_us = self._clock.boot_us()
            self.note(now_us, now_us - due_us)

    def note(self, now_us: int, late_us: int) -> None:
        """It was late by so much."""
        while self._peaks and self._peaks[-1][1] <= late_us:
            self._peaks.pop()
        self._peaks.append((now_us, late_us))
        while now_us - self._peaks[0][0] > KEPT_US:
            self._peaks.popleft()
