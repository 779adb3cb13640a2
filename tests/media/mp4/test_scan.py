import mmap
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.mp4.material import BASE, FRAME_TICKS, HEADER, Written
from tests.media.mp4.synthetic import AAC, AUDIO_BASE, H264, gop, nal, picture, small_file, sound

from tandem.media.mp4.boxes import box
from tandem.media.mp4.fragment import fragment
from tandem.media.mp4.header import HEADER_TYPE
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra
from tandem.media.mp4.scan import Scan, TrackSpan, scan

FILE = small_file()


def whole_until(written: Written, cut: int) -> int:
    ends = [end for end in [*written.ends, len(written.content)] if end <= cut]
    return ends[-1] if ends else 0


def test_a_file_closed_in_order_is_whole_and_tells_all_it_has() -> None:
    found = scan(FILE.content, verify_from=0)
    assert found.problem is None
    assert found.closed
    assert found.whole_bytes == len(FILE.content)
    assert (found.header, found.video, found.audio) == (HEADER, H264, AAC)
    assert [found.init_bytes, *(f.offset + f.size for f in found.fragments)] == FILE.ends
    assert [f.begins_with_keyframe for f in found.fragments] == [True, False, True, True]


def test_an_entry_tells_when_its_pictures_and_sounds_are() -> None:
    video = gop(0, 3)
    video[0].composition_offset = 3 * FRAME_TICKS
    video[1].composition_offset = -2 * FRAME_TICKS
    content = init_segment(H264, AAC, HEADER) + b"".join(fragment(1, video, [sound(4), sound(5)]))
    (entry,) = scan(content).fragments
    assert entry.keyframe_pts == BASE + 3 * FRAME_TICKS
    assert entry.video == TrackSpan(
        sample_count=3,
        first_dts=BASE,
        end_dts=BASE + 3 * FRAME_TICKS,
        first_pts=BASE - FRAME_TICKS,
        end_pts=BASE + 5 * FRAME_TICKS,
    )
    first = AUDIO_BASE + 4 * 1024
    assert entry.audio == TrackSpan(2, first, first + 2048, first, first + 2048)


def test_a_torn_tail_is_cut_back_to_the_last_whole_fragment_wherever_it_was_torn() -> None:
    file = small_file(fragments=3, pictures=2)
    for cut in range(len(file.content)):
        found = scan(file.content[:cut])
        assert found.whole_bytes == whole_until(file, cut)
        assert not found.closed
        assert (found.problem is None) == (cut in file.ends)
        again = scan(file.content[: found.whole_bytes])
        if found.whole_bytes:
            assert replace(again, problem=found.problem) == found


def test_a_file_torn_in_its_init_segment_has_nothing_and_says_so() -> None:
    assert scan(FILE.content[:500]) == replace(
        Scan(0, None, None, None, [], 0, closed=False, problem=None),
        problem=scan(FILE.content[:500]).problem,
    )
    assert scan(b"").problem is not None


def test_the_index_that_a_torn_file_should_get_closes_it() -> None:
    torn = scan(FILE.content[: FILE.ends[3] + 7])
    mended = FILE.content[: torn.whole_bytes] + mfra(torn.sync_points)
    assert scan(mended).closed
    assert scan(mended).problem is None


def test_an_index_of_other_keyframes_does_not_close_a_file() -> None:
    rows = scan(FILE.content).sync_points
    for wrong in (rows[:-1], [*rows, SyncPoint(1, 2)], [*rows[:-1], rows[-1]._replace(pts=5)]):
        found = scan(FILE.content[: FILE.ends[-1]] + mfra(wrong))
        assert not found.closed
        assert found.whole_bytes == FILE.ends[-1]


def test_what_follows_the_index_is_cut_off() -> None:
    for tail in (b"x", FILE.content[FILE.ends[0] :]):
        found = scan(FILE.content + tail)
        assert found.closed
        assert found.whole_bytes == len(FILE.content)
        assert found.problem is not None


