"""Cameras with every kind of clock, networks that delay and stall, and nodes that record both.

The simulation knows the true time of every picture, which the capture clock has to find.
"""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.rtp.clock_world import HZ, MS, T0_US, Camera, Node, S, record


def test_with_trusted_reports_from_the_start_every_picture_is_timed_to_a_millisecond() -> None:
    recording = record(Camera(), Node(seed=1), 120)
    assert recording.worst(0) <= MS
    assert not recording.goes_back()
    status = recording.clock.status()
    assert status.source == "sender-reports"
    assert status.camera_offset_us is not None
    assert -25 * MS < status.camera_offset_us <= 0
    assert status.drift_ppm is not None
    assert abs(status.drift_ppm) <= 1


def test_without_reports_time_is_arrival_at_its_least_delay_and_spacing_that_of_rtp() -> None:
    recording = record(Camera(clock_error_us=None), Node(seed=2), 600)
    expected = 62 * MS
    assert all(abs(found - true - expected) <= 8 * MS for true, found in recording.times)
    assert recording.worst_spacing_us() <= 40 * MS * 500 // S + 2
    assert not recording.goes_back()
    assert recording.clock.status().source == "arrival"
    assert recording.clock.status().camera_offset_us is None


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_crystal_200_ppm_off_is_followed_without_reports(ppm: int) -> None:
    recording = record(Camera(clock_error_us=None, rtp_ppm=ppm), Node(seed=3), 1200)
    assert all(abs(found - true - 62 * MS) <= 8 * MS for true, found in recording.times[6000:])
    assert recording.worst_spacing_us() <= 40 * MS * 700 // S + 2
    drift = recording.clock.status().drift_ppm
    assert drift is not None
    assert abs(drift - ppm) <= 30


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_crystal_200_ppm_off_is_followed_by_reports_to_a_millisecond(ppm: int) -> None:
    recording = record(Camera(rtp_ppm=ppm), Node(seed=4), 300)
    assert recording.worst(60 * S) <= MS
    assert recording.worst(0) <= 5 * MS
    drift = recording.clock.status().drift_ppm
    assert drift is not None
    assert abs(drift - ppm) <= 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ppm", [-200, 0, 130])
def test_two_nodes_agree_within_a_millisecond_by_trusted_reports(seed: int, ppm: int) -> None:
    camera = Camera(rtp_ppm=ppm, clock_error_us=lambda _: 300 * MS, report_noise_us=500)
    one = record(camera, Node(seed=seed, utc_error_us=lambda _: 5 * MS), 400)
    two = record(
        camera, Node(seed=seed + 99, network_us=20 * MS, jitter_us=30 * MS, starts_us=100 * S), 300
    )
    found = dict(one.times)
    late = [(true, us - found[true]) for true, us in two.times if true >= 180 * S]
    assert max(abs(difference) for _, difference in late) <= MS
    assert two.worst(180 * S) <= 302 * MS


@pytest.mark.parametrize("seed", range(4))
def test_two_nodes_agree_within_a_few_milliseconds_by_arrival(seed: int) -> None:
    camera = Camera(rtp_ppm=150, clock_error_us=None)
    one = record(camera, Node(seed=seed), 500)
    two = record(camera, Node(seed=seed + 99, jitter_us=40 * MS, starts_us=100 * S), 400)
    found = dict(one.times)
    late = [us - found[true] for true, us in two.times if true >= 250 * S]
    assert max(map(abs, late)) <= 6 * MS


def test_a_camera_in_1970_gives_spacing_only() -> None:
    recording = record(Camera(clock_error_us=lambda _: -T0_US), Node(seed=5), 300)
    assert all(abs(found - true - 62 * MS) <= 10 * MS for true, found in recording.times)
    status = recording.clock.status()
    assert status.source == "arrival"
    assert status.camera_offset_us is not None
    assert abs(status.camera_offset_us + T0_US) < 100 * MS


@pytest.mark.parametrize("step_us", [3600 * S, -3600 * S, 3 * S, -3 * S])
def test_a_camera_whose_clock_is_set_moves_no_recorded_time(step_us: int) -> None:
    recording = record(
        Camera(clock_error_us=lambda true: step_us if true > 100 * S else 0), Node(seed=6), 400
    )
    assert recording.worst(0) <= 70 * MS
    assert recording.worst_spacing_us() <= 40 * MS * 500 // S + 2
    assert not recording.goes_back()
    status = recording.clock.status()
    assert (status.source, status.camera_steps, status.steps) == ("arrival", 1, 0)
    assert status.camera_offset_us is not None
    assert abs(status.camera_offset_us - step_us) < 50 * MS


