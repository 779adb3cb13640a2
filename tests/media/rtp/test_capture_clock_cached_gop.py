"""Cameras that begin with the pictures since their last keyframe: old pictures, arriving now."""

import pytest
from tests.media.rtp.clock_world import HZ, MS, Camera, Node, Recording, S, connect, record

from tandem.media.rtp.clock import CAUGHT_UP_US, SETTLE_US, CaptureClock

AGES_S = [1, 2, 4, 7, 10]
PATH_US = 62 * MS
RECONNECT_US = 100 * S + 300 * MS

age = pytest.mark.parametrize("age_s", AGES_S)


def reconnected(camera: Camera, node: Node, seconds: int) -> tuple[Recording, Recording]:
    """Two connections, 0.3 s apart; also the new pictures of the second one by themselves."""
    whole = record(camera, Node(seed=node.seed + 50), 100)
    before = len(whole.times)
    last_us = whole.times[-1][0]
    connect(whole, camera, node, seconds)
    new = [(true, found) for true, found in whole.times[before:] if true > last_us]
    assert len(new) < len(whole.times) - before, "no picture was sent again"
    return whole, Recording(whole.clock, new)


def squeezed_until_us(age_s: int) -> int:
    """When the last picture is taken that is squeezed with those that were sent again."""
    return RECONNECT_US + age_s * S // 9


@age
@pytest.mark.parametrize("seed", range(3))
def test_without_reports_the_newest_picture_of_a_burst_tells_the_time_of_all(
    age_s: int, seed: int
) -> None:
    camera = Camera(cached_us=age_s * S, clock_error_us=None)
    recording = record(camera, Node(seed=seed), 120)
    assert recording.worst(-age_s * S) <= PATH_US + 35 * MS
    assert not recording.goes_back()


@age
def test_a_report_before_the_burst_times_it_to_a_millisecond(age_s: int) -> None:
    camera = Camera(cached_us=age_s * S, first_report_us=-10 * MS)
    assert record(camera, Node(seed=3), 60).worst(-age_s * S) <= MS


@age
def test_a_report_as_old_as_the_burst_does_not_hide_the_next_one(age_s: int) -> None:
    camera = Camera(
        cached_us=age_s * S, first_report_us=-age_s * S, report_every_us=age_s * S + 40 * MS
    )
    assert record(camera, Node(seed=4), 60).worst(-age_s * S) <= MS


@age
@pytest.mark.parametrize("delay_us", [60 * MS, 500 * MS, 1500 * MS])
def test_a_first_report_after_5_s_puts_right_what_arrival_cannot_know(
    age_s: int, delay_us: int
) -> None:
    camera = Camera(cached_us=age_s * S, first_report_us=5 * S, delay_us=delay_us)
    recording = record(camera, Node(seed=5), 200)
    assert recording.worst(-age_s * S) <= delay_us + 30 * MS
    assert recording.worst(40 * S) <= 60 * MS
    assert recording.worst(180 * S) <= MS
    assert not recording.goes_back()


@age
@pytest.mark.parametrize("seed", range(3))
def test_pictures_sent_again_on_reconnecting_push_no_others_into_the_future(
    age_s: int, seed: int
) -> None:
    camera = Camera(cached_us=age_s * S, clock_error_us=None)
    whole, new = reconnected(camera, Node(seed=seed, starts_us=RECONNECT_US), 60)
    assert not whole.goes_back()
    assert new.worst(0) <= age_s * S // 9 + PATH_US
    assert new.worst(squeezed_until_us(age_s)) <= PATH_US + 35 * MS


@age
def test_pictures_sent_again_on_reconnecting_cost_trusted_times_a_second_at_most(
    age_s: int,
) -> None:
    camera = Camera(cached_us=age_s * S, first_report_us=-10 * MS)
    whole, new = reconnected(camera, Node(seed=6, starts_us=RECONNECT_US), 60)
    assert not whole.goes_back()
    assert new.worst(squeezed_until_us(age_s)) <= MS


@age
@pytest.mark.parametrize("first_report_us", [None, -10 * MS, 500 * MS, 5 * S])
def test_a_node_that_reconnected_agrees_with_one_that_stayed(
    age_s: int, first_report_us: int | None
) -> None:
    camera = Camera(
        cached_us=age_s * S,
        clock_error_us=(lambda _: 0) if first_report_us is not None else None,
        first_report_us=first_report_us or 0,
    )
    stayed = dict(record(camera, Node(seed=7), 170).times)
    _, new = reconnected(camera, Node(seed=8, starts_us=RECONNECT_US), 60)
    apart = [us - stayed[true] for true, us in new.times if true >= squeezed_until_us(age_s)]
    assert max(map(abs, apart)) <= 35 * MS


@pytest.mark.parametrize("has_reports", [True, False])
def test_a_burst_that_is_long_on_its_way_is_made_up_for_within_a_minute_or_so(
    has_reports: bool,
) -> None:
    camera = Camera(
        cached_us=10 * S,
        clock_error_us=(lambda _: 0) if has_reports else None,
        first_report_us=5 * S,
    )
    recording = record(camera, Node(seed=9, burst_speed=3), 120)
    assert not recording.goes_back()
    assert 6 * S < recording.worst(-10 * S) <= 10 * S
    assert recording.worst(90 * S) <= PATH_US + CAUGHT_UP_US


def test_a_node_set_back_by_little_is_not_squeezed_but_bent() -> None:
    recording = record(Camera(clock_error_us=None), Node(seed=10), 100)
    before = len(recording.times)
    connect(
        recording,
        Camera(clock_error_us=None),
        Node(seed=11, starts_us=RECONNECT_US, utc_error_us=lambda _: -5 * S),
        120,
    )
    assert not recording.goes_back()
    after = recording.times[before:]
    assert after[50][1] - after[25][1] >= S - S // 10


def test_the_clock_is_settled_when_its_first_moments_are_over_or_it_has_answered() -> None:
    clock = CaptureClock(HZ)
    clock.observe(0, 7 * S, 8 * S)
    assert not clock.is_settled(7 * S)
    assert not clock.is_settled(7 * S + SETTLE_US - 1)
    assert clock.is_settled(7 * S + SETTLE_US)
    clock.capture_us(0)
    assert clock.is_settled(7 * S)
    clock.restart()
    clock.observe(0, 20 * S, 21 * S)
    assert not clock.is_settled(20 * S)
