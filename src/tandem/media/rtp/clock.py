"""When a picture was taken: RTP time to UTC, the same on every node that records the camera.

**The line.** A recording is timed by one line, `us = anchor + ticks * (10**6 + ppm) / clock_hz`. It
is never taken from each arrival. It is laid when a capture time is first asked for, so that what
came until then decides its place. Whoever asks waits until `is_settled`: many cameras begin with
the pictures since their last keyframe, all at once, and only the newest of them is in time. After
that it only bends: `advance`, at the end of each fragment, pins it there and chooses the slope of
what follows. Time is continuous and strictly increasing.

**The target** is what the line is bent toward.

- *The camera's clock*, as its sender reports pair it with RTP time (`reports`), if it is trusted:
  1. It is near the node's UTC. By the report that came with the least delay,
     `offset = max(report - arrival)`, it is between `-TRUSTED_OFFSET_US - MAX_REPORT_DELAY_US` and
     `TRUSTED_OFFSET_US`. There is no hysteresis: with it, nodes that joined at different times
     would judge differently for hours. To change sides often does no harm where time only bends.
  2. Its RTP timestamps are right. The least delay of units that they imply,
     `arrival - (report - offset)`, lies between `MIN_UNIT_DELAY_US` and `MAX_UNIT_DELAY_US`.
- else *arrival*: the least delayed units of the last two minutes (`arrivals`) on the node's UTC,
  less the delay that trusted reports showed before the timeline broke or they ceased. The camera's
  clock is then only reported; whether years off, stepping or drifting, it moves nothing.

**Bending.** At the pivot, `error = target - line`, and from there `ppm = the target's own + error /
HORIZON_S`, within `SLEW_PPM`. An error beyond `LEASH_US` is not a crystal's: the camera's stamps
run at a wrong rate, or the node's UTC was set. In the first `YOUNG_US` one of `YOUNG_LEASH_US` is
none either: the first report puts an anchor by arrival right, or old pictures were long on their
way. Then it is within `SPRINT_PPM`, until the error is below `CAUGHT_UP_US`. Time still never goes
back.

**Stepping.** An error beyond `STEP_US` is stepped, and `advance` says so: forward, if RTP time
stood still or the node's UTC was set; back, only if the node's UTC was set back by as much since
the last pivot. Nothing that a camera says or does takes time back.

**Breaks.** `observe` tells when a unit's RTP time cannot belong to the timeline (the rules are at
`Arrivals.is_jump`). A stall is none: RTP time stands still, then a late burst catches up, and the
least delayed units of before still hold. After a break the line is laid anew: at the target, or
right behind the last captured time, whichever is later. What a camera sends again on connecting
was captured before that time, and must not push what follows into the future: such pictures are
squeezed, `SQUEEZE` times as fast, until the line meets its target. By more than the first unit came
later than the least delayed ones it is not squeezed; the rest, the node's UTC set back, is bent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tandem.media.rtp.arrivals import JUMP_US, Arrivals
from tandem.media.rtp.line import PPM, Line, clamp
from tandem.media.rtp.reports import Reports
from tandem.media.rtp.wrap import unwrap32

TRUSTED_OFFSET_US = 1_000_000
"""A camera this near is taken to be set by NTP, and truer about capture than any arrival can be."""

MAX_REPORT_DELAY_US = 100_000
"""How late the least delayed of several reports may be; it makes the camera seem behind."""

MIN_UNIT_DELAY_US = -500_000
"""Cameras that pair the time of sending with the stamp of a picture taken before it seem to send
pictures ahead of time, by up to two frames at four a second."""

MAX_UNIT_DELAY_US = 2_000_000
"""From capture to arrival at best: encoding, B-frames, the camera's send buffer."""

SETTLING_US = 10_000_000
"""After connecting, cameras may first send the pictures since their last keyframe, up to this old.
Until so much time has passed, a least delay of as much is believed."""

SETTLE_US = 1_500_000
"""How long the line is not asked for: the last ten seconds of a camera of 4 Mbit/s have come by
then, at 31 Mbit/s. Shorter than a fragment, so that hardly anything is on the disk later for it."""

SLEW_PPM = 500
"""Invisible in playback, and more than twice what crystals are off."""

HORIZON_S = 10
"""An error is closed as if in this time: five fragments, so that a fragment never overshoots, and
what single reports and arrivals err by is smoothed."""

