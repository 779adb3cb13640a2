"""How much memory a recorder may use for video that waits for disks."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_MEMBERSHIP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def backlog_bytes(memory_bytes: int, recorders: int) -> int:
    """The most that may wait in one recorder for all of its disks together.

    A quarter of what there is for all recorders: a controller that hangs takes all disks with it,
    and who then uses up the memory is killed with the pictures of every camera.

    Args:
        memory_bytes: what there is.
        recorders: how many there may be.
    """
    return memory_bytes // 4 // recorders


def usable_bytes(membership: Path = _MEMBERSHIP, groups: Path = _GROUPS) -> int:
    """The memory of this machine, or as much of it as this process may have (cgroups(7)).

    A limit of a unit (`MemoryMax=`, `MemoryHigh=`) or of a container counts, of whichever version.

    Args:
        membership: says in which control groups this process is.
        groups: where these are mounted.
    """
    installed_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([installed_bytes, *_limits(membership, groups)])


def _limits(membership: Path, groups: Path) -> Iterator[int]:
    lines: list[str] = []
    with suppress(OSError):  # no control groups: no limits
        lines = membership.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _limits_above(groups, path, ("memory.max", "memory.high"))
        elif "memory" in controllers.split(","):
            yield from _limits_above(groups / "memory", path, ("memory.limit_in_bytes",))


def _limits_above(root: Path, path: str, names: tuple[str, ...]) -> Iterator[int]:
    """The limits of a group and of all above it; a container may see none but the root's."""
    group = PurePosixPath(path)
    for one in (group, *group.parents):
        for name in names:
            with suppress(OSError, ValueError):  # not there, or "max"
                yield int((root / one.relative_to("/") / name).read_text(encoding="ascii"))
