"""A bad link makes few rows of an index, and all that it lost is in them."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.archive.coverage import coverage, subtract
from tandem.archive.loss_book import ONCE, REFILL_US, REPEATED, RESERVE, Loss, LossBook

S = 1_000_000


def test_seldom_losses_are_entered_one_by_one() -> None:
    book = LossBook()
    for number in range(10 * RESERVE):
        at_us = number * REFILL_US
        assert book.add([(at_us, at_us + 5)], at_us) == [Loss(at_us, at_us + 5, ONCE)]


def test_a_link_that_loses_all_day_is_entered_every_ten_seconds() -> None:
    book, entered = LossBook(), {}
    for second in range(3_600):
        at_us = second * S
        losses = [(at_us + part, at_us + part + 40_000) for part in (0, 250_000, 700_000)]
        for loss in book.add(losses, at_us):
            entered[loss.from_us] = loss
    assert RESERVE <= len(entered) <= RESERVE + 3_600 * S // REFILL_US
    joined = [loss for loss in entered.values() if loss.detail == REPEATED]
    assert max(loss.to_us - loss.from_us for loss in joined) <= REFILL_US + S


def test_what_is_joined_is_entered_again_from_the_same_time_on() -> None:
    book = LossBook(reserve=1)
    assert book.add([(0, 5)], 0) == [Loss(0, 5, ONCE)]
    assert book.add([(10, 15), (20, 25)], 9) == [Loss(0, 25, REPEATED)]
    assert book.add([(30, 35)], 99) == [Loss(0, 35, REPEATED)]


@given(st.lists(st.tuples(st.integers(0, 10 * S), st.integers(1, S)), max_size=200))
def test_whatever_is_lost_is_in_what_was_entered(steps: list[tuple[int, int]]) -> None:
    book, at_us, lost = LossBook(reserve=3), 0, []
    entered: dict[int, Loss] = {}
    for pause_us, length_us in steps:
        at_us += pause_us
        lost.append((at_us, at_us + length_us))
        at_us += length_us
        for loss in book.add([lost[-1]], at_us):
            entered[loss.from_us] = loss
    told = coverage((loss.from_us, loss.to_us) for loss in entered.values())
    assert subtract(coverage(lost), told) == []
    assert len(entered) <= 3 + at_us // REFILL_US
