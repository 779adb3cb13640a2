"""One child process: started, given orders, read, and ended without fail."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from tandem.node.children.lines import LineSplitter

KILL_S: Final = 5.0
"""After a SIGKILL a process is gone at once, unless the kernel waits for a disk on its behalf."""

LONGEST_STATUS_BYTES: Final = 4 << 20
"""Of five thousand streams."""

LONGEST_LOG_BYTES: Final = 16 << 10

_CHUNK_BYTES: Final = 1 << 16


async def launch(command: Sequence[str]) -> asyncio.subprocess.Process:
    """Start a child.

    Args:
        command: its program and arguments; no secrets.

    Raises:
        OSError: it cannot be started.
    """
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )


class Child:
    """A process that ends with its standard input.

    It leads a process group, which whatever it starts belongs to: Ctrl-C is for us alone, and a
    kill is for all of them. If we are killed, the kernel closes its input, and it ends by itself:
    see `tandem.recording.orphan`.

    Args:
        process: from `launch`.
        tasks: what is read and written for it is done there.

    Attributes:
        ended: done when it has ended, with its exit status.
    """

    def __init__(self, process: asyncio.subprocess.Process, tasks: asyncio.TaskGroup) -> None:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - all pipes
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._tasks = tasks
        self._line = b""
        self._changed = asyncio.Event()
        self._writer = tasks.create_task(self._write(), name="orders")
        self._readers: list[asyncio.Task[None]] = []
        self.ended = tasks.create_task(process.wait(), name="end")

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def order(self, line: bytes) -> None:
        """Give it orders; while it does not read, the newest replace those that wait."""
        if line != self._line:
            self._line = line
            self._changed.set()

    def read(self, status: Callable[[bytes], None], log: Callable[[bytes], None]) -> None:
        """Read what it says, line by line, until it ends.

        Args:
            status: hears each line of its standard output.
            log: hears each line of its standard error.
        """
        for stream, tell, most_bytes in (
            (self._stdout, status, LONGEST_STATUS_BYTES),
            (self._stderr, log, LONGEST_LOG_BYTES),
        ):
            lines = LineSplitter(most_bytes)
            self._readers.append(self._tasks.create_task(_read(stream, lines, tell)))

    async def end(self, patience_s: float) -> bool:
        """End it: close its input, wait, kill it. It is killed and gone even if this is cancelled.

        Returns:
            Whether it has ended. A process that not even a kill has ended by now waits for a disk
            inside the kernel, and does nothing more when it returns from there.
        """
        self._stdin.close()
        try:
            if not self.ended.done():
                await asyncio.wait([self.ended], timeout=patience_s)
        finally:
            self.kill()
            await self._be_gone()
        has_ended = self._process.returncode is not None
        for task in (self.ended, *self._readers, self._writer):
            task.cancel()
        return has_ended

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it may end at this very moment
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _be_gone(self) -> None:
        """Wait for what was killed, whoever does not want to: it takes the kernel a moment."""
        cancelled: asyncio.CancelledError | None = None
        is_over = False
        while not is_over:
            try:
                async with asyncio.timeout(KILL_S):
                    await self._process.wait()  # not `ended`, which may be cancelled as well
                    await asyncio.wait([self.ended, *self._readers])
                is_over = True
            except TimeoutError:
                is_over = True
            except asyncio.CancelledError as told:
                cancelled = told
        if cancelled is not None:
            raise cancelled

    async def _write(self) -> None:
        try:
            while await self._changed.wait():
                self._changed.clear()
                self._stdin.write(self._line + b"\n")
                await self._stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return  # it has ended, which `ended` says


async def _read(
    stream: asyncio.StreamReader, lines: LineSplitter, tell: Callable[[bytes], None]
) -> None:
    while data := await stream.read(_CHUNK_BYTES):
        for line in lines.feed(data):
            tell(line)
