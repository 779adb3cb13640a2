"""How many files a camera may begin beside those of the grid of minutes. Pure."""

BURST = 20
"""Files at once: a camera that restarts, loses its network for a moment and is reconfigured, all in
a minute, begins half as many."""

REFILL_US = 1_000_000
"""One more file a second: what the index of a volume takes of hundreds of cameras at once."""


class FileBudget:
    """A bucket of files that one stream may begin.

    Every connection, every break of the timeline and every change of parameter sets begins a file.
    A camera that does so with each picture would make 25 files a second, and harm all others on its
    disk.
    """

    def __init__(self) -> None:
        self._left_us = BURST * REFILL_US
        self._at_us: int | None = None

    def take(self, boot_us: int) -> bool:
        """Whether one more file may begin now.

        Args:
            boot_us: CLOCK_BOOTTIME.
        """
        if self._at_us is not None:
            self._left_us = min(BURST * REFILL_US, self._left_us + boot_us - self._at_us)
        self._at_us = boot_us
        if self._left_us < REFILL_US:
            return False
        self._left_us -= REFILL_US
        return True
