"""The first moments of a timeline, before it is known when its pictures were taken."""

from tandem.media.fragmenter import MOST_BYTES, MOST_PICTURES
from tandem.media.rtp.clock import CaptureClock
from tandem.media.units import AccessUnit

Arrived = tuple[AccessUnit, int]
"""A picture, and CLOCK_BOOTTIME of its arrival."""


class Opening:
    """Holds pictures until the capture clock has settled, since a closed fragment has its times.

    A camera that begins with the pictures since its last keyframe sends several fragments at once;
    the first of them would be timed, and with it all that follows, before the newest picture, which
    alone is in time, has come. No more is held than a fragment may have.

    Args:
        clock: of the pictures.
    """

    def __init__(self, clock: CaptureClock) -> None:
        self._clock = clock
        self._held: list[Arrived] = []
        self._held_bytes = 0

    def push(self, unit: AccessUnit, boot_us: int) -> list[Arrived]:
        """Take the next picture, which the clock has observed.

        Args:
            unit: the picture.
            boot_us: CLOCK_BOOTTIME of its arrival.

        Returns:
            The pictures whose times may be asked for now, in their order.
        """
        self._held.append((unit, boot_us))
        self._held_bytes += len(unit.data)
        is_full = self._held_bytes >= MOST_BYTES or len(self._held) >= MOST_PICTURES
        return self.release() if is_full or self._clock.is_settled(boot_us) else []

    def release(self) -> list[Arrived]:
        """Let go of all that is held: the timeline ends."""
        held, self._held = self._held, []
        self._held_bytes = 0
        return held