def test_a_camera_whose_clock_is_set_right_becomes_trusted() -> None:
    recording = record(
        Camera(clock_error_us=lambda true: 0 if true > 60 * S else -T0_US), Node(seed=7), 500
    )
    assert recording.clock.status().source == "sender-reports"
    assert recording.worst(400 * S) <= MS
    assert recording.worst_spacing_us() <= 40 * MS * 500 // S + 2


@pytest.mark.parametrize(
    "wrong_ticks",
    [
        lambda _: -HZ * 30,
        lambda _: HZ * 7200,
        lambda n: -HZ * 5 * n,  # the first timestamp for ever
        lambda n: (n * 2_654_435_761) % 2**32,
    ],
)
def test_reports_with_a_wrong_rtp_timestamp_move_nothing(
    wrong_ticks: Callable[[int], int],
) -> None:
    recording = record(Camera(report_error_ticks=wrong_ticks), Node(seed=8), 300)
    assert recording.worst(0) <= 75 * MS
    assert recording.worst_spacing_us() <= 40 * MS * 500 // S + 2
    assert recording.clock.status().rejected_reports > 0


def test_one_report_in_five_that_is_nonsense_does_no_harm() -> None:
    recording = record(
        Camera(report_error_ticks=lambda n: HZ if n % 5 == 3 else 0, rtp_ppm=100), Node(seed=9), 300
    )
    assert recording.worst(60 * S) <= MS
    assert recording.clock.status().rejected_reports >= 10


def test_reports_pairing_the_time_of_sending_with_the_last_picture_err_by_half_a_frame() -> None:
    def last_picture(n: int) -> int:
        return -((500 + n * 5000) % 40) * HZ // 1000

    camera = Camera(report_error_ticks=last_picture, report_every_us=5013 * MS)
    assert record(camera, Node(seed=10), 300).worst(60 * S) <= 40 * MS


@pytest.mark.parametrize("has_reports", [True, False])
@pytest.mark.parametrize("stall_s", [20, 90])
def test_a_stall_and_its_late_burst_is_no_jump(has_reports: bool, stall_s: int) -> None:
    camera = Camera(clock_error_us=(lambda _: 0) if has_reports else None, rtp_ppm=50)
    stalls = ((130 * S, (130 + stall_s) * S), (400 * S, 410 * S))
    recording = record(camera, Node(seed=11, stalls=stalls), 600)
    assert recording.worst(60 * S) <= (MS if has_reports else 72 * MS)
    assert recording.worst_spacing_us() <= 40 * MS * 500 // S + 2
    assert recording.clock.status().breaks == 0
    assert recording.clock.status().steps == 0


def test_pictures_skipped_after_a_stall_are_no_jump() -> None:
    camera = Camera(clock_error_us=None, silent_us=(105 * S, 129_900 * MS))
    recording = record(camera, Node(seed=11, stalls=((100 * S, 130 * S),)), 200)
    assert recording.clock.status().breaks == 0
    assert recording.worst(0) <= 75 * MS


def test_a_node_frozen_for_ten_minutes_times_the_thawed_burst_as_it_was_taken() -> None:
    recording = record(Camera(), Node(seed=12, stalls=((100 * S, 700 * S),)), 800)
    assert recording.worst(30 * S) <= MS


def test_a_stall_right_at_the_start_is_corrected_without_going_back() -> None:
    recording = record(
        Camera(clock_error_us=None), Node(seed=13, stalls=((0, 6 * S),), jitter_us=5 * MS), 600
    )
    assert not recording.goes_back()
    assert recording.worst(0) <= 7 * S
    assert recording.worst(300 * S) <= 80 * MS


def test_a_cached_group_of_pictures_is_timed_by_the_report_and_not_by_its_arrival() -> None:
    camera = Camera(cached_us=8 * S, first_report_us=-MS)
    recording = record(camera, Node(seed=14, starts_us=S), 200)
    assert not recording.goes_back()
    assert recording.worst(-8 * S) <= MS


def test_a_cached_group_of_pictures_without_report_is_made_up_for_without_going_back() -> None:
    camera = Camera(cached_us=8 * S, clock_error_us=None)
    recording = record(camera, Node(seed=14, starts_us=S), 300)
    assert not recording.goes_back()
    assert recording.worst(-8 * S) <= 9 * S
    assert recording.worst(200 * S) <= 80 * MS


