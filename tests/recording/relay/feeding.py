"""A camera that pushes made-up pictures into a tap, and what becomes of them."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from tests.recording.streams import CONFIG, T0_US

from tandem.media.units import AccessUnit, TimelineBreak
from tandem.recording.relay.feed import Buffers, Feed, Tap
from tandem.recording.relay.protocol import Decoder, Hello, encode
from tandem.recording.relay.reception import Reception
from tandem.recording.source import SourceError, UnitSink

PICTURE_US = 40_000
PICTURE_TICKS = 3600
GOP = 25
SOUND_HZ = 8000
LATER_US = 200_000

Item = AccessUnit | TimelineBreak
Call = tuple[Any, ...]
"""What was pushed: the method, and what it was given; units singly."""


class HandClock:
    """A clock that is moved by hand; all nodes share it."""

    def __init__(self) -> None:
        self.now_us = T0_US

    def boot_us(self) -> int:
        return self.now_us - T0_US

    def utc_us(self) -> int:
        return self.now_us


class Later:
    """The clock of one who hears everything later: two loops, each of which collects for a beat."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock

    def boot_us(self) -> int:
        return self._clock.boot_us() + LATER_US

    def utc_us(self) -> int:
        return self._clock.utc_us() + LATER_US


class Notes:
    """A sink that notes every call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    @property
    def units(self) -> list[Call]:
        return [call for call in self.calls if call[0] in {"video", "audio"}]

    def begin(self, audio_clock_hz: int | None) -> None:
        self.calls.append(("begin", audio_clock_hz))

    def video(self, items: Sequence[Item]) -> None:
        self.calls += [("video", item) for item in items]

    def audio(self, items: Sequence[Item]) -> None:
        self.calls += [("audio", item) for item in items]

    def sender_report(self, rtp_time: int, ntp_utc_us: int, *, is_video: bool) -> None:
        self.calls.append(("report", rtp_time, ntp_utc_us, is_video))

    def lost(self, packets: int, damaged_units: int) -> None:
        self.calls.append(("lost", packets, damaged_units))


class Wire:
    """A connection, as bytes; what it brings goes into a reception."""

    def __init__(self, feed: Feed, reception: Reception) -> None:
        self.sent = bytearray(encode(Hello()))
        self.is_over = False
        self.end_of_stream: SourceError | None = None
        self._feed = feed
        self._reception = reception
        self._decoder = Decoder(configs=reception.configs)
        feed.join(self, reception.place)

    def send(self, buffers: Buffers) -> None:
        self.sent += b"".join(buffers)

    def end(self) -> None:
        self.is_over = True

    def deliver(self, most_bytes: int | None = None) -> None:
        """Let what was sent arrive, or the beginning of it."""
        data = bytes(self.sent[:most_bytes])
        del self.sent[: len(data)]
        self.end_of_stream = self._reception.take(self._decoder.feed(data))

    def breaks(self) -> None:
        """The connection is lost, with what is on its way."""
        self._feed.leave(self)


class Bench:
    """A camera's source, tapped, and receivers of it."""

    def __init__(self, audio_clock_hz: int | None = None) -> None:
        self.clock = HandClock()
        self.feed = Feed(self.clock, Random(1))
        self.feed.offer(is_offered=True)
        self.source = Notes()
        self.tap = Tap(self.source, self.feed)
        self.audio_clock_hz = audio_clock_hz
        self._next = 0

    def begin(self) -> None:
        self.tap.begin(self.audio_clock_hz)

    def join(self, sink: UnitSink) -> tuple[Reception, Wire]:
        reception = Reception(sink, self.clock)
        return reception, Wire(self.feed, reception)

    def film(self, pictures: int, size: int = 100) -> None:
        """Let the camera send so many pictures of a GOP of one second."""
        for _ in range(pictures):
            self.clock.now_us += PICTURE_US
            self.tap.video([self.picture(self._next, size)])
            self._next += 1

    def picture(self, number: int, size: int = 100) -> AccessUnit:
        at = (1 << 33) + number * PICTURE_TICKS
        return AccessUnit(bytes(size), at, number % GOP == 0, CONFIG, number.to_bytes(16, "big"))

    def report(self, number: int, ahead_us: int = 0) -> None:
        """Have the camera say when a picture was taken."""
        at = ((1 << 33) + number * PICTURE_TICKS) & 0xFFFFFFFF
        taken_us = T0_US + (number + 1) * PICTURE_US + ahead_us
        self.tap.sender_report(at, taken_us, is_video=True)


def numbers(calls: Iterable[Call]) -> list[int]:
    """Which pictures were pushed."""
    return [int.from_bytes(call[1].identity, "big") for call in calls if call[0] == "video"]
