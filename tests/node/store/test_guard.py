"""Answers from the past, and from others, are refused."""

import pytest

from tandem.node.store.answers import Header
from tandem.node.store.errors import WrongClusterError
from tandem.node.store.guard import Floor, Guard, StaleAnswerError


def header(term: int, revision: int = 1, cluster: int = 7) -> Header:
    return Header(cluster, 1, revision, term)


def test_a_term_that_was_seen_before_the_question_is_a_lower_bound() -> None:
    guard = Guard(incarnation=0)
    guard.admit("n1", header(5), guard.floor)
    with pytest.raises(StaleAnswerError, match="term 4, and 5 was seen"):
        guard.admit("n2", header(4), guard.floor)
    guard.admit("n2", header(5), guard.floor)


def test_a_revision_that_was_seen_before_the_question_is_a_lower_bound() -> None:
    guard = Guard(incarnation=0)
    guard.admit("n1", header(5, 100), guard.floor)
    with pytest.raises(StaleAnswerError, match="revision 99"):
        guard.admit("n2", header(6, 99), guard.floor)


def test_answers_that_cross_each_other_are_both_believed() -> None:
    guard = Guard(incarnation=0)
    early, late = guard.floor, guard.floor
    guard.admit("n1", header(6, 101), late)
    guard.admit("n2", header(5, 100), early)
    assert guard.floor == Floor(6, 101)


def test_what_a_member_says_by_itself_may_lag_behind_in_revisions_but_not_in_terms() -> None:
    guard = Guard(incarnation=0)
    guard.admit("n1", header(5, 100), guard.floor)
    guard.admit_local("n2", header(5, 3), guard.floor)
    assert guard.floor == Floor(5, 100)
    with pytest.raises(StaleAnswerError):
        guard.admit_local("n2", header(4, 200), guard.floor)


def test_a_refused_answer_teaches_nothing() -> None:
    guard = Guard(incarnation=0)
    guard.admit("n1", header(5, 100), guard.floor)
    with pytest.raises(StaleAnswerError):
        guard.admit("n2", header(4, 500), guard.floor)
    with pytest.raises(WrongClusterError):
        guard.admit("n3", header(9, 500, cluster=8), guard.floor)
    assert guard.floor == Floor(5, 100)


def test_the_first_answer_says_which_cluster_is_ours_unless_it_is_known() -> None:
    guard = Guard(incarnation=3)
    guard.admit("n1", header(1, cluster=7), guard.floor)
    with pytest.raises(WrongClusterError, match=r"its id is 8, and ours 7 \(incarnation 3\)"):
        guard.admit("n2", header(1, cluster=8), guard.floor)
    with pytest.raises(WrongClusterError):
        Guard(incarnation=0, cluster=9).admit("n1", header(1, cluster=7), Floor())


def test_another_incarnation_begins_with_low_numbers_again() -> None:
    old = Guard(incarnation=0)
    old.admit("n1", header(50, 1000), old.floor)
    new = Guard(incarnation=1)
    new.admit("n1", header(2, 5, cluster=8), new.floor)
    assert new.floor == Floor(2, 5)
