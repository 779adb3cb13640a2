"""An event loop that collects what arrives for a beat, and handles it in one go.

Fifty cameras wake a process 1,250 times a second, each time for one picture, each time with cold
caches. Measured once, on the same cameras: 17.6 % of a core on asyncio's loop as it is, 19.5 % on
uvloop, 11.9 % in beats of 40 ms, 10.7 % in beats of 100 ms. Nothing in a recorder is urgent to a
tenth of a second: the kernel holds what arrives meanwhile, and a picture's time comes from its
sender. What is urgent, asks for shorter beats as long as it is.
"""

import asyncio
import selectors
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BEAT_S = 0.23
"""How long arrivals are collected. Longer beats save nothing more. Not a multiple of usual frame
intervals, so that arrival times, which are late by up to a beat, are late by next to nothing for
one picture in a few."""

SMALL_BUFFER_BEAT_S = 0.11
"""For what the kernel holds little of: 208 KiB of datagrams, Linux's default limit, are 16 Mbit/s
for so long."""

DIALOGUE_BEAT_S = 0.04
"""While a connection is made: each of half a dozen answers is waited for, and pictures after them.
"""


class PacedSelector(selectors.EpollSelector):
    """Returns events as long as there are any; then waits for the next one, and a beat more.

    The rounds before the wait matter: asyncio reads a socket once a round, which is one datagram,
    or one buffer of a connection that brings more than that in a beat.

    Args:
        sleep: waits for so many seconds.

    Attributes:
        asked: how often each shorter beat is asked for now, by its length in seconds.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self.asked: Counter[float] = Counter()
        self._sleep = sleep

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As `selectors.BaseSelector.select`."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if not super().select(timeout):
            return []
        self._sleep(min(self.asked, default=BEAT_S))
        return super().select(0)


class PacedLoop(asyncio.SelectorEventLoop):
    """An event loop of this kind.

    Args:
        sleep: waits for so many seconds.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._paced = PacedSelector(sleep)
        super().__init__(self._paced)

    @contextmanager
    def beats_of(self, beat_s: float) -> Iterator[None]:
        """Let no beat be longer than `beat_s` seconds meanwhile."""
        asked = self._paced.asked
        asked[beat_s] += 1
        try:
            yield
        finally:
            asked[beat_s] -= 1
            if not asked[beat_s]:
                del asked[beat_s]


@contextmanager
def beats_of(beat_s: float) -> Iterator[None]:
    """Let no beat of the running loop be longer than `beat_s` seconds; one without any stays so."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, PacedLoop):
        yield
        return
    with loop.beats_of(beat_s):
        yield
