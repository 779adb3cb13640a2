"""Control groups that freeze: cgroup v2 (`cgroup.freeze`) or the v1 freezer, whichever is there."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.lab.hosts.commands import DEADLINE_S, wait_until

HIERARCHIES = (
    Path("/sys/fs/cgroup"),
    Path("/sys/fs/cgroup/unified"),
    Path("/sys/fs/cgroup/freezer"),
)


@dataclass(frozen=True, slots=True)
class Group:
    """One control group.

    Attributes:
        path: its directory.
    """

    path: Path

    @property
    def members(self) -> Path:
        """The file into which a process writes its number to join."""
        return self.path / "cgroup.procs"

    def create(self) -> None:
        """Make it, unless it is there."""
        self.path.mkdir(exist_ok=True)

    def add(self, pid: int) -> None:
        """Let a process join."""
        self.members.write_text(str(pid), encoding="ascii")

    def processes(self) -> list[int]:
        """Who is in it."""
        return [int(line) for line in self.members.read_text(encoding="ascii").split()]

    def has_processes(self) -> bool:
        """Whether anybody is in it, or in a group below."""
        return any(Group(Path(directory)).processes() for directory, _, _ in os.walk(self.path))

    def freeze(self) -> None:
        """Stop all that is in it, and wait until it stands still.

        Raises:
            LabError: a process hangs in the kernel, and cannot be frozen.
        """
        self._set(frozen=True)

    def thaw(self) -> None:
        """Let it go on; done already if it was not frozen.

        Raises:
            LabError: the kernel did not thaw it.
        """
        self._set(frozen=False)

    def is_frozen(self) -> bool:
        """Whether everything in it stands still."""
        if self._is_v2():
            events = (self.path / "cgroup.events").read_text(encoding="ascii")
            return "frozen 1" in events.splitlines()
        return self._v1_state() == "FROZEN"

    def remove(self) -> None:
        """Kill whatever is in it and below, thaw it, and take it away; fine if it is gone.

        Raises:
            LabError: something in it does not die.
        """
        groups = [Group(Path(directory)) for directory, _, _ in os.walk(self.path, topdown=False)]
        for group in groups:
            group.kill()
            group.thaw()
        # Only now: an init does not end before all that were in its PID namespace have.
        for group in groups:
            group.wait_empty()
            group.path.rmdir()

    def wait_empty(self) -> None:
        """Until those that were killed are gone.

        Raises:
            LabError: something in it does not die.
        """
        wait_until(
            lambda: not self.processes(),
            f"Processes in the control group {self.path} were killed and do not end. Something "
            f"of them waits for a disk: see /proc/PID/stack of those in cgroup.procs.",
        )

    def kill(self) -> None:
        """Send SIGKILL to all that is in it; what is frozen by v1 dies when it is thawed."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was faster

    def _set(self, *, frozen: bool) -> None:
        if self._is_v2():
            (self.path / "cgroup.freeze").write_text("1" if frozen else "0", encoding="ascii")
        else:
            word = "FROZEN" if frozen else "THAWED"
            (self.path / "freezer.state").write_text(word, encoding="ascii")
        wait_until(
            lambda: self.is_frozen() == frozen,
            f"The control group {self.path} was not {'frozen' if frozen else 'thawed'} within "
            f"{DEADLINE_S:g} s. A process in it hangs in the kernel, probably on a disk.",
        )

    def _is_v2(self) -> bool:
        return (self.path / "cgroup.freeze").exists()

    def _v1_state(self) -> str:
        # Reading it makes the v1 freezer look again at those that were not frozen yet.
        return (self.path / "freezer.state").read_text(encoding="ascii").strip()


def groups_called(name: str, hierarchies: Sequence[Path] = HIERARCHIES) -> list[Group]:
    """The groups of this name that there are."""
    groups = [Group(hierarchy / name) for hierarchy in hierarchies]
    return [group for group in groups if group.path.exists()]


def make_group(name: str, hierarchies: Sequence[Path] = HIERARCHIES) -> Group | None:
    """A group of this name in the first hierarchy that can freeze, v2 before v1.

    Args:
        name: what to call it.
        hierarchies: where to look.

    Returns:
        The group, made if it was not there; nothing where this process may not freeze.
    """
    for hierarchy in hierarchies:
        group = Group(hierarchy / name)
        try:
            group.create()
        except OSError:
            continue  # not mounted, or not ours: look on
        if any(
            os.access(group.path / file, os.W_OK) for file in ("cgroup.freeze", "freezer.state")
        ):
            return group
        group.path.rmdir()
    return None
