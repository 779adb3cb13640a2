"""Access units to fragments: boundaries, times, and that nothing is lost between them."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.fragmenter import (
    ARRIVAL_US,
    FRAGMENT_US,
    MOST_PICTURES,
    UNDECODABLE_BYTES,
    Fragment,
    Fragmenter,
)
from tandem.media.rtp.clock import CaptureClock
from tandem.media.units import AccessUnit, AudioConfig, Codec, VideoConfig

CONFIG = VideoConfig(Codec.H264, (b"\x67", b"\x68"), 640, 360, 0)
SOUND = AudioConfig(Codec.PCMU, 8000, 1, samples_per_frame=160)
T0_US = 1_800_000_000_000_000
RTP0 = 1 << 33
FRAME = 3600


class Bench:
    """A fragmenter, its clocks, and the arrival of units at the moment they were captured."""

    def __init__(self, *, sound: bool = False) -> None:
        self.video_clock = CaptureClock(90_000)
        self.audio_clock = CaptureClock(8000) if sound else None
        self.fragmenter = Fragmenter(self.video_clock, self.audio_clock)
        self.fragments: list[Fragment] = []

    def video(
        self,
        number: int,
        *,
        key: bool = False,
        config: VideoConfig | None = CONFIG,
        at: int | None = None,
        size: int = 1,
        after_loss: bool = False,
    ) -> None:
        rtp_time = RTP0 + (number if at is None else at) * FRAME
        arrival_us = T0_US + number * 40_000
        self.video_clock.observe(rtp_time, arrival_us, arrival_us)
        identity = number.to_bytes(16, "big")
        unit = AccessUnit(bytes(size), rtp_time, key, config, identity, after_loss)
        self.keep(self.fragmenter.video(unit, arrival_us))

    def audio(self, number: int) -> None:
        assert self.audio_clock is not None
        rtp_time, arrival_us = number * 160, T0_US + number * 20_000
        self.audio_clock.observe(rtp_time, arrival_us, arrival_us)
        unit = AccessUnit(bytes(160), rtp_time, True, SOUND, number.to_bytes(16, "big"))
        self.fragmenter.audio(unit)

    def finish(self) -> None:
        self.keep(self.fragmenter.finish())

    def keep(self, fragment: Fragment | None) -> None:
        if fragment is not None:
            self.fragments.append(fragment)

    def numbers(self) -> list[int]:
        return [
            int.from_bytes(sample.identity, "big")
            for fragment in self.fragments
            for sample in fragment.video
        ]


def touching(fragments: Iterable[Fragment]) -> bool:
    return all(before.end_us == after.start_us for before, after in pairwise(fragments))


def test_a_fragment_closes_when_the_next_keyframe_arrives() -> None:
    bench = Bench()
    for number in range(51):
        bench.video(number, key=number % 25 == 0)
    assert [len(fragment.video) for fragment in bench.fragments] == [25, 25]
    assert all(fragment.begins_with_keyframe for fragment in bench.fragments)
    assert [fragment.start_us for fragment in bench.fragments] == [T0_US, T0_US + 1_000_000]
    assert touching(bench.fragments)


def test_a_long_gop_is_cut_every_two_seconds_and_only_its_first_part_stands_alone() -> None:
    bench = Bench()
    for number in range(251):
        bench.video(number, key=number == 0)
    lengths = {fragment.end_us - fragment.start_us for fragment in bench.fragments}
    assert lengths == {FRAGMENT_US}
    assert [f.begins_with_keyframe for f in bench.fragments] == [True] + [False] * 4
    assert touching(bench.fragments)


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_every_picture_is_in_exactly_one_fragment_in_its_order(keys: list[bool]) -> None:
    bench = Bench()
    for number, key in enumerate(keys):
        bench.video(number, key=key)
    bench.finish()
    assert bench.numbers() == list(range(len(keys)))
    assert touching(bench.fragments)
    times = [sample.dts for fragment in bench.fragments for sample in fragment.video]
    assert all(before < after for before, after in pairwise(times))
    assert all(
        sample.dts + sample.duration == following
        for fragment in bench.fragments
        for sample, following in zip(
            fragment.video, [s.dts for s in fragment.video[1:]], strict=False
        )
    )


def test_a_connection_that_begins_in_the_middle_of_a_gop_loses_nothing() -> None:
    bench = Bench()
    for number in range(30):
        bench.video(number, key=number == 10)
    bench.finish()
    assert bench.numbers() == list(range(30))
    assert [f.begins_with_keyframe for f in bench.fragments] == [False, True]


def test_the_last_picture_of_a_connection_lasts_as_long_as_those_before_it() -> None:
    bench = Bench()
    for number in range(10):
        bench.video(number, key=number == 0)
    bench.finish()
    assert [sample.duration for sample in bench.fragments[0].video] == [FRAME] * 10


def test_other_parameter_sets_begin_a_fragment_of_their_own() -> None:
    bench = Bench()
    other = VideoConfig(Codec.H264, (b"\x67x", b"\x68"), 1920, 1080, 0)
    for number in range(20):
        bench.video(number, key=number in {0, 12}, config=CONFIG if number < 12 else other)
    bench.finish()
    assert [f.video_config for f in bench.fragments] == [CONFIG, other]
    assert [len(f.video) for f in bench.fragments] == [12, 8]


def test_pictures_before_the_parameter_sets_are_kept_for_them() -> None:
    bench = Bench()
    for number in range(20):
        bench.video(number, key=number == 8, config=CONFIG if number >= 8 else None)
    bench.finish()
    assert bench.numbers() == list(range(20))


def test_a_camera_without_parameter_sets_does_not_fill_the_memory() -> None:
    bench = Bench()
    for number in range(20):
        bench.video(number, config=None, size=UNDECODABLE_BYTES // 4)
    assert bench.fragmenter.undecodable_units >= 15
    assert bench.fragments == []


def test_b_frames_get_decode_times_that_rise_and_never_exceed_their_presentation() -> None:
    bench = Bench()
    config = VideoConfig(Codec.H264, (b"\x67", b"\x68"), 640, 360, 2)
    shown = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]
    for number, at in enumerate(shown):
        bench.video(number, key=number == 0, config=config, at=at)
    bench.finish()
    samples = bench.fragments[0].video
    assert all(before.dts < after.dts for before, after in pairwise(samples))
    assert all(sample.composition_offset >= 0 for sample in samples)
    presented = sorted(sample.dts + sample.composition_offset for sample in samples)
    assert {b - a for a, b in pairwise(presented)} == {FRAME}


def test_sound_goes_beside_the_pictures_it_was_captured_with() -> None:
    bench = Bench(sound=True)
    for number in range(101):
        bench.video(number, key=number % 25 == 0)
        bench.audio(2 * number)
        bench.audio(2 * number + 1)
    bench.finish()
    heard = [int.from_bytes(s.identity, "big") for f in bench.fragments for s in f.audio]
    assert heard == list(range(202))
    for fragment in bench.fragments[:-1]:
        for sample in fragment.audio:
            assert sample.dts * 125 < fragment.end_us
    durations = {sample.duration for f in bench.fragments for sample in f.audio}
    assert durations == {160}


def test_sound_without_pictures_does_not_fill_the_memory() -> None:
    bench = Bench(sound=True)
    for number in range(20_000):
        bench.audio(number)
    assert len(bench.fragmenter._sound) < 10_000


def test_after_the_end_of_a_connection_the_next_fragment_continues_nothing() -> None:
    bench = Bench()
    for number in range(60):
        bench.video(number, key=number % 25 == 0)
        if number == 30:
            bench.finish()
            bench.video_clock.restart()
    assert [f.continues for f in bench.fragments] == [False, True, False]


def test_capture_time_that_was_stepped_begins_anew_and_the_fragment_before_keeps_its_end() -> None:
    bench = Bench()
    for number in range(26):
        bench.video(number, key=number % 25 == 0)
    jump_us = 3_600_000_000
    for number in range(26, 120):
        rtp_time, arrival_us = RTP0 + number * FRAME, T0_US + number * 40_000
        bench.video_clock.observe(rtp_time, arrival_us, arrival_us + jump_us)
        unit = AccessUnit(b"x", rtp_time, number % 25 == 0, CONFIG, number.to_bytes(16, "big"))
        bench.keep(bench.fragmenter.video(unit, arrival_us))
    bench.finish()
    assert bench.numbers() == list(range(120))
    fresh = [fragment for fragment in bench.fragments if not fragment.continues]
    assert len(fresh) == 2
    assert fresh[1].start_us - fresh[0].start_us > jump_us
    assert all(f.end_us - f.start_us <= FRAGMENT_US for f in bench.fragments)


def test_a_clock_that_stands_still_ends_fragments_all_the_same() -> None:
    bench = Bench()
    for number in range(1000):
        bench.video(number, key=number == 0, at=0)
    bench.finish()
    assert bench.numbers() == list(range(1000))
    assert max(len(fragment.video) for fragment in bench.fragments) <= ARRIVAL_US // 40_000 + 1


def test_a_burst_of_pictures_of_one_time_ends_fragments_all_the_same() -> None:
    bench = Bench()
    for number in range(3 * MOST_PICTURES):
        unit = AccessUnit(b"x", RTP0, number == 0, CONFIG, number.to_bytes(16, "big"))
        bench.video_clock.observe(RTP0, T0_US, T0_US)
        bench.keep(bench.fragmenter.video(unit, T0_US))
    bench.finish()
    assert bench.numbers() == list(range(3 * MOST_PICTURES))
    assert max(len(fragment.video) for fragment in bench.fragments) <= MOST_PICTURES + 1


def test_pictures_that_come_in_time_make_fragments_by_their_own_clock_alone() -> None:
    bench = Bench()
    for number in range(500):
        bench.video(number, key=number == 0)
    bench.finish()
    assert {len(fragment.video) for fragment in bench.fragments[:-1]} == {50}


def test_a_clock_that_goes_back_ends_the_fragment() -> None:
    bench = Bench()
    for number in range(30):
        bench.video(number, key=number == 0, at=number if number < 20 else number - 60)
    bench.finish()
    assert bench.numbers() == list(range(30))
    assert len(bench.fragments) > 1


def lost(numbers: Iterable[int], flagged: Iterable[int]) -> list[tuple[int, int]]:
    """What the fragments of a GOP a second tell of lost pictures, by number."""
    bench, flagged = Bench(), set(flagged)
    for number in numbers:
        bench.video(number, key=number % 25 == 0, after_loss=number in flagged)
    bench.finish()
    assert touching(bench.fragments)
    begin_us = bench.fragments[0].start_us
    return [
        (round((from_us - begin_us) / 40_000), round((to_us - begin_us) / 40_000))
        for fragment in bench.fragments
        for from_us, to_us in fragment.losses
    ]


def test_lost_pictures_are_told_from_the_end_of_the_one_before_to_the_next() -> None:
    numbers = [number for number in range(100) if number not in {10, 30, 31, 60}]
    assert lost(numbers, {11, 32, 61}) == [(10, 11), (30, 32), (60, 61)]


def test_pictures_lost_between_two_fragments_are_told_once() -> None:
    numbers = [number for number in range(100) if number not in {49, 50, 51, 74}]
    assert lost(numbers, {52, 75}) == [(49, 52), (74, 75)]
    # A loss of more than a fragment's length: camera and connection live on.
    assert lost([*range(30), *range(130, 200)], {130}) == [(30, 130)]


def test_packets_without_a_picture_leave_nothing_missing() -> None:
    assert lost(range(100), {10, 25, 60}) == []


def test_pictures_that_a_camera_left_out_by_itself_are_not_lost() -> None:
    assert lost([number for number in range(100) if number % 10], {}) == []


def test_what_is_lost_before_the_first_picture_is_the_gap_between_connections() -> None:
    assert lost(range(7, 100), {7}) == []


def decoded() -> list[int]:
    """Pictures in decode order: a GOP of 25, in which two B-frames stand before each P-frame."""
    gop = [0, *(number for p in range(3, 25, 3) for number in (p, p - 2, p - 1))]
    return [25 * turn + number for turn in range(5) for number in gop]


def lost_reordered(
    missing: Collection[int], *, depth: int | None = 1
) -> tuple[list[tuple[int, int]], Bench]:
    """What the fragments tell where these are lost on the way, by number; the last is complete."""
    bench, follows = Bench(), False
    config = replace(CONFIG, reorder_depth=depth)
    for place, number in enumerate(decoded()):
        if number in missing:
            follows = True
            continue
        bench.video(place, key=number % 25 == 0, at=number, after_loss=follows, config=config)
        follows = False
    bench.finish()
    begin_us = min(
        (sample.dts + sample.composition_offset) * 100 // 9 for sample in bench.fragments[0].video
    )
    found = [
        (round((from_us - begin_us) / 40_000), round((to_us - begin_us) / 40_000))
        for fragment in bench.fragments
        for from_us, to_us in fragment.losses
    ]
    return found, bench


def runs(missing: Collection[int]) -> list[tuple[int, int]]:
    """Where pictures are missing, by number: from and to."""
    begins = sorted(number for number in missing if number - 1 not in missing)
    ends = sorted(number + 1 for number in missing if number + 1 not in missing)
    return list(zip(begins, ends, strict=True))


@pytest.mark.parametrize("depth", [1, None])
@pytest.mark.parametrize(
    "missing", [{3}, {4}, {7}, {6, 4, 5}, {24, 22, 23}, {25}, {49, 50, 53}, {3, 30, 61, 62}]
)
def test_with_b_frames_lost_pictures_are_told_by_when_they_were_to_be_shown(
    missing: set[int], depth: int | None
) -> None:
    found, bench = lost_reordered(missing, depth=depth)
    assert found == runs(missing)
    assert touching(bench.fragments)


@given(st.sets(st.sampled_from([*range(1, 120)]), max_size=25))
def test_with_b_frames_each_lost_picture_is_told_once_wherever_fragments_end(
    missing: set[int],
) -> None:
    found, _ = lost_reordered(missing)
    assert found == runs(missing)


def test_with_b_frames_packets_without_a_picture_leave_nothing_missing() -> None:
    bench = Bench()
    config = replace(CONFIG, reorder_depth=1)
    for place, number in enumerate(decoded()):
        key = number % 25 == 0
        bench.video(place, key=key, at=number, after_loss=place in {10, 50, 51}, config=config)
    bench.finish()
    assert not [fragment.losses for fragment in bench.fragments if fragment.losses]


def test_where_nearly_all_is_lost_what_is_missing_is_told_all_the_same() -> None:
    numbers = [*range(25), 30, 34, 39, 44, 48, *range(50, 100)]
    found = lost(numbers, {30, 34, 39, 44, 48, 50})
    assert (found[0][0], found[-1][1]) == (25, 50)
    assert len(found) == 6
