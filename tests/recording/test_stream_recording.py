"""What is missing of a stream, and why; and that nothing a camera does ends more than its own."""

import asyncio
from collections.abc import Callable
from random import Random

from tests.recording.streams import CONFIG, T0_US, order

from tandem.media.fragmenter import Fragment
from tandem.media.units import AccessUnit, AudioConfig, Codec
from tandem.recording.camera import StreamOrder
from tandem.recording.source import Cause, Source, SourceError, UnitSink
from tandem.recording.stream_recording import Gap, StreamSink, record

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
            async with asyncio.timeout(10):
                while bench.sink.state.counters.failures < 2:
                    await asyncio.wait({task}, timeout=0.02)
            assert not task.done()
            task.cancel()

    asyncio.run(run())
    failure = bench.sink.state.failure
    assert failure is not None
    assert failure.cause is Cause.SOURCE_CRASHED
