"""The tables of a segment file, read piece by piece from wherever it is."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tandem.archive.export.errors import SourceError
from tandem.archive.export.source import SegmentBytes
from tandem.media.mp4.boxes import Mp4Error
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
    try:
        head = file.read(0, _READ_BYTES)
    except SourceError:
        head = file.read(0, _BOX_BYTES)  # the bad sector may lie behind it
    for _ in range(2):  # up to the header of `moov`, then to its end
        end = min(_init_bytes(head), _LARGEST_INIT_BYTES)
        if end > len(head):
            head += file.read(len(head), end - len(head))
    return parse_init(head)


def read_fragments(
    file: SegmentBytes, init_bytes: int, sure_bytes: int, on_problem: Callable[[str], None]
) -> Iterator[Placed]:
    """Read the tables of all fragments that lie before `sure_bytes`.

    Args:
        file: whose.
        init_bytes: size of its init segment.
        sure_bytes: how much of the file may be believed.
        on_problem: called with what is wrong with a table that is passed over.

    Yields:
        The tables in order; media data is not read.

    Raises:
        Mp4Error: what follows is torn, or not as Tandem writes it.
        SourceError: the file cannot be read.
    """
    at = init_bytes
    while at + _BOX_BYTES <= sure_bytes:
        moof = _read_moof(file, at, sure_bytes)
        if moof is None:
            return
        header = moof[-_BOX_BYTES:]
        end = at + len(moof) - _BOX_BYTES + int.from_bytes(header[:4], "big")
        if header[4:] != b"mdat" or end < at + len(moof) or end > sure_bytes:
            raise Mp4Error(f"the fragment at byte {at} is not all there")
        try:
            table = parse_fragment(moof)
            if at + len(moof) + table.data_bytes != end:
                raise Mp4Error("its data is not as long as its table says")  # noqa: TRY301
        except Mp4Error as problem:
            on_problem(f"the fragment at byte {at} cannot be used: {problem}")
        else:
            yield Placed(at, table)
        at = end


def _read_moof(file: SegmentBytes, at: int, sure_bytes: int) -> bytes | None:
    """Read a `moof` and the header of the `mdat` behind it; None where the fragments end."""
    try:
        piece = file.read(at, min(_READ_BYTES, sure_bytes - at))
    except SourceError:
        piece = file.read(at, _BOX_BYTES)  # the bad sector may lie behind the table
    if piece[4:8] == b"mfra":
        return None
    wanted = int.from_bytes(piece[:4], "big") + _BOX_BYTES
    if piece[4:8] != b"moof" or wanted > min(LARGEST_MOOF_BYTES, sure_bytes - at):
        raise Mp4Error(f"there is no fragment at byte {at}")
    if wanted > len(piece):
        piece += file.read(at + len(piece), wanted - len(piece))
    if len(piece) < wanted:
        raise Mp4Error(f"the fragment at byte {at} is not all there")
    return piece[:wanted]


def _init_bytes(head: bytes) -> int:
    """How much of a file must be read at least, by what was read of it: `ftyp`, then `moov`."""
    ftyp_bytes = int.from_bytes(head[:4], "big")
    moov = head[ftyp_bytes : ftyp_bytes + 4]
    return ftyp_bytes + (int.from_bytes(moov, "big") if len(moov) == 4 else _BOX_BYTES)
