"""A camera's own time: when its pictures are due, and what its clock says."""

from tandem.clock import Clock

_MILLION = 1_000_000


class Timebase:
    """Maps media time (microseconds since the camera began) to this machine's clocks.

    A fast crystal does two things at once, as in a real camera: pictures come faster, and the
    camera's clock runs ahead by the same rate.

    Args:
        clock: the machine's clocks.
        phase_us: how long after now the camera begins, so that cameras are not in step.
    """

    def __init__(self, clock: Clock, phase_us: int) -> None:
        self._clock = clock
        self.began_us = clock.boot_us() + phase_us
        self._anchor_boot_us = self.began_us
        self._anchor_media_us = 0
        self._drift_ppm = 0.0

    def set_drift(self, ppm: float) -> None:
        """Let the crystal run fast by some ppm from now on; 0 also sets the camera's clock."""
        boot_us = self._clock.boot_us()
        self._anchor_media_us = self.media_us(boot_us)
        self._anchor_boot_us = boot_us
        self._drift_ppm = ppm

    def skip(self, boot_us: int) -> None:
        """Begin later by some microseconds: the machine was away, and so was the camera."""
        self._anchor_boot_us += boot_us

    def media_us(self, boot_us: int) -> int:
        """Return the media time of an instant."""
        passed_us = boot_us - self._anchor_boot_us
        return self._anchor_media_us + round(passed_us * (1 + self._drift_ppm / _MILLION))

    def boot_us(self, media_us: int) -> int:
        """Return the instant of a media time, on CLOCK_BOOTTIME."""
        passed_us = media_us - self._anchor_media_us
        return self._anchor_boot_us + round(passed_us / (1 + self._drift_ppm / _MILLION))

    def utc_us(self, boot_us: int) -> int:
        """Return the true time of an instant, as this machine believes it."""
        return boot_us + self._clock.utc_us() - self._clock.boot_us()

    def gained_us(self, boot_us: int) -> int:
        """Return by how much drift has put the camera's clock ahead."""
        return round((boot_us - self._anchor_boot_us) * self._drift_ppm / _MILLION)
