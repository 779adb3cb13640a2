"""From the keyframe before the beginning to the last picture before the end."""

from collections.abc import Sequence

import pytest

from tandem.archive.export.trim import Trimmer
from tandem.archive.export.units import Row, Unit

FRAME_US = 40_000
FRAME_TICKS = 3_600


def row(shown: int, *, key: bool = False, at: int | None = None, run: int = 0) -> Row:
    """A picture that is shown as the nth, decoded as the nth of its list."""
    decode_us = (shown if at is None else at) * FRAME_US
    unit = Unit(b"", shown * FRAME_US, decode_us, 0, FRAME_TICKS, key, 0, shown, 1)
    return Row(b"", shown * FRAME_US, decode_us, unit, run, ())


def passed(rows: Sequence[Row], first: float, end: float) -> list[int]:
    trimmer = Trimmer(int(first * FRAME_US), int(end * FRAME_US))
    return [kept.unit.offset for one in rows for kept in trimmer.push(one)]


def plain(length: int, gop: int = 10) -> list[Row]:
    return [row(number, key=number % gop == 0) for number in range(length)]


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [
        (0, 5, range(5)),
        (13, 17, range(10, 17)),
        (13.5, 14.5, range(10, 15)),
        (20, 21, range(20, 21)),
        (-100, 1000, range(60)),
        (58, 1000, range(50, 60)),
    ],
)
def test_it_begins_at_the_keyframe_that_is_needed_and_ends_before_the_end(
    first: float, end: float, expected: range
) -> None:
    assert passed(plain(60), first, end) == list(expected)


def test_a_picture_that_is_decoded_early_and_shown_too_late_is_kept_for_those_that_need_it() -> (
    None
):
    reordered = [0, 4, 2, 1, 3, 8, 6, 5, 7]
    rows = [row(shown, key=shown == 0, at=at) for at, shown in enumerate(reordered)]
    rows += [row(shown) for shown in range(9, 40)]
    assert passed(rows, 1, 2) == [0, 4, 2, 1]
    assert passed(rows, 3, 6) == [0, 4, 2, 1, 3, 8, 6, 5]


def test_what_was_before_a_gap_helps_nobody_behind_it() -> None:
    rows = plain(15) + [row(number, key=number % 10 == 5, run=1) for number in range(45, 60)]
    assert passed(rows, 30, 50) == list(range(45, 50))


def test_what_was_before_lost_packets_is_decoded_from_behind_them() -> None:
    rows = plain(15) + [row(number) for number in range(45, 60)]
    assert passed(rows, 47, 50) == [*range(10, 15), *range(45, 50)]


def test_it_tells_which_picture_follows_the_last_one() -> None:
    trimmer = Trimmer(0, 5 * FRAME_US)
    for one in plain(5):
        trimmer.push(one)
    assert trimmer.following is None
    trimmer.push(row(30))
    trimmer.push(row(31))
    assert trimmer.following == row(30)


def test_pictures_without_their_keyframe_are_kept_where_there_is_no_other() -> None:
    rows = [row(number, key=number == 9) for number in range(4, 20)]
    assert passed(rows, 0, 15) == list(range(4, 15))


def test_a_time_between_two_pictures_far_apart_has_none() -> None:
    rows = plain(10) + [row(number, key=number % 10 == 0) for number in range(50, 80)]
    assert passed(rows, 20, 40) == []


def test_it_says_when_no_more_can_come() -> None:
    trimmer = Trimmer(0, 5 * FRAME_US)
    for one in plain(21):
        trimmer.push(one)
        assert not trimmer.is_done
    trimmer.push(row(21))
    trimmer.push(row(22))
    assert trimmer.is_done
    assert trimmer.push(row(3)) == []
