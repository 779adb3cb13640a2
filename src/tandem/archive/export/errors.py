"""What may go wrong with an export; messages are for whoever asked for it."""

import errno

from tandem.archive.errors import ArchiveError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class ExportError(ArchiveError):
    """An export was not made; nothing was left behind."""


class NothingRecordedError(ExportError):
    """There is no picture in the time that was asked for."""


class TargetError(ExportError):
    """The file cannot be written where it was asked for."""


class ExportCancelledError(ExportError):
    """Whoever asked for it wants it no more; to be raised by a progress callback."""


class SourceError(ArchiveError):
    """A place with recordings, or one segment of it, cannot be read at present."""


class SourceLostError(ArchiveError):
    """A place with recordings is out of reach from now on; the export goes on without it.

    Args:
        node_id: whose it is.
        reason: a sentence: what is down.
    """

    def __init__(self, node_id: str, reason: str) -> None:
        super().__init__(reason)
        self.node_id = node_id


def target_error(error: OSError, path: str, needed_bytes: int) -> TargetError:
    """Say why a file could not be written, and what to do.

    Args:
        error: what the operating system said.
        path: the file.
        needed_bytes: how large it would be.
    """
    size = f"{needed_bytes / 1e6:,.1f} MB"
    if error.errno in _FULL:
        return TargetError(
            f"There is no room for {path}, which needs {size}. Nothing was left behind; free "
            f"some space or name another directory."
        )
    if error.errno == errno.EFBIG:
        return TargetError(
            f"{path} would be {size}, larger than its file system or a limit (`ulimit -f`) allows; "
            f"FAT32 ends at 4 GiB. Nothing was left behind; export a shorter time, or elsewhere."
        )
    return TargetError(
        f"{path} cannot be written: {error.strerror or error}. Nothing was left behind."
    )
