"""True time, and the clocks of machines, which run up to 5 % too fast or too slow.

Everything that happens is in one queue; its time is the truth, which no machine knows.
"""

import heapq
from collections.abc import Callable

SECOND = 1_000_000
MS = 1_000
SLOWEST_PPM = 950_000
FASTEST_PPM = 1_050_000

Action = Callable[[], None]


class Queue:
    """What is to happen, in order; ties in the order in which they were entered."""

    def __init__(self) -> None:
        self.now_us = 0
        self._heap: list[tuple[int, int, Action]] = []
        self._entered = 0

    def at(self, time_us: int, what: Action) -> None:
        self._entered += 1
        heapq.heappush(self._heap, (max(time_us, self.now_us), self._entered, what))

    def after(self, delay_us: int, what: Action) -> None:
        self.at(self.now_us + delay_us, what)

    def run_until(self, time_us: int) -> None:
        """Let happen what is due."""
        heap = self._heap
        while heap and heap[0][0] <= time_us:
            self.now_us, _, what = heapq.heappop(heap)
            what()
        self.now_us = time_us


class Clock:
    """A machine's CLOCK_BOOTTIME, in whole microseconds.

    Args:
        queue: the truth.
        rate_ppm: how far it goes in a true second.
        offset_us: what it shows at true time 0.
    """

    def __init__(self, queue: Queue, rate_ppm: int, offset_us: int) -> None:
        self._queue = queue
        self._rate_ppm = rate_ppm
        self._offset_us = offset_us

    @property
    def now_us(self) -> int:
        return self.shows_us(self._queue.now_us)

    def shows_us(self, true_us: int) -> int:
        return true_us * self._rate_ppm // 1_000_000 + self._offset_us

    def true_us(self, shown_us: int) -> int:
        """When it shows that for the first time."""
        return -((self._offset_us - shown_us) * 1_000_000 // self._rate_ppm)
