"""Lines in, lines out, and a log, none of which a pulse ever waits for: its agent may hang.

No threads: one that has the interpreter's lock and no real-time priority would hold up the pulse.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final

from tandem.node.children.lines import LineSplitter

_CHUNK_BYTES: Final = 1 << 16
_LONGEST_BYTES: Final = 1 << 20


class LineInput:
    """Gives the lines of a pipe to the event loop.

    Args:
        descriptor: of the pipe; from now on it never blocks.
        take: gets each line.
        end: called once, at the end.
    """

    def __init__(
        self, descriptor: int, take: Callable[[bytes], None], end: Callable[[], None]
    ) -> None:
        self._descriptor, self._take, self._end = descriptor, take, end
        self._lines = LineSplitter(_LONGEST_BYTES)
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._end()
        for line in self._lines.feed(data):
            self._take(line)


class LineOutput:
    """Writes lines to a pipe; while the reader does not keep up, lines are left out whole.

    Args:
        descriptor: of the pipe; from now on it never blocks.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        os.set_blocking(descriptor, False)

    def write(self, line: bytes) -> bool:
        """Write a line; False: the ones before are not read yet, and this one is left out."""
        self._flush()
        if self._rest:
            return False
        self._rest = line + b"\n"
        self._flush()
        return True

    def _flush(self) -> None:
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._descriptor, self._rest) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._rest = b""  # nobody listens any more, and the input says so


class LogOutput(logging.Handler):
    """Logs to standard error, or not at all while nobody reads it.

    Through a description of its own, as far as there may be one: others write to the same pipe, and
    are not to find that it does not block.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CLOEXEC
            self._output = LineOutput(os.open("/proc/self/fd/2", flags))
        except OSError:
            self._output = LineOutput(2)

    def emit(self, record: logging.LogRecord) -> None:
        """Write it as "LEVEL name: message"."""
        self._output.write(self.format(record).encode(errors="replace"))
