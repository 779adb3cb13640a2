"""A file played at the speed of a camera."""

import time

from tandem.clock import Clock
from tandem.media.units import VIDEO_CLOCK_HZ
from tandem.recording.foreign.timeline import LONGEST_GAP_S

_US_PER_S = 1_000_000


class Pace:
    """Holds packets back until their time.

    Args:
        clock: tells the interval since the first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._origin_us: int | None = None

    def delay_us(self, decode_time: int) -> int:
        """How long to wait before a packet is passed on.

        Args:
            decode_time: in ticks of 90 kHz. Where it jumps, playing goes on from there at once.
        """
        now_us = self._clock.boot_us()
        media_us = decode_time * _US_PER_S // VIDEO_CLOCK_HZ
        if self._origin_us is None:
            self._origin_us = now_us - media_us
        delay_us = self._origin_us + media_us - now_us
        if abs(delay_us) > LONGEST_GAP_S * _US_PER_S:
            self._origin_us, delay_us = now_us - media_us, 0
        return max(0, delay_us)

    def wait(self, decode_time: int | None) -> None:
        """Sleep for it."""
        if decode_time is not None and (delay_us := self.delay_us(decode_time)):
            time.sleep(delay_us / _US_PER_S)
