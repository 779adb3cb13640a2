"""Disks of hosts: ext4 images on loop devices, and what can befall them.

Mounting is done inside the host, by its init; what stands here works on the image from outside, or
on the mounted file system through an open directory.
"""

import errno
import fcntl
import os
import struct
from enum import StrEnum
from pathlib import Path
from typing import Self

from tandem.lab.hosts.commands import run, wait_until
from tandem.lab.hosts.errors import LabError

# include/uapi/linux/fs.h and fs/ext4/ext4.h
_FS_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2
_FIFREEZE, _FITHAW = 0xC0045877, 0xC0045878

_CHECKED_AND_FINE = (0, 1)  # e2fsck(8): no errors; errors were corrected
_FILLER = "filled-by-the-lab"
_RELEASE_DEADLINE_S = 20.0


class VolumeFault(StrEnum):
    """What is wrong with a volume."""

    READ_ONLY = "read-only"
    FULL = "full"
    HUNG = "hung"
    DESTROYED = "destroyed"


def create(image: Path, size_mib: int) -> None:
    """Make an empty disk; it takes no more room than what is written to it.

    Raises:
        LabError: there is no room, or mkfs.ext4 failed.
    """
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)])


def check(image: Path) -> None:
    """Repair a disk as a booting machine does.

    Raises:
        LabError: it needs more than that.
    """
    run(["e2fsck", "-p", str(image)], fine=_CHECKED_AND_FINE, deadline_s=60.0)


def wait_released(image: Path) -> None:
    """Until no loop device has the image any more: mounted twice, it would be damaged.

    Raises:
        LabError: somebody keeps it open.
    """
    wait_until(
        lambda: not loop_devices(image),
        f"{image} is still in use by a loop device (losetup -a shows it). A process outside the "
        f"host has a file open there, or the directory.",
        _RELEASE_DEADLINE_S,
    )


def loop_devices(image: Path) -> list[str]:
    """The loop devices that have the image: "/dev/loop0"."""
    if not image.exists():
        return []
    shown = run(["losetup", "--associated", str(image), "--noheadings", "--output", "NAME"])
    return shown.split()


def attach(image: Path) -> str:
    """A loop device for the image, for a host that cannot see the image's path.

    Raises:
        LabError: there is none to be had.
    """
    return run(["losetup", "--find", "--show", str(image)]).strip()


def detach(device: str) -> None:
    """Let go of a loop device as soon as it is no longer mounted.

    Raises:
        LabError: `losetup` is missing.
    """
    run(["losetup", "--detach", device], fine=(0, 1))  # 1: it was let go of by itself


class OpenDisk:
    """A mounted disk, held by its open root directory. Used in a `with` statement."""

    def __init__(self, root: Path) -> None:
        self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)

    def cut_power(self) -> None:
        """Drop all that was not synced, the journal's tail included; every access fails from now.

        Also lets go of whoever waits because the disk hangs.
        """
        try:
            fcntl.ioctl(self._fd, _FS_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        except OSError as error:
            if error.errno != errno.ENOTTY:  # its disk was taken out, and nobody put one in again
                raise
        self.resume()

    def hang(self) -> None:
        """Let writers wait, for as long as it takes; done already if they do."""
        self._ioctl(_FIFREEZE, done_already=errno.EBUSY)

    def resume(self) -> None:
        """Let writers go on; done already if they do."""
        self._ioctl(_FITHAW, done_already=errno.EINVAL)

    def fail_writing(self) -> None:
        """Report an error to the file system, which makes itself read-only, open files included.

        A remount would be refused while files are open for writing, which is when it matters.
        """
        device = os.fstat(self._fd).st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("by the lab", encoding="ascii")

    def fill(self) -> None:
        """Take all room that is left."""
        fd = os.open(_FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600, dir_fd=self._fd)
        try:
            step_bytes = 1 << 30
            while step_bytes:
                try:
                    os.posix_fallocate(fd, os.fstat(fd).st_size, step_bytes)
                except OSError:
                    step_bytes //= 2
            os.fsync(fd)
        finally:
            os.close(fd)

    def make_room(self) -> None:
        """Give back what `fill` took; done already if it took nothing."""
        try:
            os.unlink(_FILLER, dir_fd=self._fd)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ioctl(self, request: int, done_already: int) -> None:
        try:
            fcntl.ioctl(self._fd, request, 0)
        except OSError as error:
            if error.errno != done_already:
                raise


def why_no_images() -> str | None:
    """Why hosts cannot have disks of their own here; nothing if they can."""
    if os.geteuid() != 0:
        return "the lab does not run as root"
    if not os.access("/dev/loop-control", os.W_OK):
        return "there are no loop devices (/dev/loop-control)"
    return None


def refuse(what: str, why: str) -> LabError:
    """The error for what needs images, where there are none."""
    return LabError(f"{what} needs disks of the hosts' own, and {why}. Run the lab as root.")
