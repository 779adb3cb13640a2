"""A volume: one directory on one file system, known by its identity file."""

import enum
import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from uuid import UUID

from tandem.archive import identity as identity_file
from tandem.archive.disk import SYSTEM_DISK, Disk
from tandem.archive.errors import (
    VolumeBusyError,
    VolumeMissingError,
    VolumeNotEmptyError,
    VolumeReadOnlyError,
    WrongVolumeError,
    disk_error,
)
from tandem.archive.identity import VolumeIdentity
from tandem.archive.layout import IDENTITY_FILE
from tandem.archive.space import NO_CAP, Limits, Space


class Access(enum.Enum):
    """What an opened volume may be used for."""

    READ_ONLY = enum.auto()
    """Neither to write, nor to keep others from writing."""
    SHARED = enum.auto()
    """To write, beside other processes; see `writers`."""
    EXCLUSIVE = enum.auto()
    """To write, with nobody else writing."""


class Volume:
    """An opened volume: the only way by which the archive touches files.

    Keeps the directory's descriptor, so that nothing is ever written to what is mounted
    there later, or to the bare mount point (invariant A1).

    Attributes:
        root: where it is mounted.
        identity: what its identity file says.
        limits: size cap and free-space floor.
        disk: the system calls; another one in tests.
    """

    def __init__(
        self,
        root: Path,
        root_fd: int,
        lock_fd: int,
        identity: VolumeIdentity,
        limits: Limits,
        disk: Disk,
    ) -> None:
        self.root = root
        self.identity = identity
        self.limits = limits
        self.disk = disk
        self._root_fd = root_fd
        self._lock_fd = lock_fd
        self._durable_directories: set[PurePosixPath] = {PurePosixPath()}

    @classmethod
    def create(
        cls, root: Path, identity: VolumeIdentity, disk: Disk = SYSTEM_DISK
    ) -> VolumeIdentity:
        """Make an existing, empty directory a volume. An explicit act of the administrator.

        Args:
            root: the mount point.
            identity: what to write; ignored where the same cluster's volume is there already.
            disk: the system calls.

        Returns:
            The identity that the volume has now.

        Raises:
            VolumeMissingError: the directory does not exist.
            VolumeNotEmptyError: it holds files, and no identity.
            WrongVolumeError: it is a volume of another cluster.
            DiskError: it cannot be written.
        """
        root_fd = open_root(root)
        try:
            names = set(disk.listdir(root_fd)) - {"lost+found", f"{IDENTITY_FILE}.new"}
            if IDENTITY_FILE in names:
                present = identity_file.read(root, root_fd, disk)
                _check_cluster(root, present, identity.cluster_number)
                return present
            if names:
                raise VolumeNotEmptyError(
                    f"{root} holds {len(names)} other files, {min(names)!r} among them. A volume "
                    f"begins as an empty directory: mount the disk for recordings, or empty it."
                )
            identity_file.write(identity, root_fd, disk)
        except OSError as error:
            raise disk_error(error, f"creating a volume in {root}") from error
        finally:
            disk.close(root_fd)
        return identity

    @classmethod
    def open(
        cls,
        root: Path,
        volume_id: UUID,
        cluster_number: int,
        limits: Limits = NO_CAP,
        disk: Disk = SYSTEM_DISK,
        *,
        access: Access = Access.SHARED,
    ) -> "Volume":
        """Open the volume that is expected at `root`, and no other.

        Args:
            root: the mount point.
            volume_id: the volume that the configuration names.
            cluster_number: this cluster.
            limits: size cap and free-space floor.
            disk: the system calls.
            access: whether to write, and beside whom.

        Raises:
            VolumeMissingError: no volume is there: the disk is not mounted.
            WrongVolumeError: another volume is there.
            VolumeReadOnlyError: its file system is mounted read-only.
            VolumeBusyError: another process writes to it, and one of both wants it alone.
            DiskError: it cannot be read.
        """
        root_fd = open_root(root)
        lock_fd = -1
        try:
            identity = identity_file.read(root, root_fd, disk)
            _check_cluster(root, identity, cluster_number)
            _check_id(root, identity, volume_id)
            if access is not Access.READ_ONLY:
                _check_writable(root, root_fd)
                lock_fd = _lock(root, root_fd, disk, access)
        except OSError as error:
            disk.close(root_fd)
            raise disk_error(error, f"opening the volume {root}") from error
        except BaseException:
            disk.close(root_fd)
            raise
        return cls(root, root_fd, lock_fd, identity, limits, disk)

    def close(self) -> None:
        """Let go of the volume; harmless when repeated."""
        for fd in (self._lock_fd, self._root_fd):
            if fd >= 0:
                self.disk.close(fd)
        self._lock_fd = self._root_fd = -1

    def check_present(self) -> None:
        """Notice that the disk was unmounted, or another mounted over it, since it was opened.

        Raises:
            VolumeMissingError: `root` is no longer the directory that was opened.
            DiskError: it cannot be read.
        """
        try:
            now = self.root.stat()
            then = os.fstat(self._root_fd)
        except FileNotFoundError:
            now = None
        except OSError as error:
            raise disk_error(error, f"looking at the volume {self.root}") from error
        if now is None or (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino):
            raise VolumeMissingError(
                f"{self.root} is no longer the disk of volume {self.identity.volume_id}: it was "
                f"unmounted, or another was mounted over it. See `findmnt {self.root}` and `dmesg`."
            )

    def space(self, recorded_bytes: int) -> Space:
        """How full the volume is.

        Args:
            recorded_bytes: sum of the segments, as the index has it.

        Raises:
            DiskError: the file system does not answer.
        """
        try:
            stat = os.fstatvfs(self._root_fd)
        except OSError as error:
            raise disk_error(error, f"measuring the free space of {self.root}") from error
        return Space(
            stat.f_blocks * stat.f_frsize,
            stat.f_bavail * stat.f_frsize,
            recorded_bytes,
            self.limits,
        )

    def open_file(self, path: PurePosixPath, flags: int) -> int:
        """Open a file of the volume; the caller owns the descriptor.

        Raises:
            OSError: as the system says.
        """
        return self.disk.open(str(path), flags, dir_fd=self._root_fd)

    def create_file(self, path: PurePosixPath) -> int:
        """Create a file that must not exist yet, with its directories, all durably (A3).

        Returns:
            A descriptor open for reading and writing, owned by the caller.

        Raises:
            OSError: as the system says.
        """
        self.make_directories(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            fd = self.open_file(path, flags)
        except FileNotFoundError:
            # Another process deleted the last file of this day, and its directory with it.
            self._durable_directories = {PurePosixPath()}
            self.make_directories(path.parent)
            fd = self.open_file(path, flags)
        try:
            self.sync_directory(path.parent)
        except OSError:
            self.disk.close(fd)
            raise
        return fd

    def make_directories(self, path: PurePosixPath) -> None:
        """Make a directory and those above it, each made durable in the one above it.

        Raises:
            OSError: as the system says.
        """
        if path in self._durable_directories:
            return
        self.make_directories(path.parent)
        with suppress(FileExistsError):  # made before a crash, maybe: the fsync is still owed
            self.disk.mkdir(str(path), dir_fd=self._root_fd)
        self.sync_directory(path.parent)
        self._durable_directories.add(path)

    def sync_directory(self, path: PurePosixPath) -> None:
        """Make what was created, renamed or unlinked in a directory durable.

        Raises:
            OSError: as the system says.
        """
        fd = self.open_file(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.disk.fsync(fd)
        finally:
            self.disk.close(fd)

    def rename(self, old: PurePosixPath, new: PurePosixPath) -> None:
        """Move a file inside the volume, durably.

        Raises:
            OSError: as the system says.
        """
        self.make_directories(new.parent)
        self.disk.rename(str(old), str(new), dir_fd=self._root_fd)
        self.sync_directory(new.parent)
        self.sync_directory(old.parent)

    def unlink(self, paths: Iterable[PurePosixPath]) -> None:
        """Remove files, durably; one that is gone already is no error. One fsync a directory.

        Raises:
            OSError: as the system says; some of the files may be gone by then.
        """
        touched: set[PurePosixPath] = set()
        for path in paths:
            with suppress(FileNotFoundError):  # gone before a crash, maybe: the fsync is owed
                self.disk.unlink(str(path), dir_fd=self._root_fd)
            touched.add(path.parent)
        for directory in sorted(touched):
            try:
                self.sync_directory(directory)
            except FileNotFoundError:
                continue
            self._prune(directory)

    def size_bytes(self, path: PurePosixPath) -> int | None:
        """The size of a file of the volume; None if there is none.

        Raises:
            OSError: as the system says.
        """
        try:
            return os.stat(str(path), dir_fd=self._root_fd, follow_symlinks=False).st_size
        except FileNotFoundError:
            return None

    def listdir(self, path: PurePosixPath) -> list[str]:
        """The names in a directory of the volume, sorted; none if it is not a directory.

        Raises:
            OSError: as the system says.
        """
        try:
            fd = self.open_file(path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            return sorted(self.disk.listdir(fd))
        finally:
            self.disk.close(fd)

    def _prune(self, directory: PurePosixPath) -> None:
        """Remove a day's directory that became empty; the names above it stay."""
        if len(directory.parts) < 3:
            return
        try:
            self.disk.rmdir(str(directory), dir_fd=self._root_fd)
        except OSError:
            return  # not empty
        self._durable_directories.discard(directory)


def open_root(root: Path) -> int:
    """Open the directory that is, or is to be, a volume's; the caller owns the descriptor.

    Raises:
        VolumeMissingError: there is none.
        DiskError: it cannot be opened.
    """
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise VolumeMissingError(
            f"{root} is not a directory. Create it and mount the disk there, or correct the path."
        ) from None
    except OSError as error:
        raise disk_error(error, f"opening {root}") from error


def _check_cluster(root: Path, identity: VolumeIdentity, cluster_number: int) -> None:
    if identity.cluster_number != cluster_number:
        raise WrongVolumeError(
            f"{root} is a volume of cluster {identity.cluster_number} (node {identity.node_id}), "
            f"and this is cluster {cluster_number}. Mount the right disk; this one was not touched."
        )


def _check_id(root: Path, identity: VolumeIdentity, volume_id: UUID) -> None:
    if identity.volume_id != volume_id:
        raise WrongVolumeError(
            f"{root} is volume {identity.volume_id}, and {volume_id} is expected there: two "
            f"disks changed places, or the configuration is wrong. See `lsblk -f` and /etc/fstab."
        )


def _check_writable(root: Path, root_fd: int) -> None:
    if os.fstatvfs(root_fd).f_flag & os.ST_RDONLY:
        raise VolumeReadOnlyError(
            f"{root} is mounted read-only, as ext4 does after an error: see `dmesg`. Check the "
            f"disk with `fsck`, then `mount -o remount,rw {root}`."
        )


def _lock(root: Path, root_fd: int, disk: Disk, access: Access) -> int:
    fd = disk.open(IDENTITY_FILE, os.O_RDONLY, dir_fd=root_fd)
    try:
        kind = fcntl.LOCK_EX if access is Access.EXCLUSIVE else fcntl.LOCK_SH
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        disk.close(fd)
        raise VolumeBusyError(
            f"{root} is open in another process, and one of both has to have it alone: see "
            f"`fuser -v {root / IDENTITY_FILE}`."
        ) from None
    return fd
