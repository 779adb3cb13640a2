"""A TCP connection's way out, which knows what has gone to the kernel and what has not."""

import asyncio
from collections import deque


class Outbox:
    """Counts bytes into a transport, and tells which pictures went out completely.

    Args:
        transport: the connection. Nothing else may write to it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._written_bytes = 0
        self._queued: deque[tuple[int, int]] = deque()

    @property
    def backlog_bytes(self) -> int:
        """What the kernel has not yet taken."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes | bytearray, number: int | None = None) -> None:
        """Send bytes, as far as the kernel takes them now, and queue the rest.

        Args:
            data: the bytes; not to be changed afterwards.
            number: the picture that ends with these bytes.
        """
        if self._transport.is_closing():
            return
        self._transport.write(data)
        self._written_bytes += len(data)
        if number is not None:
            self._queued.append((self._written_bytes, number))

    def settle(self) -> list[int]:
        """Return the pictures that have gone to the kernel completely since last asked.

        A closing connection has thrown its buffer away, so nothing more is claimed for it.
        """
        if self._transport.is_closing():
            return []
        gone_bytes = self._written_bytes - self.backlog_bytes
        numbers = []
        while self._queued and self._queued[0][0] <= gone_bytes:
            numbers.append(self._queued.popleft()[1])
        return numbers

    def abandon(self) -> list[int]:
        """Return the pictures that never went out completely, and forget them."""
        numbers = [number for _, number in self._queued]
        self._queued.clear()
        return numbers
