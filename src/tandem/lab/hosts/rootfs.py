"""What a host sees of the machine's files, and what it has for itself, as steps for its init.

The machine's root is shared, so that every program is there. Private are /tmp, /run and /mnt (in
memory, gone with the power), /etc and /var/lib (what is written there is in memory too), and on the
host's own disk /etc/tandem and /var/lib/tandem. Volumes are below /mnt. Everything that could hide
the sources of something else is put together on a stage and moved into place last.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tandem

Step = list[str | int]

SYSTEM = "system"
MANAGEMENT = Path("/run/tandem-lab")
MOUNT_OPTIONS = "errors=remount-ro"

_BIND, _MOVE, _REC, _PRIVATE = 0x1000, 0x2000, 0x4000, 0x40000
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8
_IN_MEMORY = {"tmp": "mode=1777", "run": "mode=755,size=64m", "mnt": "mode=755,size=1m"}


@dataclass(frozen=True, slots=True)
class Source:
    """What is mounted: an ext4 image, or a plain directory where images cannot be used.

    Attributes:
        path: the file or directory.
        is_image: which of the two.
    """

    path: Path
    is_image: bool


def mounted_at(disk: str) -> Path:
    """Where a host has a disk: a volume, or the one that its system is on."""
    return Path("/var/lib/tandem") if disk == SYSTEM else Path("/mnt") / disk


def private_mounts() -> list[Step]:
    """What keeps mounts within a mount namespace, also where the machine shares them."""
    return [["mount", "none", "/", "", _REC | _PRIVATE, ""]]


def steps(
    stage: Path, system: Source, volumes: Mapping[str, Source | None], management: Path
) -> list[Step]:
    """What init does to furnish a host.

    Args:
        stage: an empty directory of the host's own, to put things together on.
        system: what /etc/tandem and /var/lib/tandem are on.
        volumes: what is to be mounted, by name; of one that is gone, only its mount point is there.
        management: a directory that all hosts share, for sockets: what a network of its own for
            management would be. It is below /run.
    """
    plan: list[Step] = [
        *private_mounts(),
        ["mount", "tandem-lab", str(stage), "tmpfs", 0, "mode=755"],
        *_mounted(system, stage / "system"),
    ]
    for name, options in _IN_MEMORY.items():
        plan += _made(stage / name)
        plan.append(["mount", "tandem-lab", str(stage / name), "tmpfs", _NOSUID | _NODEV, options])
    shared = stage / MANAGEMENT.relative_to("/")
    plan += [*_made(shared), _bind(management, shared)]
    for path in _kept_visible():
        inside = stage.joinpath(*path.parts[1:])
        plan += [*_made(inside), _bind(path, inside)]
    for name, source in volumes.items():
        at = stage / "mnt" / name
        if source is None:
            plan += _made(at)
        elif source.is_image:
            plan += _mounted(source, at)
        else:
            plan += _set_apart(stage, source.path, at)
    plan += _layered(stage, Path("/etc"), "etc")
    plan += _layered(stage, Path("/var/lib"), "lib")
    # By relative names: the stage itself may be below /tmp, which the first of these hides.
    plan.append(["enter", str(stage)])
    plan += [["mount", name, f"/{name}", "", _MOVE, ""] for name in _IN_MEMORY]
    bare = _NOSUID | _NODEV | _NOEXEC
    shared_memory = "/dev/shm"  # noqa: S108 - where POSIX has it; the IPC namespace does not
    plan.append(["mount", "tandem-lab", shared_memory, "tmpfs", _NOSUID | _NODEV, "mode=1777"])
    plan += [["mount", kind, f"/{kind.removesuffix('fs')}", kind, bare, ""] for kind in _OWN_VIEW]
    if system.is_image:  # a user namespace may not mount it
        plan.append(["mount", "tandem-lab", "/sys/fs/cgroup", "cgroup2", bare, ""])
    return plan


_OWN_VIEW = ("sysfs", "proc")  # of the host's own network and processes


def _layered(stage: Path, directory: Path, name: str) -> Iterable[Step]:
    """Make `directory` the host's own, and put its `tandem` on the host's disk."""
    upper, work, disk = stage / "upper" / name, stage / "work" / name, stage / "system" / name
    layers = f"lowerdir={directory},upperdir={upper},workdir={work}"
    yield from (*_made(upper), *_made(work), *_made(disk))
    yield ["mount", "tandem-lab", str(directory), "overlay", 0, layers]
    yield from _made(directory / "tandem")
    yield _bind(disk, directory / "tandem")


def _mounted(source: Source, target: Path) -> list[Step]:
    if source.is_image:
        options = f"loop,{MOUNT_OPTIONS}"
        how: Step = ["run", "mount", "-n", "-t", "ext4", "-o", options]
        return [*_made(target), [*how, str(source.path), str(target)]]
    return [*_made(target), _bind(source.path, target)]


def _set_apart(stage: Path, directory: Path, target: Path) -> Iterable[Step]:
    """Mount a directory as a file system of its own: daemons ask whether two are on one disk."""
    lower, upper, work = stage / "empty", directory / "files", directory / "overlay"
    yield from (*_made(lower), *_made(upper), *_made(work), *_made(target))
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    yield ["mount", "tandem-lab", str(target), "overlay", 0, layers]


def _kept_visible() -> list[Path]:
    """Where Python and Tandem are, if that is where a host has something of its own."""
    needed = {Path(sys.prefix), Path(sys.base_prefix), Path(tandem.__path__[0]).parent}
    return sorted(path for path in needed if path.parts[1] in _IN_MEMORY)


def _made(directory: Path) -> list[Step]:
    return [["make", str(directory)]]


def _bind(source: Path, target: Path) -> Step:
    return ["mount", str(source), str(target), "", _BIND | _REC, ""]
