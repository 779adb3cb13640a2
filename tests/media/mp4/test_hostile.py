"""Arbitrary and damaged bytes: the documented error or an answer, never anything else."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.mp4.material import HEADER
from tests.media.mp4.synthetic import AAC, H264, H265, OPUS, small_file

from tandem.media.mp4.boxes import Mp4Error, box
from tandem.media.mp4.fragment import parse_fragment
from tandem.media.mp4.init import init_segment, parse_init
from tandem.media.mp4.mfra import parse_mfra
from tandem.media.mp4.scan import scan

FILE = small_file(fragments=2, pictures=2)
SEEDS = [
    FILE.content,
    FILE.content[FILE.ends[0] :],
    FILE.content[FILE.ends[-1] :],
    init_segment(H265, OPUS, HEADER),
    init_segment(H264, AAC, HEADER),
]
KINDS = [b"ftyp", b"moov", b"trak", b"uuid", b"moof", b"traf", b"trun", b"mdat", b"mfra", b"tfra"]
NUMBERS = [0, 1, 7, 8, 15, 16, 255, 1 << 31, (1 << 32) - 1]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with a few bytes, words or pieces changed, taken out, put in or doubled."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content)))
        until = at + draw(st.integers(0, 40))
        match draw(st.integers(0, 5)):
            case 0:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                content[at : at + 4] = draw(st.sampled_from(NUMBERS)).to_bytes(4, "big")
            case 2:
                content[at : at + 4] = draw(st.sampled_from(KINDS))
            case 3:
                del content[at:until]
            case 4:
                content[at:at] = content[at:until]
            case _:
                content[at:until] = bytes(until - at)
    return bytes(content)


def check(content: bytes) -> None:
    for parse in (parse_init, parse_fragment, parse_mfra):
        with suppress(Mp4Error):
            parse(content)
    for verify_from in (None, 0):
        found = scan(content, verify_from)
        assert 0 <= found.init_bytes <= found.whole_bytes <= len(content)
        assert found.whole_bytes == len(content) or found.problem
        assert all(
            found.init_bytes <= f.offset and f.offset + f.size <= found.whole_bytes
            for f in found.fragments
        )


@given(st.binary(max_size=300))
def test_arbitrary_bytes(content: bytes) -> None:
    check(content)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=60)), max_size=8))
def test_boxes_of_the_right_kinds_with_arbitrary_contents(boxes: list[tuple[bytes, bytes]]) -> None:
    content = b"".join(box(kind, body) for kind, body in boxes)
    check(content)
    check(box(b"moof", content))
    check(init_segment(H264, None, HEADER) + content)


@settings(max_examples=400)
@given(damaged())
def test_damaged_files(content: bytes) -> None:
    check(content)


def test_millions_of_empty_boxes_are_refused_at_the_first() -> None:
    content = init_segment(H264, None, HEADER) + box(b"free") * 1_000_000
    assert scan(content).fragments == []


def test_every_byte_of_a_file_may_be_anything() -> None:
    for at in range(len(FILE.content)):
        for value in (0, 0xFF):
            scan(FILE.content[:at] + bytes([value]) + FILE.content[at + 1 :], 0)
