"""Whether each volume is mounted where it is meant to be, is the right one, and can be written."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.archive.disk import SYSTEM_DISK
from tandem.archive.errors import ArchiveError, words_of
from tandem.archive.identity import VolumeIdentity, read
from tandem.node.preflight.finding import Finding, failed, passed, warned
from tandem.node.preflight.mounts import (
    MOUNTS,
    NETWORKED,
    VOLATILE,
    Mount,
    existing,
    mount_of,
    parse_mounts,
)
from tandem.node.settings import VolumeSettings

CHECK: Final = "volumes"

PROVEN: Final = frozenset({"ext4", "xfs", "btrfs", "zfs"})

LEAST_ROOM_BYTES: Final = 10 << 30
"""Above the floor. An hour of ten cameras of 4 Mbit/s takes twice as much."""

LEAST_FILES: Final = 0.05
"""Of its inodes: a volume of small segments may run out of them before it is full."""

FSTAB: Final = Path("/etc/fstab")

_SMART_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one volume.

    Attributes:
        wanted: by the settings.
        cluster: the cluster's number.
        mount: the file system that it is on; None: its path is not there.
        identity: which volume it is; None: see `identity_problem`.
        identity_problem: why that is not known.
        write_problem: why it cannot be written; empty if it can.
        mode: permissions of its directory.
        total_bytes: of the file system.
        free_bytes: of it, for anybody; None: it was not asked.
        free_files: the part of its inodes that are free; 1 where it makes them as needed.
        starts_without: whether this machine starts without it; None: it is not in fstab.
        smart: what the disk says of itself; None: it was not asked, or does not tell.
    """

    wanted: VolumeSettings
    cluster: int
    mount: Mount | None
    identity: VolumeIdentity | None = None
    identity_problem: str = ""
    write_problem: str = ""
    mode: int = 0o750
    total_bytes: int = 0
    free_bytes: int | None = None
    free_files: float = 1.0
    starts_without: bool | None = None
    smart: bool | None = None


def judge(facts: Facts) -> list[Finding]:
    """Say what is wrong with a volume; if nothing is, that."""
    found = list(_judge_place(facts))
    if facts.mount:
        found += [*_judge_identity(facts), *_judge_writing(facts.mount, facts), *_judge_room(facts)]
    if not found:
        mount = facts.mount
        kind = mount.kind if mount else "unknown"
        found = [
            passed(
                CHECK,
                f"{facts.wanted.path} is mounted ({kind}), the right volume, and can be written;"
                f" {facts.total_bytes / 1e9:.0f} GB"
                f"{', its disk says that it is well' if facts.smart else ''}.",
            )
        ]
    return found


def _judge_place(facts: Facts) -> Iterator[Finding]:
    path, mount = facts.wanted.path, facts.mount
    if mount is None:
        yield failed(
            CHECK, f"{path} is not there.", f"Mount the disk: see `findmnt {path}` and `lsblk`."
        )
        return
    if mount.point != path:
        yield warned(
            CHECK,
            f"{path} is no mount point: it lies on {mount.point} ({mount.source}).",
            "Record to a disk of its own: a full one then stops nothing else.",
        )
    if mount.kind in VOLATILE:
        yield failed(
            CHECK, f"{path} is on {mount.kind}, in memory.", "Mount a disk there: nothing stays."
        )
    elif mount.kind in NETWORKED:
        yield warned(
            CHECK,
            f"{path} is on a network file system ({mount.kind}).",
            "Record to a disk of this machine: that network's failure is this disk's.",
        )
    elif mount.kind not in PROVEN:
        yield warned(
            CHECK,
            f"{path} is on {mount.kind}, with which nobody has tried it.",
            f"Use {', '.join(sorted(PROVEN))}.",
        )
    if "ro" in mount.options:
        yield failed(
            CHECK,
            f"{path} is mounted read-only.",
            "See `dmesg`: its file system may have found errors; check it with `fsck`, unmounted.",
        )
    if "strictatime" in mount.options:
        yield warned(
            CHECK,
            f"{path} is mounted with strictatime: each look at a recording is written to the disk.",
            "Mount it with noatime.",
        )
    if facts.starts_without is False:
        yield warned(
            CHECK,
            f"{path} stands in {FSTAB} without `nofail`: with that disk dead the machine does not"
            " start.",
            f"Add `nofail` to its options in {FSTAB}.",
        )


def _judge_identity(facts: Facts) -> Iterator[Finding]:
    path, wanted, identity = facts.wanted.path, facts.wanted, facts.identity
    if facts.identity_problem:
        yield failed(CHECK, facts.identity_problem, f"New disk: `tandem volume init {path}`.")
    elif identity and identity.cluster_number != facts.cluster:
        yield failed(
            CHECK,
            f"{path} is a volume of cluster {identity.cluster_number}; this is {facts.cluster}.",
            "Mount the disk that belongs here.",
        )
    elif identity and wanted.volume_id and identity.volume_id != wanted.volume_id:
        yield failed(
            CHECK,
            f"{path} is volume {identity.volume_id}; wanted is {wanted.volume_id}.",
            "Mount the disk that belongs here, or correct its `id` in node.toml.",
        )


