"""What recovery and rebuilding do to a single file: close it in order, or move it aside."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tandem.archive.errors import DiskFullError, disk_error
from tandem.archive.inspection import hash_file
from tandem.archive.layout import QUARANTINE
from tandem.archive.segment_file import Sealed
from tandem.archive.volume import Volume
from tandem.media.mp4.mfra import mfra
from tandem.media.mp4.scan import Scan

OnProgress = Callable[[int, PurePosixPath], None]
"""Called before each file, with how many were done and its path."""


@dataclass(slots=True)
class Report:
    """What was found and done; sentences are for the administrator.

    Attributes:
        closed: segments that are complete now.
        cut_bytes: torn data cut off behind the last whole fragment.
        empty: segments that had not one whole fragment, dropped.
        left_alone: files without a row that only a later release, or a healthy disk, can judge.
        problems: what was not as it should be, and what was done about it.
    """

    closed: list[PurePosixPath] = field(default_factory=list)
    cut_bytes: int = 0
    empty: list[PurePosixPath] = field(default_factory=list)
    left_alone: int = 0
    problems: list[str] = field(default_factory=list)


def mend(volume: Volume, fd: int, scanned: Scan, size_bytes: int) -> Sealed:
    """Cut a file to what is whole, close it in order, make it durable, and hash it.

    Args:
        volume: whose disk it is on.
        fd: open for reading and writing.
        scanned: with at least one fragment.
        size_bytes: of the file as it was scanned.

    Raises:
        OSError: the disk failed; nothing that is whole was cut.
    """
    end = scanned.whole_bytes
    if end < size_bytes:
        volume.disk.truncate(fd, end)
    if not scanned.closed:
        end = _append_trailer(volume, fd, end, mfra(scanned.sync_points))
    volume.disk.fdatasync(fd)
    return Sealed(end, hash_file(fd, end))


def quarantine(volume: Volume, path: PurePosixPath) -> PurePosixPath:
    """Move a file aside that cannot be understood; never onto another, never deleted (A9).

    Returns:
        Where it is now.

    Raises:
        OSError: as the system says.
    """
    target = QUARANTINE / path
    number = 1
    while volume.size_bytes(target) is not None:
        number += 1
        target = QUARANTINE / path.with_name(f"{path.stem}_{number}.mp4")
    volume.rename(path, target)
    return target


def _append_trailer(volume: Volume, fd: int, end: int, trailer: bytes) -> int:
    """Append the closing index; on a full disk go without, as players can."""
    os.lseek(fd, end, os.SEEK_SET)
    try:
        left = trailer
        while left:
            left = left[volume.disk.writev(fd, [left]) :]
    except OSError as error:
        if not isinstance(disk_error(error, "closing a segment"), DiskFullError):
            raise
        volume.disk.truncate(fd, end)
        return end
    return end + len(trailer)
