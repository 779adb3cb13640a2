"""The pulse's hold of a process: later deadlines for its keeper, or the end."""

import errno
import os
from typing import Final

from tandem.clock import Clock
from tandem.resources.kind import ExtendError
from tandem.resources.process.ending import end
from tandem.resources.process.options import Belongings

DEADLINE_BYTES: Final = 8
"""As `keeper` reads them."""

DYING_US: Final = 50_000
"""The keeper's timer is set so much before the end that was granted. To die one after the other,
keeper, init and command took at most 2.9 ms on a machine with four busy processes a processor, and
30 ms where they may not have real-time priority: measured, with a margin, and no promise of the
kernel's."""

_NOBODY_READS: Final = {errno.ENOENT, errno.ENXIO}


class ProcessGrip:
    """Extends and kills one process.

    Args:
        belongings: where what belongs to it is.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, belongings: Belongings, clock: Clock) -> None:
        self._belongings = belongings
        self._clock = clock
        self._fifo: int | None = None

    def extend(self, until_us: int) -> None:
        """Tell the keeper a later deadline, if there is a keeper.

        Raises:
            ExtendError: it has not taken earlier ones for so long that there is no room any more,
                or its FIFO cannot be opened.
        """
        word = max(0, until_us - DYING_US).to_bytes(DEADLINE_BYTES, "little")
        try:
            if not self._told(word):
                self.close()  # the keeper that made it is gone; there may be another
                self._told(word)
        except OSError as error:
            raise ExtendError(
                f"{self._belongings.owner} cannot be given more time: {error}. It is killed at the"
                " deadline that it has."
            ) from error

    async def kill(self, by_us: int) -> None:
        """Kill all that runs of it, and prove it.

        Raises:
            StopUnproven: something is left.
        """
        await end(self._belongings.owner, self._belongings.group, self._clock, by_us)

    def close(self) -> None:
        """Let go of the keeper's FIFO."""
        if self._fifo is not None:
            os.close(self._fifo)
            self._fifo = None

    def _told(self, word: bytes) -> bool:
        """Whether the keeper got it, or there is none."""
        if self._fifo is None:
            try:
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
                self._fifo = os.open(self._belongings.fifo, flags)
            except OSError as error:
                if error.errno in _NOBODY_READS:
                    return True
                raise
        try:
            os.write(self._fifo, word)
        except BrokenPipeError:
            return False
        return True
