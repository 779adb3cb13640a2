"""A file plays at the speed of a camera."""

from tandem.recording.foreign.pace import Pace


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_us = 5_000_000

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        raise AssertionError("pace has nothing to do with the time of day")


def test_packets_wait_for_their_time_and_late_ones_do_not() -> None:
    clock = Hand()
    pace = Pace(clock)
    assert pace.delay_us(90_000) == 0
    assert pace.delay_us(93_600) == 40_000
    clock.now_us += 50_000
    assert pace.delay_us(93_600) == 0
    assert pace.delay_us(97_200) == 30_000


def test_a_jump_in_the_file_is_not_slept_through() -> None:
    pace = Pace(Hand())
    assert pace.delay_us(0) == 0
    assert pace.delay_us(90_000 * 3600) == 0
    assert pace.delay_us(90_000 * 3600 + 3600) == 40_000
    assert pace.delay_us(0) == 0