PIVOT_US = 4_000_000
"""How long a slope is kept at least: what it is chosen by changes slowly, and choosing it costs as
much as receiving thirty pictures."""

LEASH_US = 2_000_000
"""An error from which the slew would need more than an hour."""

YOUNG_US = 20_000_000
"""In which an error is the anchor's rather than drift: two reports at the usual 5 s come in it, and
two pivots after the first of them."""

YOUNG_LEASH_US = 100_000
"""Two to three pictures; what a least delay still falls by after `SETTLE_US` is less."""

SPRINT_PPM = 100_000
"""How fast a large error is closed: the 10 % by which playback is still watchable."""

CAUGHT_UP_US = 50_000
"""An error small enough for the slew again: closed in about two minutes."""

STEP_US = 10_000_000
"""An error that is stepped: bending it away would falsify minutes."""

CONTINUATION_US = 1_000
"""By how much time goes on at least over a break: a tick in every timescale from 1 kHz."""

SQUEEZE = 10
"""How much faster pictures that were sent again are timed: a tick of 90 kHz outlasts a microsecond
even so. Of the new pictures behind them, a ninth of their time is squeezed with them."""

MAX_CLOCK_HZ = 900_000
"""Up to here a tick outlasts a microsecond even at `-SPRINT_PPM`: distinct ticks stay distinct."""

Source = Literal["sender-reports", "arrival"]


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """How capture times are made at present.

    Attributes:
        source: what the line follows.
        camera_offset_us: the camera's clock minus the node's; None where it sent no reports.
        drift_ppm: by how much the camera's RTP clock runs fast against `source`; None until known.
        steps: how often capture time was stepped.
        breaks: how often RTP time jumped without a new source.
        camera_steps: how often the camera's clock was set.
        rejected_reports: sender reports that contradicted the pictures or the other reports.
    """

    source: Source
    camera_offset_us: int | None
    drift_ppm: int | None
    steps: int
    breaks: int
    camera_steps: int
    rejected_reports: int


