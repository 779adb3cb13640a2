"""The box structure of ISO base media files: writing boxes, and walking them without trusting them.

ISO/IEC 14496-12 section 4.2: a box is a 32-bit size, a four-character type, where the size is 1 a
64-bit size instead, then its payload. A full box begins its payload with 8 bits of version and 24
of flags.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

Buffer = bytes | bytearray | memoryview
"""Bytes to read. An `mmap` is passed as `memoryview(mmap)`; nothing here keeps a view of it."""

_HEADER = struct.Struct(">I4s")
_LARGE_SIZE = struct.Struct(">Q")
_VERSION_FLAGS = struct.Struct(">I")

EXTENDED_TYPE_BYTES = 16
"""Length of the type that a `uuid` box carries behind its header."""


class Mp4Error(ValueError):
    """The bytes are not a segment file as Tandem writes it; says what is wrong and where."""


class LaterVersionError(Mp4Error):
    """A later release wrote them: they may well be whole, but this one cannot tell."""


class Box(NamedTuple):
    """Where a box lies in its buffer.

    Attributes:
        kind: four-character type.
        start: offset of its first byte.
        body: offset of its payload.
        end: offset behind its last byte.
    """

    kind: bytes
    start: int
    body: int
    end: int

    @property
    def size(self) -> int:
        """Bytes from the start of the box to its end."""
        return self.end - self.start


def box(kind: bytes, *payload: Buffer) -> bytes:
    """Build a box; its payload is the concatenation of `payload`."""
    body = b"".join(payload)
    return _HEADER.pack(_HEADER.size + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *payload: Buffer) -> bytes:
    """Build a full box (ISO/IEC 14496-12 section 4.2.2)."""
    return box(kind, _VERSION_FLAGS.pack(version << 24 | flags), *payload)


def read_box(view: memoryview, start: int, end: int) -> Box:
    """Read the header of the box at `start`.

    Args:
        view: where it lies.
        start: offset of the box.
        end: offset that it may not reach beyond.

    Raises:
        Mp4Error: there is no whole box between `start` and `end`.
    """
    size, kind = unpack(_HEADER, view, start, end)
    body = start + _HEADER.size
    if size == 1:
        (size,) = unpack(_LARGE_SIZE, view, body, end)
        body += _LARGE_SIZE.size
    if start + size < body or start + size > end:
        raise Mp4Error(f"the box at byte {start} has an impossible size of {size} bytes")
    return Box(kind, start, body, start + size)


def walk(view: memoryview, start: int, end: int) -> Iterator[Box]:
    """Visit the boxes that fill `view[start:end]`, not descending into them.

    Takes time linear in their number, which is at most an eighth of the bytes.

    Raises:
        Mp4Error: they do not fill it exactly.
    """
    while start < end:
        found = read_box(view, start, end)
        yield found
        start = found.end


def children(view: memoryview, parent: Box, kind: bytes, prefix_bytes: int = 0) -> Iterator[Box]:
    """Visit the boxes of one type directly inside a box.

    Args:
        view: where they lie.
        parent: the box around them.
        kind: four-character type.
        prefix_bytes: how much of the parent's payload comes before its first child.

    Raises:
        Mp4Error: its children do not fill the parent exactly.
    """
    return (b for b in walk(view, parent.body + prefix_bytes, parent.end) if b.kind == kind)


def child(view: memoryview, parent: Box, kind: bytes, prefix_bytes: int = 0) -> Box:
    """Find the one box of a type directly inside a box; arguments as of `children`.

    Raises:
        Mp4Error: there is none, or another one.
    """
    return _only(list(children(view, parent, kind, prefix_bytes)), kind, parent)


def uuid_child(view: memoryview, parent: Box, extended_type: bytes) -> Box:
    """Find the one `uuid` box of an extended type directly inside a box.

    Returns:
        The box, its `body` moved behind the extended type.

    Raises:
        Mp4Error: there is none, or another one.
    """
    found = [
        b._replace(body=b.body + EXTENDED_TYPE_BYTES)
        for b in children(view, parent, b"uuid")
        if view[b.body : b.end][:EXTENDED_TYPE_BYTES] == extended_type
    ]
    return _only(found, b"uuid", parent)


def _only(found: list[Box], kind: bytes, parent: Box) -> Box:
    if len(found) != 1:
        raise Mp4Error(
            f"{_name(parent.kind)} has {len(found)} boxes {_name(kind)} of this kind instead of one"
        )
    return found[0]


def check_version(found: int, known: int, what: str) -> None:
    """Compare the version that a box of our own begins with.

    Args:
        found: as read.
        known: the latest this release reads; it reads no other, since there was none before.
        what: whose version it is.

    Raises:
        LaterVersionError: it is later.
        Mp4Error: there never was such a version.
    """
    if found > known:
        raise LaterVersionError(
            f"{what} is of version {found}, this node reads {known}: "
            "a later release wrote the file; update this node to read it"
        )
    if found != known:
        raise Mp4Error(f"{what} is of version {found}, which never was")


def unpack(shape: struct.Struct, view: memoryview, start: int, end: int) -> tuple[Any, ...]:
    """Unpack `shape` at `start`.

    Raises:
        Mp4Error: it would reach beyond `end`.
    """
    if start + shape.size > end:
        raise Mp4Error(f"the file or box ends at byte {end}, in the middle of a field")
    return shape.unpack_from(view, start)


def _name(kind: bytes) -> str:
    """Write a four-character type for a message."""
    return repr(kind.decode("latin-1"))
