"""A camera that Tandem's own receiver does not speak to, as a `Source`."""

import asyncio
import os
from typing import Final, Never
from urllib.parse import urlsplit

from tandem.clock import Clock
from tandem.recording.camera import StreamOrder
from tandem.recording.foreign.assembly import AudioAssembly, VideoAssembly
from tandem.recording.foreign.child import Child, signal_name, start_child
from tandem.recording.foreign.order import FOREIGN_SCHEMES, child_order
from tandem.recording.foreign.protocol import (
    Decoder,
    End,
    Failure,
    Hello,
    Message,
    Tracks,
    Unit,
)
from tandem.recording.foreign.redact import Redactor
from tandem.recording.framing import ProtocolError
from tandem.recording.paced_loop import SMALL_BUFFER_BEAT_S, beats_of
from tandem.recording.source import Cause, SourceError, UnitSink

SILENCE_S: Final = 10
"""Without a picture for this long a camera is taken for dead."""

START_S: Final = 60
"""How long a child may take to load: a machine that starts a hundred at once is not broken."""

_US_PER_S: Final = 1_000_000
_KILLED: Final = {"SIGKILL": " (was it the kernel, out of memory? see: journalctl -k)"}


class ForeignSource:
    """One connection to one camera, through libav in a process of its own.

    Args:
        order: what to record; a URL of any of `FOREIGN_SCHEMES`.
        clock: for the deadlines.
    """

    def __init__(self, order: StreamOrder, clock: Clock) -> None:
        self._order = order
        self._clock = clock
        self._redactor = Redactor(order.url, order.login)

    async def run(self, sink: UnitSink) -> None:
        """Receive into `sink` until the connection ends; the child ends with it in any case.

        Raises:
            SourceError: always, save when cancelled.
        """
        scheme = urlsplit(self._order.url).scheme
        if scheme not in FOREIGN_SCHEMES:
            known = ", ".join(sorted(FOREIGN_SCHEMES))
            self._fail(Cause.UNSUPPORTED, f"{scheme}:// cannot be recorded; these can: {known}")
        order = child_order(self._order, os.getpid()).to_json()
        try:
            child = await start_child(order, self._redactor)
        except OSError as problem:
            self._fail(Cause.SOURCE_CRASHED, f"no process can be started: {problem.strerror}")
        reception = _Reception(sink)
        try:
            with beats_of(SMALL_BUFFER_BEAT_S):
                await self._receive(child, reception)
        finally:
            try:
                await child.stop()
            finally:
                reception.flush()

    async def _receive(self, child: Child, reception: "_Reception") -> Never:
        decoder = Decoder()
        deadline_us = self._clock.boot_us() + START_S * _US_PER_S
        while True:
            remaining_s = (deadline_us - self._clock.boot_us()) / _US_PER_S
            try:
                async with asyncio.timeout(remaining_s):
                    data = await child.output()
            except TimeoutError:
                silence = reception.explain_silence()
                self._fail(silence.cause, silence.sentence)
            if not data:
                await self._explain_exit(child)
            try:
                messages = decoder.feed(data)
            except ProtocolError as problem:
                self._fail(Cause.SOURCE_CRASHED, f"its process made no sense: {problem}")
            end = reception.take(messages)
            if end:
                await self._fail_with_log(end, child)
            if reception.has_progressed:
                deadline_us = self._clock.boot_us() + SILENCE_S * _US_PER_S
                reception.has_progressed = False

    async def _explain_exit(self, child: Child) -> Never:
        status = await child.exit_status()
        if status < 0:
            name = signal_name(status)
            sentence = f"the process that received it was killed by {name}{_KILLED.get(name, '')}"
        else:
            sentence = f"the process that received it ended with status {status}"
        await self._fail_with_log(Failure(Cause.SOURCE_CRASHED, sentence), child)

    async def _fail_with_log(self, failure: Failure, child: Child) -> Never:
        sentence = failure.sentence
        if failure.cause in {Cause.PROTOCOL, Cause.SOURCE_CRASHED}:
            words = await child.last_words()
            sentence += f". Its last words: {words}" if words else ""
        self._fail(failure.cause, sentence)

    def _fail(self, cause: Cause, sentence: str) -> Never:
        raise SourceError(cause, f"{self._order.label}: {self._redactor.clean(sentence)}") from None


class _Reception:
    """What one child's messages become.

    Attributes:
        has_progressed: something came that shows the camera alive. Sound is not enough: a camera
            whose pictures stopped is to be tried anew.
    """

    def __init__(self, sink: UnitSink) -> None:
        self._sink = sink
        self._greeted = False
        self._video: VideoAssembly | None = None
        self._audio: AudioAssembly | None = None
        self._damaged = 0
        self.has_progressed = False

    def take(self, messages: list[Message]) -> Failure | None:
        """Push what came; returns how the stream ended, where it did."""
        for message in messages:
            match message:
                case Unit():
                    self._push(message)
                case Tracks():
                    self._announce(message)
                case Hello():
                    self._greeted = self.has_progressed = True
                case Failure():
                    return message
                case End():
                    return Failure(Cause.CLOSED, "the other side ended the stream")
        return None

    def explain_silence(self) -> Failure:
        """Say what did not come in time."""
        if not self._greeted:
            sentence = f"its process did not begin within {START_S} s; is this machine overloaded?"
            return Failure(Cause.SOURCE_CRASHED, sentence)
        if self._video is None:
            sentence = f"it sent no video within {SILENCE_S} s; restart it if it never does"
        else:
            sentence = f"no picture came for {SILENCE_S} s, and nothing said why"
        return Failure(Cause.STALLED, sentence)

    def flush(self) -> None:
        """Nothing more will come: hand over what is held."""
        if self._video and (items := self._video.flush()):
            self._sink.video(items)

    def _announce(self, tracks: Tracks) -> None:
        self.has_progressed = True
        if self._video:
            self._video.learn(tracks.parameter_sets)
            return
        self._video = VideoAssembly(tracks)
        if tracks.audio:
            self._audio = AudioAssembly(tracks.audio, tracks.wrap_ticks)
        self._sink.begin(tracks.audio.sample_rate_hz if tracks.audio else None)

    def _push(self, unit: Unit) -> None:
        if unit.is_video and self._video:
            self.has_progressed = True
            if items := self._video.receive(unit):
                self._sink.video(items)
            if self._video.damaged_units != self._damaged:
                self._damaged = self._video.damaged_units
                self._sink.lost(0, self._damaged)
        elif not unit.is_video and self._audio and (items := self._audio.receive(unit)):
            self._sink.audio(items)
