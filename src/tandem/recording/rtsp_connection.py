"""One RTSP connection to a camera: its dialogue, what comes through it and beside it."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from typing import cast
from weakref import WeakKeyDictionary

from tandem.clock import Clock
from tandem.media.codecs.errors import CodecError
from tandem.media.rtsp import errors
from tandem.media.rtsp.client import RtspClient
from tandem.media.rtsp.errors import RtspError
from tandem.media.rtsp.events import (
    Ended,
    Event,
    Failed,
    InterleavedDelivery,
    Playing,
    Redirected,
    Send,
    TracksReady,
    UdpDelivery,
)
from tandem.media.rtsp.interleaved import BUFFER_BYTES, InterleavedReader, frame
from tandem.media.rtsp.url import CameraUrl
from tandem.recording.datagrams import PortPair
from tandem.recording.rtsp_causes import CAUSES, plain_reason
from tandem.recording.session_book import SessionBook
from tandem.recording.source import Cause, SourceError, UnitSink
from tandem.recording.track_receiver import TrackReceiver

STALL_US = 5_000_000
"""A camera that sends no picture for so long is taken for dead. Above the longest pause of healthy
ones (an encoder restarts within two seconds), far below what a second copy's window covers."""

FIRST_PICTURE_US = 20_000_000
"""To send the first one: many cameras begin with their next keyframe, and those that save bits make
one every ten seconds or more. Taken for dead sooner, they would never be recorded at all."""

TICK_S = 0.5
"""How often timers are looked at; no deadline here is finer than a second."""

REPORT_US = 5_000_000
"""Interval of our RTCP receiver reports (RFC 3550 section 6.2), a sign of life to some cameras."""

_receive_buffers: WeakKeyDictionary[asyncio.AbstractEventLoop, bytearray] = WeakKeyDictionary()
"""One for all connections of an event loop, which reads them one after the other."""


def _receive_buffer(loop: asyncio.AbstractEventLoop) -> bytearray:
    return _receive_buffers.setdefault(loop, bytearray(BUFFER_BYTES))


