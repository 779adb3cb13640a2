"""Holding counts against ledgers: planted losses, doubles and strangers are found."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import FrameCount
from tandem.lab.counting.ledger import ClientSession, Ledger, TakenFrame

FRAMES = 20


def ledger(*delivered: tuple[int, int]) -> Ledger:
    """A camera that took 20 pictures, one each 40 ms, and delivered some."""
    frames = {number: TakenFrame(number * 40_000, number % 5 == 1) for number in range(1, 21)}
    sessions = {
        str(place): ClientSession(f"10.0.0.{place}:5000", "tcp", 0, delivered=[run])
        for place, run in enumerate(delivered)
    }
    return Ledger(1, frames, sessions)


def found(*numbers: int, camera: int = 1) -> FrameCount:
    return FrameCount({camera: array("Q", numbers)})


def compared(*numbers: int, span: Span | None = None) -> Comparison:
    return compare(found(*numbers), ledger((1, FRAMES)), span)


def test_all_there_once_in_order_is_exact() -> None:
    result = compared(*range(1, FRAMES + 1))
    assert result.exact
    assert (result.captured, result.sent, result.found) == (FRAMES, FRAMES, FRAMES)


def test_losses_at_the_ends_and_in_the_middle_are_runs() -> None:
    result = compared(3, 4, 5, 9, 10, 11, 12, 14, 15, 16, 17, 18)
    assert result.lost == ((1, 2), (6, 8), (13, 13), (19, 20))
    assert result.lost_frames == 8
    assert not result.exact


def test_a_double_is_a_double_and_not_out_of_order() -> None:
    result = compared(*range(1, 11), *range(8, FRAMES + 1))
    assert result.doubled == (8, 9, 10)
    assert result.out_of_order == ()
    assert not result.exact


def test_swapped_pictures_are_out_of_order() -> None:
    result = compared(1, 2, 4, 3, *range(5, FRAMES + 1))
    assert result.out_of_order == (3,)
    assert not result.exact


def test_a_stranger_is_counted_and_never_fills_a_gap() -> None:
    count = found(*range(1, FRAMES))
    count.numbers[2] = array("Q", [FRAMES])
    result = compare(count, ledger((1, FRAMES)))
    assert result.wrong_camera == 1
    assert result.lost == ((FRAMES, FRAMES),)
    assert not result.exact


def test_a_number_the_camera_never_took_is_unknown() -> None:
    result = compared(*range(1, FRAMES + 1), 99)
    assert result.unknown == (99,)
    assert not result.exact


def test_a_picture_without_a_mark_is_not_overlooked() -> None:
    count = found(*range(1, FRAMES + 1))
    count.unmarked = 1
    assert not compare(count, ledger((1, FRAMES))).exact


def test_what_no_client_received_is_owed_by_nobody() -> None:
    result = compare(found(*range(5, 11)), ledger((5, 10)))
    assert result.exact
    assert (result.captured, result.sent) == (FRAMES, 6)


def test_what_one_of_two_clients_received_is_owed() -> None:
    result = compare(found(*range(1, 11)), ledger((1, 10), (8, 15)))
    assert result.lost == ((11, 15),)


def test_what_came_through_though_not_claimed_is_no_fault() -> None:
    assert compare(found(*range(1, 12)), ledger((1, 10))).exact


@pytest.mark.parametrize(
    "span",
    [Span(first=6, last=10), Span(from_us=240_000, until_us=400_000), Span(6, until_us=400_000)],
)
def test_a_span_bounds_what_matters_at_both_ends(span: Span) -> None:
    result = compared(*range(6, 11), span=span)
    assert result.exact
    assert result.captured == result.sent == result.found == 5
    assert compared(*range(7, 11), span=span).lost == ((6, 6),)
    assert compared(*range(6, 10), span=span).lost == ((10, 10),)


def test_doubles_outside_the_span_do_not_matter() -> None:
    assert compared(1, 1, *range(6, 11), 20, 20, span=Span(6, 10)).exact


@given(st.lists(st.integers(1, FRAMES)))
def test_every_picture_is_found_or_lost(numbers: list[int]) -> None:
    result = compared(*numbers)
    assert result.found + result.lost_frames == FRAMES
    assert set(result.doubled) == {one for one in numbers if numbers.count(one) > 1}
    assert result.exact == (numbers == list(range(1, FRAMES + 1)))
