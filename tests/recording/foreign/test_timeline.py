"""The traps libav sets with its timestamps. No unit is ever dropped for its time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.recording.foreign.protocol import Unit
from tandem.recording.foreign.timeline import Opening, Timeline

HZ = 90_000
FRAME = 3600
WRAP = 1 << 33


def unit(pts: int | None, dts: int | None = None, duration: int = 0) -> Unit:
    return Unit(is_video=True, pts=pts, dts=dts, duration=duration, payload=b"")


def place(units: list[Unit], wrap: int = 0) -> list[tuple[int, bool]]:
    timeline = Timeline(HZ, wrap)
    return [timeline.place(each) for each in units]


def opened(units: list[Unit], depth: int) -> list[tuple[int | None, int]]:
    """Times of what an opening lets out, and after how many units it did."""
    opening = Opening(depth, HZ)
    out: list[tuple[int | None, int]] = []
    for count, each in enumerate(units, 1):
        if released := opening.receive(each):
            return [(held.pts, count) for held, _ in released]
    return out


def test_a_counter_of_33_bits_may_begin_anew_as_often_as_it_likes() -> None:
    raw = [(WRAP - 2 * FRAME + at * FRAME) % WRAP for at in range(5)]
    units = [unit(time, time) for time in raw] + [unit(time, time) for time in raw[4:]]
    assert [time for time, _ in place(units, WRAP)][:5] == [
        WRAP - 2 * FRAME + at * FRAME for at in range(5)
    ]
    timeline = Timeline(HZ, WRAP)
    times = [timeline.place(unit(at * 5 * HZ % WRAP, at * 5 * HZ % WRAP)) for at in range(40_000)]
    assert times == [(at * 5 * HZ, False) for at in range(40_000)]  # more than two rounds


def test_a_correction_that_libav_made_for_one_round_only_is_seen_through() -> None:
    units = [unit(WRAP + at, WRAP + at) for at in (-FRAME, 0, FRAME)] + [unit(2 * FRAME, 2 * FRAME)]
    assert [time - WRAP for time, _ in place(units, WRAP)] == [-FRAME, 0, FRAME, 2 * FRAME]


def test_presentation_may_wrap_before_decoding_does() -> None:
    assert place([unit(100, WRAP - FRAME)], WRAP) == [(WRAP + 100, False)]


def test_pictures_out_of_order_keep_their_presentation_times() -> None:
    pts = [0, 4, 2, 1, 3, 8, 6, 5, 7]
    units = [unit(p * FRAME, (d - 2) * FRAME) for d, p in enumerate(pts)]
    assert place(units) == [(p * FRAME, False) for p in pts]
    assert place([unit(p * FRAME) for p in pts]) == [(p * FRAME, False) for p in pts]


@pytest.mark.parametrize("step", [0, -1, -FRAME, -2 * HZ])
def test_decode_times_that_stand_still_or_step_back_a_little_are_kept(step: int) -> None:
    assert place([unit(10 * HZ, 10 * HZ), unit(10 * HZ + step, 10 * HZ + step)]) == [
        (10 * HZ, False),
        (10 * HZ + step, False),
    ]


@pytest.mark.parametrize("step", [-2 * HZ - 1, 10 * HZ + 1, 1 << 40])
def test_a_clock_that_was_reset_begins_a_new_timeline(step: int) -> None:
    start = 1 << 41
    after = start + step
    units = [unit(start, start), unit(after, after), unit(after + FRAME, after + FRAME)]
    assert place(units) == [(start, False), (after, True), (after + FRAME, False)]


def test_a_reset_clock_is_told_from_a_wrap() -> None:
    units = [unit(5 * HZ * at, 5 * HZ * at) for at in (100, 101)] + [unit(0, 0)]
    assert place(units, WRAP)[-1] == (0, True)


def test_a_unit_without_time_follows_at_the_spacing_of_those_before() -> None:
    units = [unit(0, 0), unit(3000, 3000), unit(None), unit(None)]
    assert [time for time, _ in place(units)] == [0, 3000, 6000, 9000]


def test_a_spacing_that_is_known_is_not_learned() -> None:
    timeline = Timeline(44_100, 0, 1024)
    units = [unit(0, 0, 1764), unit(None), unit(None), unit(3072, 3072), unit(None)]
    assert [timeline.place(each)[0] for each in units] == [0, 1024, 2048, 3072, 4096]


def test_a_unit_with_only_a_decode_time_keeps_the_lag_of_those_before() -> None:
    units = [unit(2 * FRAME, 0), unit(None, FRAME)]
    assert [time for time, _ in place(units)] == [2 * FRAME, 3 * FRAME]


def test_more_of_a_picture_has_the_time_of_its_beginning() -> None:
    timeline = Timeline(HZ, 0)
    timeline.place(unit(FRAME, FRAME))
    assert timeline.place(unit(None), continues=True) == (FRAME, False)


def test_a_first_unit_with_a_time_waits_for_nobody() -> None:
    assert opened([unit(7)], depth=4) == [(7, 1)]


def test_a_first_picture_without_time_lies_before_its_successor() -> None:
    assert opened([unit(None), unit(3600, duration=FRAME)], depth=0) == [(0, 2), (3600, 2)]


def test_a_first_picture_without_time_is_shown_before_the_b_frames_that_follow() -> None:
    pts = [None, 5 * FRAME, 3 * FRAME, 2 * FRAME, 4 * FRAME]
    assert opened([unit(p) for p in pts], depth=2)[0] == (FRAME, 4)


def test_a_first_picture_in_two_packets_has_one_time() -> None:
    opening = Opening(0, HZ)
    assert opening.receive(unit(None)) == []
    released = opening.receive(unit(FRAME), continues=True)
    assert [held.pts for held, _ in released] == [FRAME, FRAME]


def test_a_stream_that_never_tells_a_time_is_let_through_all_the_same() -> None:
    opening = Opening(0, HZ)
    held = [opening.receive(unit(None)) for _ in range(32)]
    assert [len(released) for released in held] == [0] * 31 + [32]
    assert place([each for each, _ in held[-1]])[:3] == [
        (0, False),
        (FRAME, False),
        (2 * FRAME, False),
    ]


def test_a_stream_that_ends_before_its_times_are_told_loses_nothing() -> None:
    opening = Opening(4, HZ)
    opening.receive(unit(None))
    opening.receive(unit(FRAME))
    assert [held.pts for held, _ in opening.flush()] == [0, FRAME]


optional_times = st.none() | st.integers(-(1 << 40), 1 << 40)


@given(
    st.lists(st.tuples(optional_times, optional_times, st.integers(0, 1 << 32)), max_size=60),
    st.integers(0, 16),
    st.sampled_from([0, 1 << 33]),
)
def test_whatever_the_times_every_unit_comes_out_once_in_its_order(
    stamps: list[tuple[int | None, int | None, int]], depth: int, wrap: int
) -> None:
    units = [
        Unit(is_video=True, pts=pts, dts=dts, duration=duration, payload=at.to_bytes(4, "big"))
        for at, (pts, dts, duration) in enumerate(stamps)
    ]
    opening, timeline, out = Opening(depth, HZ), Timeline(HZ, wrap), []
    for at, each in enumerate(units):
        if released := opening.receive(each):
            out = [held for held, _ in released] + units[at + 1 :]
            break
    else:
        out = [held for held, _ in opening.flush()]
    for each in out:
        timeline.place(each)
    assert [each.payload for each in out] == [each.payload for each in units]
