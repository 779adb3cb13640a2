"""Who writes to a volume now: each recorder process holds a lock on a file of its own.

A node runs one recorder for each core, and all write to the same volumes. A segment's row names its
writer, so that what a dead one left open is told from what a living one has open (invariant A10).
The kernel gives up a lock with the process that held it, however that ended.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import PurePosixPath
from uuid import UUID, uuid4

from tandem.archive.errors import DiskFullError, disk_error
from tandem.archive.layout import WRITERS
from tandem.archive.volume import Volume

_ROOM_BYTES = 16 << 20
"""What is room for more than a moment: a second of 128 Mbit/s."""


class Writer:
    """This process, as one that writes to a volume.

    Attributes:
        writer_id: unique to this object; in the rows of the segments it begins.
    """

    def __init__(self, volume: Volume, writer_id: UUID, fd: int) -> None:
        self.writer_id = writer_id
        self._volume = volume
        self._fd = fd

    @classmethod
    def claim(cls, volume: Volume) -> "Writer":
        """Enter this process among the writers.

        Raises:
            DiskError: the volume cannot be written.
        """
        try:
            volume.make_directories(WRITERS)
            while True:
                writer_id = uuid4()
                path = _path(writer_id)
                fd = volume.open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # `living` of another process may have taken it for a dead one's in between.
                if os.fstat(fd).st_nlink:
                    return cls(volume, writer_id, fd)
                volume.disk.close(fd)
        except OSError as error:
            raise disk_error(error, f"entering a writer of {volume.root}") from error

    def check_writable(self) -> None:
        """Notice that the file system does not take changes any more, whatever it says of itself.

        One that is only full takes them again as soon as something is deleted.

        Raises:
            DiskError: it does not.
        """
        try:
            self._volume.disk.touch(self._fd)
        except OSError as error:
            failure = disk_error(error, f"looking at the volume {self._volume.root}")
            if not isinstance(failure, DiskFullError):
                raise failure from error

    def has_room(self) -> bool:
        """Whether the file system would take video, whatever it says of itself: quotas count, too.

        Raises:
            DiskError: it fails otherwise.
        """
        try:
            try:
                self._volume.disk.allocate(self._fd, _ROOM_BYTES)
            finally:
                self._volume.disk.truncate(self._fd, 0)
        except OSError as error:
            failure = disk_error(error, f"looking for room on the volume {self._volume.root}")
            if not isinstance(failure, DiskFullError):
                raise failure from error
            return False
        return True

    def release(self) -> None:
        """Leave; harmless when repeated. The file goes first, so that nobody finds it unlocked."""
        if self._fd >= 0:
            with suppress(OSError):  # a dead volume keeps it, until somebody looks for the living
                self._volume.unlink([_path(self.writer_id)])
            self._volume.disk.close(self._fd)
            self._fd = -1


def living(volume: Volume) -> set[UUID]:
    """The writers whose process lives, this one included; removes the files of dead ones.

    Raises:
        DiskError: the volume cannot be read or written.
    """
    found: set[UUID] = set()
    dead: list[PurePosixPath] = []
    try:
        for name in volume.listdir(WRITERS):
            path = WRITERS / name
            if _is_locked(volume, path):
                found.add(UUID(hex=name))
            else:
                dead.append(path)
        volume.unlink(dead)
    except OSError as error:
        raise disk_error(error, f"looking for the writers of {volume.root}") from error
    return found


def _is_locked(volume: Volume, path: PurePosixPath) -> bool:
    try:
        fd = volume.open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        volume.disk.close(fd)
    return False


def _path(writer_id: UUID) -> PurePosixPath:
    return WRITERS / writer_id.hex
