"""What is recorded, what is missing, and why, against a model that counts every microsecond."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tandem.archive.coverage import (
    Missing,
    clip,
    coverage,
    explain,
    lost_within,
    subtract,
)
from tandem.archive.rows import Gap, GapCause, Interval

END = 40

intervals = st.lists(
    st.tuples(st.integers(0, END), st.integers(0, END)).map(lambda pair: Interval(*pair)),
    max_size=8,
)
causes = st.sampled_from([cause for cause in GapCause if cause is not GapCause.UNKNOWN])
gaps = st.lists(
    st.builds(
        lambda start, length, cause: Gap("gate", "main", start, start + length, cause),
        st.integers(0, END),
        st.integers(1, 10),
        causes,
    ),
    max_size=6,
)


def moments(spans: Iterable[Interval]) -> set[int]:
    return {moment for start, end in spans for moment in range(start, end)}


def gap(start: int, end: int, cause: GapCause) -> Gap:
    return Gap("gate", "main", start, end, cause)


@given(intervals)
def test_coverage_is_all_moments_in_the_fewest_intervals(spans: list[Interval]) -> None:
    joined = coverage(spans)
    assert moments(joined) == moments(spans)
    assert joined == sorted(joined)
    assert all(a.to_us < b.from_us for a, b in pairwise(joined))


@given(intervals, st.integers(0, 5))
def test_only_holes_up_to_the_tolerance_are_closed(spans: list[Interval], tolerance: int) -> None:
    joined = coverage(spans, tolerance)
    exact = coverage(spans)
    assert moments(exact) <= moments(joined)
    for hole in subtract(joined, exact):
        assert hole.to_us - hole.from_us <= tolerance
    for before, after in pairwise(joined):
        assert after.from_us - before.to_us > tolerance


@given(intervals, intervals)
def test_what_one_copy_lacks_is_what_the_other_alone_has(
    one: list[Interval], other: list[Interval]
) -> None:
    rest = subtract(coverage(one), coverage(other))
    assert moments(rest) == moments(one) - moments(other)
    assert rest == coverage(rest)


@given(intervals, st.integers(0, END), st.integers(0, END))
def test_clipping_is_by_moments(spans: list[Interval], start: int, end: int) -> None:
    window = Interval(min(start, end), max(start, end))
    assert moments(clip(spans, window)) == moments(spans) & moments([window])


@given(intervals, gaps)
def test_what_is_missing_is_split_by_cause_and_nothing_is_left_out(
    spans: list[Interval], known: list[Gap]
) -> None:
    missing = subtract([Interval(0, END)], coverage(spans))
    explained = explain(missing, known)
    assert [moment for part in explained for moment in range(part.from_us, part.to_us)] == sorted(
        moments(missing)
    )
    for part in explained:
        for moment in range(part.from_us, part.to_us):
            over = [one for one in known if one.from_us <= moment < one.to_us]
            latest = max((one.from_us for one in over), default=None)
            said = {one.cause for one in over if one.from_us == latest}
            assert part.cause in (said or {GapCause.UNKNOWN})


@given(intervals, gaps, st.randoms())
def test_the_order_of_gaps_makes_no_difference(
    spans: list[Interval], known: list[Gap], random: Random
) -> None:
    missing = subtract([Interval(0, END)], coverage(spans))
    shuffled = known.copy()
    random.shuffle(shuffled)
    assert explain(missing, known, 2) == explain(missing, shuffled, 2)


def test_intervals_that_overlap_are_taken_once() -> None:
    """Not what `coverage` returns, but what a caller may hold."""
    taken = [Interval(0, 9), Interval(2, 4)]
    assert subtract([Interval(0, 10)], taken) == [Interval(9, 10)]


def test_a_gap_inside_another_speaks_for_its_own_time() -> None:
    known = [gap(0, 30, GapCause.NODE_DOWN), gap(10, 20, GapCause.CAMERA_REFUSED)]
    assert explain([Interval(0, 30)], known) == [
        Missing(0, 10, GapCause.NODE_DOWN, ""),
        Missing(10, 20, GapCause.CAMERA_REFUSED, ""),
        Missing(20, 30, GapCause.NODE_DOWN, ""),
    ]


def test_a_frame_beside_an_explained_gap_is_not_called_unknown() -> None:
    known = [gap(1, 20, GapCause.CAMERA_UNREACHABLE)]
    assert explain([Interval(0, 21)], known, tolerance_us=1) == [
        Missing(0, 21, GapCause.CAMERA_UNREACHABLE, "")
    ]
    assert [part.cause for part in explain([Interval(0, 23)], known, tolerance_us=1)] == [
        GapCause.CAMERA_UNREACHABLE,
        GapCause.UNKNOWN,
    ]


def test_a_sliver_with_nothing_beside_it_stays_unknown() -> None:
    assert explain([Interval(0, 1)], [], 5) == [Missing(0, 1, GapCause.UNKNOWN, "")]


def test_a_loss_is_told_though_its_time_was_fetched_twice_from_one_copy() -> None:
    loss = Gap("gate", "main", 2, 3, GapCause.PACKETS_LOST, "")
    assert lost_within([(0, 4), (0, 8)], [loss]) == [Interval(2, 3)]


def test_a_loss_is_none_where_another_copy_has_the_time() -> None:
    loss = Gap("gate", "main", 2, 3, GapCause.PACKETS_LOST, "")
    assert lost_within([(0, 4), (1, 8)], [loss]) == []
