"""For how long a disk keeps pictures waiting, and when that is too long.

Written by the thread of the disk's writer, and read by the event loop.
"""

from tandem.clock import Clock

HANGS_US = 15_000_000
"""A disk on which one round of writes and syncs takes longer than this is taken to hang: a busy one
needs a second or two for all its cameras."""

STARVES_US = 3_000_000
"""A disk that has been full for longer than this is left for another one: it has nothing that may
be deleted, or that takes a while."""


class Patience:
    """With one disk.

    Args:
        clock: of the node.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alive_us = clock.boot_us()
        self._full_since_us: int | None = None

    @property
    def hangs(self) -> bool:
        """Whether it has not answered for so long that others are to be preferred."""
        return self._clock.boot_us() - self._alive_us > HANGS_US

    @property
    def is_full(self) -> bool:
        """Whether it has no room for what waits."""
        return self._full_since_us is not None

    @property
    def starves(self) -> bool:
        """Whether pictures wait for room in vain, so that others are to be preferred."""
        since_us = self._full_since_us
        return since_us is not None and self._clock.boot_us() - since_us > STARVES_US

    def answered(self) -> None:
        """It did what it was asked."""
        self._alive_us = self._clock.boot_us()

    def found_full(self) -> bool:
        """It has no room for what waits. Returns whether that is new."""
        is_new = self._full_since_us is None
        if is_new:
            self._full_since_us = self._clock.boot_us()
        return is_new

    def found_room(self) -> bool:
        """It has room, and nothing waits any more. Returns whether that is new."""
        is_new = self._full_since_us is not None
        self._full_since_us = None
        return is_new
