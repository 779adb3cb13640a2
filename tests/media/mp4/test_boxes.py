import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.mp4.boxes import (
    Mp4Error,
    box,
    child,
    children,
    full_box,
    read_box,
    uuid_child,
    walk,
)

KIND = st.binary(min_size=4, max_size=4)


@given(st.lists(st.tuples(KIND, st.binary(max_size=40)), max_size=10))
def test_what_was_written_is_walked(boxes: list[tuple[bytes, bytes]]) -> None:
    view = memoryview(b"".join(box(kind, body) for kind, body in boxes))
    found = list(walk(view, 0, len(view)))
    assert [(b.kind, bytes(view[b.body : b.end])) for b in found] == boxes


def test_a_size_of_64_bits_is_understood() -> None:
    view = memoryview(b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"data")
    assert read_box(view, 0, 20) == (b"mdat", 0, 16, 20)


@pytest.mark.parametrize(
    "torn",
    [
        b"\0\0\0\x08moo",
        b"\0\0\0\x00mdat",
        b"\0\0\0\x07mdat",
        b"\0\0\0\x09mdat",
        b"\xff\xff\xff\xffmdat",
        b"\0\0\0\1mdat" + bytes(7),
        b"\0\0\0\1mdat" + (15).to_bytes(8, "big"),
        b"\0\0\0\1mdat" + b"\xff" * 8,
    ],
)
def test_an_impossible_size_is_refused_and_never_followed(torn: bytes) -> None:
    with pytest.raises(Mp4Error):
        read_box(memoryview(torn), 0, len(torn))


def test_a_child_may_not_reach_out_of_its_parent_into_what_follows() -> None:
    inside = b"\0\0\0\x10trun"
    view = memoryview(box(b"traf", inside) + bytes(64))
    with pytest.raises(Mp4Error, match="impossible size"):
        list(walk(view, 8, 16))


def test_one_of_a_kind_must_be_exactly_one() -> None:
    view = memoryview(box(b"traf", box(b"tfhd"), box(b"trun"), box(b"trun")))
    traf = read_box(view, 0, len(view))
    assert child(view, traf, b"tfhd").start == 8
    assert len(list(children(view, traf, b"trun"))) == 2
    with pytest.raises(Mp4Error, match="2 boxes 'trun'"):
        child(view, traf, b"trun")
    with pytest.raises(Mp4Error, match="0 boxes 'tfdt'"):
        child(view, traf, b"tfdt")


def test_a_strangers_uuid_box_is_passed_over() -> None:
    ours, theirs = bytes(range(16)), bytes(16)
    view = memoryview(
        box(b"moov", box(b"uuid", theirs, b"x"), box(b"uuid", b"short"), box(b"uuid", ours, b"y"))
    )
    found = uuid_child(view, read_box(view, 0, len(view)), ours)
    assert bytes(view[found.body : found.end]) == b"y"


def test_a_full_box_begins_with_its_version_and_flags() -> None:
    assert full_box(b"tfdt", 1, 0x20000, b"x") == b"\0\0\0\x0dtfdt\1\2\0\0x"
