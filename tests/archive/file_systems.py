"""Real file systems that are filled, made read-only, or cut off from power. Needs root."""

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EXT4_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2


class Ext4:
    """A small ext4 on a loop device.

    It is mounted a second time from a copy of its image. A lab that began meanwhile has a copy of
    all mounts, so that the kernel may keep the old file system, and would mount that one again: as
    it was when its power was cut.
    """

    def __init__(self, image: Path, root: Path, size_mib: int) -> None:
        self.root = root
        self._image = image
        self._mounts = 0
        with image.open("wb") as file:
            file.truncate(size_mib << 20)
        run("mkfs.ext4", "-q", "-m", "0", str(image))
        root.mkdir(exist_ok=True)

    def mount(self, *options: str) -> None:
        self._mounts += 1
        if self._mounts > 1:
            copy = self._image.with_suffix(f".{self._mounts}.img")
            run("cp", "--sparse=always", str(self._image), str(copy))
            self._image = copy
        run("mount", "-o", ",".join(("loop", *options)), str(self._image), str(self.root))

    def remount(self, option: str) -> None:
        run("mount", "-o", f"remount,{option}", str(self.root))

    def unmount(self) -> None:
        # Without power this fails, as it should.
        subprocess.run(["sync", "-f", str(self.root)], check=False, capture_output=True, timeout=60)
        run("umount", str(self.root))

    def cut_power(self) -> None:
        """Drop all that was not synced, the journal's tail included; then come up again."""
        fd = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def come_up(self) -> None:
        self.unmount()
        self.mount()


@contextmanager
def ext4(directory: Path, size_mib: int = 32) -> Iterator[Ext4]:
    disk = Ext4(directory / "disk.img", directory / "disk", size_mib)
    disk.mount()
    try:
        yield disk
    finally:
        if os.path.ismount(disk.root):
            subprocess.run(["umount", "-l", str(disk.root)], check=False, timeout=60)


@contextmanager
def tmpfs(root: Path, size_mib: int) -> Iterator[Path]:
    root.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(root))
    try:
        yield root
    finally:
        subprocess.run(["umount", "-l", str(root)], check=False, timeout=60)


def fill(root: Path) -> None:
    """Somebody else writes until nothing is left."""
    block = bytes(1 << 16)
    fd = os.open(root / "somebody-elses", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        while True:
            try:
                os.write(fd, block)
                os.fsync(fd)
            except OSError:
                if len(block) == 1:
                    return
                block = block[: len(block) // 16]
    finally:
        os.close(fd)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
