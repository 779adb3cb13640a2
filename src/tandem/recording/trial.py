"""Trying a camera: what it sends, for some seconds, kept nowhere."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tandem.clock import Clock
from tandem.media.rtp.clock import CaptureClock
from tandem.media.units import (
    VIDEO_CLOCK_HZ,
    AccessUnit,
    AudioConfig,
    TimelineBreak,
    VideoConfig,
)
from tandem.recording.source import Cause, Source, SourceError

FIRST_PICTURE_S = 15.0
"""How long the first picture may take: connecting, and a GOP of ten seconds."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a camera sent.

    Attributes:
        video: its configuration; None where no parameter sets came.
        audio: likewise; None where no sound came.
        pictures: how many came.
        pictures_per_s: by the camera's own timestamps.
        bit_rate_kbps: of the pictures.
        keyframe_interval_s: the longest seen; None where fewer than two keyframes came.
        lost_packets: RTP packets that never came.
        camera_offset_us: the camera's clock minus this machine's; None where it does not tell.
    """

    video: VideoConfig | None
    audio: AudioConfig | None
    pictures: int
    pictures_per_s: float
    bit_rate_kbps: int
    keyframe_interval_s: float | None
    lost_packets: int
    camera_offset_us: int | None


class _Watcher:
    """A sink that only looks."""

    def __init__(self, clock: Clock) -> None:
        self.is_decided = asyncio.Event()  # a picture came, or none will
        self.video_config: VideoConfig | None = None
        self.audio_config: AudioConfig | None = None
        self.times: list[int] = []
        self.keyframes: list[int] = []
        self.bytes = 0
        self.lost_packets = 0
        self.capture_clock = CaptureClock(VIDEO_CLOCK_HZ)
        self._clock = clock

    def begin(self, audio_clock_hz: int | None) -> None:
        """Nothing to prepare."""

    def video(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """Look at pictures; those before a break of the timeline are forgotten."""
        for item in items:
            if isinstance(item, TimelineBreak):
                self.times, self.keyframes, self.bytes = [], [], 0
                self.capture_clock.restart()
                continue
            if self.capture_clock.observe(
                item.rtp_time, self._clock.boot_us(), self._clock.utc_us()
            ):
                self.capture_clock.restart()
            self.times.append(item.rtp_time)
            self.bytes += len(item.data)
            if item.is_keyframe:
                self.keyframes.append(item.rtp_time)
            if isinstance(item.config, VideoConfig):
                self.video_config = item.config
            self.is_decided.set()

    def audio(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """Look at sound."""
        for item in items:
            if isinstance(item, AccessUnit) and isinstance(item.config, AudioConfig):
                self.audio_config = item.config

    def sender_report(self, rtp_time: int, ntp_utc_us: int, *, is_video: bool) -> None:
        """Learn the camera's clock."""
        if is_video:
            now = self._clock.boot_us(), self._clock.utc_us()
            self.capture_clock.sender_report(rtp_time, ntp_utc_us, *now)

    def lost(self, packets: int, damaged_units: int) -> None:  # noqa: ARG002 - the sink's signature
        """Keep the count."""
        self.lost_packets = packets


async def try_source(source: Source, clock: Clock, length_s: float) -> Trial:
    """Receive from a camera for a while.

    Args:
        source: of the camera.
        clock: of this machine.
        length_s: how long to watch after the first picture.

    Raises:
        SourceError: it cannot be received.
    """
    watcher = _Watcher(clock)
    failure = SourceError(
        Cause.STALLED, f"no picture came within {FIRST_PICTURE_S:.0f} s, though it connected"
    )
    async with asyncio.TaskGroup() as tasks:
        receiving = tasks.create_task(_receive(source, watcher), name="trial")
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_PICTURE_S):
                await watcher.is_decided.wait()
            await asyncio.wait({receiving}, timeout=length_s)
        if receiving.done():
            failure = receiving.result()
        receiving.cancel()
    if not watcher.times:
        raise failure
    return _summary(watcher)


async def _receive(source: Source, watcher: _Watcher) -> SourceError:
    """Receive until it fails; returns why it did."""
    try:
        await source.run(watcher)
    except SourceError as failure:
        watcher.is_decided.set()
        return failure
    return SourceError(Cause.CLOSED, "the camera ended the session")


def _summary(watcher: _Watcher) -> Trial:
    times = sorted(watcher.times)
    span_s = (times[-1] - times[0]) / VIDEO_CLOCK_HZ
    gops = [b - a for a, b in zip(watcher.keyframes, watcher.keyframes[1:], strict=False)]
    return Trial(
        video=watcher.video_config,
        audio=watcher.audio_config,
        pictures=len(times),
        pictures_per_s=(len(times) - 1) / span_s if span_s else 0.0,
        bit_rate_kbps=round(watcher.bytes * 8 / 1000 / span_s) if span_s else 0,
        keyframe_interval_s=max(gops) / VIDEO_CLOCK_HZ if gops else None,
        lost_packets=watcher.lost_packets,
        camera_offset_us=watcher.capture_clock.camera_offset_us,
    )
