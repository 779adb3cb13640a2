"""What is held until the capture clock has settled, and that none of it is lost."""

from itertools import pairwise

import pytest
from tests.recording.streams import CONFIG, T0_US, order

from tandem.media.fragmenter import MOST_BYTES, MOST_PICTURES, Fragment
from tandem.media.rtp.clock import SETTLE_US, CaptureClock
from tandem.media.units import VIDEO_CLOCK_HZ, AccessUnit, TimelineBreak
from tandem.recording.opening import Opening
from tandem.recording.source import Cause, SourceError
from tandem.recording.stream_recording import StreamSink

FRAME_US = 40_000
FRAME_TICKS = 3600
BASE = 1 << 33
HOST_UP_US = 1_000_000_000


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_us = T0_US

    def boot_us(self) -> int:
        return self.now_us - T0_US + HOST_UP_US

    def utc_us(self) -> int:
        return self.now_us


class Bench:
    """A sink, and a camera that begins with old pictures, a keyframe every four seconds."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.fragments: list[Fragment] = []
        self.sink = StreamSink(
            order(),
            self.clock,
            lambda _, fragment: self.fragments.append(fragment),
            lambda *_: None,
        )
        self.sent = 0
        self.sink.begin(None)

    def send(self, pictures: int, every_us: int) -> None:
        for _ in range(pictures):
            at = BASE + self.sent * FRAME_TICKS
            unit = AccessUnit(b"x", at, self.sent % 100 == 0, CONFIG, self.sent.to_bytes(16, "big"))
            self.sink.video([unit])
            self.sent += 1
            self.clock.now_us += every_us

    def recorded(self) -> list[int]:
        return [
            int.from_bytes(sample.identity, "big")
            for fragment in self.fragments
            for sample in fragment.video
        ]


def picture(data: bytes = b"x") -> AccessUnit:
    return AccessUnit(data, BASE, True, CONFIG, bytes(16))


def test_a_burst_of_old_pictures_is_timed_by_its_newest_picture() -> None:
    bench = Bench()
    bench.send(200, 0)
    assert bench.fragments == []
    bench.send(50, FRAME_US)
    assert bench.fragments[0].start_us == pytest.approx(T0_US - 200 * FRAME_US, abs=FRAME_US)
    assert all(later.start_us == earlier.end_us for earlier, later in pairwise(bench.fragments))


def test_pictures_are_held_no_longer_than_the_clock_takes_to_settle() -> None:
    bench = Bench()
    bench.send(200, 0)
    bench.send(-(-SETTLE_US // FRAME_US), FRAME_US)
    assert bench.fragments == []
    bench.send(1, FRAME_US)
    assert bench.recorded() == list(range(200))


def test_a_first_fragment_of_two_seconds_closes_as_if_nothing_had_been_held() -> None:
    bench = Bench()
    bench.send(50, FRAME_US)
    assert bench.fragments == []
    bench.send(1, FRAME_US)
    assert bench.recorded() == list(range(50))


@pytest.mark.parametrize("anew", ["break", "connection"])
def test_pictures_are_held_wherever_a_timeline_begins_anew(anew: str) -> None:
    bench = Bench()
    bench.send(100, FRAME_US)
    if anew == "break":
        bench.sink.video([TimelineBreak()])
    else:
        bench.sink.end(SourceError(Cause.UNREACHABLE, "no answer"))
        bench.sink.begin(None)
    assert bench.recorded() == list(range(100))
    bench.send(250, 0)
    assert bench.recorded() == list(range(100))
    bench.send(50, FRAME_US)
    assert bench.recorded()[: 100 + 250] == list(range(350))


@pytest.mark.parametrize("ending", ["failure", "order", "break", "jump"])
def test_what_is_held_when_the_timeline_ends_is_recorded(ending: str) -> None:
    bench = Bench()
    bench.send(120, 0)
    match ending:
        case "failure":
            bench.sink.end(SourceError(Cause.UNREACHABLE, "no answer"))
        case "order":
            bench.sink.close()
        case "break":
            bench.sink.video([TimelineBreak()])
        case "jump":
            far = AccessUnit(b"x", BASE + 3600 * VIDEO_CLOCK_HZ, True, CONFIG, bytes(16))
            bench.sink.video([far])
    assert bench.recorded() == list(range(120))


def test_no_more_is_held_than_a_fragment_may_have() -> None:
    clock = CaptureClock(VIDEO_CLOCK_HZ)
    clock.observe(BASE, 0, T0_US)
    by_bytes = Opening(clock)
    assert by_bytes.push(picture(bytes(MOST_BYTES - 1)), 0) == []
    assert len(by_bytes.push(picture(), 0)) == 2
    by_number = Opening(clock)
    assert all(by_number.push(picture(), 0) == [] for _ in range(MOST_PICTURES - 1))
    assert len(by_number.push(picture(), 0)) == MOST_PICTURES
    assert by_number.release() == []
