"""The primary's side: role, disk and index each have their say before a promise is given."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tandem.cluster.model import Placement
from tandem.cluster.promise import (
    MOST_AT_ONCE,
    WORK_US,
    Answer,
    Asked,
    Commit,
    Committed,
    Effect,
    Event,
    Failed,
    Fetch,
    Primary,
    Question,
    Read,
    ReadBack,
    Reply,
    step,
)

PLACED = {"gate": Placement("gate", ("a", "b", "c"), 4)}
SWAPPED = {"gate": Placement("gate", ("b", "a", "c"), 5)}
RENEWED = {"gate": Placement("gate", ("a", "c", "b"), 6)}
QUESTION = Question("n1", "b", 4, "s1", "gate", "main", 0, 60_000_000, (b"1", b"2", b"3"))
FOUND = ReadBack("n1", ("s7", "s8"), ())


def run(
    *events: Event, placements: Mapping[str, Placement] = PLACED, state: Primary | None = None
) -> tuple[Primary, list[Effect]]:
    """All events under the same placement; what the last one made to be done."""
    effects: list[Effect] = []
    state = state or Primary("a")
    for event in events:
        state, effects = step(state, event, placements, 1_000)
    return state, effects


def refusal(effects: list[Effect]) -> str:
    (reply,) = (effect for effect in effects if isinstance(effect, Reply))
    assert reply.to == "b"
    assert not reply.answer.promised
    return reply.answer.reason


def test_read_back_then_committed_then_promised() -> None:
    assert run(Asked(QUESTION))[1] == [Read(QUESTION)]
    assert run(Asked(QUESTION), FOUND)[1] == [Commit("n1", ("s7", "s8"))]
    state, effects = run(Asked(QUESTION), FOUND, Committed("n1"))
    assert effects == [Reply("b", Answer("n1", promised=True))]
    assert state == Primary("a")


@pytest.mark.parametrize(
    ("placements", "reason"),
    [({}, "no placement"), (SWAPPED, "is node b"), (RENEWED, "node a knows 6")],
)
def test_the_role_is_looked_at_when_asked_when_read_back_and_when_committed(
    placements: Mapping[str, Placement], reason: str
) -> None:
    assert reason in refusal(run(Asked(QUESTION), placements=placements)[1])
    reading, _ = run(Asked(QUESTION))
    assert reason in refusal(run(FOUND, placements=placements, state=reading)[1])
    committing, _ = run(Asked(QUESTION), FOUND)
    state, effects = run(Committed("n1"), placements=placements, state=committing)
    assert reason in refusal(effects)
    assert state == Primary("a")


def test_a_node_makes_no_promise_to_itself() -> None:
    (reply,) = run(Asked(replace(QUESTION, asker="a")))[1]
    assert isinstance(reply, Reply)
    assert not reply.answer.promised


def test_what_is_missing_is_fetched_and_not_promised() -> None:
    state, effects = run(Asked(QUESTION), ReadBack("n1", ("s7",), (0, 2)))
    assert effects[0] == Fetch(QUESTION, (0, 2))
    assert "lacks 2 of 3 pictures" in refusal(effects)
    assert state == Primary("a")


def test_a_commit_that_failed_is_no_promise() -> None:
    assert refusal(run(Asked(QUESTION), FOUND, Failed("n1", "The disk is read-only."))[1]) == (
        "The disk is read-only."
    )


def test_nothing_is_promised_that_was_not_read_back() -> None:
    assert run(Asked(QUESTION), Committed("n1"))[1] == []


def test_a_question_that_comes_over_both_links_is_worked_on_once() -> None:
    assert run(Asked(QUESTION), Asked(QUESTION))[1] == []


def test_an_event_of_a_question_forgotten_in_a_crash_does_nothing() -> None:
    assert run(FOUND)[1] == []
    assert run(Committed("n1"))[1] == []


def test_nobody_is_answered_after_the_time_for_work() -> None:
    state, _ = run(Asked(QUESTION), FOUND)
    state, effects = step(state, Committed("n1"), PLACED, 1_000 + WORK_US)
    assert effects == []
    assert state == Primary("a")


def test_a_question_about_no_picture_is_not_answered_by_a_promise() -> None:
    assert "No picture" in refusal(run(Asked(replace(QUESTION, identities=())))[1])


def test_more_than_a_disk_can_read_is_turned_away() -> None:
    state, _ = run(*(Asked(replace(QUESTION, nonce=f"n{i}")) for i in range(MOST_AT_ONCE)))
    state, effects = run(Asked(replace(QUESTION, nonce="one more")), state=state)
    assert "Ask again" in refusal(effects)
    assert len(state.pending) == MOST_AT_ONCE
