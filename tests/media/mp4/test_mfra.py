import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.mp4.boxes import Mp4Error
from tandem.media.mp4.mfra import SyncPoint, mfra, parse_mfra

UINT64 = st.integers(0, (1 << 64) - 1)


@given(st.lists(st.builds(SyncPoint, UINT64, UINT64), max_size=20))
def test_an_index_comes_back_as_it_was_written(points: list[SyncPoint]) -> None:
    assert parse_mfra(mfra(points) + b"what follows") == points


def test_the_last_four_bytes_tell_the_size_of_the_whole() -> None:
    index = mfra([SyncPoint(1, 2)])
    assert int.from_bytes(index[-4:], "big") == int.from_bytes(index[:4], "big") == len(index)


@given(st.integers(0, 80), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_only_changes_a_row(at: int, change: int) -> None:
    points = [SyncPoint(1 << 40, 5_000), SyncPoint(1 << 41, 90_000)]
    index = bytearray(mfra(points))
    index[at % len(index)] ^= change
    try:
        assert len(parse_mfra(index)) == 2
    except Mp4Error:
        return


def test_an_index_that_counts_more_rows_than_it_has_is_refused() -> None:
    index = bytearray(mfra([SyncPoint(1, 2)]))
    at = index.index(b"tfra") + 16
    assert index[at : at + 4] == b"\0\0\0\1"
    index[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(Mp4Error, match="its own size"):
        parse_mfra(index)


def test_an_index_that_ends_with_another_size_is_refused() -> None:
    index = bytearray(mfra([SyncPoint(1, 2)]))
    index[-1] ^= 1
    with pytest.raises(Mp4Error, match="another one's size"):
        parse_mfra(index)
