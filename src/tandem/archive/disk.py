"""The system calls the archive makes, as one object, so that a test can bring a failing disk."""

import os
from collections.abc import Sequence

Buffer = bytes | bytearray | memoryview


class Disk:
    """The disk as the operating system shows it; every call may raise `OSError`.

    Paths are relative to a directory's descriptor: a file is reached through the file system that
    was checked when the volume was opened, never through whatever is mounted there by now.
    """

    def open(self, path: str, flags: int, *, dir_fd: int) -> int:
        """Open a file (`openat`); what is created is readable by the group, as logs are."""
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640, dir_fd=dir_fd)

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        """Write from several buffers; returns how many bytes were taken, which may be fewer."""
        return os.writev(fd, buffers)

    def fdatasync(self, fd: int) -> None:
        """Force a file's bytes, and what is needed to find them again, to the disk."""
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        """Force a file or directory with all its attributes to the disk."""
        os.fsync(fd)

    def truncate(self, fd: int, size_bytes: int) -> None:
        """Cut a file."""
        os.ftruncate(fd, size_bytes)

    def allocate(self, fd: int, size_bytes: int) -> None:
        """Set room aside for a file's first bytes."""
        os.posix_fallocate(fd, 0, size_bytes)

    def touch(self, fd: int) -> None:
        """Set a file's times to now: a change that takes no room."""
        os.utime(fd)

    def mkdir(self, path: str, *, dir_fd: int) -> None:
        """Make a directory."""
        os.mkdir(path, 0o750, dir_fd=dir_fd)

    def rmdir(self, path: str, *, dir_fd: int) -> None:
        """Remove an empty directory."""
        os.rmdir(path, dir_fd=dir_fd)

    def listdir(self, fd: int) -> list[str]:
        """The names in a directory."""
        return os.listdir(fd)

    def rename(self, old: str, new: str, *, dir_fd: int) -> None:
        """Rename within one file system."""
        os.rename(old, new, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    def unlink(self, path: str, *, dir_fd: int) -> None:
        """Remove a file's name."""
        os.unlink(path, dir_fd=dir_fd)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)


SYSTEM_DISK = Disk()
"""The real one."""
