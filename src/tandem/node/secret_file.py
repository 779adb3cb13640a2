"""Files that nobody but us may read, and that are there whole or not at all."""

import os
from pathlib import Path


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that is whole, durable and ours alone, or leave what was there. Blocks.

    The file is written beside its place, synced, renamed, and its directory synced: neither a crash
    nor a full disk leaves half of it, and at no moment can anybody else read it.

    Args:
        path: of the file; its directory exists.
        content: all of it.

    Raises:
        OSError: the disk refused; what was there before still is.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
