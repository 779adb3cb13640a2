"""One simulated camera: takes a picture whenever one is due, and sends it to every client."""

import asyncio
import logging
import random
from collections.abc import Callable

from tandem.clock import Clock
from tandem.lab.camera.config import CameraConfig, Start
from tandem.lab.camera.faults import FaultKind, FaultSet
from tandem.lab.camera.ledger import LedgerWriter
from tandem.lab.camera.material import AUDIO_FRAME_SAMPLES, AUDIO_RATE_HZ
from tandem.lab.camera.playback import Playback
from tandem.lab.camera.profile import VIDEO_CLOCK_HZ
from tandem.lab.camera.register import Register
from tandem.lab.camera.sdp import AUDIO_TRACK, VIDEO_TRACK
from tandem.lab.camera.session import Dispatch, Session
from tandem.lab.camera.timebase import Timebase

_log = logging.getLogger(__name__)

_MILLION = 1_000_000
_AWAY_US = 2 * _MILLION


class Camera:
    """Paces pictures on absolute deadlines and hands them to all sessions alike.

    Args:
        config: the camera.
        playback: what it shows.
        ledger: where it notes what it took and sent.
        clock: the machine's clocks.
        doors_changed: called when new connections are to be refused, or no longer.
    """

    def __init__(
        self,
        config: CameraConfig,
        playback: Playback,
        ledger: LedgerWriter,
        clock: Clock,
        doors_changed: Callable[[], None],
    ) -> None:
        self.config = config
        self.playback = playback
        self.ledger = ledger
        self.faults = FaultSet(self._fault_changed)
        draw = random.Random()  # noqa: S311  SSRCs differ between runs; nothing here is secret
        self.register = Register(config, self.faults, ledger, clock, draw)
        self._clock = clock
        self._doors_changed = doors_changed
        frame_us = _MILLION // config.profile.fps
        self._time = Timebase(clock, config.number * 7919 % frame_us)
        self._coded = 0
        self._sounded = 0
        self._gop: list[Dispatch] = []
        self.latest_us = 0

    async def run(self) -> None:
        """Take pictures until cancelled."""
        fps = self.config.profile.fps
        while True:
            due_us = self._time.boot_us((self._coded + self.playback.delay) * _MILLION // fps)
            ahead_us = due_us - self._clock.boot_us()
            await asyncio.sleep(max(0, ahead_us) / _MILLION)
            late_us = self._clock.boot_us() - due_us
            self.latest_us = max(self.latest_us, late_us)
            if late_us > _AWAY_US:
                _log.warning(
                    "Camera %d was not run for %d ms and leaves out the pictures of that time.",
                    *(self.config.number, late_us // 1000),
                )
                self._time.skip(late_us)
            self._take_picture()
            self._take_sound()

    def play(self, session: Session) -> None:
        """Begin to send to a session."""
        self.register.played(session)
        session.play(self._gop if self.config.start is Start.CACHED_GOP else ())

    def now_ticks(self, clock_hz: int) -> int:
        """Return the current media time in ticks of a track's clock."""
        return self._time.media_us(self._clock.boot_us()) * clock_hz // _MILLION

    def statistics(self) -> dict[str, object]:
        """Return figures for the control channel."""
        return {
            "next_frame": self.ledger.next_number,
            "sessions": [
                {"peer": one.peer, "playing": one.playing, "backlog_bytes": one.sink.backlog_bytes}
                for one in self.register
            ],
            "faults": self.faults.names(),
            "latest_us": self.latest_us,
        }

    def _take_picture(self) -> None:
        shot = self.playback.next(
            alternate=self.faults.active(FaultKind.PARAMETER_CHANGE),
            frozen=self.faults.active(FaultKind.FREEZE),
        )
        self._coded += 1
        number = self.ledger.next_number
        self.ledger.next_number += 1
        fps = self.config.profile.fps
        taken_us = self._time.boot_us(shot.display * _MILLION // fps)
        utc_us = self._time.utc_us(taken_us)
        self.ledger.captured(number, utc_us, is_keyframe=shot.is_keyframe)
        dispatch = Dispatch(
            VIDEO_TRACK,
            shot.units,
            shot.display * (VIDEO_CLOCK_HZ // fps),
            self._told_us(taken_us),
            number,
            shot.is_keyframe,
        )
        if self.config.start is Start.CACHED_GOP:
            if shot.is_keyframe:
                self._gop.clear()
            self._gop.append(dispatch)
        self._deliver(dispatch)

    def _take_sound(self) -> None:
        frames = self.playback.sound
        while frames:
            samples = self._sounded * AUDIO_FRAME_SAMPLES
            if samples * self.config.profile.fps > self._coded * AUDIO_RATE_HZ:
                return
            taken_us = self._time.boot_us(samples * _MILLION // AUDIO_RATE_HZ)
            unit = frames[self._sounded % len(frames)]
            self._deliver(Dispatch(AUDIO_TRACK, (unit,), samples, self._told_us(taken_us)))
            self._sounded += 1

    def _deliver(self, dispatch: Dispatch) -> None:
        now_us = self._clock.boot_us()
        for session in self.register:
            session.deliver(dispatch, now_us)
            session.settle()

    def _told_us(self, boot_us: int) -> int:
        """Return what the camera's own clock says at an instant."""
        if self.faults.active(FaultKind.CLOCK_1970):
            return max(0, boot_us - self._time.began_us)
        stepped_us = round(self.faults.value(FaultKind.CLOCK_STEP) * _MILLION)
        return self._time.utc_us(boot_us) + self._time.gained_us(boot_us) + stepped_us

    def _fault_changed(self, kind: FaultKind) -> None:
        if kind is FaultKind.CLOCK_DRIFT:
            self._time.set_drift(self.faults.value(kind))
        elif kind is FaultKind.REFUSE:
            self._doors_changed()
        for session in self.register:
            if kind is FaultKind.SSRC_CHANGE:
                session.renew_sources()
            elif kind is FaultKind.RESET and self.faults.active(kind, session.peer):
                session.link.reset("the fault `reset`")
