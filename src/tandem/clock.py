"""The two clocks of a node, behind one protocol, so that every test can bring its own.

Intervals come from CLOCK_BOOTTIME, which neither steps nor stops while the machine is suspended
(CLOCK_MONOTONIC does stop). Capture times are UTC. Nothing else in Tandem reads a clock.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What the time is, in microseconds."""

    def boot_us(self) -> int:
        """Time since boot, suspension included; never goes back."""
        ...

    def utc_us(self) -> int:
        """Time since 1970-01-01T00:00:00Z as this node believes it; may step."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def boot_us(self) -> int:
        """Time since boot, suspension included; never goes back."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def utc_us(self) -> int:
        """Time since 1970-01-01T00:00:00Z as this node believes it; may step."""
        return time.time_ns() // 1000
