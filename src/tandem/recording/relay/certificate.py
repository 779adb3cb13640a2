"""What this node shows to other nodes' recorders, read from the system's disk once."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tandem.mutual_tls import TlsError
from tandem.recording.own_thread import post

READ_S: Final = 3.0
"""Two small files; a disk that takes longer for them hangs."""

Make = Callable[[Path, Path], ssl.SSLContext]
"""Makes a context of the authority's certificate and the node's own; raises `TlsError`."""


class Certificate:
    """Made when it is first needed, and kept for as long as the orders name the same files.

    So no later connection depends on the system's disk, and one that hangs costs one thread,
    however many streams wait for it. A node renews its certificate when it starts, and its
    recorders start with it.

    Args:
        make: for asking, or for serving; see `tandem.mutual_tls`.
        authority: file with the certificate of the cluster's authority.
        node: file with this node's key and certificate.
    """

    def __init__(self, make: Make, authority: Path, node: Path) -> None:
        self.files = (authority, node)
        self._make = make
        self._reading: asyncio.Future[ssl.SSLContext | TlsError] | None = None

    async def context(self) -> ssl.SSLContext:
        """What was read; what could not be is read again by who asks next.

        Raises:
            TlsError: a file is missing or damaged, or its disk does not answer within `READ_S`.
        """
        reading = self._reading = self._reading or self._begin_to_read()
        try:
            async with asyncio.timeout(READ_S):
                outcome = await asyncio.shield(reading)
        except TimeoutError:
            raise TlsError(f"{self.files[1]} cannot be read; see `dmesg`") from None
        if isinstance(outcome, TlsError):
            if self._reading is reading:
                self._reading = None
            raise TlsError(str(outcome))
        return outcome

    def _begin_to_read(self) -> "asyncio.Future[ssl.SSLContext | TlsError]":
        loop = asyncio.get_running_loop()
        reading: asyncio.Future[ssl.SSLContext | TlsError] = loop.create_future()

        def read() -> None:
            outcome: ssl.SSLContext | TlsError = TlsError(f"{self.files[1]} cannot be read")
            try:
                outcome = self._make(*self.files)
            except TlsError as problem:
                outcome = problem
            finally:
                post(loop, reading.set_result, outcome)

        threading.Thread(target=read, name="certificate", daemon=True).start()
        return reading