class RtspConnection(asyncio.BufferedProtocol):
    """One TCP connection to a camera, and what comes through it and beside it.

    Args:
        client: leads the dialogue.
        url: of the camera.
        sink: gets what comes.
        clock: of the node.
        random: for identifiers, none of them secret.
        ports: for datagrams, a pair for each track; none over TCP.
        sessions: those of the camera; None where nobody needs to know.

    Attributes:
        ended: becomes the URL of a redirect, or the error that ended the session.
    """

    def __init__(
        self,
        client: RtspClient,
        url: CameraUrl,
        sink: UnitSink,
        clock: Clock,
        random: Random,
        ports: list[PortPair],
        sessions: SessionBook | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[CameraUrl] = loop.create_future()
        self._client = client
        self._url = url
        self._sink = sink
        self._clock = clock
        self._random = random
        self._ports = ports
        self._sessions = sessions
        self._reader = InterleavedReader(_receive_buffer(loop))
        self._transport: asyncio.Transport | None = None
        self._tracks: list[TrackReceiver] = []
        self._channels: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_playing = False
        self._settled = asyncio.Event()
        self.ended.add_done_callback(lambda _: self._settled.set())
        self._last_picture_us = clock.boot_us()
        self._pictures_seen = 0
        self._next_report_us = clock.boot_us() + REPORT_US

    async def settle(self, most_s: float) -> None:
        """Wait until the camera plays, or it has ended; at most so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._settled.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the dialogue."""
        self._transport = cast(asyncio.Transport, transport)
        self._carry_out(self._client.start(self._clock.boot_us()))
        self._tick()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        """Where the network writes."""
        return self._reader.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """The network wrote: packets go to their tracks, messages to the client."""
        try:
            messages = self._reader.received(nbytes)
        except RtspError as error:
            self._carry_out(self._client.fail(error, self._clock.boot_us()))
            return
        for message in messages:
            self._carry_out(self._client.receive(message, self._clock.boot_us()))
        self._hand_over()

    def connection_lost(self, exc: Exception | None) -> None:
        """The camera or the network ended it."""
        said = f"the connection broke: {plain_reason(exc)}" if exc else None
        self._end(SourceError(Cause.CLOSED, said or "the camera closed the connection"))

    def close(self) -> None:
        """End in good order: the camera's session is given back, then the connection closed."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None and not self._transport.is_closing():
            if not self._is_redirected():  # the client goes on elsewhere, and has said goodbye here
                self._give_back(self._transport)
            self._transport.close()
        for pair in self._ports:
            pair.receive_nothing()
        for track in self._tracks:
            track.finish()
        if self.ended.done() and not self.ended.cancelled():
            self.ended.exception()  # seen, even where nobody waited for it

    def _is_redirected(self) -> bool:
        return self.ended.done() and not self.ended.cancelled() and not self.ended.exception()

    def _give_back(self, transport: asyncio.Transport) -> None:
        """End the camera's session; some have few, and keep one for ever that was left open."""
        for event in self._client.close(self._clock.boot_us()):
            if isinstance(event, Send):
                transport.write(event.data)

    def _carry_out(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Send(data):
                    if self._transport is not None:
                        self._transport.write(data)
                case TracksReady():
                    try:
                        self._set_up(event)
                    except RtspError as error:
                        self._carry_out(self._client.fail(error, self._clock.boot_us()))
                        return
                case Playing():
                    self._begin_playing()
                case Redirected(url):
                    if not self.ended.done():
                        self.ended.set_result(url)
                case Failed(error):
                    self._end(SourceError(CAUSES[error.cause], str(error)))
                case Ended():
                    self._end(SourceError(Cause.CLOSED, "the session has ended"))

    def _begin_playing(self) -> None:
        self._is_playing = True
        self._settled.set()
        self._last_picture_us = self._clock.boot_us()
        if self._sessions is not None and self._client.session is not None:
            self._sessions.opened(self._client.session)

    def _set_up(self, ready: TracksReady) -> None:
        """Connect what arrives with those who take it apart, before the first packet comes."""
        audio_clock_hz: int | None = None
        for at, track in enumerate(ready.tracks):
            try:
                receiver = TrackReceiver(
                    track, self._sink, self._clock, self._random.getrandbits(32)
                )
            except CodecError as error:
                if at == 0:
                    raise RtspError(errors.Cause.UNSUPPORTED_CODEC, str(error)) from None
                continue
            if at > 0:
                audio_clock_hz = track.format.clock_rate_hz
            self._tracks.append(receiver)
            match track.delivery:
                case InterleavedDelivery(rtp_channel, rtcp_channel):
                    self._reader.register_stream(rtp_channel, receiver.stream)
                    self._reader.register(rtcp_channel, receiver.reports)
                    self._channels.append(rtcp_channel)
                case UdpDelivery(_, server_ports, source):
                    self._ports[at].deliver_to(
                        receiver,
                        self._address_of(source),
                        server_ports[1] if server_ports else None,
                        self._clock,
                    )
        self._sink.begin(audio_clock_hz)

    def _hand_over(self) -> None:
        for track in self._tracks:
            track.hand_over()

    def _address_of(self, source: str) -> str:
        """Where datagrams come from: the connection's address, unless the camera names another."""
        peer: str = self._transport.get_extra_info("peername")[0] if self._transport else source
        return peer if source == self._url.host else source

    def _tick(self) -> None:
        """Everything that time alone brings about."""
        now_us = self._clock.boot_us()
        for pair in self._ports:
            pair.expire()
        pictures = self._tracks[0].units if self._tracks else 0
        if pictures != self._pictures_seen:
            self._pictures_seen = pictures
            self._last_picture_us = now_us
        self._carry_out(self._client.tick(now_us, self._last_picture_us))
        if self._is_playing:
            self._account()
            if now_us >= self._next_report_us:
                self._next_report_us = now_us + REPORT_US
                self._send_reports()
            patience_us = STALL_US if pictures else FIRST_PICTURE_US
            if now_us - self._last_picture_us > patience_us:
                self._end(
                    SourceError(
                        Cause.STALLED,
                        f"the camera has sent no picture for {patience_us // 1_000_000} s, "
                        "though it holds the connection",
                    )
                )
        if not self.ended.done():
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _account(self) -> None:
        self._sink.lost(
            sum(track.lost_packets for track in self._tracks),
            sum(track.damaged_units for track in self._tracks),
        )

    def _send_reports(self) -> None:
        for at, track in enumerate(self._tracks):
            report = track.receiver_report()
            if self._ports:
                self._ports[at].send_report(report)
            elif self._transport is not None:
                self._transport.write(frame(self._channels[at], report))

    def _end(self, error: SourceError) -> None:
        if self._is_playing:
            self._account()
        if not self.ended.done():
            self.ended.set_exception(error)
