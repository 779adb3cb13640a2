"""Media data from segments to a file, each frame verified.

A frame's identity was hashed from what the camera sent. It is computed again from what the disk
gives now, so that an export has only what was recorded; a frame that fails is told, and the export
is planned anew without it: another copy may have it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Self

from tandem.archive.export.errors import SourceError
from tandem.archive.export.layout import Chunk
from tandem.archive.export.output import OutputFile
from tandem.archive.export.reader import Catalogue
from tandem.archive.export.source import SegmentBytes
from tandem.archive.export.units import UnitTable
from tandem.media.mp4.identity import audio_identity, video_identity

READ_BYTES = 4 << 20
"""How much is read at once, unless a single frame is larger."""

_OPEN_SEGMENTS = 8

Verify = Callable[[memoryview], bytes]


class OpenSegments:
    """The segments that were read last, kept open. A context manager."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._open: OrderedDict[int, tuple[SegmentBytes, ExitStack]] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        while self._open:
            self._open.popitem()[1][1].close()

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """Read from a segment.

        Raises:
            SourceError: it cannot be read.
        """
        return self._file(segment).read(offset, length)

    def _file(self, segment: int) -> SegmentBytes:
        if segment in self._open:
            self._open.move_to_end(segment)
            return self._open[segment][0]
        entry = self._catalogue.entries[segment]
        stack = ExitStack()
        file = stack.enter_context(self._catalogue.sources[entry.source].open(entry.segment))
        self._open[segment] = (file, stack)
        if len(self._open) > _OPEN_SEGMENTS:
            self._open.popitem(last=False)[1][1].close()
        return file


class Copier:
    """Copies chunks to a file.

    Args:
        catalogue: whose segments; what is not sound is noted there.
        segments: where to read.

    Attributes:
        is_sound: all that was read is what was recorded.
    """

    def __init__(self, catalogue: Catalogue, segments: OpenSegments) -> None:
        self._catalogue = catalogue
        self._segments = segments
        self.is_sound = True

    def copy(self, chunk: Chunk, output: OutputFile) -> int:
        """Copy a chunk; once anything was not sound, only verify.

        Returns:
            How many bytes it has.
        """
        verify: Verify = (
            partial(video_identity, chunk.codec) if chunk.codec.is_video else audio_identity
        )
        total = 0
        for first, end, length in _pieces(chunk):
            data = self._read(chunk.table, first, end, length)
            total += length
            if data is not None and self._check(chunk.table, first, end, data, verify):
                if self.is_sound:
                    output.write(data)
            else:
                self.is_sound = False
        return total

    def _read(self, table: UnitTable, first: int, end: int, length: int) -> bytes | None:
        """Read some frames that lie together; where that fails, find out which cannot be read.

        Returns:
            None where one cannot. What failed once, and no more, is there.
        """
        segment = table.segments[first]
        try:
            return self._segments.read(segment, table.offsets[first], length)
        except SourceError as error:
            self._catalogue.note(self._catalogue.entries[segment], str(error))
            if end - first == 1:
                self._catalogue.unsound.add((segment, table.offsets[first]))
                return None
        found = [self._read(table, at, at + 1, table.sizes[at]) for at in range(first, end)]
        return None if None in found else b"".join(data for data in found if data is not None)

    def _check(self, table: UnitTable, first: int, end: int, data: bytes, verify: Verify) -> bool:
        view = memoryview(data)
        is_sound = True
        start = 0
        for at in range(first, end):
            size = table.sizes[at]
            if verify(view[start : start + size]) != table.identity(at):
                segment = table.segments[at]
                self._catalogue.unsound.add((segment, table.offsets[at]))
                self._catalogue.note(
                    self._catalogue.entries[segment],
                    "It has frames that are not what the camera sent: the disk lost or changed "
                    "them. See `dmesg` and `smartctl -a`.",
                )
                is_sound = False
            start += size
        return is_sound


def _pieces(chunk: Chunk) -> Iterator[tuple[int, int, int]]:
    """Frames of a chunk that lie together in one segment: first, end, bytes."""
    table, first, end, _ = chunk
    sizes, offsets, segments = table.sizes, table.offsets, table.segments
    length = sizes[first]
    for at in range(first + 1, end):
        lies_behind = offsets[at] == offsets[at - 1] + sizes[at - 1]
        if not lies_behind or segments[at] != segments[at - 1] or length + sizes[at] > READ_BYTES:
            yield first, at, length
            first, length = at, 0
        length += sizes[at]
    yield first, end, length
