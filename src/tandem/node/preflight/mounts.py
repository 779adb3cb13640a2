"""What is mounted where: /proc/self/mountinfo, as proc(5) describes it."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")

NETWORKED: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "afs"}
)
VOLATILE: Final = frozenset({"tmpfs", "ramfs"})

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system.

    Attributes:
        point: where.
        device: major and minor number, "8:1".
        kind: of file system.
        source: what is mounted.
        options: of the mount and of the file system.
    """

    point: Path
    device: str
    kind: str
    source: str
    options: frozenset[str]


def parse_mounts(text: str) -> list[Mount]:
    """Read a mountinfo; of what is mounted over another, the upper one comes last."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 6 or len(rest) < 3:
            continue
        options = frozenset([*fields[5].split(","), *rest[2].split(",")])
        point = Path(_unescaped(fields[4]))
        found.append(Mount(point, fields[2], rest[0], _unescaped(rest[1]), options))
    return found


def mount_of(path: Path, mounts: Iterable[Mount]) -> Mount | None:
    """The file system that a path lies on."""
    holding = [it for it in mounts if path == it.point or it.point in path.parents]
    depth = max((len(it.point.parts) for it in holding), default=0)
    return next((it for it in reversed(holding) if len(it.point.parts) == depth), None)


def existing(path: Path) -> Path:
    """The path itself, or the nearest directory above it that is there already. Blocks."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return Path(os.path.realpath(path))


def _unescaped(field: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), field)
