from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.mp4.decode_times import (
    DEEPEST_REORDERING,
    RELEARN_AFTER,
    DecodeTimes,
)

BASE = 161_550_000_003_600

GOPS = {
    0: [0, 1, 2, 3, 4, 5],
    1: [0, 2, 1, 4, 3, 5],
    2: [0, 4, 2, 1, 3, 5, 9, 7, 6, 8],
    3: [0, 8, 4, 2, 1, 3, 6, 5, 7, 9],
}
"""Output positions in decode order: no B-frames, single ones, pyramids of two and three levels."""


@st.composite
def streams(draw: st.DrawFn, depth: int) -> list[int]:
    """Presentation times in decode order of GOPs of one shape, pictures unevenly spaced."""
    order: list[int] = []
    for gop in range(draw(st.integers(1, 12))):
        order += [gop * len(GOPS[depth]) + position for position in GOPS[depth]]
    step = st.one_of(st.integers(1, 20_000), st.sampled_from([1, 1_500, 3_600, 18_000]))
    steps = draw(st.lists(step, min_size=len(order), max_size=len(order)))
    shown = list(accumulate(steps, initial=BASE))
    return [shown[position] for position in order]


def pushed(depth: int | None, stream: list[int]) -> list[int]:
    times = DecodeTimes(depth)
    return [times.push(pts) for pts in stream]


def rising(times: list[int]) -> bool:
    return all(before < after for before, after in pairwise(times))


@pytest.mark.parametrize("depth", GOPS)
@given(data=st.data())
def test_no_picture_is_decoded_after_it_is_shown(depth: int, data: st.DataObject) -> None:
    stream = data.draw(streams(depth))
    times = DecodeTimes(depth)
    dts = [times.push(pts) for pts in stream]
    assert rising(dts)
    assert all(decoded <= shown for decoded, shown in zip(dts, stream, strict=True))
    assert times.irregular == 0


@pytest.mark.parametrize("depth", GOPS)
@given(data=st.data())
def test_a_decode_time_is_the_presentation_time_of_depth_pictures_ago_in_output_order(
    depth: int, data: st.DataObject
) -> None:
    stream = data.draw(streams(depth))
    dts = pushed(depth, stream)
    for i in range(depth, len(stream)):
        assert dts[i] == sorted(stream[: i + 1])[i - depth]