class CaptureClock:
    """The capture clock of one track; the policy stands in the module's docstring.

    Args:
        clock_hz: of the RTP clock, as the session description says.

    Attributes:
        follows: what the line was last bent toward. `status` tells what it would be now, which is
            ten times the work of a picture.

    Raises:
        ValueError: if `clock_hz` is no possible rate.
    """

    def __init__(self, clock_hz: int) -> None:
        if not 1 <= clock_hz <= MAX_CLOCK_HZ:
            raise ValueError(f"an RTP clock of {clock_hz} Hz; 1 to {MAX_CLOCK_HZ} Hz are possible")
        self._clock_hz = clock_hz
        self._pivot_ticks = PIVOT_US * clock_hz // PPM
        self._arrivals = Arrivals(clock_hz)
        self._reports = Reports(clock_hz)
        self._early_report: tuple[int, int, int] | None = None
        self._jumped: tuple[int, int] | None = None
        self._line: Line | None = None
        self._previous: Line | None = None
        self._floor_us: int | None = None
        self._utc_minus_boot_us = 0
        self._settled_utc_minus_boot_us: int | None = None
        self._unit_delay_us = 0
        self._is_sprinting = False
        self.follows: Source = "arrival"
        self._steps = 0
        self._breaks = 0
        self._camera_steps_before = 0
        self._rejected_before = 0

    def observe(self, rtp_time: int, boot_us: int, utc_us: int) -> bool:
        """Note the arrival of an access unit.

        Args:
            rtp_time: unwrapped, its low 32 bits as sent.
            boot_us: CLOCK_BOOTTIME of the arrival.
            utc_us: the node's UTC at that moment.

        Returns:
            True if the timeline broke before this unit. Close the fragment without it (the capture
            times of the units in it are still answered), then call `restart`, which takes it in.
        """
        self._utc_minus_boot_us = utc_us - boot_us
        if self._arrivals.is_jump(rtp_time, boot_us):
            self._jumped = (rtp_time, boot_us)
            return True
        self._arrivals.add(rtp_time, boot_us)
        if self._early_report is not None:
            self._place(*self._early_report)
            self._early_report = None
        return False

    def sender_report(self, rtp_timestamp: int, ntp_utc_us: int, boot_us: int, utc_us: int) -> None:
        """Note a sender report of the source that is being received; others are not for this clock.

        Args:
            rtp_timestamp: 32 bits, as sent.
            ntp_utc_us: the camera's clock; a report without one is not passed on.
            boot_us: CLOCK_BOOTTIME of the arrival.
            utc_us: the node's UTC at that moment.
        """
        self._utc_minus_boot_us = utc_us - boot_us
        if self._arrivals.lowest_rtp_time is None:
            self._early_report = (rtp_timestamp, ntp_utc_us, boot_us)
        else:
            self._place(rtp_timestamp, ntp_utc_us, boot_us)

    def is_settled(self, boot_us: int) -> bool:
        """Whether capture times may be asked for: later arrivals hardly move the line any more.

        Args:
            boot_us: CLOCK_BOOTTIME now.
        """
        return self._line is not None or boot_us - self._arrivals.first_boot_us >= SETTLE_US

    def capture_us(self, rtp_time: int) -> int:
        """When the unit with this RTP time was taken.

        The first call lays the line. From then on this is a pure function, strictly increasing;
        `advance` leaves its answers since the last pivot but one as they were.

        Args:
            rtp_time: unwrapped, of a unit that was observed since the last break.

        Returns:
            UTC in microseconds.

        Raises:
            LookupError: if nothing was observed yet.
        """
        return self.capture_times_us((rtp_time,))[0]

    def capture_times_us(self, rtp_times: Sequence[int]) -> list[int]:
        """The same of several units, at a third of the price each."""
        line = self._laid_line()
        times_us = line.all_us_at(rtp_times)
        previous = self._previous
        if previous is not None and min(rtp_times, default=line.rtp_time) < line.rtp_time:
            return [
                us if rtp_time >= line.rtp_time else previous.us_at(rtp_time)
                for rtp_time, us in zip(rtp_times, times_us, strict=True)
            ]
        return times_us

    def advance(self, rtp_time: int) -> int:
        """Pin the line at the end of a fragment, and bend what follows toward the target.

        Args:
            rtp_time: where the next fragment begins. Less than `PIVOT_US` behind the last pivot it
                changes nothing.

        Returns:
            By how many microseconds time was stepped there; 0 almost always.

        Raises:
            LookupError: if nothing was observed yet.
        """
        line = self._laid_line()
        if rtp_time - line.rtp_time < self._pivot_ticks:
            return 0
        target, self.follows = self._target()
        here_us = line.us_at(rtp_time)
        error_us = target.us_at(rtp_time) - here_us
        step_us = 0
        if error_us > STEP_US or (error_us < -STEP_US and self._node_was_set_back()):
            step_us = error_us
            self._steps += 1
        ppm = self._slope(target.ppm, error_us - step_us)
        self._previous = line
        self._line = Line(rtp_time, here_us + step_us, ppm, self._clock_hz)
        self._settled_utc_minus_boot_us = self._utc_minus_boot_us
        return step_us

    def restart(self) -> None:
        """The timeline broke: the units from here on have other RTP times.

        The line is laid anew when next asked for, behind every capture time given so far. Only if
        the node's UTC was set back by more than `STEP_US` since the last pivot may it lie before.
        """
        if self._line is not None:
            last_us = self.capture_us(self._arrivals.highest_rtp_time)
            self._floor_us = max(last_us + CONTINUATION_US, self._floor_us or last_us)
        self._line = self._previous = None
        self._is_sprinting = False
        self.follows = "arrival"
        self._camera_steps_before += self._reports.steps
        self._rejected_before += self._reports.rejected
        self._arrivals = Arrivals(self._clock_hz)
        self._reports = Reports(self._clock_hz)
        self._early_report = None
        if self._jumped is not None:
            self._breaks += 1
            self._arrivals.add(*self._jumped)
            self._jumped = None

    @property
    def camera_offset_us(self) -> int | None:
        """The camera's clock minus the node's; None where it sent no reports."""
        ahead_us = self._reports.ahead_of_boot_us()
        return None if ahead_us is None else ahead_us - self._utc_minus_boot_us

    def status(self) -> ClockStatus:
        """How capture times are made at present."""
        source: Source = "arrival"
        drift_ppm = None
        if self._arrivals.lowest_rtp_time is not None:
            target, source = self._target()
            from_reports = source == "sender-reports"
            if (self._reports if from_reports else self._arrivals).knows_rate():
                drift_ppm = -target.ppm
        return ClockStatus(
            source=source,
            camera_offset_us=self.camera_offset_us,
            drift_ppm=drift_ppm,
            steps=self._steps,
            breaks=self._breaks,
            camera_steps=self._camera_steps_before + self._reports.steps,
            rejected_reports=self._rejected_before + self._reports.rejected,
        )

    def _place(self, rtp_timestamp: int, ntp_utc_us: int, boot_us: int) -> None:
        """Put a report on the timeline, unless its RTP timestamp is nowhere near the pictures."""
        last = self._arrivals.last_rtp_time
        rtp_time = unwrap32(rtp_timestamp, last)
        ahead_us = (rtp_time - last) * PPM // self._clock_hz
        apart_us = abs(boot_us - self._arrivals.last_boot_us) + JUMP_US
        old_us = SETTLING_US if self._is_settling() else 0
        if -apart_us <= ahead_us <= apart_us + old_us:
            self._reports.add(rtp_time, ntp_utc_us, boot_us)
        else:
            self._reports.rejected += 1

    def _laid_line(self) -> Line:
        if self._line is None:
            first = self._arrivals.lowest_rtp_time
            if first is None:
                raise LookupError("no access unit was observed, so no RTP time has a capture time")
            target, self.follows = self._target()
            ppm = clamp(target.ppm, SLEW_PPM)
            self._line = Line(first, target.us_at(first), ppm, self._clock_hz)
            if self._floor_us is not None and self._line.us < self._floor_us:
                if self._node_was_set_back():
                    self._steps += 1
                    self._floor_us = None
                else:
                    self._lift(self._line, self._floor_us)
            self._settled_utc_minus_boot_us = self._utc_minus_boot_us
        return self._line

    def _lift(self, line: Line, floor_us: int) -> None:
        """Have a line begin at `floor_us`, and come back to its times as soon as may be."""
        behind_us = floor_us - line.us
        first_came_us = self._arrivals.line().us_at(line.rtp_time)
        burst_us = max(0, self._arrivals.first_boot_us - first_came_us)
        squeezed_us = min(behind_us, burst_us)
        slope_us = max(PPM // SQUEEZE, self._clock_hz)
        self._previous = Line(line.rtp_time, floor_us, slope_us - PPM, self._clock_hz)
        meets = line.rtp_time + squeezed_us * self._clock_hz // (PPM + line.ppm - slope_us)
        self._line = replace(line, rtp_time=meets, us=self._previous.us_at(meets))

    def _target(self) -> tuple[Line, Source]:
        """Where the line should be, by the present knowledge, and whose knowledge that is."""
        arrivals = self._arrivals
        arrival = arrivals.line().shifted(self._utc_minus_boot_us)
        camera = self._reports.line(arrivals.last_rtp_time)
        offset_us = self.camera_offset_us
        if camera is None or offset_us is None:
            return arrival.shifted(-self._unit_delay_us), "arrival"
        behind_us = arrival.us_at(arrivals.last_rtp_time) - camera.us_at(arrivals.last_rtp_time)
        oldest_us = SETTLING_US if self._is_settling() else MAX_UNIT_DELAY_US
        if (
            -TRUSTED_OFFSET_US - MAX_REPORT_DELAY_US <= offset_us <= TRUSTED_OFFSET_US
            and MIN_UNIT_DELAY_US <= behind_us + offset_us <= oldest_us
        ):
            if not self._is_settling():
                self._unit_delay_us = behind_us
            return camera, "sender-reports"
        self._unit_delay_us = 0
        return arrival, "arrival"

    def _is_settling(self) -> bool:
        return self._arrivals.age_us < SETTLING_US

    def _node_was_set_back(self) -> bool:
        settled_us = self._settled_utc_minus_boot_us
        return settled_us is not None and self._utc_minus_boot_us < settled_us - STEP_US

    def _slope(self, drift_ppm: int, error_us: int) -> int:
        is_young = self._arrivals.age_us < YOUNG_US
        if abs(error_us) > (YOUNG_LEASH_US if is_young else LEASH_US):
            self._is_sprinting = True
        elif abs(error_us) < CAUGHT_UP_US and abs(drift_ppm) <= SLEW_PPM:
            self._is_sprinting = False
        limit = SPRINT_PPM if self._is_sprinting else SLEW_PPM
        return clamp(drift_ppm + error_us // HORIZON_S, limit)
