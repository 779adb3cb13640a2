import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.mp4.material import HEADER

from tandem.media.mp4.boxes import LaterVersionError, Mp4Error, box, read_box
from tandem.media.mp4.header import HEADER_TYPE, SegmentHeader, header_box, parse_header

FIELDS = {
    "cluster_number": 7,
    "node_id": "node-a",
    "camera_id": "gate",
    "stream": "main",
    "segment_id": "5f1c",
    "start_us": 1_795_000_000_040_000,
}


def parsed(content: bytes) -> SegmentHeader:
    view = memoryview(box(b"moov", content))
    return parse_header(view, read_box(view, 0, len(view)))


def written(text: str, version: int = 1) -> bytes:
    return box(b"uuid", HEADER_TYPE, bytes([version]), text.encode())


@given(
    st.builds(
        SegmentHeader,
        cluster_number=st.integers(),
        node_id=st.text(st.characters(codec="utf-8")),
        camera_id=st.text(st.characters(codec="utf-8")),
        stream=st.text(st.characters(codec="utf-8")),
        segment_id=st.text(st.characters(codec="utf-8")),
        start_us=st.integers(),
    )
)
def test_a_header_comes_back_as_it_was_written(header: SegmentHeader) -> None:
    assert parsed(header_box(header)) == header


def test_the_form_on_disk_never_changes() -> None:
    text = json.dumps(FIELDS, separators=(",", ":"))
    assert header_box(HEADER) == written(text)
    assert HEADER_TYPE.hex() == "0aeaea388ec34ca688885608afaaab44"


def test_keys_of_a_later_release_are_tolerated() -> None:
    assert parsed(written(json.dumps(FIELDS | {"lens": {"focal_mm": 4}}))) == HEADER


def test_a_later_version_is_refused_and_the_message_says_what_to_do() -> None:
    with pytest.raises(LaterVersionError, match=r"version 2.*update this node"):
        parsed(written(json.dumps(FIELDS), version=2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        "[" * 60_000,
        '{"a":' * 10_000,
        "9" * 5_000,
        *(json.dumps({k: v for k, v in FIELDS.items() if k != key}) for key in FIELDS),
        json.dumps(FIELDS | {"cluster_number": "7"}),
        json.dumps(FIELDS | {"cluster_number": True}),
        json.dumps(FIELDS | {"start_us": 1.5}),
        json.dumps(FIELDS | {"camera_id": 7}),
        json.dumps(FIELDS | {"camera_id": "\ud800"}),
    ],
)
def test_a_damaged_header_is_refused(text: str) -> None:
    with pytest.raises(Mp4Error, match="damaged"):
        parsed(written(text))


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(Mp4Error, match="damaged"):
        parsed(box(b"uuid", HEADER_TYPE, b'\1{"node_id": "\xff"}'))


def test_an_empty_header_is_refused() -> None:
    with pytest.raises(Mp4Error, match="version 0"):
        parsed(box(b"uuid", HEADER_TYPE))


def test_a_file_without_a_header_is_refused() -> None:
    with pytest.raises(Mp4Error, match="0 boxes 'uuid'"):
        parsed(b"")
