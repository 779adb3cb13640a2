"""A process that this lab started, told from whatever got its number later."""

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tandem.lab.hosts.errors import LabError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STATE, _STARTED = 0, 19  # fields 3 and 22 of proc_pid_stat(5), counted behind the name


@dataclass(frozen=True, slots=True)
class Process:
    """The init of a host, or of a lab.

    Attributes:
        pid: its number as this process sees it.
        started_ticks: when it started, in clock ticks since boot.
        boot_id: of which boot.
        user_namespace: whether it has a user namespace of its own, which must be entered first.
    """

    pid: int
    started_ticks: int
    boot_id: str
    user_namespace: bool

    @classmethod
    def running(cls, pid: int, *, user_namespace: bool) -> "Process":
        """The process that has this number now.

        Raises:
            LabError: there is none.
        """
        fields = _stat(pid)
        if fields is None:
            raise LabError(f"Process {pid} ended as soon as it was started.")
        return cls(pid, int(fields[_STARTED]), _boot_id(), user_namespace)

    @property
    def root(self) -> Path:
        """Its root directory, as seen from here."""
        return Path(f"/proc/{self.pid}/root")

    def is_alive(self) -> bool:
        """Whether it runs; false for whoever else has its number."""
        fields = _stat(self.pid)
        return (
            fields is not None
            and fields[_STATE] not in "ZX"
            and int(fields[_STARTED]) == self.started_ticks
            and _boot_id() == self.boot_id
        )

    def enter(self, *namespaces: str) -> list[str]:
        """The command that runs another in these of its namespaces ("net", "mount", ...)."""
        user = ["--user", "--preserve-credentials"] if self.user_namespace else []
        options = [f"--{each}" for each in namespaces]
        return ["nsenter", "--target", str(self.pid), *user, *options, "--"]

    def end(self) -> "Ending":
        """Kill it, without waiting. The init of a PID namespace takes all others there along."""
        return Ending(self)


class Ending:
    """A process that was sent SIGKILL, if it still ran. Used in a `with` statement."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._fd: int | None = None

    def __enter__(self) -> Self:
        try:
            fd = os.pidfd_open(self._process.pid)
        except ProcessLookupError:
            return self
        # The descriptor names one process for good: looked at only now, it is the right one.
        if not self._process.is_alive():
            os.close(fd)
            return self
        self._fd = fd
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        return self

    def wait(self, deadline_s: float) -> None:
        """Until it is gone, with all of its PID namespace.

        Raises:
            LabError: something of it hangs in the kernel.
        """
        if self._fd is None:
            return
        if not select.select([self._fd], [], [], deadline_s)[0]:
            raise LabError(
                f"Process {self._process.pid} was killed {deadline_s:g} s ago and is still there. "
                f"Something of it waits for a disk: see /proc/{self._process.pid}/stack."
            )

    def __exit__(self, *_: object) -> None:
        if self._fd is not None:
            os.close(self._fd)


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()
