"""Copies of one stream: every frame exactly once, whatever each copy missed."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.archive.merge import Frame, merge, offset_us, twins

FRAME_US = 40_000


def scene(frames: int, *, repeats_every: int = 0) -> list[bytes]:
    """Identities of a scene; a still one repeats its GOP bit by bit."""
    return [
        (at % repeats_every if repeats_every else at).to_bytes(16, "big") for at in range(frames)
    ]


def copy_of(
    identities: Sequence[bytes],
    kept: Sequence[int],
    copy: int,
    *,
    late_us: int = 0,
    slew_ppm: int = 0,
) -> list[Frame]:
    """What a recorder holds that received the frames `kept`, on a clock of its own."""
    return [
        Frame(
            identities[number],
            number * FRAME_US + late_us + number * FRAME_US * slew_ppm // 1_000_000,
            copy,
            index,
        )
        for index, number in enumerate(kept)
    ]


def numbers(merged: Sequence[Frame], kept: Sequence[Sequence[int]]) -> list[int]:
    """The frame numbers of a merged sequence: truth that the merging does not see."""
    return [kept[frame.copy][frame.place] for frame in merged]


def runs(rng: Random, frames: int, holes: int) -> list[int]:
    """Frame numbers that remain after some runs were missed."""
    missed: set[int] = set()
    for _ in range(holes):
        start = rng.randrange(frames)
        missed.update(range(start, start + rng.choice([1, 2, 10, 100])))
    return [number for number in range(frames) if number not in missed]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32),
    st.integers(0, 6),
    st.integers(-5_000_000, 5_000_000),
    st.integers(-500, 500),
)
def test_moving_pictures_are_merged_exactly_whatever_the_offset(
    seed: int, holes: int, late_us: int, slew_ppm: int
) -> None:
    rng = Random(seed)
    identities = scene(1500)
    kept = [runs(rng, 1500, holes), runs(rng, 1500, holes)]
    copies = [
        copy_of(identities, kept[0], 0),
        copy_of(identities, kept[1], 1, late_us=late_us, slew_ppm=slew_ppm),
    ]
    assert numbers(merge(copies), kept) == sorted({*kept[0], *kept[1]})


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 6), st.integers(-300_000, 300_000))
def test_a_still_scene_that_repeats_every_gop_doubles_and_loses_nothing(
    seed: int, holes: int, late_us: int
) -> None:
    rng = Random(seed)
    identities = scene(1500, repeats_every=50)
    kept = [runs(rng, 1500, holes), runs(rng, 1500, holes)]
    copies = [copy_of(identities, kept[0], 0), copy_of(identities, kept[1], 1, late_us=late_us)]
    assert numbers(merge(copies), kept) == sorted({*kept[0], *kept[1]})


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 5))
def test_three_copies_are_merged_as_two_are(seed: int, holes: int) -> None:
    rng = Random(seed)
    identities = scene(800)
    kept = [runs(rng, 800, holes) for _ in range(3)]
    copies = [copy_of(identities, part, at, late_us=at * 70_000) for at, part in enumerate(kept)]
    assert numbers(merge(copies), kept) == sorted(set().union(*kept))


def test_a_copy_that_ends_and_one_that_begins_are_joined_at_the_frame() -> None:
    identities = scene(300)
    kept = [list(range(173)), list(range(120, 300))]
    copies = [copy_of(identities, kept[0], 0), copy_of(identities, kept[1], 1, late_us=33_000)]
    merged = merge(copies)
    assert numbers(merged, kept) == list(range(300))
    assert [frame.copy for frame in merged] == [0] * 173 + [1] * 127


def test_the_first_copys_times_are_kept_and_the_seconds_are_moved_onto_them() -> None:
    identities = scene(100)
    copies = [
        copy_of(identities, list(range(60)), 0),
        copy_of(identities, list(range(30, 100)), 1, late_us=1_234_567),
    ]
    times = [frame.time_us for frame in merge(copies)]
    assert times == [number * FRAME_US for number in range(100)]


def test_copies_that_share_nothing_are_put_in_order_of_time() -> None:
    identities = scene(200)
    kept = [list(range(100, 200)), list(range(100))]
    copies = [copy_of(identities, part, at) for at, part in enumerate(kept)]
    assert numbers(merge(copies), kept) == list(range(200))


def test_a_cached_gop_sent_again_on_connecting_is_not_doubled() -> None:
    identities = scene(400)
    kept = [list(range(400)), list(range(150, 400))]
    first = copy_of(identities, kept[0], 0)
    second = copy_of(identities, kept[1], 1)
    assert numbers(merge([first, second]), kept) == list(range(400))


def test_one_picture_frozen_for_ever_is_counted_by_time() -> None:
    identities = [bytes(16)] * 500
    kept = [list(range(200)), list(range(100, 500))]
    copies = [copy_of(identities, kept[0], 0), copy_of(identities, kept[1], 1, late_us=3_000)]
    assert len(merge(copies)) == 500


@pytest.mark.parametrize("late_us", [-2_000_000, -40_000, 0, 7_000, 3_333_333])
def test_the_offset_between_copies_is_found(late_us: int) -> None:
    identities = scene(500)
    everything = list(range(500))
    found = offset_us(
        copy_of(identities, everything, 0), copy_of(identities, everything, 1, late_us=late_us)
    )
    assert found is not None
    assert abs(found - late_us) <= 10_000


def test_a_still_scene_that_one_node_ended_and_the_next_began_later_loses_no_picture() -> None:
    identities = scene(1500, repeats_every=25)
    kept = [list(range(600)), list(range(650, 1500))]
    copies = [copy_of(identities, part, at) for at, part in enumerate(kept)]
    assert numbers(merge(copies), kept) == [*range(600), *range(650, 1500)]


def test_a_hole_in_a_frozen_picture_does_not_double_what_follows_it() -> None:
    identities = [bytes(16)] * 500
    kept = [[*range(100), *range(200, 500)], list(range(500))]
    copies = [copy_of(identities, part, at) for at, part in enumerate(kept)]
    assert numbers(merge(copies), kept) == list(range(500))


def test_what_holes_leave_of_a_repeated_picture_in_each_copy_is_not_taken_for_one() -> None:
    identities = scene(75, repeats_every=25)
    kept = [[0, *range(2, 51)], list(range(25))]
    ours, theirs = (copy_of(identities, part, at) for at, part in enumerate(kept))
    found = [(kept[0][at], kept[1][place]) for at, place in twins(ours, theirs, 0)]
    assert found == [(number, number) for number in range(25) if number != 1]


@pytest.mark.parametrize("late_us", [0, 3_000, -7_000])
def test_what_fills_a_hole_of_a_frozen_picture_is_not_taken_for_what_is_beside_it(
    late_us: int,
) -> None:
    identities = [bytes(16)] * 300
    kept = [[*range(100), *range(125, 200)], list(range(100, 125)), list(range(200, 300))]
    copies = [copy_of(identities, part, at, late_us=at * late_us) for at, part in enumerate(kept)]
    assert numbers(merge(copies), kept) == list(range(300))


def test_a_cached_gop_that_was_timed_by_its_late_arrival_is_not_doubled() -> None:
    identities = scene(400)
    kept = [list(range(400)), list(range(150, 400))]
    second = [
        frame._replace(time_us=frame.time_us + (2_000_000 if number < 200 else 0))
        for frame, number in zip(copy_of(identities, kept[1], 1), kept[1], strict=True)
    ]
    assert numbers(merge([copy_of(identities, kept[0], 0), second]), kept) == list(range(400))


def test_twins_are_told_by_their_places_in_both_copies() -> None:
    identities = scene(30)
    ours = copy_of(identities, [0, 1, 2, 5, 6], 0)
    theirs = copy_of(identities, [1, 2, 3, 6, 7], 1, late_us=12_345)
    assert twins(ours, theirs) == [(1, 0), (2, 1), (4, 3)]


def test_nothing_merged_with_nothing_is_nothing() -> None:
    assert merge([]) == []
    assert merge([[], []]) == []
    assert offset_us([], []) is None
