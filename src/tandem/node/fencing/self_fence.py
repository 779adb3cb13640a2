"""The end of this machine: what holds an exclusive resource that cannot be proven stopped.

The kernel's sysrq restarts it at once, and a watchdog does if even that hangs: it was fed for as
long as all was well, and is fed no more from here on. A machine's own name spaces are looked at
before: in a container or on a lab's host, sysrq would end the machine around it and all others on
it, so it is refused there.
"""

import errno
import fcntl
import logging
import os
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

WATCHDOG: Final = Path("/dev/watchdog")
SYSRQ: Final = Path("/proc/sysrq-trigger")
PROCESSES: Final = Path("/proc")

SET_TIMEOUT: Final = 0xC0045706
GET_TIMEOUT: Final = 0x80045707
"""WDIOC_SETTIMEOUT and WDIOC_GETTIMEOUT of <linux/watchdog.h>."""

FIRST_NAMESPACES: Final = {"pid": 0xEFFFFFFC, "uts": 0xEFFFFFFE}
"""Of the machine itself: PROC_PID_INIT_INO and PROC_UTS_INIT_INO of <linux/proc_ns.h>."""

STEP_S: Final = 0.04
"""For each of the steps before the restart, of the 0.15 s that the engine's times leave."""

Ioctl = Callable[[int, int, bytes], bytes]


class SelfFenceError(Exception):
    """This machine cannot be ended so; the message is for the administrator."""


class Watchdog:
    """A watchdog device: whoever opens it has to feed it, or the machine is reset.

    Args:
        timeout_s: after which it resets the machine.
        path: of the device.
        ioctl: as `fcntl.ioctl`, given a buffer.

    Attributes:
        timeout_s: as the device has set it: some know multiples only.

    Raises:
        SelfFenceError: there is none, or somebody else feeds it.
    """

    def __init__(self, timeout_s: int, path: Path = WATCHDOG, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._path, self._ioctl = path, ioctl
        self._is_abandoned = False
        try:
            self._device = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SelfFenceError(_why_not(path, error)) from None
        self.timeout_s = self._set_timeout(timeout_s)

    def feed(self) -> None:
        """Put off the reset by the timeout; once given up, it never is again.

        Raises:
            SelfFenceError: the device does not take it.
        """
        if self._is_abandoned:
            return
        try:
            os.write(self._device, b"\0")
        except OSError as error:
            raise SelfFenceError(f"{self._path} cannot be fed: {error.strerror}.") from None

    def abandon(self) -> None:
        """Feed it no more, and have it reset the machine as soon as it can."""
        self._is_abandoned = True
        with suppress(OSError):
            self._ioctl(self._device, SET_TIMEOUT, struct.pack("i", 1))

    def close(self) -> None:
        """Switch it off in an orderly end, by the "magic close"; not once it is given up."""
        if self._is_abandoned:
            return
        with suppress(OSError):
            os.write(self._device, b"V")
        os.close(self._device)
        self._is_abandoned = True

    def _set_timeout(self, timeout_s: int) -> int:
        asked = struct.pack("i", timeout_s)
        try:
            answer = self._ioctl(self._device, SET_TIMEOUT, asked)
        except OSError:
            try:
                answer = self._ioctl(self._device, GET_TIMEOUT, asked)
            except OSError as error:
                self.close()
                raise SelfFenceError(
                    f"{self._path} does not tell its timeout ({error.strerror}): nobody could count"
                    " on it. Use another watchdog, such as that of the `softdog` module."
                ) from None
        return int(struct.unpack("i", answer)[0])


class Sysrq:
    """The kernel's own restart, without a word to any process.

    Args:
        trigger: the file that takes the commands.
        processes: /proc, to see whether this is the machine itself.
        step_s: how long each step before the restart may take.
    """

    def __init__(
        self, trigger: Path = SYSRQ, processes: Path = PROCESSES, step_s: float = STEP_S
    ) -> None:
        self._trigger, self._processes, self._step_s = trigger, processes, step_s

    def check(self) -> None:
        """Whether `restart` would restart this machine, and no other.

        Raises:
            SelfFenceError: it would not.
        """
        for name, first in FIRST_NAMESPACES.items():
            if _namespace(self._processes / "self", name) != first:
                raise SelfFenceError(_INSIDE)
        if _namespace(self._processes / "self", "net") != _namespace(self._processes / "1", "net"):
            raise SelfFenceError(_INSIDE)
        if not os.access(self._trigger, os.W_OK):
            raise SelfFenceError(
                f"{self._trigger} may not be written: this process cannot restart the machine."
                " Run Tandem's pulse as root."
            )

    def restart(self) -> None:
        """Sync, make read-only, and restart; what hangs on the way is left behind.

        Raises:
            SelfFenceError: see `check`.
        """
        self.check()
        for command in ("s", "u"):
            step = threading.Thread(target=self._write, args=(command,), daemon=True)
            step.start()
            step.join(self._step_s)
        self._write("b")

    def _write(self, command: str) -> None:
        # One open file a command: the first that hangs must not hold up the last.
        with suppress(OSError), self._trigger.open("a") as trigger:
            trigger.write(command)


class SelfFence:
    """Ends this machine.

    Args:
        restart: what does: `Sysrq().restart`; on a lab's host, what cuts that host's power.
        watchdog: what does if that hangs; None: there is none.
    """

    def __init__(self, restart: Callable[[], None], watchdog: Watchdog | None = None) -> None:
        self._restart, self._watchdog = restart, watchdog

    def __call__(self, reason: str) -> None:
        """End this machine, now. It may return: then it may be asked for again.

        Args:
            reason: why, as a sentence; it goes to the log before.
        """
        if self._watchdog:
            self._watchdog.abandon()
        log.critical("this machine ends itself: %s", reason)
        try:
            self._restart()
        except SelfFenceError as problem:
            last = "its watchdog will" if self._watchdog else "END IT BY HAND, NOW"
            log.critical("this machine cannot end itself: %s (%s)", problem, last)


_INSIDE: Final = (
    "Tandem runs in a container or in a name space of its own: sysrq would restart the whole"
    " machine around it. Give this node a fence device, or run it on the machine itself."
)


def _namespace(process: Path, name: str) -> int:
    """Which one a process is in: "pid:[4026531836]"; 0 where nobody tells."""
    try:
        link = str((process / "ns" / name).readlink())
    except OSError:
        return 0
    number = link.partition("[")[2].removesuffix("]")
    return int(number) if number.isdigit() else 0


def _why_not(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return (
                f"This machine has no watchdog ({path} is missing). Switch it on in the firmware,"
                " or load its driver; `softdog` where there is none."
            )
        case errno.EBUSY:
            return (
                f"{path} is fed by another process. If that is systemd, take RuntimeWatchdogSec out"
                " of /etc/systemd/system.conf."
            )
        case errno.EACCES | errno.EPERM:
            return f"{path} may not be opened: run Tandem's pulse as root."
    return f"{path} cannot be opened: {error.strerror}."
