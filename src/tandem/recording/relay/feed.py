"""A stream as it is passed on: what its source pushes, and who gets it.

What came last is kept for a few seconds: a receiver that joins begins with the last keyframe, and
one that lost its connection goes on where it ended.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Final, NamedTuple, Protocol

from tandem.clock import Clock
from tandem.media.rtsp.session import CameraSession
from tandem.media.units import VIDEO_CLOCK_HZ, AccessUnit, TimelineBreak
from tandem.recording.framing import ProtocolError
from tandem.recording.relay.protocol import End, Lost, Place, Report, Start, UnitWriter, encode
from tandem.recording.session_book import LastSession
from tandem.recording.source import Source, SourceError, UnitSink

KEPT_US: Final = 4_000_000
"""What is kept at least, beside the pictures since the last keyframe: a link's failure is noticed
in two seconds, and the next connection takes less than one."""

KEPT_BYTES: Final = 8 * 1024 * 1024
"""At most, whatever the keyframes' distance: sixteen seconds of a camera of 4 Mbit/s."""

_US_PER_S: Final = 1_000_000
_TIMESTAMP: Final = 0xFFFFFFFF

Buffers = Iterable[bytes | bytearray]


class Receiver(Protocol):
    """A connection to whom a stream is passed on."""

    def send(self, buffers: Buffers) -> None:
        """Send; returns at once, and never fails."""
        ...

    def end(self) -> None:
        """Nothing more will be sent."""
        ...


class _Kept(NamedTuple):
    arrived_us: int
    is_video: bool
    item: AccessUnit | TimelineBreak


class Feed:
    """What is passed on of one stream.

    Args:
        clock: of the node.
        random: tells sessions apart; no secret.

    Attributes:
        is_offered: somebody may ask for it; else nothing is kept.
        last: the last session of the camera's that is known, this node's or another's; None where
            none is.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        self.is_offered = False
        self.last: LastSession | None = None
        self._clock = clock
        self._random = random
        self._receivers: dict[Receiver, UnitWriter | None] = {}
        self._is_live = False
        self._audio_clock_hz: int | None = None
        self._lost = Lost(0, 0)
        self._forget()

    @property
    def is_live(self) -> bool:
        """The camera is connected, and may be had from here."""
        return self._is_live and self.is_offered

    def offer(self, *, is_offered: bool, why_not: str = "") -> None:
        """Begin or cease to pass the stream on; its recording is not touched.

        Args:
            is_offered: whether anybody may have it from now on.
            why_not: for those who have it now.
        """
        if is_offered == self.is_offered:
            return
        self.is_offered = is_offered
        self._forget()
        if not is_offered:
            self._end_receivers(why_not, self._receivers)
        elif self._is_live:
            self._start_receivers()

    def join(self, receiver: Receiver, after: Place | None) -> None:
        """Pass the stream on to somebody, at once or when the camera is connected.

        Args:
            receiver: gets everything from now on.
            after: where its last connection ended; None where it does not go on with anything, and
                is to begin with a keyframe.
        """
        self._receivers[receiver] = None
        if self._is_live:
            self._start(receiver, after)

    def leave(self, receiver: Receiver) -> None:
        """Somebody is gone."""
        self._receivers.pop(receiver, None)

    def opened(self, session: CameraSession) -> None:
        """As `SessionBook.opened`."""
        self.last = LastSession(session, self._clock.boot_us()) if session.is_plain else None
        if self.last is not None:
            self._tell(session)

    def take(self) -> CameraSession | None:
        """As `SessionBook.take`."""
        last, self.last = self.last, None
        return last.session if last and last.may_be_counted(self._clock.boot_us()) else None

    def begin(self, audio_clock_hz: int | None) -> None:
        """As `UnitSink.begin`."""
        self._is_live = True
        self._audio_clock_hz = audio_clock_hz
        self._lost = Lost(0, 0)
        self._forget()
        self._start_receivers()

    def units(self, items: Sequence[AccessUnit | TimelineBreak], *, is_video: bool) -> None:
        """As `UnitSink.video` and `UnitSink.audio`."""
        now_us = self._clock.boot_us()
        kept = [_Kept(now_us, is_video, item) for item in items]
        for one in kept:
            self._keep(one)
        for receiver, writer in list(self._receivers.items()):
            if writer is not None:
                self._send(receiver, writer, kept)
        self._let_go(now_us)

    def report(self, rtp_time: int, ntp_utc_us: int, *, is_video: bool) -> None:
        """As `UnitSink.sender_report`."""
        self._reports[is_video] = (rtp_time, ntp_utc_us, self._clock.boot_us())
        self._tell(Report(is_video, rtp_time, ntp_utc_us))

    def lost(self, packets: int, damaged_units: int) -> None:
        """As `UnitSink.lost`."""
        lost = Lost(packets, damaged_units)
        if lost != self._lost:
            self._lost = lost
            self._tell(lost)

    def end(self, why: str) -> None:
        """The source ended; whoever listened is told so, and may ask again.

        Args:
            why: as the source says it, without credentials.
        """
        if self._is_live:
            self._over()
            self._forget()
            self._end_receivers(why, [it for it, writer in self._receivers.items() if writer])

    def close(self, why: str) -> None:
        """The stream is recorded here no more."""
        self._over()
        self.is_offered = False
        self._forget()
        self._end_receivers(why, self._receivers)

    def _over(self) -> None:
        """The camera's session ends now, or the camera counts it from now on without need."""
        if self._is_live and self.last is not None:
            self.last = replace(self.last, alive_us=self._clock.boot_us())
        self._is_live = False

    def _forget(self) -> None:
        """A new session: nothing of the one before can be gone on with."""
        self._session = self._random.getrandbits(64)
        self._first = self._next = 0
        self._keyframe: int | None = None
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0
        self._reports: dict[bool, tuple[int, int, int]] = {}

    def _start_receivers(self) -> None:
        for receiver in list(self._receivers):
            self._start(receiver, None)

    def _end_receivers(self, why: str, receivers: Iterable[Receiver]) -> None:
        for receiver in list(receivers):
            self._receivers.pop(receiver, None)
            receiver.send([encode(End(why))])
            receiver.end()

    def _start(self, receiver: Receiver, after: Place | None) -> None:
        """Send what is kept, or what of it was not sent before, and all that comes."""
        if after is None:
            begin, goes_on = max(self._first, self._keyframe or 0), False
        elif after.session != self._session:
            begin, goes_on = self._first, False  # all of this session is new to it
        else:
            begin = max(self._first, after.number)
            goes_on = begin == after.number <= self._next
        begin = min(begin, self._next)
        place = Place(self._session, begin)
        lost = (self._lost.packets, self._lost.damaged_units)
        writer = self._receivers[receiver] = UnitWriter()
        receiver.send([encode(Start(place, goes_on, self._audio_clock_hz, *lost))])
        if self.last is not None:
            receiver.send([encode(self.last.session)])
        self._send(receiver, writer, list(self._kept)[begin - self._first :])
        # Behind the units: the capture clock rejects a report that is far from what it has seen.
        for is_video in self._reports:
            receiver.send([encode(self._report_now(is_video=is_video))])

    def _report_now(self, *, is_video: bool) -> Report:
        """The last report as the camera would make it now, since it is taken for a fresh one."""
        rtp_time, ntp_utc_us, came_us = self._reports[is_video]
        clock_hz = VIDEO_CLOCK_HZ if is_video else self._audio_clock_hz or 0
        age_us = self._clock.boot_us() - came_us
        later = rtp_time + age_us * clock_hz // _US_PER_S
        return Report(is_video, later & _TIMESTAMP, ntp_utc_us + age_us)

    def _keep(self, kept: _Kept) -> None:
        if isinstance(kept.item, TimelineBreak):
            self._reports.pop(kept.is_video, None)
        else:
            self._kept_bytes += len(kept.item.data)
            if kept.is_video and kept.item.is_keyframe:
                self._keyframe = self._next
        self._kept.append(kept)
        self._next += 1

    def _let_go(self, now_us: int) -> None:
        while self._kept and self._may_go(now_us):
            item = self._kept.popleft().item
            self._first += 1
            if isinstance(item, AccessUnit):
                self._kept_bytes -= len(item.data)

    def _may_go(self, now_us: int) -> bool:
        is_old = self._kept[0].arrived_us < now_us - KEPT_US
        is_needed_to_begin = self._keyframe is not None and self._first >= self._keyframe
        return (is_old and not is_needed_to_begin) or self._kept_bytes > KEPT_BYTES

    def _send(self, receiver: Receiver, writer: UnitWriter, units: Iterable[_Kept]) -> None:
        buffers: list[bytes | bytearray] = []
        try:
            for one in units:
                buffers += writer.write(one.item, is_video=one.is_video)
        except ProtocolError as problem:
            self._end_receivers(f"it cannot be passed on: {problem}", [receiver])
            return
        if buffers:
            receiver.send(buffers)

    def _tell(self, message: Report | Lost | CameraSession) -> None:
        if self._receivers:
            data = encode(message)
            for receiver, writer in list(self._receivers.items()):
                if writer is not None:
                    receiver.send([data])


