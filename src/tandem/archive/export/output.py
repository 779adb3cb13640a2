"""Files that are complete or not there at all.

Each is written under a name of its own beside its target. Only when all are on the disk do they get
their names; whatever happens before that, they are removed.
"""

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from uuid import uuid4

from blake3 import blake3

from tandem.archive.disk import SYSTEM_DISK, Buffer, Disk
from tandem.archive.export.errors import TargetError, target_error


class OutputFile:
    """A file being written.

    Args:
        directory_fd: of the directory, open.
        target: its path when it is complete.
        needed_bytes: how large it will be, for messages.
        disk: the system calls.

    Attributes:
        target: the same.
        size_bytes: what was written.
        has_name: whether it has its name.

    Raises:
        TargetError: it cannot be created.
    """

    def __init__(self, directory_fd: int, target: Path, needed_bytes: int, disk: Disk) -> None:
        self.target = target
        self.size_bytes = 0
        self.has_name = False
        self._directory_fd = directory_fd
        self._needed_bytes = needed_bytes
        self._disk = disk
        self._hasher = blake3()
        self._temporary = f".tandem-export.{uuid4().hex}.part"
        try:
            self._fd = disk.open(
                self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=directory_fd
            )
        except OSError as error:
            raise self._error(error) from error

    @property
    def hash(self) -> bytes:
        """BLAKE3 of what was written, 32 bytes."""
        return self._hasher.digest()

    def write(self, data: Buffer) -> None:
        """Write all of it.

        Raises:
            TargetError: the disk did not take it.
        """
        self._hasher.update(data)
        self.size_bytes += len(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._disk.writev(self._fd, [rest]) :]
        except OSError as error:
            raise self._error(error) from error

    def sync(self) -> None:
        """Force it to the disk, and let go of it.

        Raises:
            TargetError: the disk failed.
        """
        try:
            self._disk.fsync(self._fd)
        except OSError as error:
            raise self._error(error) from error
        finally:
            self._close()

    def publish(self) -> None:
        """Give it its name.

        Raises:
            TargetError: it cannot get it.
        """
        try:
            self._disk.rename(self._temporary, self.target.name, dir_fd=self._directory_fd)
        except OSError as error:
            raise self._error(error) from error
        self._temporary = self.target.name
        self.has_name = True

    def discard(self) -> None:
        """Remove it, under whichever name it has; one that cannot be removed is left."""
        self._close()
        try:
            self._disk.unlink(self._temporary, dir_fd=self._directory_fd)
        except OSError:
            return  # the directory is gone or read-only; the failure before this one is told

    def _close(self) -> None:
        if self._fd >= 0:
            self._disk.close(self._fd)
            self._fd = -1

    def _error(self, error: OSError) -> TargetError:
        return target_error(error, str(self.target), self._needed_bytes)


class Outputs:
    """The files of one export: all of them, or none. A context manager.

    Args:
        targets: their paths, in one directory.
        sizes: how large each will be, for messages.
        disk: the system calls.
        replaces: what is at a target already gives way to what is complete.

    Attributes:
        files: open for writing, once entered.

    Raises:
        TargetError: a target exists, or the directory does not.
    """

    def __init__(
        self,
        targets: Sequence[Path],
        sizes: Sequence[int],
        disk: Disk = SYSTEM_DISK,
        *,
        replaces: bool = False,
    ) -> None:
        self.files: list[OutputFile] = []
        self._targets = targets
        self._sizes = sizes
        self._disk = disk
        self._replaces = replaces
        self._directory_fd = -1
        self._is_complete = False

    def __enter__(self) -> Self:
        directory = self._targets[0].parent
        for target in self._targets:
            _check_free(target, replaces=self._replaces)
        self._directory_fd = _open_directory(directory)
        with ExitStack() as undoing:
            undoing.callback(self._end)
            self._check_room()
            for target, size in zip(self._targets, self._sizes, strict=True):
                self.files.append(OutputFile(self._directory_fd, target, size, self._disk))
            undoing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def complete(self) -> None:
        """Force all files to the disk, then give them their names.

        Raises:
            TargetError: the disk failed, or a target came to be meanwhile. None of them is left but
                those that have replaced another file, and are complete.
        """
        for file in self.files:
            file.sync()
        for file in self.files:
            _check_free(file.target, replaces=self._replaces)
        for file in self.files:
            file.publish()
        try:
            self._disk.fsync(self._directory_fd)
        except OSError as error:
            raise target_error(error, str(self._targets[0]), sum(self._sizes)) from error
        self._is_complete = True

    def _check_room(self) -> None:
        """See, before all the writing, that the files fit, if the file system tells."""
        told = os.fstatvfs(self._directory_fd)
        free_bytes = told.f_bfree * told.f_frsize
        if told.f_blocks and free_bytes < sum(self._sizes):
            raise TargetError(
                f"There is no room for {self._targets[0]}, which needs "
                f"{sum(self._sizes) / 1e6:,.1f} MB: {free_bytes / 1e6:,.1f} MB are free. Nothing "
                f"was written; free some space or name another directory."
            )

    def _end(self) -> None:
        if not self._is_complete:
            for file in self.files:
                if not (file.has_name and self._replaces):  # what it replaced is gone
                    file.discard()
        self._disk.close(self._directory_fd)


def check_target(target: Path, *, replaces: bool) -> None:
    """See, before all the work, that there is a place for a file.

    Raises:
        TargetError: there is none, or something has it.
    """
    directory_fd = _open_directory(target.parent)
    try:
        is_read_only = os.fstatvfs(directory_fd).f_flag & os.ST_RDONLY
    finally:
        os.close(directory_fd)
    if is_read_only:
        raise TargetError(f"{target.parent} is on a file system that is mounted read-only.")
    if not os.access(target.parent, os.W_OK):
        raise TargetError(f"{target.parent} cannot be written to by this user.")
    _check_free(target, replaces=replaces)


def _check_free(target: Path, *, replaces: bool) -> None:
    """See that nothing is replaced that must not be: never a device, a pipe or a link.

    Raises:
        TargetError: there is something of that name.
    """
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise target_error(error, str(target), 0) from error
    if not stat.S_ISREG(mode):
        raise TargetError(
            f"{target} is {_kind(mode)}, and an export becomes a file. Name another one."
        )
    if not replaces:
        raise TargetError(f"{target} exists already. Remove it, or name another file.")


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a symbolic link" if stat.S_ISLNK(mode) else "a device, pipe or socket"


def _open_directory(directory: Path) -> int:
    try:
        return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise TargetError(
            f"The directory {directory} does not exist. Make it, or name another one."
        ) from None
    except OSError as error:
        raise TargetError(f"{directory} cannot be written to: {error.strerror}.") from error
