"""Which volume this is: the file that tells a mounted disk from an empty mount point."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from tandem.archive.disk import Disk
from tandem.archive.errors import VolumeMissingError, WrongVolumeError
from tandem.archive.layout import IDENTITY_FILE

VERSION = 1
"""Version of the volume's layout. A newer one is refused, never guessed at."""


@dataclass(frozen=True, slots=True)
class VolumeIdentity:
    """What `tandem-volume.json` says.

    Attributes:
        volume_id: unique among all volumes of all clusters.
        cluster_number: the cluster that records here.
        node_id: the node that created it; the disk may have moved to another since.
        created_us: when, UTC.
    """

    volume_id: UUID
    cluster_number: int
    node_id: str
    created_us: int


def encode(identity: VolumeIdentity) -> bytes:
    """The identity as it stands in the file."""
    created = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=identity.created_us)
    document = {
        "version": VERSION,
        "volume_id": str(identity.volume_id),
        "cluster_number": identity.cluster_number,
        "node_id": identity.node_id,
        "created": created.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode(data: bytes, root: Path) -> VolumeIdentity:
    """Read an identity.

    Args:
        data: what the file holds.
        root: where it was found, for messages.

    Raises:
        WrongVolumeError: it is not one that this version understands.
    """
    try:
        document = json.loads(data)
        version = int(document["version"])
        created = datetime.fromisoformat(document["created"]) - datetime(1970, 1, 1, tzinfo=UTC)
        identity = VolumeIdentity(
            UUID(document["volume_id"]),
            int(document["cluster_number"]),
            str(document["node_id"]),
            created // timedelta(microseconds=1),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WrongVolumeError(
            f"{root / IDENTITY_FILE} is damaged ({error!r}). The recordings beside it are "
            f"untouched: restore the file from the node's configuration backup, or ask for help."
        ) from error
    if version > VERSION:
        raise WrongVolumeError(
            f"{root} was written by a newer Tandem (volume version {version}, this one knows "
            f"{VERSION}). Update this node before using the disk."
        )
    return identity


def read(root: Path, root_fd: int, disk: Disk) -> VolumeIdentity:
    """Read the identity of the volume at `root`.

    Raises:
        VolumeMissingError: there is none, so this is an empty mount point or some other directory.
        WrongVolumeError: it cannot be understood.
        OSError: it cannot be read.
    """
    try:
        fd = disk.open(IDENTITY_FILE, os.O_RDONLY, dir_fd=root_fd)
    except FileNotFoundError:
        empty = not any(name != "lost+found" for name in disk.listdir(root_fd))
        what = "is empty" if empty else f"has no {IDENTITY_FILE}"
        raise VolumeMissingError(
            f"{root} {what}: the disk is not mounted there, or it was never made a volume. "
            f"Look with `findmnt {root}`, mount the disk, and if it is new, create the volume."
        ) from None
    try:
        return decode(os.read(fd, 1 << 16), root)
    finally:
        disk.close(fd)


def write(identity: VolumeIdentity, root_fd: int, disk: Disk) -> None:
    """Write an identity so that it is there whole or not at all, even after a power cut.

    Raises:
        OSError: the disk refused.
    """
    draft = f"{IDENTITY_FILE}.new"
    fd = disk.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=root_fd)
    try:
        data = encode(identity)
        if disk.writev(fd, [data]) != len(data):
            raise OSError(28, os.strerror(28))
        disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.rename(draft, IDENTITY_FILE, dir_fd=root_fd)
    disk.fsync(root_fd)
