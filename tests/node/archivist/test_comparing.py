"""Which of a peer's segments are fetched, and up to when two copies are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from tests.archive.material import BASE_US, row

from tandem.archive.rows import Segment, State
from tandem.node.archivist.comparing import Comparison, compare, richer

S = 1_000_000
NOW = 1_000
"""The present moment, in seconds since the base."""


def segment(number: int, start: float, end: float, state: State = State.CLOSED) -> Segment:
    begun = row(number, start_us=BASE_US + int(start * S))
    return Segment(
        segment_id=begun.segment_id,
        camera_id=begun.camera_id,
        stream=begun.stream,
        path=begun.path,
        role=begun.role,
        start_us=begun.start_us,
        end_us=BASE_US + int(end * S),
        durable_bytes=1,
        state=state,
    )


def compared(
    theirs: Sequence[Segment],
    ours: Sequence[Segment],
    looked: Mapping[UUID, int] | None = None,
    since: int = 0,
) -> Comparison:
    return compare(theirs, ours, looked or {}, BASE_US + since * S, BASE_US + NOW * S)


def lacking(found: Comparison) -> list[float]:
    return [(one.start_us - BASE_US) / S for one in found.lacking]


OPEN, CLOSED = State.OPEN, State.CLOSED


def test_closed_segments_that_nobody_writes_any_more_are_compared_to_their_end() -> None:
    found = compared([segment(1, 0, 60), segment(2, 60, 120)], [segment(3, 0, 60)])
    assert lacking(found) == [60]
    assert found.is_final
    assert found.until_us == BASE_US + 120 * S


def test_a_hole_as_short_as_a_picture_is_none() -> None:
    found = compared([segment(1, 0, 60)], [segment(2, 0.15, 59.85)])
    assert lacking(found) == []
    assert lacking(compared([segment(1, 0, 60)], [segment(2, 0.25, 60)])) == [0]


def test_only_holes_before_the_newest_stretch_of_a_node_that_records_count() -> None:
    """The running edge is no lack: each writes what it has at its own moments."""
    theirs = [segment(1, 900, 960), segment(2, 960, NOW - 1, OPEN)]
    ours = [segment(3, 900, 950), segment(4, 970, NOW - 3, OPEN)]
    found = compared(theirs, ours)
    assert lacking(found) == [900, 960]
    assert found.until_us == BASE_US + 970 * S
    assert found.is_final
    assert lacking(compared(theirs, [segment(4, 800, NOW - 3, OPEN)])) == []


def test_a_node_whose_first_pictures_are_not_durable_yet_is_recording_all_the_same() -> None:
    ours = [segment(4, NOW - 2, NOW - 2, OPEN)]
    found = compared([segment(1, 900, NOW - 1, OPEN)], ours)
    assert found.until_us == BASE_US + (NOW - 2) * S
    assert lacking(found) == [900]


def test_what_a_peer_has_yet_to_write_of_a_hole_is_waited_for() -> None:
    """It writes every two seconds; this node may have begun in between."""
    ours = [segment(4, NOW - 3, NOW - 1, OPEN)]
    theirs = segment(1, 900, NOW - 5, OPEN)
    looked = {theirs.segment_id: theirs.end_us}
    found = compared([theirs], ours, looked)
    assert (lacking(found), found.is_final) == ([], False)
    assert found.whole_until_us == theirs.end_us
    found = compared([segment(1, 900, NOW - 2, OPEN)], ours, looked)
    assert (lacking(found), found.is_final) == ([900], True)


def test_where_this_node_does_not_record_the_last_seconds_are_left_alone() -> None:
    found = compared([segment(1, 900, NOW - 1, OPEN)], [])
    assert found.until_us == BASE_US + (NOW - 1 - 5) * S
    assert lacking(found) == [900]
    assert not found.is_final


def test_while_this_node_does_not_record_an_open_segment_is_fetched_in_steps_not_in_drops() -> None:
    theirs = segment(1, 900, NOW - 1, OPEN)
    for seconds, expected in ((9, []), (10, [900.0])):
        looked = {theirs.segment_id: BASE_US + (NOW - 6 - seconds) * S}
        found = compared([theirs], [], looked)
        assert lacking(found) == expected
        assert found.whole_until_us == BASE_US + (NOW - 6 - seconds) * S
    assert lacking(compared([segment(1, 900, NOW - 8, CLOSED)], [])) == [900]


def test_when_this_node_records_again_even_a_short_hole_of_an_open_segment_is_fetched() -> None:
    theirs = segment(1, 900, NOW - 1, OPEN)
    looked = {theirs.segment_id: BASE_US + 985 * S}
    ours = [segment(4, 988, NOW - 2, OPEN)]
    assert lacking(compared([theirs], ours, looked)) == [900]


def test_what_was_looked_through_is_not_fetched_again_whatever_came_of_it() -> None:
    theirs = segment(1, 0, 60)
    assert lacking(compared([theirs], [], {theirs.segment_id: theirs.end_us})) == []


def test_a_segment_that_a_crash_left_open_is_not_being_recorded() -> None:
    found = compared([segment(1, 900, 950, OPEN)], [segment(2, 800, 910, OPEN)])
    assert found.is_final
    assert found.until_us == BASE_US + 950 * S
    assert lacking(found) == [900]


def test_what_a_disk_has_failed_on_is_not_fetched() -> None:
    assert lacking(compared([segment(1, 0, 60, State.SUSPECT)], [])) == []


def test_what_is_older_than_the_window_does_not_lack() -> None:
    found = compared([segment(1, 0, 60), segment(2, 60, 120)], [], since=60)
    assert lacking(found) == [60]


def test_a_peer_without_any_row_has_nothing_to_give() -> None:
    found = compared([], [segment(1, 0, 60)])
    assert lacking(found) == []
    assert found.is_final


def filled(number: int, start: float, end: float, frames: int) -> Segment:
    return replace(segment(number, start, end), frames=frames)


def test_what_a_disk_failed_on_here_counts_as_nothing() -> None:
    found = compared([segment(1, 0, 60)], [segment(2, 0, 60, State.SUSPECT)])
    assert lacking(found) == [0]


def test_segments_are_told_that_have_more_pictures_than_this_node_has_of_their_time() -> None:
    theirs = [filled(at, at * 60, at * 60 + 60, 1_500) for at in range(4)]
    ours = [filled(10 + at, at * 60 - 20, at * 60 + 40, 1_500) for at in range(5)]
    assert richer(theirs, ours) == set()
    ours[2] = replace(ours[2], frames=1_400)  # from 100 to 160: of the second and the third
    assert richer(theirs, ours) == {theirs[1].segment_id, theirs[2].segment_id}
    ours.append(filled(20, 110, 114, 100))  # healed
    assert theirs[1].segment_id not in richer(theirs, ours)


def test_a_richer_segment_lacks_until_it_was_looked_through() -> None:
    theirs, ours = [filled(1, 0, 60, 1_500)], [filled(2, 0, 60, 1_400)]
    ids = richer(theirs, ours)
    now_us = BASE_US + NOW * S
    found = compare(theirs, ours, {}, BASE_US, now_us, ids)
    assert lacking(found) == [0]
    assert found.whole_until_us == BASE_US
    (only,) = ids
    assert compare(theirs, ours, {only: theirs[0].end_us}, BASE_US, now_us, ids).lacking == []
