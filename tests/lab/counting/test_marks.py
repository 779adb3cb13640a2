"""Finding the mark, whatever container and encoder put around it."""

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tandem.lab.camera.mark import MARK_UUID, digits, mark_nal
from tandem.lab.camera.profile import Codec
from tandem.lab.counting.marks import Mark, find_mark

NAMES = {Codec.H264: "h264", Codec.H265: "hevc"}
SLICE = {Codec.H264: b"\x65\x88", Codec.H265: b"\x26\x01\xaf"}

cameras = st.integers(0, 2**32 - 1)
numbers = st.integers(0, 2**64 - 1)
codecs = st.sampled_from(Codec)


def marked(codec: Codec, mark: Mark) -> bytes:
    empty = mark_nal(codec)
    return empty[:-25] + digits(mark.camera, mark.number) + empty[-1:]


def with_lengths(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def with_start_codes(units: list[bytes]) -> bytes:
    return b"\0" + b"".join(b"\0\0\1" + unit for unit in units)


framings = st.sampled_from([with_lengths, with_start_codes])
leading = st.sampled_from([[], [b"\x09\xf0"], [b"\x67\x64\x00\x0a" * 9]])


@given(codecs, cameras, numbers, framings, leading)
def test_every_number_is_read_back_behind_lengths_and_start_codes(
    codec: Codec,
    camera: int,
    number: int,
    frame: Callable[[list[bytes]], bytes],
    before: list[bytes],
) -> None:
    sample = frame([*before, marked(codec, Mark(camera, number)), SLICE[codec] * 400])
    assert find_mark(sample, NAMES[codec]) == Mark(camera, number)


def sei(kind: int, payload: bytes) -> bytes:
    """Write one SEI message, long types and sizes included."""
    head = b""
    for value in (kind, len(payload)):
        head += b"\xff" * (value // 255) + bytes((value % 255,))
    return head + payload


def escaped(body: bytes) -> bytes:
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", body)


@given(st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=700)), max_size=3), numbers)
@example([(4, b"\0\0\1\xc8\xc8" * 3)], 7)
def test_the_mark_is_found_behind_other_messages_in_the_same_nal_unit(
    others: list[tuple[int, bytes]], number: int
) -> None:
    mark = sei(5, MARK_UUID + digits(1, number))
    body = b"".join(sei(kind, payload) for kind, payload in others) + mark + b"\x80"
    sample = with_lengths([b"\x06" + escaped(body), SLICE[Codec.H264]])
    assert find_mark(sample, "h264") == Mark(1, number)


@pytest.mark.parametrize(
    "sei_body",
    [
        sei(5, b"another identifier" + digits(1, 2)) + b"\x80",
        sei(4, MARK_UUID + digits(1, 2)) + b"\x80",
        sei(5, MARK_UUID + digits(1, 2)[:-1]) + b"\x80",
        sei(5, MARK_UUID + b"not hexadecimal digits!!") + b"\x80",
        sei(5, MARK_UUID + digits(1, 2))[:-3],
        b"",
        b"\xff" * 40,
    ],
)
def test_what_is_not_quite_a_mark_is_none(sei_body: bytes) -> None:
    assert find_mark(with_lengths([b"\x06" + sei_body, SLICE[Codec.H264]]), "h264") is None


def test_a_mark_quoted_in_a_slice_is_none() -> None:
    mark = marked(Codec.H264, Mark(1, 2))
    assert find_mark(with_lengths([SLICE[Codec.H264] + mark]), "h264") is None


@given(st.binary(max_size=200))
def test_no_bytes_break_it(sample: bytes) -> None:
    for name in NAMES.values():
        assert find_mark(sample, name) is None