def _judge_writing(mount: Mount, facts: Facts) -> Iterator[Finding]:
    path = facts.wanted.path
    if facts.write_problem and "ro" not in mount.options:
        yield failed(
            CHECK,
            f"{path} cannot be written: {facts.write_problem}.",
            f"See its owner and mode (`ls -ld {path}`), and `dmesg`.",
        )
    if facts.mode & stat.S_IWOTH:
        yield warned(CHECK, f"Anybody on this machine may write to {path}.", f"chmod o-rwx {path}")
    if facts.smart is False:
        yield failed(
            CHECK,
            f"The disk of {path} says that it is failing (SMART).",
            "Replace it: its recordings are on other nodes only for as long as protection says.",
        )


def _judge_room(facts: Facts) -> Iterator[Finding]:
    path, wanted = facts.wanted.path, facts.wanted
    room_bytes = facts.total_bytes - wanted.limits.min_free_bytes
    if facts.total_bytes and room_bytes < LEAST_ROOM_BYTES:
        yield warned(
            CHECK,
            f"{path} has {facts.total_bytes / 1e9:.1f} GB, of which"
            f" {wanted.limits.min_free_bytes / 1e9:.1f} GB are to stay free.",
            "Use a larger disk, or a lower `floor` in node.toml.",
        )
    if facts.free_bytes is not None and facts.free_bytes < wanted.limits.min_free_bytes / 2:
        yield warned(
            CHECK,
            f"{path} has {facts.free_bytes / 1e9:.1f} GB free;"
            f" {wanted.limits.min_free_bytes / 1e9:.1f} GB are to stay free.",
            "Old recordings are deleted for that: what fills it is something else (`du`), or"
            " nothing there may be deleted.",
        )
    if facts.free_files < LEAST_FILES:
        yield warned(
            CHECK,
            f"{path} has {facts.free_files:.0%} of its inodes free.",
            "Something else fills it with small files (`df -i`), or it was made with too few.",
        )


def look(wanted: VolumeSettings, cluster: int) -> list[Finding]:
    """Look at one volume; nothing stays behind.

    Args:
        wanted: by the settings.
        cluster: the cluster's number.

    Raises:
        OSError: the kernel does not tell.
    """
    path = wanted.path
    if not path.is_dir():
        return judge(Facts(wanted, cluster, None))
    mount = mount_of(existing(path), parse_mounts(MOUNTS.read_text()))
    identity, problem = _identity(path)
    size = os.statvfs(path)
    return judge(
        Facts(
            wanted,
            cluster,
            mount,
            identity,
            problem,
            _write_problem(path),
            stat.S_IMODE(path.stat().st_mode),
            size.f_blocks * size.f_frsize,
            size.f_bavail * size.f_frsize,
            size.f_favail / size.f_files if size.f_files else 1.0,
            starts_without(path, FSTAB.read_text() if FSTAB.exists() else ""),
            _smart(mount.device) if mount else None,
        )
    )


def starts_without(path: Path, fstab: str) -> bool | None:
    """Whether a machine starts without a file system: fstab(5), `nofail` or `noauto`.

    Args:
        path: where it is mounted.
        fstab: the table.

    Returns:
        None where the table does not name it: it holds up nothing.
    """
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) >= 4 and not fields[0].startswith("#") and fields[1] == str(path):
            return bool({"nofail", "noauto"} & set(fields[3].split(",")))
    return None


def _identity(path: Path) -> tuple[VolumeIdentity | None, str]:
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        return None, f"{path} cannot be read: {words_of(problem)}."
    try:
        return read(path, directory, SYSTEM_DISK), ""
    except ArchiveError as problem:
        return None, str(problem)
    except OSError as problem:
        return None, f"{path} cannot be read: {words_of(problem)}."
    finally:
        os.close(directory)


def _write_problem(path: Path) -> str:
    """A full disk is the normal state: that nothing fits is not what is looked for."""
    try:
        with tempfile.TemporaryFile(dir=path):
            return ""
    except OSError as problem:
        return words_of(problem)


def _smart(device: str) -> bool | None:
    program = shutil.which("smartctl", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    entry = Path("/sys/dev/block") / device
    if program is None or not entry.exists():
        return None
    whole = entry.resolve()
    disk = whole.parent if (whole / "partition").exists() else whole
    try:
        said = subprocess.run(
            [program, "-j", "-H", f"/dev/{disk.name}"],
            capture_output=True,
            text=True,
            timeout=_SMART_S,
            check=False,  # its exit status is a set of bits, most of which are no failure
        )
        passed_it = json.loads(said.stdout)["smart_status"]["passed"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None
    return bool(passed_it)