class Tap:
    """A sink that passes on what it takes, where somebody may ask for it.

    Args:
        sink: takes everything first.
        feed: takes it then.
    """

    def __init__(self, sink: UnitSink, feed: Feed) -> None:
        self._sink = sink
        self._feed = feed

    def begin(self, audio_clock_hz: int | None) -> None:
        """As `UnitSink.begin`."""
        self._sink.begin(audio_clock_hz)
        self._feed.begin(audio_clock_hz)

    def video(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """As `UnitSink.video`."""
        self._sink.video(items)
        if self._feed.is_offered:
            self._feed.units(items, is_video=True)

    def audio(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """As `UnitSink.audio`."""
        self._sink.audio(items)
        if self._feed.is_offered:
            self._feed.units(items, is_video=False)

    def sender_report(self, rtp_time: int, ntp_utc_us: int, *, is_video: bool) -> None:
        """As `UnitSink.sender_report`."""
        self._sink.sender_report(rtp_time, ntp_utc_us, is_video=is_video)
        self._feed.report(rtp_time, ntp_utc_us, is_video=is_video)

    def lost(self, packets: int, damaged_units: int) -> None:
        """As `UnitSink.lost`."""
        self._sink.lost(packets, damaged_units)
        self._feed.lost(packets, damaged_units)


class TappedSource:
    """A source of which everything is passed on as well.

    Args:
        source: of the camera.
        feed: of the stream.
    """

    def __init__(self, source: Source, feed: Feed) -> None:
        self._source = source
        self._feed = feed

    async def run(self, sink: UnitSink) -> None:
        """As `Source.run`.

        Raises:
            SourceError: as the source does.
        """
        why = "its recording was ended"
        try:
            await self._source.run(Tap(sink, self._feed))
        except SourceError as failure:
            why = failure.message
            raise
        finally:
            self._feed.end(why)
