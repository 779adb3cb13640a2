"""The two ways to lay a line through observations, against lines that are known."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtp.line import Line, line_through, line_under

HZ = 90_000
S = 1_000_000


@given(st.integers(-300, 300), st.integers(0, 2**32))
def test_the_line_under_points_finds_rate_and_offset_through_delays(ppm: int, seed: int) -> None:
    chance = random.Random(seed)
    truth = Line(0, 5 * S, ppm, HZ)
    points = [
        (n * 2 * HZ, truth.us_at(n * 2 * HZ) + chance.choice((0, 300, 3 * S, 20 * S)))
        for n in range(60)
    ]
    points[10] = (points[10][0], truth.us_at(points[10][0]))
    points[50] = (points[50][0], truth.us_at(points[50][0]))
    found = line_under(points, HZ, 60 * S)
    assert abs(found.ppm - ppm) <= 8
    assert abs(found.us_at(points[-1][0]) - truth.us_at(points[-1][0])) <= 700


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**50)), min_size=1, max_size=61))
def test_no_point_lies_below_the_line_under_them(points: list[tuple[int, int]]) -> None:
    line = line_under(points, HZ, 60 * S)
    assert min(us - line.us_at(rtp_time) for rtp_time, us in points) == 0


@given(st.integers(-300, 300), st.integers(0, 2**32))
def test_the_line_through_points_ignores_a_quarter_of_nonsense(ppm: int, seed: int) -> None:
    chance = random.Random(seed)
    truth = Line(0, 5 * S, ppm, HZ)
    points = [(n * 5 * HZ, truth.us_at(n * 5 * HZ)) for n in range(16)]
    for n in chance.sample(range(16), 4):
        points[n] = (points[n][0], chance.randrange(10**12))
    found = line_through(points, HZ, 20 * S)
    assert abs(found.ppm - ppm) <= 1
    assert abs(found.us_at(0) - truth.us_at(0)) <= 100


def test_points_close_together_say_nothing_about_the_rate() -> None:
    points = [(0, 0), (HZ, S + 1000)]
    assert line_under(points, HZ, 60 * S).ppm == 0
    assert line_through(points, HZ, 20 * S).ppm == 0
    assert line_through(points, HZ, 20 * S).us_at(0) == 500


def test_a_rate_beyond_belief_is_held_at_its_limit() -> None:
    points = [(n * HZ, n * 2 * S) for n in range(100)]
    assert line_under(points, HZ, 60 * S).ppm == 100_000
    assert line_through(points, HZ, 20 * S).ppm == 100_000
