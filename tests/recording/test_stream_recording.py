"""What is missing of a stream, and why; and that nothing a camera does ends more than its own."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recording.streams import CONFIG, T0_US, order

from tandem.archive.loss_book import REFILL_US, RESERVE
from tandem.media.fragmenter import Fragment
from tandem.media.units import AccessUnit, AudioConfig, Codec, TimelineBreak
from tandem.recording.camera import StreamOrder
from tandem.recording.cut import Cutter
from tandem.recording.file_budget import BURST
from tandem.recording.source import Cause, Source, SourceError, UnitSink
from tandem.recording.stream_recording import UNTOLD_US, Gap, StreamSink, record

HOUR_US = 3_600_000_000


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_us = T0_US

    def boot_us(self) -> int:
        return self.now_us - T0_US

    def utc_us(self) -> int:
        return self.now_us


class Bench:
    """A sink, and what it gave away."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.fragments: list[Fragment] = []
        self.gaps: list[Gap] = []
        self.sink = StreamSink(
            order(),
            self.clock,
            lambda _, fragment: self.fragments.append(fragment),
            lambda _, gap: self.gaps.append(gap),
        )

    def play(self, seconds: int, rtp_time: int = 1 << 33) -> None:
        """Begin a connection and let it deliver so many GOPs of a second."""
        self.sink.begin(None)
        for number in range(25 * seconds):
            at = rtp_time + number * 3600
            unit = AccessUnit(b"x", at, number % 25 == 0, CONFIG, at.to_bytes(16, "big"))
            self.sink.video([unit])
            self.clock.now_us += 40_000

    def fail(self) -> None:
        self.sink.end(SourceError(Cause.UNREACHABLE, "no answer"))


def test_it_is_known_when_packets_were_last_missed() -> None:
    bench = Bench()
    bench.play(1)
    known = []
    for lost in (0, 3, 3, 5, 5):
        bench.clock.now_us += 1_000_000
        bench.sink.lost(lost, 0)
        known.append(bench.sink.state.last_loss_us)
    assert known[0] is None
    assert known[1:] == [known[1], known[1], bench.clock.now_us - 1_000_000, known[3]]


def test_a_new_connection_without_losses_loses_nothing() -> None:
    bench = Bench()
    bench.play(1)
    bench.sink.lost(5, 0)
    last_us = bench.sink.state.last_loss_us
    bench.fail()
    bench.play(1)
    bench.sink.lost(0, 0)
    assert bench.sink.state.counters.lost_packets == 5
    assert bench.sink.state.last_loss_us == last_us


def test_time_between_connections_is_a_gap_with_the_cause_of_the_failure() -> None:
    bench = Bench()
    bench.play(3)
    bench.fail()
    bench.clock.now_us += HOUR_US
    bench.play(3)
    bench.fail()
    (gap,) = bench.gaps
    assert (gap.cause, gap.detail) == (Cause.UNREACHABLE, "no answer")
    assert abs(gap.to_us - gap.from_us - HOUR_US) < 1_000_000


def test_a_camera_that_is_still_away_when_recording_ends_leaves_its_gap_told() -> None:
    bench = Bench()
    bench.play(3)
    bench.fail()
    bench.clock.now_us += HOUR_US
    bench.sink.close()
    (gap,) = bench.gaps
    assert (gap.cause, gap.to_us) == (Cause.UNREACHABLE, bench.clock.now_us)


def test_the_time_in_which_no_recorder_ran_is_a_gap() -> None:
    bench = Bench()
    bench.sink.recorded_before(T0_US - 2 * HOUR_US)
    bench.sink.recorded_before(T0_US - HOUR_US)
    bench.play(3)
    bench.sink.close()
    (gap,) = bench.gaps
    assert (gap.from_us, gap.cause) == (T0_US - HOUR_US, Cause.SOURCE_CRASHED)


def test_a_first_recording_has_no_gap_before_it() -> None:
    bench = Bench()
    bench.play(3)
    bench.sink.close()
    assert bench.gaps == []


def test_sound_whose_time_jumps_at_every_frame_cuts_no_picture_from_another() -> None:
    bench = Bench()
    sound = AudioConfig(Codec.PCMU, 8000, 1, samples_per_frame=160)
    bench.sink.begin(8000)
    for number in range(250):
        at = (1 << 33) + number * 3600
        bench.sink.video([AccessUnit(b"x", at, number % 25 == 0, CONFIG, bytes(16))])
        heard = (1 << 33) + number * 8000 * 3600 * (-1) ** number
        bench.sink.audio([AccessUnit(b"y", heard, True, sound, bytes(16))])
        bench.clock.now_us += 40_000
    bench.sink.close()
    assert len(bench.fragments) == 10
    assert [fragment.continues for fragment in bench.fragments] == [False] + [True] * 9


class Broken:
    """A source with a defect."""

    def __init__(self, failing: Callable[[], None]) -> None:
        self._failing = failing

    async def run(self, sink: UnitSink) -> None:
        self._failing()


def test_a_defect_in_one_source_is_that_cameras_failure_and_ends_no_other() -> None:
    bench = Bench()

    def break_down() -> None:
        raise UnicodeError("label empty or too long")

    def make(_: StreamOrder) -> Source:
        return Broken(break_down)

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(record(bench.sink, make, Random(1)))
            async with asyncio.timeout(60):
                while bench.sink.state.counters.failures < 2:
                    await asyncio.wait({task}, timeout=0.02)
            assert not task.done()
            task.cancel()

    asyncio.run(run())
    failure = bench.sink.state.failure
    assert failure is not None
    assert failure.cause is Cause.SOURCE_CRASHED


