"""Runs to one sequence, over many windows: nothing is doubled or lost where one window ends."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.archive.export.timeline import MARGIN_US, WINDOW_US, join
from tandem.archive.export.units import Row, Unit

FRAME_US = 200_000
FRAME_TICKS = 18_000
BASE_US = 1_795_000_000_000_000
LENGTH = 3_000  # ten minutes: five windows


class FakeFeed:
    """A run in memory, handed out as it is read for."""

    def __init__(self, source: int, units: list[Unit], sounds: list[Unit]) -> None:
        self.source = source
        self.start_us = units[0].decode_us
        self.video: list[Unit] = []
        self.audio: list[Unit] = []
        self.most = 0
        self.is_exhausted = False
        self._units = units[::-1]
        self._sounds = sounds[::-1]

    def read_until(self, time_us: int) -> None:
        while self._units and self._units[-1].decode_us < time_us:
            self.video.append(self._units.pop())
        while self._sounds and (not self._units or self._sounds[-1].decode_us < time_us):
            self.audio.append(self._sounds.pop())
        self.most = max(self.most, len(self.video))
        self.is_exhausted = not self._units


def units(
    numbers: Collection[int],
    late_us: int = 0,
    *,
    kind: bytes = b"v",
    repeats: int = 0,
    ppm: int = 0,
) -> list[Unit]:
    """Frames by their numbers; `offset` holds the number, which the joining does not look at."""
    found = []
    for number in sorted(numbers):
        shown = number % repeats if repeats else number
        at_us = BASE_US + number * FRAME_US + late_us + number * FRAME_US * ppm // 1_000_000
        identity = (kind + shown.to_bytes(8, "big")).ljust(16, b"\0")
        found.append(Unit(identity, at_us, at_us, at_us, FRAME_TICKS, True, 0, number, 1))
    return found


def feed(source: int, numbers: Collection[int], late_us: int = 0, **how: int) -> FakeFeed:
    return FakeFeed(
        source,
        units(numbers, late_us, repeats=how.get("repeats", 0), ppm=how.get("ppm", 0)),
        units(numbers, late_us + 30_000, kind=b"a", repeats=how.get("repeats", 0)),
    )


def joined(feeds: Mapping[int, FakeFeed]) -> tuple[list[Row], list[Row]]:
    video: list[Row] = []
    audio: list[Row] = []
    for batch in join(feeds, dict.fromkeys(feeds, 0)):
        video += batch.video
        audio += batch.audio
    return video, audio


def numbers(rows: list[Row]) -> list[int]:
    return [row.unit.offset for row in rows]


def holes(random: Random, count: int) -> set[int]:
    kept = set(range(LENGTH))
    for _ in range(count):
        start = random.randrange(LENGTH)
        kept -= set(range(start, start + random.choice([1, 5, 60, 700])))
    return kept or {0}


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    late_us=st.integers(-20_000_000, 20_000_000),
    ppm=st.integers(-500, 500),
    count=st.integers(0, 8),
)
def test_whatever_the_holes_no_frame_is_doubled_or_lost_over_many_windows(
    seed: int, late_us: int, ppm: int, count: int
) -> None:
    random = Random(seed)
    kept = [holes(random, count), holes(random, count), holes(random, count)]
    feeds = {
        0: feed(0, kept[0]),
        1: feed(1, kept[1], late_us, ppm=ppm),
        2: feed(2, kept[2], -late_us // 2),
    }
    video, audio = joined(feeds)
    assert numbers(video) == sorted(set().union(*kept))
    assert numbers(audio) == sorted(set().union(*kept))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), late_us=st.integers(-90_000, 90_000), count=st.integers(0, 6))
def test_a_still_scene_keeps_its_count_over_many_windows(
    seed: int, late_us: int, count: int
) -> None:
    random = Random(seed)
    kept = [holes(random, count), holes(random, count)]
    feeds = {
        0: feed(0, kept[0], repeats=10),
        1: feed(1, kept[1], late_us, repeats=10),
    }
    video, _ = joined(feeds)
    assert numbers(video) == sorted(set().union(*kept))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 12), has_other=st.booleans())
def test_a_connection_that_breaks_often_and_sends_pictures_again_doubles_none(
    seed: int, cuts: int, has_other: bool
) -> None:
    random = Random(seed)
    places = sorted(random.sample(range(50, LENGTH), cuts))
    feeds: dict[int, FakeFeed] = {}
    late_us = 0
    for start, end in zip([0, *places], [*places, LENGTH], strict=True):
        again = random.choice([0, 0, 10, 40])  # up to eight seconds of old pictures
        # They are timed by their arrival, and no node's capture time goes back.
        late_us = max(late_us, random.choice([0, again * FRAME_US]))
        feeds[len(feeds)] = feed(0, range(max(0, start - again), end), late_us)
    if has_other:
        feeds[len(feeds)] = feed(1, range(LENGTH), 700_000)
    video, audio = joined(feeds)
    assert numbers(video) == list(range(LENGTH))
    assert numbers(audio) == list(range(LENGTH))


def test_what_is_read_ahead_is_bounded_by_the_window() -> None:
    feeds = {0: feed(0, range(LENGTH)), 1: feed(1, range(LENGTH), 2_000_000)}
    joined(feeds)
    assert max(one.most for one in feeds.values()) <= (WINDOW_US + 2 * MARGIN_US) // FRAME_US


def test_the_base_stays_until_it_ends_so_that_time_does_not_jump() -> None:
    first = feed(0, range(1_000))
    back = feed(0, range(1_400, LENGTH), 90_000)
    feeds = {0: first, 1: feed(1, range(500, 2_000), 3_000_000), 2: back}
    video, _ = joined(feeds)
    steps = {after.time_us - before.time_us for before, after in pairwise(video)}
    assert steps == {FRAME_US}
    assert {row.run for row in video[1_500:2_000]} == {1}


def test_hours_without_a_recording_are_passed_over_at_once() -> None:
    far = [unit._replace(decode_us=unit.decode_us + 10**13) for unit in units(range(50, 60))]
    feeds = {0: feed(0, range(50)), 1: FakeFeed(0, far, [])}
    batches = list(join(feeds, {0: 0, 1: 0}))
    assert [numbers(batch.video) for batch in batches if batch.video] == [
        list(range(50)),
        list(range(50, 60)),
    ]
    assert len(batches) < 5


def test_a_run_without_twins_lags_as_the_last_one_of_its_node() -> None:
    feeds = {
        0: feed(0, range(1_000)),
        1: feed(1, range(500, 1_500), 5_000_000),
        2: feed(1, range(1_600, LENGTH), 5_000_000),
    }
    video, audio = joined(feeds)
    assert [row.time_us for row in video[-1:]] == [BASE_US + (LENGTH - 1) * FRAME_US]
    assert [row.time_us for row in audio[-1:]] == [BASE_US + (LENGTH - 1) * FRAME_US + 30_000]


@pytest.mark.parametrize("preferred", [0, 1])
def test_of_copies_that_begin_together_the_lowest_rank_is_the_base(preferred: int) -> None:
    feeds = {0: feed(0, range(100)), 1: feed(1, range(100), 1_000_000)}
    batches = list(join(feeds, {preferred: 0, 1 - preferred: 1}))
    rows = [row for batch in batches for row in batch.video]
    assert {row.run for row in rows} == {preferred}
    assert {row.others for row in rows} == {(1 - preferred,)}
    assert rows[0].time_us == BASE_US + preferred * 1_000_000


def test_pictures_sent_again_teach_no_lag_to_those_that_follow_them() -> None:
    late_us = 4_000_000
    feeds = {0: feed(0, range(100)), 1: feed(0, range(90, 200), late_us)}
    video, _ = joined(feeds)
    assert numbers(video) == list(range(200))
    assert [row.time_us - BASE_US - row.unit.offset * FRAME_US for row in video] == [
        *[0] * 100,
        *[late_us] * 100,
    ]


def test_a_picture_that_only_the_repetition_has_stands_at_the_time_of_its_neighbours() -> None:
    feeds = {0: feed(0, set(range(100)) - {95}), 1: feed(0, range(90, 200), 4_000_000)}
    video, _ = joined(feeds)
    assert numbers(video) == list(range(200))
    assert video[95].time_us == BASE_US + 95 * FRAME_US


def test_what_follows_squeezed_old_pictures_stands_behind_those_of_another_node() -> None:
    again = [
        unit._replace(time_us=at_us, decode_us=at_us)
        for place, unit in enumerate(units(range(90, 100)))
        for at_us in [BASE_US + 150 * FRAME_US + place * FRAME_US // 10]
    ]
    feeds = {
        0: feed(0, range(100)),
        1: feed(1, range(80, 140)),
        2: FakeFeed(0, again + units(range(151, 200)), []),
    }
    assert numbers(joined(feeds)[0]) == [*range(140), *range(151, 200)]
