"""The promises of `CaptureClock`, call by call."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.media.rtp.clock import CaptureClock

HZ = 90_000
S = 1_000_000
UTC0 = 1_790_000_000 * S
BASE = (1 << 32) + 4_000_000_000


def watched(clock: CaptureClock, seconds: int, *, begin_s: int = 0, late_us: int = 0) -> None:
    """Let one picture a second arrive."""
    for n in range(begin_s, begin_s + seconds):
        assert not clock.observe(BASE + n * HZ, n * S, UTC0 + n * S + late_us)


def test_without_a_picture_there_is_no_capture_time() -> None:
    clock = CaptureClock(HZ)
    with pytest.raises(LookupError, match="no access unit"):
        clock.capture_us(0)
    with pytest.raises(LookupError, match="no access unit"):
        clock.advance(0)
    assert clock.status().source == "arrival"


@pytest.mark.parametrize("clock_hz", [0, -1, 10_000_000])
def test_an_impossible_rate_is_refused(clock_hz: int) -> None:
    with pytest.raises(ValueError, match="Hz"):
        CaptureClock(clock_hz)


def test_a_report_before_the_first_picture_decides_the_anchor() -> None:
    clock = CaptureClock(HZ)
    clock.sender_report(BASE & 0xFFFF_FFFF, UTC0 - S // 4, 0, UTC0)
    clock.observe(BASE, 0, UTC0)
    assert clock.capture_us(BASE) == UTC0 - S // 4
    assert clock.status().source == "sender-reports"


def test_a_report_before_the_first_capture_time_decides_the_anchor() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 2)
    clock.sender_report((BASE + HZ) & 0xFFFF_FFFF, UTC0 + S - S // 4, S, UTC0 + S)
    assert clock.capture_us(BASE) == UTC0 - S // 4


def test_a_report_after_the_first_capture_time_only_bends_the_line() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 4)
    assert clock.capture_us(BASE) == UTC0
    clock.sender_report((BASE + HZ) & 0xFFFF_FFFF, UTC0 + S - S // 10, S, UTC0 + S)
    assert clock.capture_us(BASE + HZ) == UTC0 + S
    assert clock.advance(BASE + 4 * HZ) == 0
    assert clock.capture_us(BASE + 5 * HZ) == UTC0 + 5 * S - 500


def test_what_the_line_follows_is_told_as_it_was_when_the_line_was_bent() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 4)
    clock.capture_us(BASE)
    clock.sender_report((BASE + HZ) & 0xFFFF_FFFF, UTC0 + S, S, UTC0 + S)
    assert (clock.follows, clock.status().source) == ("arrival", "sender-reports")
    assert clock.camera_offset_us == 0
    clock.advance(BASE + 4 * HZ)
    assert clock.follows == "sender-reports"
    clock.restart()
    assert clock.follows == clock.status().source == "arrival"


@given(ticks=st.lists(st.integers(0, 12 * HZ), max_size=9))
def test_capture_times_asked_for_together_are_those_asked_for_singly(ticks: list[int]) -> None:
    clock = CaptureClock(HZ)
    watched(clock, 12)
    clock.capture_us(BASE)
    clock.sender_report((BASE + HZ) & 0xFFFF_FFFF, UTC0 + S - S // 4, S, UTC0 + S)
    clock.advance(BASE + 5 * HZ)
    clock.advance(BASE + 10 * HZ)
    units = [BASE + tick for tick in ticks]
    assert clock.capture_times_us(units) == [clock.capture_us(unit) for unit in units]


@pytest.mark.parametrize(("seconds", "bent_us"), [(19, 25_000), (22, 500)])
def test_an_anchor_is_put_right_quickly_but_drift_is_not(seconds: int, bent_us: int) -> None:
    clock = CaptureClock(HZ)
    watched(clock, seconds)
    clock.capture_us(BASE)
    at = BASE + (seconds - 1) * HZ
    now_us = UTC0 + (seconds - 1) * S
    clock.sender_report(at & 0xFFFF_FFFF, now_us - S // 4, (seconds - 1) * S, now_us)
    assert clock.advance(at) == 0
    assert clock.capture_us(at + HZ) - clock.capture_us(at) == S - bent_us


def test_the_rtp_timestamp_of_a_report_may_wrap_between_it_and_the_pictures() -> None:
    clock = CaptureClock(HZ)
    first = (2 << 32) - HZ // 2
    clock.observe(first, 0, UTC0)
    clock.sender_report(HZ // 2, UTC0 + S, S, UTC0 + S)
    clock.observe(first + 2 * HZ, 2 * S, UTC0 + 2 * S)
    assert clock.capture_us(first + HZ) == UTC0 + S
    assert clock.status().source == "sender-reports"


@pytest.mark.parametrize(
    ("offset_us", "source"),
    [
        (S - 1, "sender-reports"),
        (S + 1, "arrival"),
        (-S, "sender-reports"),
        (-S - S // 5, "arrival"),
    ],
)
def test_a_camera_is_trusted_within_a_second(offset_us: int, source: str) -> None:
    clock = CaptureClock(HZ)
    watched(clock, 2)
    clock.sender_report((BASE + HZ) & 0xFFFF_FFFF, UTC0 + S + offset_us, S, UTC0 + S)
    assert clock.status().source == source
    assert clock.status().camera_offset_us == offset_us


def test_answers_stay_as_they_were_when_a_fragment_ends() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 5)
    before = [clock.capture_us(BASE + n * 3600) for n in range(125)]
    clock.sender_report((BASE + 4 * HZ) & 0xFFFF_FFFF, UTC0 + 4 * S + S // 2, 4 * S, UTC0 + 4 * S)
    clock.advance(BASE + 4 * HZ)
    after = [clock.capture_us(BASE + n * 3600) for n in range(125)]
    assert after[:101] == before[:101]
    assert after[101:] != before[101:]


def test_a_slope_is_kept_for_some_seconds_since_choosing_it_costs() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 8)
    clock.capture_us(BASE)
    clock.sender_report((BASE + HZ) & 0xFFFF_FFFF, UTC0 + S - S // 4, S, UTC0 + S)
    clock.advance(BASE + 3 * HZ)
    assert clock.capture_us(BASE + 4 * HZ) == UTC0 + 4 * S
    clock.advance(BASE + 4 * HZ)
    assert clock.capture_us(BASE + 5 * HZ) < UTC0 + 5 * S


def test_an_advance_that_goes_back_changes_nothing() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 5)
    clock.advance(BASE + 4 * HZ)
    before = clock.capture_us(BASE + 5 * HZ)
    clock.observe(BASE + 5 * HZ, 5 * S, UTC0 + 4 * S)
    assert clock.advance(BASE + 2 * HZ) == 0
    assert clock.capture_us(BASE + 5 * HZ) == before


def test_reports_that_ceased_are_not_followed_for_ever() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 12)
    clock.sender_report((BASE + 11 * HZ) & 0xFFFF_FFFF, UTC0 + 11 * S, 11 * S, UTC0 + 11 * S)
    watched(clock, 170, begin_s=12)
    assert clock.status().source == "sender-reports"
    watched(clock, 20, begin_s=182)
    assert clock.status().source == "arrival"


def test_b_frames_are_no_jump() -> None:
    clock = CaptureClock(HZ)
    for n, tick in enumerate([0, 4, 2, 1, 3, 8, 6, 5, 7]):
        assert not clock.observe(BASE + tick * 18_000, n * S // 5, UTC0 + n * S // 5)
    assert clock.capture_us(BASE) < clock.capture_us(BASE + 18_000)


def test_after_a_jump_the_old_pictures_are_still_answered_and_the_new_follow_them() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 3)
    assert clock.observe(BASE - 500 * HZ, 3 * S, UTC0 + 3 * S)
    assert clock.capture_us(BASE + 2 * HZ) == UTC0 + 2 * S
    clock.restart()
    assert clock.capture_us(BASE - 500 * HZ) == UTC0 + 3 * S
    assert clock.status().breaks == 1


def test_after_a_break_time_goes_on_behind_the_last_capture_time() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 10)
    last_us = clock.capture_us(BASE + 9 * HZ)
    clock.restart()
    clock.observe(5, 9 * S, UTC0 + 5 * S)  # the node's clock is behind by now, but by little
    assert clock.capture_us(5) == last_us + 1000


def test_pictures_sent_again_after_a_break_are_squeezed_behind_the_last_capture_time() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 10)
    last_us = clock.capture_us(BASE + 9 * HZ)
    clock.restart()
    for n in range(6, 11):  # the pictures of the seconds 6 to 10 arrive together at 10
        clock.observe(n * HZ, 10 * S, UTC0 + 10 * S)
    assert clock.capture_us(6 * HZ) == last_us + 1000
    assert clock.capture_us(7 * HZ) == last_us + 1000 + S // 10
    assert abs(clock.capture_us(10 * HZ) - (UTC0 + 10 * S)) <= 1
    assert clock.capture_us(11 * HZ) - clock.capture_us(10 * HZ) == S


def test_a_break_among_squeezed_pictures_goes_on_behind_them() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 10)
    clock.capture_us(BASE + 9 * HZ)
    clock.restart()
    for n in (2, 3, 4):  # old pictures, and a node that was set back since
        clock.observe(n * HZ, 10 * S, UTC0 + 8 * S + S // 2)
    last_us = clock.capture_us(4 * HZ)
    assert last_us - clock.capture_us(3 * HZ) == S // 10
    clock.restart()
    clock.observe(5, 10 * S, UTC0 + 8 * S + S // 2)
    assert clock.capture_us(5) == last_us + 1000


def test_after_a_break_b_frames_before_the_first_unit_lie_behind_the_last_capture_time() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 2)
    last_us = clock.capture_us(BASE + HZ)
    clock.restart()
    clock.observe(50_000, S, UTC0 + S)
    clock.observe(46_400, S, UTC0 + S)
    assert last_us < clock.capture_us(46_400) < clock.capture_us(50_000)


def test_after_a_break_the_delay_known_from_reports_is_kept() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 12)
    clock.sender_report(
        (BASE + 11 * HZ) & 0xFFFF_FFFF, UTC0 + 11 * S - S // 8, 11 * S, UTC0 + 11 * S
    )
    clock.advance(BASE + 11 * HZ)
    clock.restart()
    clock.observe(7, 20 * S, UTC0 + 20 * S)
    assert clock.capture_us(7) == UTC0 + 20 * S - S // 8


def test_the_delay_known_from_reports_is_forgotten_when_they_lose_trust() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 12)
    report = (BASE + 11 * HZ) & 0xFFFF_FFFF
    clock.sender_report(report, UTC0 + 11 * S - S // 8, 11 * S, UTC0 + 11 * S)
    clock.advance(BASE + 11 * HZ)
    clock.observe(BASE + 15 * HZ, 15 * S, UTC0 + 18 * S)
    clock.advance(BASE + 15 * HZ)
    clock.restart()
    clock.observe(7, 30 * S, UTC0 + 33 * S)
    assert clock.capture_us(7) == UTC0 + 33 * S


def test_a_report_for_pictures_that_never_came_is_not_used_after_a_break() -> None:
    clock = CaptureClock(HZ)
    clock.sender_report(7, UTC0 - S // 4, 0, UTC0)
    clock.restart()
    clock.observe(7, 0, UTC0)
    assert clock.capture_us(7) == UTC0


def test_reports_that_would_have_pictures_arrive_before_they_are_taken_are_not_trusted() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 3)
    clock.sender_report((BASE + HZ) & 0xFFFF_FFFF, UTC0 + 2 * S, 2 * S, UTC0 + 2 * S)
    assert clock.status().source == "arrival"
    assert clock.status().camera_offset_us == 0
    assert clock.capture_us(BASE) == UTC0


def test_the_hurry_for_a_large_error_ends_with_the_timeline() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 3)
    clock.capture_us(BASE)
    watched(clock, 1, begin_s=3, late_us=5 * S)
    clock.advance(BASE + 3 * HZ)
    clock.restart()
    watched(clock, 24, begin_s=100)
    clock.capture_us(BASE + 100 * HZ)
    watched(clock, 1, begin_s=124, late_us=S)
    clock.advance(BASE + 124 * HZ)
    rise_us = clock.capture_us(BASE + 125 * HZ) - clock.capture_us(BASE + 124 * HZ)
    assert rise_us == S + 500


def test_the_floor_of_an_earlier_break_holds_when_nothing_was_asked_for_between() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 10)
    last_us = clock.capture_us(BASE + 9 * HZ)
    clock.restart()
    clock.observe(5, 9 * S, UTC0 + 5 * S)
    clock.restart()
    clock.observe(9, 9 * S, UTC0 + 5 * S)
    assert clock.capture_us(9) == last_us + 1000


def test_a_node_set_back_by_an_hour_at_a_break_does_not_keep_the_wrong_hour() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 3)
    clock.capture_us(BASE)
    clock.restart()
    clock.observe(5, 4 * S, UTC0 - 3600 * S)
    assert clock.capture_us(5) == UTC0 - 3600 * S
    assert clock.status().steps == 1


def test_a_node_set_forward_by_less_than_ten_seconds_is_not_stepped() -> None:
    clock = CaptureClock(HZ)
    watched(clock, 3)
    clock.capture_us(BASE)
    watched(clock, 3, begin_s=3, late_us=9 * S)
    assert clock.advance(BASE + 5 * HZ) == 0
    rise_us = clock.capture_us(BASE + 6 * HZ) - clock.capture_us(BASE + 5 * HZ)
    assert rise_us == S + S // 10


Event = tuple[str, int, int]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["unit", "unit", "unit", "report", "advance", "restart", "jump"]),
            st.integers(-(10**7), 10**7) | st.integers(-(2**62), 2**62),
            st.integers(0, 3 * S) | st.integers(0, 10**12),
        ),
        max_size=60,
    )
)
def test_whatever_comes_capture_time_only_rises(events: list[Event]) -> None:
    clock = CaptureClock(HZ)
    boot, rtp, last_us = 0, BASE, -(10**30)
    asked: int | None = None
    clock.observe(rtp, boot, UTC0)

    def ask() -> None:
        nonlocal asked, last_us
        if asked == rtp:
            return
        now_us = clock.capture_us(rtp)
        assert now_us > last_us
        asked, last_us = rtp, now_us

    for kind, value, passed_us in events:
        boot += passed_us
        match kind:
            case "unit" | "jump":
                new = rtp + (abs(value) % (3 * HZ) + 1 if kind == "unit" else value)
                if clock.observe(new, boot, UTC0 + boot):
                    ask()
                    clock.restart()
                elif new <= rtp:
                    continue  # a B-frame
                rtp, asked = new, None
            case "report":
                clock.sender_report(
                    (rtp + value) & 0xFFFF_FFFF, UTC0 + boot + value, boot, UTC0 + boot
                )
            case "advance":
                ask()
                assert clock.advance(rtp) >= 0
            case "restart":
                ask()
                clock.restart()
                rtp = value
                clock.observe(rtp, boot, UTC0 + boot)
                for _ in range(value % 4):  # old pictures first
                    rtp += passed_us % (2 * HZ)
                    assert not clock.observe(rtp, boot, UTC0 + boot)
                asked = None
        ask()
    clock.status()
