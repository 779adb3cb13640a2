"""When a silent recorder hangs, and when it is we who did not listen."""

from tandem.node.children.health import (
    PATIENCE,
    TICK_US,
    Condition,
    Signs,
    condition,
    heard,
    looked,
)
from tandem.node.children.restarts import BUDGET_US, LONGEST_MS, delay_ms, recent

S = 1_000_000


def after(seconds: float, signs: Signs) -> Condition:
    """The verdict after some seconds of silence, with a look at each tick."""
    now_us = signs.looked_us
    until_us = now_us + int(seconds * S)
    while now_us < until_us:
        now_us += TICK_US
        signs = looked(signs, now_us)
    return condition(signs, now_us, PATIENCE)


SPOKEN = heard(Signs(0, 0), 0)


def test_five_seconds_of_silence_are_borne_and_more_is_reported() -> None:
    assert after(5, SPOKEN) is Condition.RUNNING
    assert after(5.5, SPOKEN) is Condition.HUNG


def test_fifteen_seconds_of_silence_are_borne_and_more_is_a_loss() -> None:
    assert after(15, SPOKEN) is Condition.HUNG
    assert after(15.5, SPOKEN) is Condition.LOST


def test_a_word_makes_all_well_again() -> None:
    assert after(1, heard(Signs(0, 14 * S, has_spoken=True), 14 * S)) is Condition.RUNNING


def test_a_slow_start_is_not_taken_for_a_hang() -> None:
    assert after(200, Signs(0, 0)) is Condition.STARTING
    assert after(301, Signs(0, 0)) is Condition.LOST


def test_time_in_which_nobody_listened_is_nobody_s_silence() -> None:
    signs = looked(looked(SPOKEN, TICK_US), 60 * S)  # we were stopped for a minute
    assert condition(signs, 60 * S, PATIENCE) is Condition.RUNNING
    assert after(5.5, signs) is Condition.HUNG


def test_a_word_that_came_while_nobody_listened_is_not_from_the_future() -> None:
    signs = looked(heard(looked(SPOKEN, TICK_US), 60 * S), 60 * S)
    assert signs.last_us == 60 * S


def test_a_single_crash_costs_a_moment_and_many_cost_ever_more() -> None:
    delays = [delay_ms(ends, 1.0) for ends in range(14)]
    assert delays[:4] == [0, 100, 200, 400]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_MS
    assert delay_ms(10_000, 1.0) == LONGEST_MS


def test_processes_that_crash_together_do_not_come_back_in_step() -> None:
    assert delay_ms(5, 0.0) == delay_ms(5, 1.0) / 2


def test_a_crash_is_forgotten_when_the_budget_s_time_is_over_and_not_before() -> None:
    assert recent([0, 10, BUDGET_US], BUDGET_US + 5) == (10, BUDGET_US)


def test_one_that_crashes_each_minute_is_started_less_and_less_often() -> None:
    ends: tuple[int, ...] = ()
    delays = []
    for minute in range(20):
        ends = recent((*ends, minute * 60 * S), minute * 60 * S)
        delays.append(delay_ms(len(ends), 1.0))
    assert delays[-1] >= 10_000
