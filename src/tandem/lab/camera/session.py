"""One client that plays: what it is sent, and what of that went out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tandem.lab.camera import rtcp
from tandem.lab.camera.config import CameraConfig, SlowClient, Start
from tandem.lab.camera.faults import FaultKind, FaultSet
from tandem.lab.camera.ledger import LedgerWriter
from tandem.lab.camera.mark import MARK_DIGITS, digits
from tandem.lab.camera.material import AUDIO_RATE_HZ
from tandem.lab.camera.packing import Packed
from tandem.lab.camera.profile import VIDEO_CLOCK_HZ
from tandem.lab.camera.sdp import AUDIO_TRACK, VIDEO_TRACK
from tandem.lab.camera.sinks import Sink
from tandem.lab.camera.stream import RtpStream

CLOCK_HZ = {VIDEO_TRACK: VIDEO_CLOCK_HZ, AUDIO_TRACK: AUDIO_RATE_HZ}


class Link(Protocol):
    """The RTSP connection a session hangs on."""

    def close(self) -> None:
        """Let the kernel send what it has, drop what it has not, and close."""
        ...

    def reset(self, reason: str) -> None:
        """Throw away what is queued, send RST, and note the reason."""
        ...


@dataclass(frozen=True, slots=True)
class Dispatch:
    """An access unit on its way to the clients.

    Attributes:
        track: which track it belongs to.
        units: its packets, one set per encoder.
        ticks: when it is shown, in ticks of the track's clock since the camera began.
        told_us: the same instant on the camera's own clock, UTC in microseconds.
        number: the picture's number; None for sound.
        is_keyframe: whether decoding may begin here.
    """

    track: str
    units: tuple[Packed, ...]
    ticks: int
    told_us: int
    number: int | None = None
    is_keyframe: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """Whom a session is for.

    Attributes:
        name: the RTSP session id.
        peer: the client's address:port.
        link: the RTSP connection.
        sink: where the packets go.
        encoder: counts up with every session; decides which encoder this client has.
    """

    name: str
    peer: str
    link: Link
    sink: Sink
    encoder: int


class Session:
    """Sends one client what the camera takes.

    Args:
        client: whom it is for.
        config: the camera.
        faults: what goes wrong with it now.
        ledger: where to note what went out.
        draw: source of SSRCs, offsets and losses.
    """

    def __init__(
        self,
        client: Client,
        config: CameraConfig,
        faults: FaultSet,
        ledger: LedgerWriter,
        draw: random.Random,
    ) -> None:
        self.name = client.name
        self.peer = client.peer
        self.link = client.link
        self.sink = client.sink
        self.streams: dict[str, RtpStream] = {}
        self.playing = False
        self.heard_us = 0
        self._encoder = client.encoder
        self._config = config
        self._faults = faults
        self._ledger = ledger
        self._draw = draw
        self._wait_for_keyframe = False

    def add(self, track: str) -> None:
        """Let the client have a track."""
        self.streams[track] = RtpStream(CLOCK_HZ[track], self._draw)

    def play(self, cached: Sequence[Dispatch]) -> None:
        """Begin to send, with pictures from the past if there are any."""
        self.playing = True
        self._wait_for_keyframe = self._config.start is not Start.IMMEDIATELY
        for dispatch in cached:
            self.deliver(dispatch, 0)

    def deliver(self, dispatch: Dispatch, now_us: int) -> None:
        """Send an access unit, unless the client does not have the track or must wait.

        Args:
            dispatch: the access unit.
            now_us: CLOCK_BOOTTIME, for the sender reports.
        """
        stream = self.streams.get(dispatch.track)
        if not self.playing or stream is None:
            return
        if self._faults.active(FaultKind.STALL, self.peer):
            return
        if dispatch.number is not None and not self._ready(dispatch):
            return
        unit = dispatch.units[self._encoder % len(dispatch.units)]
        block = bytearray(unit.block)
        if unit.mark_at is not None and dispatch.number is not None:
            block[unit.mark_at : unit.mark_at + MARK_DIGITS] = digits(
                self._config.number, dispatch.number
            )
        ticks = dispatch.ticks + round(
            self._faults.value(FaultKind.TIMESTAMP_JUMP) * stream.clock_hz
        )
        stream.stamp(unit, block, ticks)
        order = self._order(len(unit.starts))
        self.sink.send(dispatch.track, unit, block, order, dispatch.number)
        if now_us >= stream.report_due_us:
            self._report(dispatch, stream, stream.rtp_time(ticks))
            stream.report_due_us = now_us + round(self._config.report_interval_s * 1_000_000)

    def settle(self) -> None:
        """Note in the ledger what has gone out since."""
        if gone := self.sink.settle():
            self._ledger.handed(self.name, gone)

    def renew_sources(self) -> None:
        """Become a new RTP source on every track."""
        for stream in self.streams.values():
            stream.renew()

    def say_goodbye(self) -> None:
        """Send BYE on every track."""
        if self.playing:
            for track, stream in self.streams.items():
                self.sink.report(track, rtcp.goodbye(stream.ssrc))

    def _ready(self, dispatch: Dispatch) -> bool:
        """Tell whether this picture may go, and disconnect a client that fell too far behind."""
        limit = self._config.backlog_limit_bytes
        backlog = self.sink.backlog_bytes
        if backlog > limit:
            if self._config.slow_client is SlowClient.DISCONNECT:
                self.playing = False
                self.link.reset(f"the client fell {backlog} bytes behind")
                return False
            self._wait_for_keyframe = True
        if self._wait_for_keyframe:
            if not dispatch.is_keyframe or backlog > limit // 2:
                return False
            self._wait_for_keyframe = False
        return True

    def _order(self, count: int) -> Sequence[int]:
        loss = self._faults.value(FaultKind.LOSS, self.peer) / 100
        reorder = self._faults.value(FaultKind.REORDER, self.peer) / 100
        if not loss and not reorder:
            return range(count)
        order = [place for place in range(count) if self._draw.random() >= loss]
        for place in range(1, len(order)):
            if self._draw.random() < reorder:
                order[place - 1], order[place] = order[place], order[place - 1]
        return order

    def _report(self, dispatch: Dispatch, stream: RtpStream, rtp_time: int) -> None:
        if self._faults.active(FaultKind.REPORTS_MISSING):
            return
        if self._faults.active(FaultKind.REPORTS_WRONG):
            rtp_time = self._draw.getrandbits(32)
        self.sink.report(dispatch.track, stream.report(dispatch.told_us, rtp_time))
