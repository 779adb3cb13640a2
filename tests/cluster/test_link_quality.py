"""Loss and round trip of a link over the last seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.link_quality import Quality, with_arrival, with_round_trip

MINUTE = 600
"""Beats of it."""


def measured(*round_trips_us: int, quality: Quality | None = None) -> Quality:
    quality = quality or Quality()
    for each in round_trips_us:
        quality = with_round_trip(quality, each)
    return quality


def arrived(beats: int, *, missing: int = 0, quality: Quality | None = None) -> Quality:
    quality = quality or Quality()
    for _ in range(beats):
        quality = with_arrival(quality, missing)
    return quality


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=100))
def test_the_first_hundred_measurements_count_alike(round_trips_us: list[int]) -> None:
    mean_us = sum(round_trips_us) / len(round_trips_us)
    assert measured(*round_trips_us).round_trip_us == pytest.approx(mean_us)


def test_a_late_first_answer_is_forgotten_within_a_minute() -> None:
    quality = measured(500_000, *[400] * MINUTE)
    assert quality.round_trip_us is not None
    assert quality.round_trip_us < 500


def test_a_link_that_becomes_slow_is_seen_in_seconds_and_not_usual_in_half_an_hour() -> None:
    quality = measured(*[400] * 60 * MINUTE)
    quality = measured(*[40_000] * 100, quality=quality)
    assert quality.round_trip_us is not None
    assert quality.round_trip_us > 20_000
    quality = measured(*[40_000] * 30 * MINUTE, quality=quality)
    assert quality.round_trip_us == pytest.approx(40_000)
    assert quality.usual_us is not None
    assert quality.usual_us < 40_000 / 10


def test_steady_loss_is_found_and_forgotten_within_a_minute_of_its_end() -> None:
    quality = arrived(MINUTE, missing=1)
    assert quality.loss == pytest.approx(0.5, abs=0.01)
    assert arrived(MINUTE, quality=quality).loss < 0.01


def test_one_lost_beat_is_below_one_in_a_hundred() -> None:
    assert with_arrival(arrived(100), 1).loss < 0.01
    assert with_arrival(with_arrival(arrived(100), 1), 1).loss > 0.01


@given(st.lists(st.integers(0, 10**6), max_size=50))
def test_loss_is_a_part(missing: list[int]) -> None:
    quality = Quality()
    for each in missing:
        quality = with_arrival(quality, each)
        assert 0 <= quality.loss <= 1
