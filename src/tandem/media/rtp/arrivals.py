"""What the arrival of access units says about the camera's RTP clock.

Of every 2 s of arrivals the least delayed one is kept, of these the last 60. Time without arrivals
makes no entry: after a stall or a freeze the good entries from before are still there, and the late
burst of the thaw is seen for what it is.
"""

from collections import deque

from tandem.media.rtp.line import PPM, Line, Point, line_under

BUCKET_US = 2_000_000
"""Arrivals that share one entry: 10 to 60 pictures, of which one is delayed little."""

BUCKETS = 60
"""Entries kept: 120 s of arrivals. Long enough to see 30 ppm through jitter of 80 ms, short enough
to follow a path that became longer, or a camera that paused its RTP clock."""

MIN_SPAN_US = 60_000_000
"""Below that, the rate of the clock is not told from jitter, and the nominal one is taken."""

JUMP_US = 2_000_000
"""A disagreement of RTP time and arrival that cannot be B-frames (16 pictures at 8 a second),
nor the last picture of a slow camera, nor jitter."""


class Arrivals:
    """Arrivals since the RTP timeline began.

    Args:
        clock_hz: of the RTP clock.

    Attributes:
        lowest_rtp_time: of all units so far; None before the first.
        highest_rtp_time: of all units so far.
        last_rtp_time: of the latest unit.
        first_boot_us: arrival of the first unit.
        last_boot_us: arrival of the latest unit.
    """

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._kept: deque[Point] = deque(maxlen=BUCKETS)
        self._best: Point = (0, 0)
        self._best_delay_us = 0
        self._bucket_end_us = 0
        self._line: Line | None = None
        self.lowest_rtp_time: int | None = None
        self.highest_rtp_time = 0
        self.last_rtp_time = 0
        self.first_boot_us = 0
        self.last_boot_us = 0

    @property
    def age_us(self) -> int:
        """Time from the first arrival to the latest."""
        return self.last_boot_us - self.first_boot_us

    def is_jump(self, rtp_time: int, boot_us: int) -> bool:
        """Whether a unit cannot belong to this timeline.

        Backward by `JUMP_US` from one unit to the next is always a jump. Forward, against the time
        that passed, may be what a stalled sender skipped; it is a jump only if the unit would have
        been here before the least delayed arrivals allow. RTP time that stands still, compared to
        arrival, is never one: it looks like the first unit after a stall.
        """
        if self.lowest_rtp_time is None:
            return False
        step_us = (rtp_time - self.last_rtp_time) * PPM // self._clock_hz
        if -JUMP_US <= step_us <= boot_us - self.last_boot_us + JUMP_US:
            return False
        return step_us < 0 or boot_us < self.line().us_at(rtp_time) - JUMP_US

    def add(self, rtp_time: int, boot_us: int) -> None:
        """Note the arrival of a unit.

        Args:
            rtp_time: unwrapped, in ticks.
            boot_us: CLOCK_BOOTTIME of the arrival.
        """
        delay_us = boot_us - rtp_time * PPM // self._clock_hz
        if self.lowest_rtp_time is None:
            self.lowest_rtp_time = self.highest_rtp_time = rtp_time
            self.first_boot_us = boot_us
            self._open_bucket(rtp_time, boot_us, delay_us)
        elif boot_us >= self._bucket_end_us:
            self._kept.append(self._best)
            self._open_bucket(rtp_time, boot_us, delay_us)
        elif delay_us < self._best_delay_us:
            self._best = (rtp_time, boot_us)
            self._best_delay_us = delay_us
            self._line = None
        if rtp_time > self.highest_rtp_time:
            self.highest_rtp_time = rtp_time
        elif rtp_time < self.lowest_rtp_time:
            self.lowest_rtp_time = rtp_time
        self.last_rtp_time = rtp_time
        self.last_boot_us = boot_us

    def line(self) -> Line:
        """CLOCK_BOOTTIME at which a unit of a given RTP time arrives if nothing delays it.

        Needs at least one arrival.
        """
        if self._line is None:
            points = [*self._kept, self._best]
            self._line = line_under(points, self._clock_hz, MIN_SPAN_US)
        return self._line

    def knows_rate(self) -> bool:
        """Whether the rate of `line` was measured."""
        if not self._kept:
            return False
        return (self._best[0] - self._kept[0][0]) * PPM >= MIN_SPAN_US * self._clock_hz

    def _open_bucket(self, rtp_time: int, boot_us: int, delay_us: int) -> None:
        self._best = (rtp_time, boot_us)
        self._best_delay_us = delay_us
        self._line = None
        self._bucket_end_us = boot_us + BUCKET_US
