"""The `uuid` box in `moov` that says whose recording a segment file is.

A file that lost its place, its name and its index can still be filed rightly. The box is our own
(ISO/IEC 14496-12 section 4.2, extended type): 16 bytes of type, a version byte, a JSON object in
UTF-8. Readers tolerate keys that they do not know.
"""

import json
from dataclasses import asdict, dataclass
from uuid import UUID

from tandem.media.mp4.boxes import Box, Mp4Error, box, check_version, uuid_child

HEADER_TYPE = UUID("0aeaea38-8ec3-4ca6-8888-5608afaaab44").bytes
"""Extended type of the header's `uuid` box; never changes."""

HEADER_VERSION = 1
"""Raised when a reader of the version before would misread the file."""

_LARGEST_HEADER_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """Whose recording it is, and from when.

    Attributes:
        cluster_number: the cluster that recorded it.
        node_id: the node that wrote this copy.
        camera_id: the camera.
        stream: which of the camera's streams.
        segment_id: of this file, unique.
        start_us: capture time of the start of the segment, UTC.
    """

    cluster_number: int
    node_id: str
    camera_id: str
    stream: str
    segment_id: str
    start_us: int


def header_box(header: SegmentHeader) -> bytes:
    """Build the `uuid` box of a segment's header."""
    text = json.dumps(asdict(header), ensure_ascii=False, separators=(",", ":"))
    return box(b"uuid", HEADER_TYPE, bytes([HEADER_VERSION]), text.encode())


def parse_header(view: memoryview, moov: Box) -> SegmentHeader:
    """Read the segment's header from the `moov` box that holds it.

    Raises:
        LaterVersionError: a later release wrote it.
        Mp4Error: there is none, or it is not as Tandem writes it.
    """
    found = uuid_child(view, moov, HEADER_TYPE)
    content = bytes(view[found.body : min(found.end, found.body + _LARGEST_HEADER_BYTES)])
    check_version(content[0] if content else 0, HEADER_VERSION, "the segment's header")
    try:
        fields = json.loads(content[1:])
        return SegmentHeader(
            cluster_number=_whole_number(fields, "cluster_number"),
            node_id=_text(fields, "node_id"),
            camera_id=_text(fields, "camera_id"),
            stream=_text(fields, "stream"),
            segment_id=_text(fields, "segment_id"),
            start_us=_whole_number(fields, "start_us"),
        )
    except (ValueError, RecursionError, KeyError, TypeError) as problem:
        raise Mp4Error(f"the segment's header is damaged: {problem}") from None


def _whole_number(fields: dict[str, object], key: str) -> int:
    value = fields[key]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{key} is not a whole number")
    return value


def _text(fields: dict[str, object], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not text")
    value.encode()  # JSON can spell half a surrogate pair, which no file name or reply can carry
    return value
