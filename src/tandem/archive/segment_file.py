"""A segment being written: whole appends, syncs that are believed only once, a running hash.

After a failed fsync the kernel may mark the dirty pages clean and report the error to one caller
only: a second fsync then succeeds although the bytes never reached the disk (PostgreSQL's
"fsyncgate", 2018; LWN 752063). So a failed sync is final here: the segment is suspect, it takes no
more bytes, and what was durable before is all that is ever claimed for it (invariant A5).
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from blake3 import blake3

from tandem.archive.disk import Buffer
from tandem.archive.errors import DiskError, DiskFullError, SuspectSegmentError, disk_error
from tandem.archive.volume import Volume

_IOV_MAX = os.sysconf("SC_IOV_MAX")

HASHED_BYTES = 256 << 10
"""How much is hashed at a time at least: BLAKE3 is twice as fast on long pieces as on pieces as
short as a picture, which more than pays for the copy."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment file that is complete and durable.

    Attributes:
        size_bytes: all of it.
        hash: BLAKE3 of all of it, 32 bytes.
    """

    size_bytes: int
    hash: bytes


class SegmentFile:
    """One file of one segment, written from one thread.

    Attributes:
        path: inside the volume.
        size_bytes: what was appended; always the end of a whole append.
        durable_bytes: what the disk has confirmed.
        is_suspect: a write or sync failed in a way that leaves the file in doubt.
    """

    def __init__(self, volume: Volume, path: PurePosixPath, fd: int) -> None:
        self.path = path
        self.size_bytes = 0
        self.durable_bytes = 0
        self.is_suspect = False
        self._volume = volume
        self._disk = volume.disk
        self._fd = fd
        self._hasher = blake3()

    @classmethod
    def create(cls, volume: Volume, path: PurePosixPath) -> "SegmentFile":
        """Create the file; its name is durable when this returns.

        Args:
            volume: where.
            path: see `layout.segment_path`; its row in the index stands already (invariant A2).

        Raises:
            DiskError: typed by what is to be done.
        """
        try:
            return cls(volume, path, volume.create_file(path))
        except OSError as error:
            raise disk_error(error, f"creating {volume.root / path}") from error

    def append(self, buffers: Iterable[Buffer]) -> int:
        """Append buffers, all of them or none.

        Args:
            buffers: any number, any lengths; written in place, never joined.

        Returns:
            The size of the file now.

        Raises:
            DiskFullError: the disk is full. The file is as it was before, and may go on.
            SuspectSegmentError: the write failed otherwise. Begin a new segment.
        """
        self._require_sound()
        batch = [memoryview(buffer).cast("B") for buffer in buffers]
        total_bytes = sum(len(view) for view in batch)
        try:
            self._write(batch)
        except OSError as error:
            raise self._undo(error) from error
        self._hash(batch)
        self.size_bytes += total_bytes
        return self.size_bytes

    def sync(self) -> int:
        """Force all that was appended to the disk.

        Returns:
            How many bytes are durable: the most that a row may claim (invariant A4).

        Raises:
            SuspectSegmentError: the disk could not. Never call again: begin a new segment.
        """
        self._require_sound()
        try:
            self._disk.fdatasync(self._fd)
        except OSError as error:
            self.is_suspect = True
            raise self._suspect(error, "syncing") from error
        self.durable_bytes = self.size_bytes
        return self.durable_bytes

    def close(self, trailer: Sequence[Buffer] = ()) -> Sealed:
        """Append the trailer, sync and close.

        Args:
            trailer: the closing index (`mfra`).

        Returns:
            Size and hash for the row.

        Raises:
            DiskFullError: no room for the trailer; sync and `abandon`, recovery adds it later.
            SuspectSegmentError: the disk failed.
        """
        if trailer:
            self.append(trailer)
        self.sync()
        self.abandon()
        return Sealed(self.size_bytes, self._hasher.digest())

    def abandon(self) -> None:
        """Close without another word; what is durable stays. Harmless when repeated."""
        if self._fd >= 0:
            with suppress(OSError):  # close reports what sync would have; nothing is claimed by it
                self._disk.close(self._fd)
            self._fd = -1

    def _write(self, batch: list[memoryview]) -> None:
        """Write all, in slices of IOV_MAX, going on after short writes."""
        index = 0
        while index < len(batch):
            written = self._disk.writev(self._fd, batch[index : index + _IOV_MAX])
            while index < len(batch) and written >= len(batch[index]):
                written -= len(batch[index])
                index += 1
            if written:
                batch = [*batch[:index], batch[index][written:], *batch[index + 1 :]]

    def _hash(self, batch: Sequence[memoryview]) -> None:
        piece: list[memoryview] = []
        piece_bytes = 0
        for view in batch:
            piece.append(view)
            piece_bytes += len(view)
            if piece_bytes >= HASHED_BYTES:
                self._hasher.update(b"".join(piece))
                piece.clear()
                piece_bytes = 0
        self._hasher.update(b"".join(piece))

    def _undo(self, error: OSError) -> DiskError:
        """Cut back to the last whole append after a failed write."""
        failure = disk_error(error, f"writing {self._volume.root / self.path}")
        if isinstance(failure, DiskFullError):
            try:
                self._disk.truncate(self._fd, self.size_bytes)
                os.lseek(self._fd, self.size_bytes, os.SEEK_SET)
            except OSError as second:
                self.is_suspect = True
                return self._suspect(second, "cutting back")
            return failure
        self.is_suspect = True
        return self._suspect(error, "writing")

    def _suspect(self, error: OSError, doing: str) -> SuspectSegmentError:
        cause = disk_error(error, f"{doing} {self._volume.root / self.path}")
        return SuspectSegmentError(
            f"{cause} Only its first {self.durable_bytes} bytes are sure; a new segment begins.",
            cause.code,
        )

    def _require_sound(self) -> None:
        if self._fd < 0:
            raise ValueError(f"{self.path} is closed")
        if self.is_suspect:
            raise SuspectSegmentError(
                f"{self._volume.root / self.path} failed before; begin a new segment."
            )
