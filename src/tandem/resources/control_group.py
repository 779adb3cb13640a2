"""Control groups of version 2: what kills all that is in one, and proves that it is empty.

A process cannot leave its group by forking, daemonising or starting a session. The kernel's word
(`cgroup.events`, `populated 0`) covers groups below as well, and comes when the last process leaves
its group on its way out of the kernel: one that waits for a dead disk is counted.
"""

import errno
import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.resources.kind import ResourceError
from tandem.resources.waiting import left_s, readable

_MOUNTS: Final = Path("/proc/self/mountinfo")
_MEMBERSHIP: Final = Path("/proc/self/cgroup")
_KILL_AGAIN_S: Final = 0.01
_MOST_NAMED: Final = 3


def mounted_at() -> tuple[Path, str]:
    """Where the hierarchy is mounted, and which group of it is seen there: `/`, but in containers.

    A mount that another one hides does not count: below its path may be a group of the same name.

    Raises:
        ResourceError: the hierarchy of version 2 is not mounted.
    """
    for line in _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            mount_id, _, _, root, top = before.split()[:5]
            if _mount_id(top) == mount_id:
                return Path(top), root
    raise ResourceError(
        "Control groups of version 2 are not mounted, so nothing can be kept safely. Mount them:"
        " mount -t cgroup2 none /sys/fs/cgroup/unified"
    )


def _mount_id(path: str) -> str:
    """Of the mount that a path leads into; nothing if it leads nowhere."""
    try:
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        words = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii").split()
        return words[words.index("mnt_id:") + 1]
    finally:
        os.close(fd)


def group_called(name: str) -> Path:
    """The directory of a group that the kernel, or systemd, calls `/system.slice/x.service`.

    Raises:
        ResourceError: the hierarchy of version 2 is not mounted.
    """
    top, root = mounted_at()
    return Path(os.path.normpath(top / os.path.relpath(name, root)))


def own_group() -> Path:
    """The directory of the control group that this process is in.

    Raises:
        ResourceError: the hierarchy of version 2 is not mounted.
    """
    for line in _MEMBERSHIP.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        if line.startswith("0::"):
            return group_called(line.removeprefix("0::"))
    raise ResourceError("This process is in no control group of version 2. Mount them.")


class ControlGroup:
    """One group, with all below it. It need not be there.

    Args:
        path: its directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def below(self) -> list["ControlGroup"]:
        """The groups directly below it."""
        try:
            return [ControlGroup(path) for path in sorted(self.path.iterdir()) if path.is_dir()]
        except FileNotFoundError:
            return []

    def is_populated(self) -> bool:
        """Whether any process is in it, or below."""
        try:
            return "populated 1" in (self.path / "cgroup.events").read_text(encoding="ascii")
        except OSError as error:
            if _is_gone(error):
                return False
            raise

    def pids(self) -> list[int]:
        """The processes in it and below, as this process names them; those ending left out."""
        try:
            words = (self.path / "cgroup.procs").read_text(encoding="ascii").split()
        except OSError as error:
            if _is_gone(error):
                return []
            raise
        return [int(word) for word in words] + [pid for it in self.below() for pid in it.pids()]

    def signal(self, number: int) -> None:
        """Send each process in it, and below, a signal; never to one that is not in it."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                fd = os.pidfd_open(pid)
                try:
                    # The number may have passed to another process before the descriptor held it.
                    if pid in self.pids():
                        signal.pidfd_send_signal(fd, number)
                finally:
                    os.close(fd)

    def kill(self) -> None:
        """Kill all that is in it and below, also what forks meanwhile, where the kernel can."""
        try:
            (self.path / "cgroup.kill").write_text("1", encoding="ascii")
        except FileNotFoundError:  # before Linux 5.14
            self.signal(signal.SIGKILL)
        except OSError as error:
            if not _is_gone(error):
                raise

    def remove(self) -> None:
        """Take it and what is below away. It must be empty.

        Raises:
            OSError: it is not.
        """
        for group in self.below():
            group.remove()
        with suppress(FileNotFoundError):
            self.path.rmdir()

    async def emptied(self, clock: Clock, by_us: int, *, kill: bool) -> bool:
        """Wait until nobody is in it or below.

        Args:
            clock: CLOCK_BOOTTIME.
            by_us: until when to wait.
            kill: kill again and again, since an old kernel may miss who forks meanwhile.

        Returns:
            Whether it is empty.
        """
        try:
            events = os.open(self.path / "cgroup.events", os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            with select.epoll() as changes:
                changes.register(events, select.EPOLLPRI)
                while _says_populated(events):
                    rest_s = left_s(clock, by_us)
                    if not rest_s:
                        return False
                    if kill:
                        self.kill()
                    await readable(changes.fileno(), min(rest_s, _KILL_AGAIN_S) if kill else rest_s)
        finally:
            os.close(events)
        return True


def _says_populated(events: int) -> bool:
    try:
        return b"populated 1" in os.pread(events, 4096, 0)
    except OSError as error:
        if _is_gone(error):
            return False
        raise


def _is_gone(error: OSError) -> bool:
    """Whether an error means that the group was removed, before or while it was open."""
    return error.errno in {errno.ENOENT, errno.ENODEV}


def who_is_left(group: ControlGroup) -> str:
    """Who is left in a group, and why, for people."""
    pids = group.pids()
    if not pids:  # ending, and held up on its way out of the kernel
        return f"{group.path} is not empty; a process in it is stuck while it ends."
    named = ", ".join(_described(pid) for pid in pids[:_MOST_NAMED])
    more = f" and {len(pids) - _MOST_NAMED} more" if len(pids) > _MOST_NAMED else ""
    return (
        f"process {named}{more} in {group.path}. A killed process stays while the kernel waits on"
        " its behalf, mostly for a disk or a network file system that does not answer (state D), or"
        " while a freezer holds it."
    )


def _described(pid: int) -> str:
    stat, waits = _word(pid, "stat"), _word(pid, "wchan")
    name = stat[stat.find("(") + 1 : stat.rfind(")")] or "?"
    state = stat[stat.rfind(")") + 2 :][:1] or "?"
    at = f", in {waits}" if waits not in {"", "0"} else ""
    return f"{pid} ({name}, state {state}{at})"


def _word(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
