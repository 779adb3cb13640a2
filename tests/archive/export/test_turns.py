"""Whose pictures are shown when, where copies are encodings of their own."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tandem.archive.export.turns import Turn, plan_turns
from tandem.archive.rows import Interval

S = 1_000_000
WINDOW = Interval(0, 100 * S)


def every(seconds: int) -> list[int]:
    return list(range(0, 200 * S, seconds * S))


def plan(
    coverages: Sequence[Sequence[tuple[int, int]]], keyframes: Sequence[Sequence[int]]
) -> list[tuple[int, float, float]]:
    def near(family: int, within: Interval) -> list[int]:
        return [time for time in keyframes[family] if within.from_us <= time < within.to_us]

    known = [[Interval(start * S, end * S) for start, end in spans] for spans in coverages]
    return [
        (turn.family, turn.from_us / S, turn.to_us / S) for turn in plan_turns(known, WINDOW, near)
    ]


def test_one_that_has_all_is_shown_throughout() -> None:
    assert plan([[(0, 100)], [(0, 100)]], [every(2), every(2)]) == [(0, 0, 100)]


def test_another_fills_in_from_its_last_keyframe_before_and_until_the_next_one_behind() -> None:
    turns = plan([[(0, 41), (57, 100)], [(0, 100)]], [every(2), every(3)])
    assert turns == [(0, 0, 39), (1, 39, 58), (0, 58, 100)]


def test_one_without_a_keyframe_in_time_begins_with_its_first() -> None:
    turns = plan([[(0, 41)], [(35, 100)]], [every(2), [45 * S]])
    assert turns == [(0, 0, 45), (1, 45, 100)]


def test_where_nobody_has_a_picture_nobody_is_shown() -> None:
    turns = plan([[(0, 30)], [(60, 100)]], [every(2), every(2)])
    assert turns == [(0, 0, 30), (1, 60, 100)]


def test_a_hole_of_a_picture_is_no_reason_to_change() -> None:
    known = [[Interval(0, 41 * S), Interval(41 * S + 80_000, 100 * S)], [Interval(0, 100 * S)]]
    turns = plan_turns(known, WINDOW, lambda *_: every(2))
    assert {turn.family for turn in turns} == {0}


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=5), max_size=3)
)
def test_turns_never_overlap_and_ascend(spans: list[list[tuple[int, int]]]) -> None:
    coverages = []
    for family in spans:
        edges = sorted({edge * S for span in family for edge in span})
        coverages.append([Interval(*pair) for pair in zip(edges[::2], edges[1::2], strict=False)])
    turns = plan_turns(coverages, WINDOW, lambda *_: every(7))
    end = 0
    for turn in turns:
        assert isinstance(turn, Turn)
        assert end <= turn.from_us < turn.to_us
        end = turn.to_us
