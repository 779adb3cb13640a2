"""The recording of one stream: a source when there is one, the next attempt when there is none.

Everything that happens to a camera's pictures between the network and the disk's queue happens
here, on the event loop, without waiting: capture times, fragments, and the account of what is
missing and why.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from tandem.archive.loss_book import LossBook
from tandem.clock import Clock
from tandem.media.fragmenter import Fragment, Fragmenter
from tandem.media.rtp.clock import CaptureClock
from tandem.media.units import VIDEO_CLOCK_HZ, AccessUnit, TimelineBreak
from tandem.recording.backoff import Backoff
from tandem.recording.camera import StreamOrder
from tandem.recording.file_budget import FileBudget
from tandem.recording.opening import Arrived, Opening
from tandem.recording.source import Cause, Source, SourceError
from tandem.recording.stream_log import StreamLog

log = logging.getLogger(__name__)

UNTOLD_US = 100_000
"""Between two connections clocks are anchored anew; what is shorter than this is no gap."""


LEFT_OUT = SourceError(Cause.STALLED, "the camera's pictures left out this time")
"""Why pictures do not follow each other although nothing failed."""


RESTLESS = SourceError(
    Cause.RESTLESS,
    "the camera changes its encoding or its clock again and again, and each change takes a file; "
    "of its pictures, those of one file a second are recorded. Set a fixed resolution and codec, "
    "switch off what adapts them, and see whether its clock is set by two masters",
)
"""Why pictures of a camera are left out that would harm others."""

WARN_US = 60_000_000
"""Between two warnings of one camera."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of which this recorder has no pictures.

    Attributes:
        from_us: end of the last picture, UTC.
        to_us: the first picture after it, UTC.
        cause: as the source said.
        detail: its sentence.
    """

    from_us: int
    to_us: int
    cause: Cause
    detail: str


@dataclass(slots=True)
class StreamCounters:
    """What one stream went through since this process began to record it."""

    pictures: int = 0
    bytes: int = 0
    keyframes: int = 0
    lost_packets: int = 0
    damaged_pictures: int = 0
    held_back_pictures: int = 0
    connections: int = 0
    failures: int = 0


@dataclass(slots=True)
class StreamState:
    """How a stream is doing, for the status.

    Attributes:
        connected: pictures are expected.
        failure: cause and sentence of what keeps pictures from being recorded now.
        last_picture_us: capture time of the newest closed fragment's end, UTC.
        since_us: UTC of the last change of `connected`.
        last_loss_us: UTC of when packets were last missed; None if never.
    """

    connected: bool = False
    failure: SourceError | None = None
    last_picture_us: int | None = None
    since_us: int = 0
    last_loss_us: int | None = None
    counters: StreamCounters = field(default_factory=StreamCounters)


class StreamSink:
    """Takes what sources push, and gives fragments and gaps to whoever keeps them.

    Args:
        order: what is recorded.
        clock: of the node.
        keep: called with every closed fragment, from the event loop.
        note: called with every gap that has ended, from the event loop.
    """

    def __init__(
        self,
        order: StreamOrder,
        clock: Clock,
        keep: Callable[[StreamOrder, Fragment], None],
        note: Callable[[StreamOrder, Gap], None],
    ) -> None:
        self.order = order
        self.state = StreamState(since_us=clock.utc_us())
        self._absence = SourceError(Cause.SOURCE_CRASHED, "the recorder did not run")
        self.video_clock = CaptureClock(VIDEO_CLOCK_HZ)
        self._clock = clock
        self._keep = keep
        self._note = note
        self._audio_clock: CaptureClock | None = None
        self._opening = Opening(self.video_clock)
        self._is_settled = False
        self._fragmenter = Fragmenter(self.video_clock)
        self._connected_boot_us = 0
        self._lost_before = (0, 0)
        self._began_us: int | None = None
        self._files = FileBudget()
        self._losses = LossBook()
        self._last: Fragment | None = None
        self._log = StreamLog()
        self._is_holding_back = False
        self._next_warning_us = 0
        self._recorded_before_us: int | None = None

    def recorded_before(self, until_us: int) -> None:
        """A volume knows of an earlier recording; each tells when it comes into service.

        Args:
            until_us: end of what it has of the stream, UTC.
        """
        known_us = self._recorded_before_us
        if known_us is not None and until_us <= known_us:
            return
        if self._began_us is None:
            self._recorded_before_us = self.state.last_picture_us = until_us
        elif until_us < self._began_us:  # later than it was needed
            self._recorded_before_us = until_us
            self._tell_between(self._absence, until_us, self._began_us)

    def wait_for_volume(self, problem: str) -> None:
        """There is nowhere to record to yet, so that the camera is not asked for pictures."""
        message = f"no volume is in service yet: {problem}"
        self.state.failure = self._absence = SourceError(Cause.NO_VOLUME, message)

    def begin(self, audio_clock_hz: int | None) -> None:
        """A source agreed to play: a new timeline begins."""
        self._connected_boot_us = self._clock.boot_us()
        self.state.counters.connections += 1
        self.state.since_us = self._clock.utc_us()
        self.state.connected = True
        self.video_clock.restart()
        self._opening = Opening(self.video_clock)
        self._is_settled = False
        self._audio_clock = CaptureClock(audio_clock_hz) if audio_clock_hz else None
        self._fragmenter = Fragmenter(self.video_clock, self._audio_clock)
        counters = self.state.counters
        self._lost_before = (counters.lost_packets, counters.damaged_pictures)

    def video(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """Pictures arrived."""
        boot_us, utc_us = self._clock.boot_us(), self._clock.utc_us()
        for item in items:
            if isinstance(item, TimelineBreak):
                self._break_timeline()
                continue
            if self.video_clock.observe(item.rtp_time, boot_us, utc_us):
                self._break_timeline()
            if self._is_settled:
                fragment = self._fragmenter.video(item, boot_us)
                if fragment is not None:
                    self._close(fragment)
            else:
                self._fragment(self._opening.push(item, boot_us))
                self._is_settled = self.video_clock.is_settled(boot_us)

    def audio(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """Sound arrived."""
        if self._audio_clock is None:
            return
        boot_us, utc_us = self._clock.boot_us(), self._clock.utc_us()
        for item in items:
            if isinstance(item, TimelineBreak):
                self._break_sound(self._audio_clock)
                continue
            if self._audio_clock.observe(item.rtp_time, boot_us, utc_us):
                self._break_sound(self._audio_clock)
            self._fragmenter.audio(item)

    def sender_report(self, rtp_time: int, ntp_utc_us: int, *, is_video: bool) -> None:
        """The camera related its clock to RTP time."""
        clock = self.video_clock if is_video else self._audio_clock
        if clock is not None:
            clock.sender_report(rtp_time, ntp_utc_us, self._clock.boot_us(), self._clock.utc_us())

    def lost(self, packets: int, damaged_units: int) -> None:
        """Totals of this connection's losses."""
        counters = self.state.counters
        if self._lost_before[0] + packets > counters.lost_packets:
            self.state.last_loss_us = self._clock.utc_us()
            self._log.lost(self.order.label, packets, self._clock.boot_us())
        counters.lost_packets = self._lost_before[0] + packets
        counters.damaged_pictures = self._lost_before[1] + damaged_units

    def end(self, failure: SourceError) -> int:
        """The source failed; closes what is open. Returns how long it delivered, in ms."""
        lived_ms = self._stop(failure)
        self._log.failed(self.order.label, failure.message, self._clock.boot_us())
        self.state.counters.failures += 1
        return lived_ms

    def switch(self, why: SourceError) -> None:
        """The source was ended by order, and another one follows: that is no failure."""
        self._stop(why)
        self._log.switched(self.order.label, why.message)

    def _stop(self, failure: SourceError) -> int:
        self._finish()
        state = self.state
        lived_ms = (
            (self._clock.boot_us() - self._connected_boot_us) // 1000 if state.connected else 0
        )
        if state.connected:
            state.since_us = self._clock.utc_us()
        state.connected = False
        state.failure = failure
        return lived_ms

    def close(self) -> None:
        """The recording is over by order: nothing that arrived is left behind, nor a gap untold."""
        self._finish()
        failure, until_us = self.state.failure, self._clock.utc_us()
        if failure is not None:
            self._tell(failure, until_us)

    def _tell(self, failure: SourceError, to_us: int) -> None:
        """Account for the time since the last picture, if any is missing."""
        if self.state.last_picture_us is not None:
            self._tell_between(failure, self.state.last_picture_us, to_us)

    def _tell_between(self, failure: SourceError, from_us: int, to_us: int) -> None:
        if to_us - from_us > UNTOLD_US:
            self._note(self.order, Gap(from_us, to_us, failure.cause, failure.message))

    def _break_timeline(self) -> None:
        self._finish()
        self.video_clock.restart()
        self._is_settled = False

    def _break_sound(self, clock: CaptureClock) -> None:
        """The sound's timeline broke: what waits of it is given up, the picture is not touched."""
        self._fragmenter.drop_sound()
        clock.restart()

    def _fragment(self, arrived: Sequence[Arrived]) -> None:
        for unit, boot_us in arrived:
            fragment = self._fragmenter.video(unit, boot_us)
            if fragment is not None:
                self._close(fragment)

    def _finish(self) -> None:
        self._fragment(self._opening.release())
        fragment = self._fragmenter.finish()
        if fragment is not None:
            self._close(fragment)

    def _close(self, fragment: Fragment) -> None:
        last, self._last = self._last, fragment
        if self._begins_file(fragment, last):
            if not self._files.take(self._clock.boot_us()):
                self._hold_back(fragment)
                return
            if self._is_holding_back:
                self._is_holding_back = False
                fragment = replace(fragment, continues=False)  # no file has a hole
        self._pass_on(fragment)

    def _begins_file(self, fragment: Fragment, last: Fragment | None) -> bool:
        """Whether the camera makes it impossible to go on in the same file."""
        return (
            self._is_holding_back
            or last is None
            or not fragment.continues
            or fragment.video_config != last.video_config
            or fragment.audio_config != last.audio_config
        )

    def _hold_back(self, fragment: Fragment) -> None:
        """Leave out pictures that would take a file each; what comes next tells the gap."""
        self._is_holding_back = True
        self.state.failure = RESTLESS
        self.state.counters.held_back_pictures += len(fragment.video)
        if self._clock.boot_us() >= self._next_warning_us:
            self._next_warning_us = self._clock.boot_us() + WARN_US
            log.warning("%s: %s", self.order.label, RESTLESS.message)

    def _pass_on(self, fragment: Fragment) -> None:
        state = self.state
        failure, state.failure = state.failure, None
        if self._began_us is None:
            self._began_us = fragment.start_us
            self._tell(failure or self._absence, fragment.start_us)
        else:
            self._tell(failure or LEFT_OUT, fragment.start_us)
        state.last_picture_us = fragment.end_us
        self._log.recorded(self.order.label, self.video_clock.status().camera_offset_us)
        counters = state.counters
        counters.pictures += len(fragment.video)
        counters.bytes += sum(len(sample.data) for sample in fragment.video)
        counters.keyframes += fragment.begins_with_keyframe
        self._keep(self.order, fragment)
        if fragment.losses:
            self._tell_losses(fragment.losses)

    def _tell_losses(self, losses: Sequence[tuple[int, int]]) -> None:
        """Account for what is missing amid pictures that are recorded."""
        for from_us, to_us, detail in self._losses.add(losses, self._clock.boot_us()):
            self._note(self.order, Gap(from_us, to_us, Cause.LOSS, detail))


async def record(
    sink: StreamSink, make_source: Callable[[StreamOrder], Source], random: Random
) -> None:
    """Record one stream until cancelled, whatever its camera does.

    Args:
        sink: of the stream.
        make_source: a fresh source for each attempt.
        random: jitter of the attempts.
    """
    backoff = Backoff(random)
    try:
        while True:
            try:
                await _attempt(make_source(sink.order), sink)
            except SourceError as failure:
                lived_ms = sink.end(failure)
                delay_ms = backoff.failed(
                    lived_ms,
                    refused=failure.cause.is_refusal,
                    crowded=failure.cause is Cause.SESSION_LIMIT,
                )
                await asyncio.sleep(delay_ms / 1000)
    finally:
        sink.close()


async def _attempt(source: Source, sink: StreamSink) -> None:
    """One connection; whatever a camera brings about in it stays this camera's failure."""
    try:
        await source.run(sink)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as defect:
        log.exception("%s: a defect ended the connection", sink.order.label)
        raise SourceError(
            Cause.SOURCE_CRASHED, f"a defect of the recorder ended the connection: {defect!r}"
        ) from defect