@pytest.mark.parametrize("depth", GOPS)
@given(data=st.data())
def test_recorders_that_began_at_different_keyframes_agree_after_depth_pictures(
    depth: int, data: st.DataObject
) -> None:
    stream = data.draw(streams(depth))
    late_start = len(GOPS[depth]) * data.draw(st.integers(0, len(stream) // len(GOPS[depth]) - 1))
    early, late = pushed(depth, stream), pushed(depth, stream[late_start:])
    assert late[depth:] == early[late_start + depth :]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_depth_that_nobody_told_is_learned_and_ends_on_the_same_timeline(depth: int) -> None:
    size = len(GOPS[depth])
    stream = [BASE + 3_600 * (g * size + p) for g in range(20) for p in GOPS[depth]]
    times = DecodeTimes(None)
    learned = [times.push(pts) for pts in stream]
    assert rising(learned)
    assert times.reorder_depth == depth
    assert learned[2 * size :] == pushed(depth, stream)[2 * size :]
    assert times.irregular == 0


@given(data=st.data())
def test_learning_recorders_that_began_at_different_keyframes_agree(data: st.DataObject) -> None:
    size = len(GOPS[3])
    stream = [BASE + 3_600 * (g * size + p) for g in range(12) for p in GOPS[3]]
    start = size * data.draw(st.integers(0, 8))
    early, late = pushed(None, stream), pushed(None, stream[start:])
    assert late[2 * size :] == early[start + 2 * size :]


def test_without_b_frames_decode_times_are_presentation_times() -> None:
    stream = [BASE + 3_600 * i for i in range(100)]
    assert pushed(0, stream) == stream
    assert pushed(None, stream) == stream


@pytest.mark.parametrize("depth", [0, 1, 2, None])
@given(stream=st.lists(st.integers(-(1 << 48), 1 << 48), max_size=80))
def test_whatever_a_camera_sends_decode_times_rise_and_no_picture_is_dropped(
    depth: int | None, stream: list[int]
) -> None:
    dts = pushed(depth, stream)
    assert len(dts) == len(stream)
    assert rising(dts)


@pytest.mark.parametrize("depth", [0, None])
def test_a_repeated_presentation_time_moves_decoding_by_one_tick_and_is_counted(
    depth: int | None,
) -> None:
    times = DecodeTimes(depth)
    stream = [0, 3_600, 3_600, 3_600, 10_800]
    assert [times.push(pts) for pts in stream] == [0, 3_600, 3_601, 3_602, 10_800]
    assert times.irregular == 2
    assert times.reorder_depth == 0


@pytest.mark.parametrize("depth", [0, None])
def test_a_clock_that_steps_back_far_is_counted_and_not_taken_for_b_frames(
    depth: int | None,
) -> None:
    times = DecodeTimes(depth)
    before = [3_600 * i for i in range(100)]
    after = [3_600 * i for i in range(50, 60)]
    dts = [times.push(pts) for pts in before + after]
    assert dts[100:] == [before[-1] + 1 + i for i in range(10)]
    assert times.irregular == 10
    assert times.reorder_depth == 0


def test_one_small_step_back_of_a_clock_does_not_set_the_timeline_apart_for_ever() -> None:
    times = DecodeTimes(None)
    stream = [3_600 * i for i in range(100)]
    stream += [3_600 * i - 9_000 for i in range(100, 100 + 2 * RELEARN_AFTER)]
    dts = [times.push(pts) for pts in stream]
    assert rising(dts)
    assert times.reorder_depth == 0
    assert dts[-1] == stream[-1]


def test_deeper_reordering_than_was_told_is_counted_and_decoding_still_rises() -> None:
    times = DecodeTimes(1)
    dts = [times.push(3_600 * p) for p in GOPS[3]]
    assert rising(dts)
    assert times.irregular > 0


def test_the_deepest_reordering_that_a_standard_allows_is_learned() -> None:
    times = DecodeTimes(None)
    for position in range(DEEPEST_REORDERING, -1, -1):
        times.push(3_600 * position)
    assert times.reorder_depth == DEEPEST_REORDERING
    assert times.irregular == 0


OPEN_GOPS = [3_600 * p for p in [5, 3, 4, 8, 6, 7, 11, 9, 10, 14, 12, 13]]
"""From a keyframe that pictures lead: decoded after it, shown before it."""

BEFORE_THEM = [3_600 * p for p in [-1, 2, 0, 1]]


def test_pictures_that_lead_the_first_keyframe_are_kept_and_do_not_bend_the_timeline() -> None:
    late, early = pushed(1, OPEN_GOPS), pushed(1, BEFORE_THEM + OPEN_GOPS)
    assert rising(late)
    assert late[3:] == early[7:]


@pytest.mark.parametrize("depth", [1, None])
def test_pictures_that_were_foreseen_are_never_decoded_after_they_are_shown(
    depth: int | None,
) -> None:
    times = DecodeTimes(depth)
    times.foresee(OPEN_GOPS[:6])
    dts = [times.push(pts) for pts in OPEN_GOPS]
    assert rising(dts)
    assert all(decoded <= shown for decoded, shown in zip(dts, OPEN_GOPS, strict=True))
    assert dts[3:] == pushed(1, BEFORE_THEM + OPEN_GOPS)[7:]


@pytest.mark.parametrize("depth", GOPS)
@given(data=st.data())
def test_whole_gops_foreseen_make_learning_as_good_as_knowing(
    depth: int, data: st.DataObject
) -> None:
    stream = data.draw(streams(depth))
    times = DecodeTimes(None)
    size = len(GOPS[depth])
    dts = []
    for start in range(0, len(stream), size):
        times.foresee(stream[start : start + size])
        dts += [times.push(pts) for pts in stream[start : start + size]]
    assert dts == pushed(depth, stream)


def test_foreseeing_nothing_changes_nothing() -> None:
    times = DecodeTimes(None)
    times.foresee([])
    assert times.push(5) == 5
