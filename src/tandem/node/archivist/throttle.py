"""A limit on how fast bytes are taken, so that healing leaves disk and link to recording."""

import asyncio

from tandem.clock import Clock


class Throttle:
    """A token bucket that holds one piece: what is taken is paid for before the next is given.

    Args:
        bytes_s: how many bytes a second.
        clock: measures the seconds.
    """

    def __init__(self, bytes_s: int, clock: Clock) -> None:
        if bytes_s <= 0:
            raise ValueError("a throttle of nothing a second would wait for ever")
        self._bytes_s = bytes_s
        self._clock = clock
        self._paid_us = 0

    async def take(self, size_bytes: int) -> None:
        """Wait until what was taken before is paid for; several may wait, each for its turn."""
        start_us = max(self._clock.boot_us(), self._paid_us)
        self._paid_us = start_us + size_bytes * 1_000_000 // self._bytes_s
        await asyncio.sleep((start_us - self._clock.boot_us()) / 1e6)
