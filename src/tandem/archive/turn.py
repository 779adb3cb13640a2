"""One process at a time brings a volume into service.

A node starts a recorder for each core at once, and each finds the same fresh index to set up, or
the same dead writers to tidy up after. The lock is on the volume's root directory itself, so there
is no file to make, to sync or to leave behind; the kernel gives it up with the process.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from tandem.archive.errors import VolumeBusyError, disk_error
from tandem.archive.volume import Volume

# The one before may have a minute of every camera to read again, from a slow disk.
_PATIENCE_S = 300.0
_POLL_S = 0.05


@contextmanager
def turn_at(volume: Volume) -> Iterator[None]:
    """Wait until no other process brings the volume into service, and keep it so.

    Raises:
        VolumeBusyError: another one has not come to an end with it.
        DiskError: the volume cannot be read.
    """
    try:
        fd = volume.open_file(PurePosixPath(), os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise disk_error(error, f"waiting to open the volume {volume.root}") from error
    try:
        _wait(volume, fd)
        yield
    finally:
        volume.disk.close(fd)


def _wait(volume: Volume, fd: int) -> None:
    for _ in range(round(_PATIENCE_S / _POLL_S)):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_S)
        except OSError as error:
            raise disk_error(error, f"locking the volume {volume.root}") from error
        else:
            return
    raise VolumeBusyError(
        f"Another process has been bringing {volume.root} into service for {_PATIENCE_S:.0f} s: "
        f"its disk may hang. See `fuser -v {volume.root}` and `dmesg`."
    )
