"""The tables of a segment file, read piece by piece from wherever it is."""

from collections.abc import Iterator
from typing import NamedTuple

from tandem.archive.export.source import SegmentBytes
from tandem.media.mp4.boxes import Mp4Error, read_box
from tandem.media.mp4.fragment import LARGEST_MOOF_BYTES, FragmentTable, parse_fragment
from tandem.media.mp4.init import InitSegment, parse_init

_READ_BYTES = 16 << 10
"""More than most tables have, so that one read fetches one."""

_LARGEST_INIT_BYTES = 1 << 20
_BOX_BYTES = 8


class Placed(NamedTuple):
    """A fragment's table.

    Attributes:
        offset: of the `moof` in the file.
        table: what it says.
    """

    offset: int
    table: FragmentTable


def read_init(file: SegmentBytes) -> InitSegment:
    """Read the init segment.

    Raises:
        Mp4Error: there is none, or it is not as Tandem writes it.
        SourceError: the file cannot be read.
    """
    head = file.read(0, _READ_BYTES)
    end = min(_init_bytes(head), _LARGEST_INIT_BYTES)
    if end > len(head):
        head += file.read(len(head), end - len(head))
    return parse_init(head)


def read_fragments(file: SegmentBytes, init_bytes: int, sure_bytes: int) -> Iterator[Placed]:
    """Read the tables of all fragments that lie before `sure_bytes`.

    Args:
        file: whose.
        init_bytes: size of its init segment.
        sure_bytes: how much of the file may be believed.

    Yields:
        The tables in order; media data is not read.

    Raises:
        Mp4Error: what follows is torn, or not as Tandem writes it.
        SourceError: the file cannot be read.
    """
    at = init_bytes
    while at + _BOX_BYTES <= sure_bytes:
        piece = file.read(at, min(_READ_BYTES, sure_bytes - at))
        if piece[4:8] == b"mfra":
            return
        moof_bytes = int.from_bytes(piece[:4], "big")
        wanted = min(moof_bytes, LARGEST_MOOF_BYTES) + _BOX_BYTES
        if wanted > len(piece):
            piece += file.read(at + len(piece), wanted - len(piece))
        table = parse_fragment(piece)
        end = at + table.moof_bytes + _BOX_BYTES + table.data_bytes
        _check_data(piece[table.moof_bytes :], table)
        if end > sure_bytes:
            raise Mp4Error(f"the fragment at byte {at} is not all there")
        yield Placed(at, table)
        at = end


def _init_bytes(head: bytes) -> int:
    """Where the second box ends."""
    view = memoryview(head)
    ftyp = read_box(view, 0, len(view))
    return ftyp.end + int.from_bytes(head[ftyp.end : ftyp.end + 4], "big")


def _check_data(header: bytes, table: FragmentTable) -> None:
    size, kind = int.from_bytes(header[:4], "big"), header[4:8]
    if kind != b"mdat" or size != table.data_bytes + _BOX_BYTES:
        raise Mp4Error("the fragment's data is not as long as its table says")