def test_rtp_time_jumping_ahead_continues_at_arrival() -> None:
    recording = record(
        Camera(
            clock_error_us=None, rtp_extra_ticks=lambda true: HZ * 5000 if true > 100 * S else 0
        ),
        Node(seed=15),
        300,
    )
    assert not recording.goes_back()
    assert recording.clock.status().breaks == 1
    assert recording.worst(0) <= 150 * MS


@pytest.mark.parametrize("has_reports", [True, False])
def test_rtp_time_jumping_back_never_takes_recorded_time_back(has_reports: bool) -> None:
    recording = record(
        Camera(
            clock_error_us=(lambda _: 0) if has_reports else None,
            rtp_extra_ticks=lambda true: -HZ * 50 if true > 100 * S else 0,
        ),
        Node(seed=16),
        400,
    )
    assert not recording.goes_back()
    assert recording.clock.status().breaks == 1
    assert recording.worst(0) <= 150 * MS
    assert recording.worst(350 * S) <= (MS if has_reports else 70 * MS)


def test_rtp_time_that_stood_still_is_stepped_forward_once_it_is_sure() -> None:
    camera = Camera(
        clock_error_us=None,
        silent_us=(100 * S, 120 * S),
        rtp_extra_ticks=lambda true: -20 * HZ if true >= 120 * S else 0,
    )
    paused = record(camera, Node(seed=17), 400)
    assert not paused.goes_back()
    assert paused.worst_spacing_us() <= 20 * S
    assert paused.worst(300 * S) <= 100 * MS
    assert [step > 10 * S for step in paused.steps if step] == [True]


@pytest.mark.parametrize("ppm", [-50_000, 50_000])
def test_stamps_at_a_wrong_rate_stay_near_the_truth_and_never_go_back(ppm: int) -> None:
    recording = record(Camera(clock_error_us=None, rtp_ppm=ppm), Node(seed=18), 900)
    assert not recording.goes_back()
    assert recording.worst(0) <= 8 * S
    assert recording.worst(600 * S) <= 150 * MS
    assert recording.steps == [0] * len(recording.steps)


@pytest.mark.parametrize("has_reports", [True, False])
@pytest.mark.parametrize("error_us", [3600 * S, -3600 * S])
def test_a_node_set_right_after_boot_steps_once_and_says_so(
    error_us: int, has_reports: bool
) -> None:
    camera = Camera(clock_error_us=(lambda _: 0) if has_reports else None)
    recording = record(
        camera,
        Node(seed=19, utc_error_us=lambda at: 0 if at > 90 * S else error_us),
        300,
    )
    steps = [step for step in recording.steps if step]
    assert len(steps) == 1
    assert abs(steps[0] + error_us) < 200 * MS
    assert recording.worst(100 * S) <= 100 * MS
    assert recording.clock.status().steps == 1


def test_a_node_off_by_little_is_slewed() -> None:
    recording = record(
        Camera(clock_error_us=None),
        Node(seed=20, utc_error_us=lambda at: 0 if at > 90 * S else 100 * MS),
        500,
    )
    assert recording.worst_spacing_us() <= 40 * MS * 500 // S + 2
    assert recording.worst(450 * S) <= 70 * MS


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rtp_ppm=st.integers(-300, 300),
    jitter_us=st.integers(0, 80 * MS),
    error_us=st.sampled_from([0, 900 * MS, 1100 * MS, -3600 * S, -T0_US]),
    drift_ppm=st.integers(-3000, 3000),
    stall_s=st.integers(0, 40),
    jump_ticks=st.sampled_from([0, 0, 10 * HZ, -10 * HZ, 2**31, -1000 * HZ]),
)
def test_no_camera_and_no_network_takes_time_back_or_far_from_the_truth(
    seed: int,
    rtp_ppm: int,
    jitter_us: int,
    error_us: int,
    drift_ppm: int,
    stall_s: int,
    jump_ticks: int,
) -> None:
    camera = Camera(
        rtp_ppm=rtp_ppm,
        clock_error_us=lambda true: error_us + true * drift_ppm // S,
        rtp_extra_ticks=lambda true: jump_ticks if true > 60 * S else 0,
        frame_us=100 * MS,
    )
    node = Node(seed=seed, jitter_us=jitter_us, stalls=((50 * S, (50 + stall_s) * S),))
    recording = record(camera, node, 150)
    assert not recording.goes_back()
    assert recording.steps == [0] * len(recording.steps)
    if not (jump_ticks and stall_s > 10):  # a jump within a stall is timed by the stall's end
        assert recording.worst(0) <= 1500 * MS
