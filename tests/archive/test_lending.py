"""What is lent is closed once, and never while somebody uses it."""

from tandem.archive.lending import Loans


def test_what_nobody_uses_is_closed_at_once_and_lent_no_more() -> None:
    closed: list[int] = []
    loans = Loans(lambda: closed.append(1))
    assert loans.take()
    loans.give_back()
    assert not closed
    loans.end()
    loans.end()
    assert closed == [1]
    assert not loans.take()


def test_the_last_of_those_who_use_it_closes_what_was_let_go_of() -> None:
    closed: list[int] = []
    loans = Loans(lambda: closed.append(1))
    assert loans.take()
    assert loans.take()
    loans.end()
    assert loans.is_over
    loans.give_back()
    assert not closed
    loans.end()
    loans.give_back()
    assert closed == [1]
