"""A listening socket and the cameras behind it."""

import asyncio
from typing import TYPE_CHECKING

from tandem.lab.camera.config import CameraConfig
from tandem.lab.camera.connection import Connection
from tandem.lab.camera.faults import FaultKind

if TYPE_CHECKING:
    from tandem.lab.camera.camera import Camera


class Listener:
    """Accepts connections, and refuses them while every camera behind it does.

    Args:
        config: the first of its cameras: address, port and buffer size are the same for all.
    """

    def __init__(self, config: CameraConfig) -> None:
        self.address = config.address
        self.port = config.port
        self.cameras: dict[str, Camera] = {}
        self._send_buffer_bytes = config.send_buffer_bytes
        self._server: asyncio.Server | None = None
        self._doors = asyncio.Event()

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: the address is not of this machine, or the port is taken.
        """
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Connection(self.cameras, self._send_buffer_bytes), self.address, self.port
            )
        except OSError as error:
            raise OSError(
                f"Cameras cannot listen on {self.address}:{self.port}: {error.strerror}."
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening; open connections stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def doors_changed(self) -> None:
        """Note that a camera begins or ceases to refuse connections."""
        if self._refusing():
            self.close()
        self._doors.set()

    async def mind_the_doors(self) -> None:
        """Listen again as soon as a camera takes connections again."""
        while True:
            await self._doors.wait()
            self._doors.clear()
            if self._server is None and not self._refusing():
                await self.open()

    def _refusing(self) -> bool:
        return all(one.faults.active(FaultKind.REFUSE) for one in self.cameras.values())