def restless(bench: Bench, pictures: int, *, breaks: bool) -> None:
    """Play pictures of which each has other parameter sets, or a clock of its own."""
    bench.sink.begin(None)
    for number in range(pictures):
        config = CONFIG if breaks else replace(CONFIG, width_px=16 + 16 * (number % 2))
        at = (1 << 33) + number * 3600
        unit = AccessUnit(b"x", at, True, config, number.to_bytes(16, "big"))
        bench.sink.video([TimelineBreak(), unit] if breaks else [unit])
        bench.clock.now_us += 40_000
    bench.sink.close()


def files(bench: Bench) -> int:
    """How many files the fragments make."""
    cutter = Cutter("gate")
    return sum(cutter.begins_segment(fragment) for fragment in bench.fragments)


@pytest.mark.parametrize("breaks", [False, True])
def test_a_camera_that_changes_with_every_picture_begins_a_file_a_second_and_no_more(
    caplog: pytest.LogCaptureFixture, *, breaks: bool
) -> None:
    bench = Bench()
    seconds = 90
    restless(bench, 25 * seconds, breaks=breaks)
    assert 60 < files(bench) <= BURST + seconds + 1
    assert len(bench.fragments) == files(bench)
    assert {gap.cause for gap in bench.gaps} == {Cause.RESTLESS}
    held_back = bench.sink.state.counters.held_back_pictures
    assert held_back + bench.sink.state.counters.pictures == 25 * seconds
    assert len([line for line in caplog.messages if "Gate" in line]) == 2


@given(st.lists(st.sampled_from(["same", "other", "break", "reconnect"]), max_size=400))
def test_every_time_without_pictures_is_a_gap_and_no_file_has_a_hole(steps: list[str]) -> None:
    bench = Bench()
    bench.sink.begin(None)
    width_px, at = 16, 1 << 33
    for number, step in enumerate(steps):
        at += 3600
        items: list[AccessUnit | TimelineBreak] = []
        if step == "other":
            width_px += 16
        elif step == "break":
            items.append(TimelineBreak())
        elif step == "reconnect":
            bench.fail()
            bench.sink.begin(None)
        config = replace(CONFIG, width_px=width_px)
        items.append(AccessUnit(b"x", at, True, config, number.to_bytes(16, "big")))
        bench.sink.video(items)
        bench.clock.now_us += 40_000
    bench.sink.close()
    cutter = Cutter("gate")
    for last, fragment in pairwise(bench.fragments):
        cutter.begins_segment(last)
        missing = fragment.start_us - last.end_us
        if missing > UNTOLD_US:
            assert (last.end_us, fragment.start_us) in {(g.from_us, g.to_us) for g in bench.gaps}
            assert not fragment.continues


def test_a_camera_that_calms_down_is_recorded_whole_again() -> None:
    bench = Bench()
    restless(bench, 250, breaks=False)
    bench.clock.now_us += 2_000_000
    held_back = bench.sink.state.counters.held_back_pictures
    bench.play(10)
    bench.sink.close()
    assert bench.sink.state.counters.held_back_pictures == held_back
    assert bench.sink.state.failure is None


def test_a_volume_that_joins_late_tells_its_gap_late() -> None:
    bench = Bench()
    bench.sink.wait_for_volume("the disk is not mounted")
    bench.play(3)
    bench.sink.recorded_before(T0_US - HOUR_US)
    bench.sink.recorded_before(T0_US - 2 * HOUR_US)
    bench.sink.recorded_before(T0_US + 2_000_000)
    (gap,) = bench.gaps
    assert gap.from_us == T0_US - HOUR_US
    assert abs(gap.to_us - T0_US) < 1_000_000
    assert gap.cause is Cause.NO_VOLUME
    assert "not mounted" in gap.detail


def play_lossy(bench: Bench, lost: set[int], pictures: int) -> None:
    bench.sink.begin(None)
    for number in range(pictures):
        if number not in lost:
            at = (1 << 33) + number * 3600
            unit = AccessUnit(b"x", at, number % 25 == 0, CONFIG, at.to_bytes(16, "big"))
            unit.follows_loss = number - 1 in lost
            bench.sink.video([unit])
        bench.clock.now_us += 40_000


def test_pictures_whose_packets_were_lost_are_a_gap_with_that_cause() -> None:
    bench = Bench()
    play_lossy(bench, {110, 160, 161}, 300)
    begin_us = bench.fragments[0].start_us
    assert {gap.cause for gap in bench.gaps} == {Cause.LOSS}
    assert [
        (round((gap.from_us - begin_us) / 40_000), round((gap.to_us - begin_us) / 40_000))
        for gap in bench.gaps
    ] == [(110, 111), (160, 162)]
    # No file is cut for it.
    assert all(one.continues for one in bench.fragments[1:])


def test_a_link_that_loses_all_the_time_is_told_of_in_few_words() -> None:
    bench = Bench()
    play_lossy(bench, {number for number in range(25 * 600) if number % 6 == 5}, 25 * 600)
    entered = {gap.from_us: gap for gap in bench.gaps}
    assert len(entered) <= RESERVE + 600 * 1_000_000 // REFILL_US
    # At most one row of an index is entered anew with each fragment.
    assert len(bench.gaps) <= 25 * 600 // 6 + len(bench.fragments)
