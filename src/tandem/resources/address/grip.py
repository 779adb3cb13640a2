"""The pulse's hold of an address: later deadlines for its holder, or the end."""

import errno
import socket
from typing import Final

from tandem.clock import Clock
from tandem.resources.address import messages
from tandem.resources.address.asking import PACKETS, reachable
from tandem.resources.address.belongings import Belongings
from tandem.resources.address.ending import end
from tandem.resources.kind import ExtendError

_NOBODY_LISTENS: Final = {errno.ENOENT, errno.ECONNREFUSED}


class AddressGrip:
    """Prolongs and ends one address.

    Args:
        belongings: of the address.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, belongings: Belongings, clock: Clock) -> None:
        self._belongings = belongings
        self._clock = clock
        self._socket: socket.socket | None = None

    def extend(self, until_us: int) -> None:
        """Tell the holder a later deadline, if there is a holder. It refreshes by itself.

        Raises:
            ExtendError: it does not listen, or it has not for so long that there is no room.
        """
        packet = messages.encode(messages.Extend(until_us))
        try:
            if not self._told(packet):
                self.close()  # that holder is gone; there may be another
                self._told(packet)
        except OSError as error:
            self.close()
            raise ExtendError(
                f"{self._belongings.owner} cannot be given more time: {error}. Its address"
                f" {self._belongings.ip} goes at the deadline that it has."
            ) from error

    async def kill(self, by_us: int) -> None:
        """Kill the holder, remove the address, and prove both.

        Raises:
            StopUnproven: it is not proven that the address is gone.
        """
        await end(self._belongings, self._clock, by_us)

    def close(self) -> None:
        """Let go of the holder."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _told(self, packet: bytes) -> bool:
        """Whether a holder got it, or there is none: not if the one that we knew is gone."""
        if self._socket is None:
            self._socket = self._connected()
        if self._socket is None:
            return True
        try:
            self._socket.send(packet)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _connected(self) -> socket.socket | None:
        asking = socket.socket(socket.AF_UNIX, PACKETS)
        try:
            with reachable(self._belongings) as path:
                asking.connect(path)
        except OSError as error:
            asking.close()
            if error.errno in _NOBODY_LISTENS:
                return None
            raise
        return asking
