"""A child process as the recorder holds it: started, read from, and never left behind."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from typing import Final, cast

from tandem.recording.foreign.redact import Redactor

STOP_GRACE_S: Final = 1.0
"""How long a child may take to end when it is asked to."""

_WORKER: Final = ("-P", "-m", "tandem.recording.foreign.worker")
_ENVIRONMENT: Final = (
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
)
"""All that a child inherits. Above all no http_proxy: libav would ask it for the camera."""

_STDIN, _STDOUT, _STDERR = range(3)
_LOG_LINES: Final = 5
_LOG_LINE_CHARS: Final = 400
_LOG_TAIL_BYTES: Final = 65_536
_NOISE: Final = (
    "not on whitelist",
    "Failed to open codec in avformat_find_stream_info",
    "Could not find codec parameters",
    "Consider increasing the value",
    "Failed to update header with correct",
)
"""What libav complains about because no decoder is allowed, in every healthy run."""


class Child(asyncio.SubprocessProtocol):
    """One running child. Its output is read as it comes, whatever the recorder does meanwhile.

    Args:
        redactor: for what it logs.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._transport: asyncio.SubprocessTransport | None = None
        self._chunks: list[bytes] = []
        self._is_over = False
        self._wake: asyncio.Future[None] | None = None
        self._exited = asyncio.get_running_loop().create_future()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._log_tail = b""

    async def last_words(self) -> str:
        """Let it end, and read the end of its log.

        Returns:
            A few lines, without credentials; nothing where it logged none.
        """
        with contextlib.suppress(TimeoutError):  # it takes long to end: what is there must do
            async with asyncio.timeout(STOP_GRACE_S):
                while await self.output():
                    pass
        return "; ".join(self._log)

    async def output(self) -> bytes:
        """What it has written since the last call; waits for more where that is nothing.

        Returns:
            Bytes; none once it has ended and all has been read.
        """
        if not self._chunks and not self._is_over:
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data

    async def exit_status(self) -> int:
        """Wait for its end; negative is the number of the signal that killed it."""
        return cast(int, await asyncio.shield(self._exited))

    async def stop(self) -> None:
        """Ask it to end, make it end after a second, and wait until it has."""
        transport = self._transport
        if transport is None:
            return
        try:
            if not self._exited.done():
                transport.terminate()
                await asyncio.wait([self._exited], timeout=STOP_GRACE_S)
        finally:
            # Also when cancelled in the wait: the process must be gone, whoever is in a hurry.
            if not self._exited.done():
                transport.kill()
                await asyncio.shield(self._exited)
            transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.SubprocessProtocol."""
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """See asyncio.SubprocessProtocol."""
        if fd == _STDERR:
            self._keep_log(data)
            return
        self._chunks.append(data)
        self._wake_up()

    def process_exited(self) -> None:
        """See asyncio.SubprocessProtocol."""
        if self._transport and not self._exited.done():
            self._exited.set_result(self._transport.get_returncode())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It has ended, and all that it wrote has been read."""
        self._is_over = True
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake and not self._wake.done():
            self._wake.set_result(None)

    def _keep_log(self, data: bytes) -> None:
        *lines, tail = (self._log_tail + data).split(b"\n")
        self._log_tail = tail if len(tail) <= _LOG_TAIL_BYTES else b""
        for line in lines:
            # Cut only when it is clean: half of a password would not be recognised.
            text = self._redactor.clean(line.decode(errors="replace").strip())[:_LOG_LINE_CHARS]
            if text and not any(noise in text for noise in _NOISE):
                self._log.append(text)


async def start_child(order: bytes, redactor: Redactor) -> Child:
    """Start a child and hand it its order.

    Args:
        order: JSON for its standard input: never arguments or environment, which all users can see.
        redactor: for what it logs.

    Raises:
        OSError: the machine has no room for another process.
    """
    child = Child(redactor)
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: child, sys.executable, *_WORKER, env=environment, start_new_session=True
    )
    stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(_STDIN))
    stdin.write(order)
    stdin.close()
    return child


def signal_name(exit_status: int) -> str:
    """The name of the signal in a negative exit status."""
    try:
        return signal.Signals(-exit_status).name
    except ValueError:
        return f"signal {-exit_status}"
