"""An RTSP connection: asyncio on one side, the dialogue on the other."""

import asyncio
import socket
import struct
from collections.abc import Mapping

from tandem.lab.camera.camera import Camera
from tandem.lab.camera.dialogue import Dialogue
from tandem.lab.camera.outbox import Outbox
from tandem.lab.camera.rtsp import BadRequestError, Interleaved, RequestParser

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""struct linger: close throws the send buffer away and sends RST (socket(7))."""


class Connection(asyncio.Protocol):
    """Reads requests and hands them on.

    Args:
        cameras: the cameras of this listener by path.
        send_buffer_bytes: the kernel's buffer for this connection.
    """

    def __init__(self, cameras: Mapping[str, Camera], send_buffer_bytes: int) -> None:
        self._cameras = cameras
        self._send_buffer_bytes = send_buffer_bytes
        self._parser = RequestParser()
        self._why = "the client closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Get ready to talk."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  a TCP server makes no other
        self._transport = transport
        self._socket: socket.socket = transport.get_extra_info("socket")
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer_bytes)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.own_address: str = transport.get_extra_info("sockname")[0]
        self.outbox = Outbox(transport)
        self._dialogue = Dialogue(self, self._cameras)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        try:
            for message in self._parser.feed(data):
                if isinstance(message, Interleaved):
                    self._dialogue.heard()
                else:
                    self._dialogue.answer(message)
        except (BadRequestError, ValueError) as error:
            self._why = f"the client does not speak RTSP: {error}"
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session."""
        self._dialogue.lost(str(exc) if exc else self._why)

    def close(self) -> None:
        """Let the kernel send what it has, drop what it has not, and close."""
        self._why = "the camera closed the connection"
        self._transport.abort()

    def reset(self, reason: str) -> None:
        """Throw away what is queued, send RST, and note the reason."""
        self._dialogue.lost(reason)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()