def test_a_box_that_is_no_fragment_ends_what_is_whole() -> None:
    found = scan(FILE.content[: FILE.ends[1]] + box(b"free") + FILE.content[FILE.ends[1] :])
    assert found.whole_bytes == FILE.ends[1]


def test_zeros_of_the_right_size_after_a_power_cut_are_found_out() -> None:
    for start in range(FILE.ends[1], FILE.ends[-1], 3):
        content = bytearray(FILE.content)
        content[start : start + 40] = bytes(40)
        found = scan(content, verify_from=FILE.ends[1])
        assert found.whole_bytes == max(end for end in FILE.ends if end <= start)
        assert found.problem is not None


@pytest.mark.parametrize("track", ["picture", "sound"])
def test_one_wrong_bit_of_data_is_found_out_but_only_beyond_what_is_trusted(track: str) -> None:
    wanted = picture(6, is_keyframe=False) if track == "picture" else sound(12)
    content = bytearray(FILE.content)
    content[content.index(wanted.data) + len(wanted.data) - 1] ^= 1
    assert scan(content).problem is None
    assert scan(content, verify_from=FILE.ends[2]).problem is None
    for verify_from in (0, FILE.ends[1], FILE.ends[2] - 1):
        found = scan(content, verify_from=verify_from)
        assert found.whole_bytes == FILE.ends[1]
        assert found.problem is not None
        assert track in found.problem


def test_data_of_another_length_than_the_table_says_is_torn() -> None:
    head, *data = fragment(1, gop(0, 3), [])
    init = init_segment(H264, None, HEADER)
    for mdat in (b"".join(data)[:-1], b"".join(data) + b"x"):
        found = scan(init + head[:-8] + box(b"mdat", mdat))
        assert found.whole_bytes == len(init)
        assert "data" in str(found.problem)


def test_a_picture_whose_lengths_do_not_add_up_is_torn() -> None:
    good = picture(0, is_keyframe=True)
    init = init_segment(H264, None, HEADER)
    sent = bytes(good.data)
    for data in (sent[:-1], sent + b"\0\0", sent + nal(b""), bytes(30)):
        content = init + b"".join(fragment(1, [replace(good, data=data)], []))
        assert scan(content).problem is None
        assert scan(content, verify_from=0).whole_bytes == len(init)


def test_a_mapped_file_can_be_closed_after_it_was_scanned(tmp_path: Path) -> None:
    path = tmp_path / "segment.mp4"
    for content in (FILE.content, FILE.content[:-5], FILE.content[:600]):
        path.write_bytes(content)
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            view = memoryview(mapped)
            found = scan(view, verify_from=0)
            view.release()
        assert found.whole_bytes == whole_until(FILE, len(content))


def test_what_a_later_release_wrote_is_never_cut_off_by_an_earlier_one() -> None:
    for at, readable in ((FILE.content.index(HEADER_TYPE), 0), (FILE.ends[2], 2)):
        content = bytearray(FILE.content)
        version = content.index(b"uuid", at - 4) + 4 + 16
        assert content[version] == 1
        content[version] = 2
        found = scan(content, verify_from=0)
        assert found.whole_bytes == len(content)
        assert len(found.fragments) == readable
        assert not found.closed
        assert "update this node" in str(found.problem)
        content[version] = 0
        assert scan(content).whole_bytes == (FILE.ends[2] if readable else 0)


@given(st.data())
def test_copied_fragments_of_another_file_are_whole_as_well(data: st.DataObject) -> None:
    pieces = [FILE.content[a:b] for a, b in zip(FILE.ends, FILE.ends[1:], strict=False)]
    chosen = data.draw(st.lists(st.sampled_from(pieces), max_size=6))
    content = FILE.content[: FILE.ends[0]] + b"".join(chosen)
    assert scan(content, verify_from=0).whole_bytes == len(content)
