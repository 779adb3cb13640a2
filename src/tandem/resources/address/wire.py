"""The network below an interface: raw frames about one address, sent and heard."""

import errno
import os
import socket

from tandem.resources.address.errors import KernelError
from tandem.resources.address.filters import attach
from tandem.resources.address.neighbours import ethertype, frame_filter
from tandem.resources.address.netlink import IpAddress, Link

_FRAME_BYTES = 2048


class Wire:
    """An open packet socket on one interface.

    Args:
        link: the interface.
        ip: the address that frames are about.

    Raises:
        KernelError: it cannot be opened.
    """

    def __init__(self, link: Link, ip: IpAddress) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        try:
            # Deaf until the filter is there: protocol 0.
            self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        except PermissionError:
            raise KernelError(
                "Frames cannot be sent: Tandem needs the capability CAP_NET_RAW for that.",
                errno.EPERM,
            ) from None
        try:
            attach(self._socket, frame_filter(ip))
            self._socket.bind((link.name, ethertype(ip)))
        except OSError as error:
            self._socket.close()
            number = error.errno or 0
            sentence = f"The interface {link.name} cannot be listened to: {os.strerror(number)}."
            raise KernelError(sentence, number) from None

    def fileno(self) -> int:
        """To wait for it."""
        return self._socket.fileno()

    def send(self, frame: bytes) -> bool:
        """Send a frame; it is not said whether anybody gets it.

        Returns:
            Whether the interface took it: not if it is down, gone or clogged.
        """
        try:
            self._socket.send(frame)
        except OSError:
            return False
        return True

    def receive(self) -> list[bytes]:
        """The frames that came since."""
        frames: list[bytes] = []
        while True:
            try:
                frames.append(self._socket.recv(_FRAME_BYTES))
            except BlockingIOError:
                return frames
            except OSError as error:
                if error.errno in {errno.ENETDOWN, errno.ENODEV}:  # told once, when it goes down
                    return frames
                raise

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
