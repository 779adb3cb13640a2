"""What may go wrong with a disk, told apart by what is to be done about it."""

import errno
import os
import pwd
import sqlite3


class ArchiveError(Exception):
    """Anything the archive refuses or fails to do; the message is for the administrator."""


class VolumeError(ArchiveError):
    """A volume cannot be used as it is; nothing was written to it."""


class VolumeMissingError(VolumeError):
    """There is no volume where one is expected: most often a disk that is not mounted."""


class WrongVolumeError(VolumeError):
    """Another volume than the expected one is there: another disk, or another cluster's."""


class VolumeNotEmptyError(VolumeError):
    """A directory that holds somebody else's files was to become a volume."""


class VolumeReadOnlyError(VolumeError):
    """The file system of a volume is mounted read-only."""


class VolumeBusyError(VolumeError):
    """Another process writes to the volume."""


class DiskError(ArchiveError):
    """A disk did not do what it was asked.

    Attributes:
        code: the `errno` of the failure, or 0 where SQLite did not tell it.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class DiskFullError(DiskError):
    """No space or quota left. Deleting helps; the disk is well."""


class DiskReadOnlyError(DiskError):
    """The file system became read-only, as ext4 does after an error. Use another volume."""


class DiskFailedError(DiskError):
    """The disk failed to read, write or sync. Use another volume."""


class SuspectSegmentError(DiskFailedError):
    """The segment can no longer be trusted to be on the disk: begin a new one."""


class IndexBusyError(DiskError):
    """Another process held the index for too long; nothing was entered. Try again."""


class IndexDamagedError(ArchiveError):
    """The index of a volume is not a whole SQLite database, or not one of ours."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM})


def disk_error(error: OSError, what: str) -> DiskError:
    """Tell the failures of a disk apart.

    Args:
        error: what the operating system said.
        what: what was being done, and to which file: "writing /srv/a/x.mp4".

    Returns:
        The typed error, with a message that names the file, the cause and what to do.
    """
    code = error.errno or 0
    if code in _FULL:
        return DiskFullError(
            f"No space left while {what}; see `df -h` and `df -i`.",
            code,
        )
    if code == errno.EROFS:
        return DiskReadOnlyError(
            f"The file system became read-only while {what}. "
            f"See `dmesg` for the disk's error, then check it with `fsck` and mount it again.",
            code,
        )
    if code in _DENIED:
        user = _user_name()
        return DiskFailedError(
            f"User {user} may not do this: {what}. All of a volume has to belong to the user that "
            f"Tandem runs as: `chown --recursive {user}: MOUNT-POINT` as root.",
            code,
        )
    return DiskFailedError(
        f"The disk failed while {what}: {error.strerror or error}. "
        f"See `dmesg` and `smartctl -a`; replace the disk if it goes on.",
        code,
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def words_of(error: OSError) -> str:
    """What the operating system said, without its number: "No space left on device".

    Args:
        error: of any call; the file that it is about, if it has one, is named.
    """
    if isinstance(error, TimeoutError) and not error.strerror:
        return str(error) or "no answer in time"
    said = error.strerror or str(error) or type(error).__name__
    named = error.filename if isinstance(error.filename, str) else ""
    return f"{named}: {said}" if named else said


_SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL})
# The file that its processes share could not be made or grow: it takes 32 KiB.
_SQLITE_FULL_EXTENDED = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE})
_SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# PROTOCOL: in WAL mode, the race to begin a transaction was lost again and again.
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})


def index_error(error: sqlite3.Error, path: str) -> ArchiveError:
    """Tell the failures of the index apart, as `disk_error` does those of files.

    Args:
        error: what SQLite said.
        path: the index's file.

    Returns:
        The typed error, with a message that says what to do.
    """
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & 0xFF  # the low byte is the primary result code (sqlite.org/rescode.html)
    if code in _SQLITE_FULL or extended in _SQLITE_FULL_EXTENDED:
        return DiskFullError(f"No space left for the index {path}; see `df -h`.", errno.ENOSPC)
    if code == sqlite3.SQLITE_READONLY:
        return DiskReadOnlyError(
            f"The index {path} is read-only: {error}; see `dmesg`.", errno.EROFS
        )
    if code in _SQLITE_BUSY:
        return IndexBusyError(
            f"Another process kept the index {path} busy for too long ({error}); nothing was "
            f"entered, and it is tried again. If it goes on, the disk is slow or hangs: see "
            f"`fuser -v {path}` and `iostat -x`.",
            errno.EBUSY,
        )
    if code in _SQLITE_DAMAGED:
        return IndexDamagedError(
            f"The index {path} is damaged ({error}); it is rebuilt from the files."
        )
    return DiskFailedError(f"The index {path} cannot be used: {error}; see `dmesg`.")
