"""A little space kept in hand: on a full disk it lets the index note what is being deleted.

SQLite cannot commit without room for its log, and deleting begins with a commit (A6). The
free-space floor is no help against others who fill the file system.
"""

import os
from contextlib import suppress
from pathlib import PurePosixPath

from tandem.archive.errors import disk_error
from tandem.archive.layout import BALLAST_FILE
from tandem.archive.volume import Volume

_BALLAST = PurePosixPath(BALLAST_FILE)
_BALLAST_BYTES = 4 << 20


def lay(volume: Volume) -> None:
    """Set the space aside, if it is not yet and the disk has it; its lack is no failure."""
    if volume.size_bytes(_BALLAST) == _BALLAST_BYTES:
        return
    with suppress(OSError):
        fd = volume.open_file(_BALLAST, os.O_WRONLY | os.O_CREAT)
        try:
            os.posix_fallocate(fd, 0, _BALLAST_BYTES)
        finally:
            volume.disk.close(fd)


def drop(volume: Volume) -> None:
    """Give the space back to the file system.

    Raises:
        DiskError: the disk failed.
    """
    try:
        volume.unlink([_BALLAST])
    except OSError as error:
        raise disk_error(error, f"removing {volume.root / _BALLAST}") from error
