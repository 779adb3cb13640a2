"""What the sender reports of one RTP timeline say about its clock (RFC 3550 section 6.4.1).

A report pairs an RTP timestamp with the camera's wall clock. Cameras take the pair with an error of
up to a frame, now and then send nonsense, and set their clock while they run.
"""

from collections import deque

from tandem.media.rtp.line import PPM, Line, line_through

KEPT = 16
"""Reports that are fitted: 80 s of them at the usual 5 s."""

MIN_SPACING_US = 2_500_000
"""Of reports closer together, as sent or as received, the one that was delayed least is kept: half
of the 5 s of RFC 3550 section 6.2, as its section 6.3.1 draws them at the closest. So `KEPT` span
40 s and more; the late burst after a stall does not displace those that came in time, and one that
came with old pictures on connecting does not stand for the camera's clock until the next."""

MIN_SPAN_US = 20_000_000
"""Below that, the rate of the clock is not told from the error of the pairs."""

SCATTER_US = 500_000
"""How far a report may lie off the others: a frame at two a second. What is further is wrong, or
the camera's clock was set."""

STEP_REPORTS = 3
"""So many dissenting reports in a row that agree with each other: the camera's clock was set."""

MAX_AGE_US = 180_000_000
"""A fit is used so far beyond its last report; some cameras send one a minute."""


class Reports:
    """The sender reports since the RTP timeline began.

    Args:
        clock_hz: of the RTP clock.

    Attributes:
        steps: how often the camera's clock was set.
        rejected: reports that contradicted the others and were not confirmed.
    """

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._kept: deque[tuple[int, int, int]] = deque(maxlen=KEPT)
        self._dissent: list[tuple[int, int, int]] = []
        self._line: Line | None = None
        self._last_rtp_time = 0
        self.steps = 0
        self.rejected = 0

    def add(self, rtp_time: int, utc_us: int, boot_us: int) -> None:
        """Note a report.

        Args:
            rtp_time: its RTP timestamp, unwrapped.
            utc_us: the camera's clock.
            boot_us: CLOCK_BOOTTIME of its arrival.
        """
        report = (rtp_time, utc_us, boot_us)
        if self._line is None or abs(utc_us - self._line.us_at(rtp_time)) <= SCATTER_US:
            self.rejected += len(self._dissent)
            self._dissent = []
            self._keep(report)
            return
        first = self._dissent[0] if self._dissent else report
        expected_us = Line(first[0], first[1], self._line.ppm, self._clock_hz).us_at(rtp_time)
        if abs(utc_us - expected_us) > SCATTER_US or rtp_time < first[0]:
            self.rejected += len(self._dissent)
            self._dissent = []
        self._dissent.append(report)
        if len(self._dissent) == STEP_REPORTS:
            self.steps += 1
            self._kept.clear()
            for dissenting in self._dissent:
                self._keep(dissenting)
            self._dissent = []

    def line(self, rtp_time: int) -> Line | None:
        """The camera's clock as a function of RTP time, around `rtp_time`.

        Returns:
            The line; None if no report came, or none since too long before `rtp_time`.
        """
        age_ticks = rtp_time - self._last_rtp_time
        return None if age_ticks * PPM > MAX_AGE_US * self._clock_hz else self._line

    def ahead_of_boot_us(self) -> int | None:
        """The camera's clock minus CLOCK_BOOTTIME, by the report that came with the least delay."""
        return max((utc_us - boot_us for _, utc_us, boot_us in self._kept), default=None)

    def knows_rate(self) -> bool:
        """Whether the rate of `line` was measured."""
        if not self._kept:
            return False
        return (self._kept[-1][0] - self._kept[0][0]) * PPM >= MIN_SPAN_US * self._clock_hz

    def _keep(self, report: tuple[int, int, int]) -> None:
        rtp_time, utc_us, boot_us = report
        self._last_rtp_time = rtp_time
        if self._kept:
            last_rtp_time, last_utc_us, last_boot_us = self._kept[-1]
            sent_us = (rtp_time - last_rtp_time) * PPM // self._clock_hz
            if min(sent_us, boot_us - last_boot_us) < MIN_SPACING_US:
                if sent_us < 0 or utc_us - boot_us <= last_utc_us - last_boot_us:
                    return
                self._kept.pop()
        self._kept.append(report)
        points = [(rtp_time, utc_us) for rtp_time, utc_us, _ in self._kept]
        self._line = line_through(points, self._clock_hz, MIN_SPAN_US)
