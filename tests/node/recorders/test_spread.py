"""Which process records which camera: balanced where it is free, and never moved."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.node.recorders.spread import spread

CAMERAS = st.dictionaries(st.text("abcdef", min_size=1), st.floats(0, 50), max_size=30)
COUNTS = st.integers(1, 8)


@given(CAMERAS, CAMERAS, COUNTS)
def test_whoever_stays_is_where_it_was(
    before: dict[str, float], after: dict[str, float], count: int
) -> None:
    places = spread(before, count, {})
    moved = spread(after, count, places)
    assert moved.keys() == after.keys()
    assert all(moved[camera] == places[camera] for camera in before.keys() & after.keys())


@given(CAMERAS, COUNTS)
def test_no_process_has_more_than_the_others_by_more_than_one_camera_s_rate(
    cameras: dict[str, float], count: int
) -> None:
    places = spread(cameras, count, {})
    loads = [
        sum(rate for camera, rate in cameras.items() if places[camera] == it) for it in range(count)
    ]
    assert max(loads) - min(loads) <= max(cameras.values(), default=0) + 1e-6


def test_the_largest_are_placed_first_so_that_small_ones_fill_the_rest() -> None:
    places = spread({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 4.0}, 2, {})
    assert [camera for camera in places if places[camera] == places["e"]] == ["e"]


def test_cameras_of_unknown_rate_are_spread_by_their_number() -> None:
    places = spread(dict.fromkeys("abcdefgh", 0.0), 4, {})
    assert sorted(places.values()) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_who_comes_goes_where_others_have_left() -> None:
    places = spread(dict.fromkeys("abcd", 4.0), 2, {})
    left = [camera for camera in "abcd" if places[camera] == 0]
    stayed = {camera: 4.0 for camera in "abcd" if camera not in left}
    assert set(spread(stayed | {"x": 1.0, "y": 1.0}, 2, places).values()) == {0, 1}
    assert spread(stayed | {"x": 1.0, "y": 1.0}, 2, places)["x"] == 0


def test_fewer_processes_take_over_whom_the_missing_ones_had() -> None:
    places = spread(dict.fromkeys("abcd", 4.0), 4, {})
    fewer = spread(dict.fromkeys("abcd", 4.0), 2, places)
    assert set(fewer.values()) == {0, 1}
    assert all(fewer[camera] == place for camera, place in places.items() if place < 2)


@given(CAMERAS, COUNTS, st.integers())
def test_the_order_in_which_cameras_are_named_changes_nothing(
    cameras: dict[str, float], count: int, seed: int
) -> None:
    shuffled = list(cameras.items())
    Random(seed).shuffle(shuffled)
    assert spread(cameras, count, {}) == spread(dict(shuffled), count, {})


def test_no_process_is_refused() -> None:
    with pytest.raises(ValueError, match="have one at least"):
        spread({"a": 1.0}, 0, {})
