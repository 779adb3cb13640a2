"""A clock counts once it has run evenly for a while."""

import pytest

from tandem.recording.steadiness import SETTLED_US, STEP_US, Steadiness

NOW_US = 1_795_000_000_000_000


class SetClock:
    def __init__(self) -> None:
        self.now_us = 5_000_000
        self.offset_us = NOW_US

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        return self.now_us + self.offset_us


def test_after_a_start_nothing_is_old_for_a_while() -> None:
    clock = SetClock()
    steadiness = Steadiness(clock)
    clock.now_us += SETTLED_US - 1
    assert steadiness.settled_utc_us() is None
    clock.now_us += 1
    assert steadiness.settled_utc_us() == clock.utc_us()


@pytest.mark.parametrize("step_us", [STEP_US + 1, -STEP_US - 1, 31 * 86_400_000_000])
def test_a_clock_that_was_set_has_to_settle_again(step_us: int) -> None:
    clock = SetClock()
    steadiness = Steadiness(clock)
    clock.now_us += SETTLED_US
    assert steadiness.settled_utc_us() is not None
    clock.offset_us += step_us
    assert steadiness.settled_utc_us() is None
    clock.now_us += SETTLED_US
    assert steadiness.settled_utc_us() == clock.utc_us()


def test_a_clock_that_is_slewed_stays_settled() -> None:
    clock = SetClock()
    steadiness = Steadiness(clock)
    clock.now_us += SETTLED_US
    for _ in range(10):
        clock.now_us += SETTLED_US
        clock.offset_us += STEP_US // 10
        assert steadiness.settled_utc_us() == clock.utc_us()
