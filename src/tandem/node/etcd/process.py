"""Finding, watching and stopping a process that may be nobody's child.

The list of processes says what runs, not a file with a number in it: a file is stale after a crash,
missing if the crash came before it was written, and its number may be another process's by now.
"""

import asyncio
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


class Process:
    """A process, held by a descriptor: never another one that got its number. Close it.

    Args:
        pid: of a process that is known to be the right one.

    Raises:
        ProcessLookupError: it has ended, and was waited for.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return bool(select.select([self._descriptor], [], [], 0)[0])

    async def wait(self) -> None:
        """Wait until it has ended."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(self._descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._descriptor)

    async def stop(self, patience_s: float) -> None:
        """Ask it to end; after a while, end it."""
        for what, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, what)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self.wait()
                    return

    @property
    def killed_by(self) -> int:
        """The signal that has ended it, where it was our child; 0 if none did, or nobody knows."""
        with suppress(ChildProcessError):
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            result = os.waitid(os.P_PIDFD, self._descriptor, flags)
            if result and result.si_code in {os.CLD_KILLED, os.CLD_DUMPED}:
                return result.si_status
        return 0

    def close(self) -> None:
        """Let go of it; if it runs, it runs on."""
        with suppress(ChildProcessError):  # it was somebody else's
            os.waitid(os.P_PIDFD, self._descriptor, os.WEXITED | os.WNOHANG)
        os.close(self._descriptor)


def spawn(command: list[str], output: int) -> Process:
    """Start a program in a session of its own, so that it outlives this process. Blocks.

    Args:
        command: the program's path and its arguments.
        output: descriptor of the file that it writes to.

    Raises:
        OSError: it cannot be started.
    """
    with Path(os.devnull).open("rb") as nothing:
        files = [
            (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
        ]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=files, setsid=True)
    return Process(pid)


def find_running(argument: str, directory: Path) -> Process | None:
    """Find a process that was started with an argument and uses a directory. Blocks.

    Args:
        argument: one of its arguments, whole.
        directory: what the argument names. A process for which that path leads elsewhere, as in a
            container of its own, is not meant.

    Returns:
        The process, or None where there is none that runs.
    """
    if not directory.exists():
        return None
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        # Ended meanwhile, or not ours to look at.
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError, NotADirectoryError):
            process = Process(int(entry.name))
            if _is_meant(entry, argument, directory) and not process.ended:
                return process
            process.close()
    return None


def _is_meant(entry: Path, argument: str, directory: Path) -> bool:
    arguments = (entry / "cmdline").read_bytes().split(b"\0")
    if os.fsencode(argument) not in arguments:
        return False
    theirs = entry / "root" / directory.resolve().relative_to("/")
    return theirs.exists() and theirs.samefile(directory)
