"""Lines in and out of a process, by threads of their own, whatever is at the other end.

An event loop cannot wait for a regular file, and a pipe whose reader sleeps must not hold up a
recording.
"""

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from typing import BinaryIO

_CHUNK_BYTES = 1 << 16


class LineReader:
    """Gives the lines of a stream to the event loop.

    Args:
        stream: read until its end, by a thread that does not keep the process alive.
        at_end: called by that thread when it has ended, whatever the event loop does.
    """

    def __init__(self, stream: BinaryIO, at_end: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._stream = stream
        self._at_end = at_end
        threading.Thread(target=self._run, name="orders", daemon=True).start()

    def end(self) -> None:
        """As if the stream had ended."""
        self._lines.put_nowait(b"")

    async def readline(self) -> bytes:
        """The next line, or nothing at the stream's end."""
        return await self._lines.get()

    def _run(self) -> None:
        # Not by the stream's own buffer: at its end the interpreter aborts if a thread waits in it.
        tail = b""
        while chunk := os.read(self._stream.fileno(), _CHUNK_BYTES):
            *lines, tail = (tail + chunk).split(b"\n")
            for line in lines:
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line + b"\n")
        self._at_end()
        self._loop.call_soon_threadsafe(self._lines.put_nowait, b"")


class LineWriter:
    """Writes lines without ever waiting; while the reader does not keep up, lines are left out.

    Args:
        stream: written by a thread that does not keep the process alive.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._lines: queue.Queue[bytes] = queue.Queue(maxsize=1)
        self._stream = stream
        threading.Thread(target=self._run, name="status", daemon=True).start()

    def write(self, line: bytes) -> bool:
        """Write a line, unless the one before still waits for the reader."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while True:
            try:
                self._stream.write(self._lines.get() + b"\n")
                self._stream.flush()
            except BrokenPipeError:
                return  # nobody listens any more; the recording is not for them alone
