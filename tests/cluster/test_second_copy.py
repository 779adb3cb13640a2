"""The second's side: whatever is in doubt keeps the copy."""

from dataclasses import replace

import pytest

from tandem.cluster.model import Placement
from tandem.cluster.promise import DEADLINE_US, Answer, Question
from tandem.cluster.second_copy import (
    Copy,
    Drop,
    Keep,
    Own,
    Second,
    Situation,
    answered,
    ask,
    why_keep,
)

WINDOW_US = 600_000_000
COPY = Copy("s1", "gate", "main", 0, 60_000_000, has_promised=False)
PLACED = Placement("gate", ("a", "b", "c"), 4)
OLD = Situation(PLACED, WINDOW_US, utc_us=COPY.to_us + WINDOW_US + 1, now_us=1_000)
PICTURES = (b"1", b"2")


def asked(now: Situation = OLD, nonce: str = "n1", state: Second | None = None) -> Second:
    state, question = ask(state or Second("b"), COPY, PICTURES, now, nonce)
    assert isinstance(question, Question)
    return state


def yes(nonce: str = "n1") -> Answer:
    return Answer(nonce, promised=True)


def test_a_promise_in_answer_to_the_open_question_lets_the_copy_go() -> None:
    state, verdict = answered(asked(), COPY, yes(), OLD)
    assert verdict == Drop("s1")
    assert state == Second("b")


def test_the_question_names_every_picture_and_the_placement_it_is_asked_by() -> None:
    _, question = ask(Second("b"), COPY, PICTURES, OLD, "n1")
    assert question == Question("n1", "b", 4, "s1", "gate", "main", 0, 60_000_000, PICTURES)


@pytest.mark.parametrize(
    ("copy", "now", "keep"),
    [
        (COPY, replace(OLD, placement=None), Keep.NO_PLACEMENT),
        (COPY, replace(OLD, placement=Placement("gate", ("b", "a"), 5)), Keep.IS_PRIMARY),
        (replace(COPY, has_promised=True), OLD, Keep.HAS_PROMISED),
        (COPY, replace(OLD, utc_us=None), Keep.CLOCK_UNSURE),
        (COPY, replace(OLD, utc_us=COPY.to_us + WINDOW_US), Keep.IN_WINDOW),
        (COPY, replace(OLD, window_us=WINDOW_US + 1), Keep.IN_WINDOW),
        (COPY, replace(OLD, window_us=None), Keep.IN_WINDOW),
    ],
)
def test_what_forbids_to_ask_also_forbids_to_drop_when_it_comes_meanwhile(
    copy: Copy, now: Situation, keep: Keep
) -> None:
    assert why_keep(Second("b"), copy, now) is keep
    assert ask(Second("b"), copy, PICTURES, now, "n1") == (Second("b"), keep)
    assert answered(asked(), copy, yes(), now)[1] is keep


def test_who_follows_or_is_no_longer_in_the_list_asks_like_a_second() -> None:
    for node in ("c", "z"):
        assert why_keep(Second(node), COPY, OLD) is None


def test_a_question_is_asked_once_until_its_deadline() -> None:
    state = asked()
    assert ask(state, COPY, PICTURES, OLD, "n2")[1] is Keep.ASKED
    later = replace(OLD, now_us=OLD.now_us + DEADLINE_US)
    assert isinstance(ask(state, COPY, PICTURES, later, "n2")[1], Question)


def test_a_late_answer_is_none() -> None:
    late = replace(OLD, now_us=OLD.now_us + DEADLINE_US)
    assert answered(asked(), COPY, yes(), late)[1] is Keep.NOT_ASKED


def test_an_answer_to_an_earlier_question_is_none_and_leaves_the_new_one_open() -> None:
    later = replace(OLD, now_us=OLD.now_us + DEADLINE_US)
    state = asked(later, "n2", asked())
    state, verdict = answered(state, COPY, yes("n1"), later)
    assert verdict is Keep.NOT_ASKED
    assert answered(state, COPY, yes("n2"), later)[1] == Drop("s1")


def test_an_answer_counts_once() -> None:
    state, _ = answered(asked(), COPY, yes(), OLD)
    assert answered(state, COPY, yes(), OLD)[1] is Keep.NOT_ASKED


def test_an_answer_to_nobodys_question_is_none() -> None:
    assert answered(Second("b"), COPY, yes(), OLD)[1] is Keep.NOT_ASKED
    other = replace(COPY, segment_id="s2")
    assert answered(asked(), other, yes(), OLD)[1] is Keep.NOT_ASKED


def test_an_answer_given_under_another_placement_is_none() -> None:
    swapped = replace(OLD, placement=Placement("gate", ("a", "c", "b"), 5))
    assert answered(asked(), COPY, yes(), swapped)[1] is Keep.PLACEMENT_CHANGED


def test_after_a_refusal_the_question_may_be_asked_again_at_once() -> None:
    state, verdict = answered(asked(), COPY, Answer("n1", promised=False, missing=(1,)), OLD)
    assert verdict is Keep.NOT_PROMISED
    assert isinstance(ask(state, COPY, PICTURES, OLD, "n2")[1], Question)


def test_forgotten_questions_do_not_pile_up() -> None:
    state = asked()
    later = replace(OLD, now_us=OLD.now_us + DEADLINE_US)
    state, _ = ask(state, replace(COPY, segment_id="s2"), PICTURES, later, "n2")
    assert set(state.open) == {"s2"}


def test_what_the_primary_will_never_have_becomes_this_nodes_own() -> None:
    never = Answer("n1", promised=False, missing=(0,), is_yours=True)
    assert answered(asked(), COPY, never, OLD)[1] == Own("s1")
    swapped = replace(OLD, placement=Placement("gate", ("a", "c", "b"), 5))
    assert answered(asked(), COPY, never, swapped)[1] is Keep.PLACEMENT_CHANGED
