"""The volumes of this node as a source of exports."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tandem.archive.errors import ArchiveError
from tandem.archive.export.errors import SourceError
from tandem.archive.export.source import SegmentBytes
from tandem.archive.index_reader import IndexReader
from tandem.archive.rows import Gap, Segment
from tandem.archive.volume import Volume


class FileBytes:
    """A file that is read by its descriptor.

    Attributes:
        size_bytes: of the file when it was opened.
    """

    def __init__(self, fd: int, name: str) -> None:
        self.size_bytes = os.fstat(fd).st_size
        self._fd = fd
        self._name = name

    def read(self, offset: int, length: int) -> bytes:
        """Read at a place; see `SegmentBytes.read`."""
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            raise SourceError(
                f"{self._name} cannot be read at byte {offset}: {error.strerror}. See `dmesg` and "
                f"`smartctl -a`."
            ) from error


class LocalSource:
    """Some volumes of a node and their indexes, opened for reading at least.

    Args:
        node_id: the node that recorded them.
        volumes: each with its index.
    """

    def __init__(self, node_id: str, volumes: Sequence[tuple[Volume, IndexReader]]) -> None:
        self._node_id = node_id
        self._volumes = volumes

    @property
    def node_id(self) -> str:
        """The node that recorded them."""
        return self._node_id

    def segments(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Segment]:
        """What the volumes have over [from_us, to_us).

        Raises:
            SourceError: an index cannot be read.
        """
        found: list[Segment] = []
        for _, index in self._volumes:
            try:
                found += index.segments(camera_id, from_us, to_us)
            except ArchiveError as error:
                raise SourceError(str(error)) from error
        return [segment for segment in found if segment.stream == stream]

    def gaps(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Gap]:
        """Why they have nothing at some times.

        Raises:
            SourceError: an index cannot be read.
        """
        found: list[Gap] = []
        for _, index in self._volumes:
            try:
                found += index.gaps(camera_id, from_us, to_us)
            except ArchiveError as error:
                raise SourceError(str(error)) from error
        return [gap for gap in found if gap.stream == stream]

    @contextmanager
    def open(self, segment: Segment) -> Iterator[SegmentBytes]:
        """Open a segment on the volume that has it.

        Raises:
            SourceError: it is on none, or cannot be opened.
        """
        volume, fd = self._find(segment)
        try:
            yield FileBytes(fd, str(volume.root / segment.path))
        finally:
            volume.disk.close(fd)

    def _find(self, segment: Segment) -> tuple[Volume, int]:
        problem = "it is on none of the node's volumes any more"
        for volume, _ in self._volumes:
            try:
                return volume, volume.open_file(segment.path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            except OSError as error:
                problem = f"{volume.root} failed: {error.strerror}. See `dmesg`"
        raise SourceError(f"The segment {segment.path} cannot be opened: {problem}.")
