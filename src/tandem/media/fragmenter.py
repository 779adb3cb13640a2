"""Access units to fragments: when a fragment closes, and which times its samples get.

A fragment closes when a keyframe arrives, when the decoding configuration changes, or after
`FRAGMENT_US` by the pictures' times or `ARRIVAL_US` by the node's; always on the arrival of the
*next* picture, since only that tells how long the last one lasts. So the fragments of one
connection touch each other exactly: each begins at the decode time at which the one before it ends.

Times are absolute: microseconds since 1970 from the capture clock, turned into ticks of the track.
The clock is pivoted at each boundary and nowhere else, so that no time inside a fragment depends on
when it was asked for, and its anchor stays free until the first fragment closes.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tandem.media.losses import ReorderedLosses, losses_us, usual_step
from tandem.media.mp4.decode_times import DecodeTimes
from tandem.media.mp4.fragment import Sample
from tandem.media.rtp.clock import CaptureClock
from tandem.media.units import VIDEO_CLOCK_HZ, AccessUnit, AudioConfig, VideoConfig

FRAGMENT_US = 2_000_000
"""Longest fragment: what a killed process may lose of its copy, and what a reader waits for."""

ARRIVAL_US = 3_000_000
"""Longest fragment by arrival: of a camera whose clock stands still or crawls. Above `FRAGMENT_US`,
since pictures of a healthy one may be late, too."""

FRAGMENT_TICKS = FRAGMENT_US * VIDEO_CLOCK_HZ // 1_000_000

UNDECODABLE_BYTES = 8 << 20
"""How much to hold for a camera that has not told its parameter sets: two seconds at 32 Mbit/s."""

MOST_PICTURES = 1000
"""In a fragment, whatever the clocks say: 500 pictures a second for two seconds."""

MOST_BYTES = 32 << 20
"""Of a fragment: two seconds at 128 Mbit/s."""

MOST_FRAMES_OF_SOUND = 4000
"""That wait for pictures: 80 s of the usual 20 ms."""

REORDERED_TICKS = VIDEO_CLOCK_HZ
"""By how much B-frames may be shown before the fragment's first picture."""

SOUND_BYTES = 1 << 20
"""How much sound may wait for pictures: over a minute of the widest audio that is recorded."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A closed run of pictures, and the sound that belongs beside them.

    Attributes:
        video: at least one sample, decode times strictly increasing.
        audio: possibly none.
        video_config: decodes every picture in it.
        audio_config: None until sound was heard on this connection.
        start_us: first decode time, UTC.
        end_us: the decode time of the picture after the last one, UTC.
        continues: it touches the fragment before it; False where a connection or a timeline began.
        losses: when pictures are missing since their packets were lost: behind a picture of it, for
            longer than pictures usually last. From and to, UTC us, ascending.
    """

    video: list[Sample]
    audio: list[Sample]
    video_config: VideoConfig
    audio_config: AudioConfig | None
    start_us: int
    end_us: int
    continues: bool
    losses: Sequence[tuple[int, int]] = ()

    @property
    def begins_with_keyframe(self) -> bool:
        """Whether it can be decoded by itself."""
        return self.video[0].is_keyframe

    @property
    def size_bytes(self) -> int:
        """Of all its samples."""
        return sum(len(sample.data) for run in (self.video, self.audio) for sample in run)


class _Timed(NamedTuple):
    """A picture whose times are settled."""

    unit: AccessUnit
    pts: int
    dts: int


class Fragmenter:
    """Turns the access units of one connection into fragments.

    Args:
        video_clock: capture clock of the video stream.
        audio_clock: capture clock of the audio stream, where sound is recorded.

    Attributes:
        undecodable_units: pictures dropped since the camera never told its parameter sets.
    """

    def __init__(self, video_clock: CaptureClock, audio_clock: CaptureClock | None = None) -> None:
        self._video_clock = video_clock
        self._audio_clock = audio_clock
        self._config: VideoConfig | None = None
        self._audio_config: AudioConfig | None = None
        self._decode_times = DecodeTimes(None)
        self._last_dts: int | None = None
        self._head: _Timed | None = None
        self._pending: list[AccessUnit] = []
        self._pending_bytes = 0
        self._arrived_us: int | None = None
        self._undecodable_bytes = 0
        self._sound: deque[AccessUnit] = deque()
        self._sound_bytes = 0
        self._next_sound_dts: int | None = None
        self._continues = False
        self._reordered_losses = ReorderedLosses()
        self.undecodable_units = 0

    def video(self, unit: AccessUnit, boot_us: int) -> Fragment | None:
        """Take the next picture.

        Args:
            unit: the picture.
            boot_us: CLOCK_BOOTTIME of its arrival.

        Returns:
            The fragment that it closes, if it does.
        """
        if self._arrived_us is None:
            self._arrived_us = boot_us
        if self._config is None and not self._begin(unit):
            return None
        changed = None
        if unit.config is not self._config and isinstance(unit.config, VideoConfig):
            changed = unit.config
        closed = None
        if changed is not None or self._is_boundary(unit, boot_us - self._arrived_us):
            closed = self._close(unit)
            self._arrived_us = boot_us
            if changed is not None:
                self._adopt(changed)
        if closed is None:
            self._pending.append(unit)
            self._pending_bytes += len(unit.data)
        return closed

    def audio(self, unit: AccessUnit) -> None:
        """Take the next frame of sound; it waits for the fragment it belongs to."""
        if self._audio_clock is None or not isinstance(unit.config, AudioConfig):
            return
        self._audio_config = unit.config
        self._sound.append(unit)
        self._sound_bytes += len(unit.data)
        while self._sound_bytes > SOUND_BYTES or len(self._sound) > MOST_FRAMES_OF_SOUND:
            self._sound_bytes -= len(self._sound.popleft().data)

    def drop_sound(self) -> None:
        """Forget the sound that waits: its times can no longer be told."""
        self._sound.clear()
        self._sound_bytes = 0

    def finish(self) -> Fragment | None:
        """The connection or the timeline ends: close what is open, if anything is.

        The last picture is taken to last as long as the one before it. What comes next begins a
        timeline of its own; the caller restarts the clocks.
        """
        closed = self._close(None) if self._config is not None else None
        self._head = None
        self._pending = []
        self._arrived_us = None
        self.drop_sound()
        self._next_sound_dts = None
        self._continues = False
        self._decode_times = DecodeTimes(self._config.reorder_depth if self._config else None)
        self._reordered_losses = ReorderedLosses()
        return closed

    def _begin(self, unit: AccessUnit) -> bool:
        """Wait for the first configuration; pictures before it are held for a while."""
        if isinstance(unit.config, VideoConfig):
            self._adopt(unit.config)
            return True
        self._pending.append(unit)
        self._undecodable_bytes += len(unit.data)
        if self._undecodable_bytes > UNDECODABLE_BYTES:
            self.undecodable_units += len(self._pending)
            self._pending = []
            self._undecodable_bytes = 0
        return False

    def _adopt(self, config: VideoConfig) -> None:
        self._config = config
        self._decode_times = DecodeTimes(config.reorder_depth)

    def _is_boundary(self, unit: AccessUnit, waited_us: int) -> bool:
        if self._head is not None:
            begin = self._head.unit.rtp_time
        elif self._pending:
            begin = self._pending[0].rtp_time
        else:
            return False
        return (
            unit.is_keyframe
            or not -REORDERED_TICKS <= unit.rtp_time - begin < FRAGMENT_TICKS
            or waited_us >= ARRIVAL_US
            or len(self._pending) >= MOST_PICTURES
            or self._pending_bytes >= MOST_BYTES
        )

    def _time(self, units: Sequence[AccessUnit]) -> list[_Timed]:
        """Settle the times of pictures in decode order."""
        times_us = self._video_clock.capture_times_us([unit.rtp_time for unit in units])
        shown = [us * 9 // 100 for us in times_us]
        self._decode_times.foresee(shown)
        push, last = self._decode_times.push, self._last_dts
        decoded = []
        for pts in shown:
            dts = push(pts)
            if last is not None and dts <= last:
                dts = last + 1
            last = dts
            decoded.append(dts)
        self._last_dts = last
        return list(map(_Timed, units, shown, decoded))

    def _close(self, following: AccessUnit | None) -> Fragment | None:
        if self._config is None or not (self._pending or self._head):
            return None
        timed = self._time(self._pending if following is None else [*self._pending, following])
        successor = None if following is None else timed.pop()
        if self._head is not None:
            timed.insert(0, self._head)
        times = [picture.dts for picture in timed]
        follow_loss = [picture.unit.follows_loss for picture in timed]
        if successor is None:
            times.append(times[-1] + usual_step(times, follow_loss))
            follow_loss.append(False)
        else:
            times.append(successor.dts)
            follow_loss.append(successor.unit.follows_loss)
        losses = self._losses_us(timed, times, follow_loss, successor)
        fragment = self._build(timed, times, self._config, losses, is_last=successor is None)
        self._head = successor
        self._pending = []
        self._pending_bytes = 0
        self._continues = True
        if following is not None and self._video_clock.advance(following.rtp_time):
            self._begin_again(following)
        return fragment

    def _losses_us(
        self,
        timed: Sequence[_Timed],
        times: Sequence[int],
        follow_loss: Sequence[bool],
        successor: _Timed | None,
    ) -> list[tuple[int, int]]:
        if not self._decode_times.reorder_depth:
            return losses_us(times, follow_loss)
        shown = [picture.pts for picture in timed]
        if successor is None:
            return self._reordered_losses.push(shown, follow_loss[:-1], None)
        return self._reordered_losses.push([*shown, successor.pts], follow_loss, successor.dts)

    def _begin_again(self, unit: AccessUnit) -> None:
        """Capture time was stepped at this unit: its fragment does not touch the one before."""
        self._decode_times = DecodeTimes(self._config.reorder_depth if self._config else None)
        self._reordered_losses = ReorderedLosses()
        self._last_dts = None
        (self._head,) = self._time([unit])
        self._continues = False

    def _build(
        self,
        timed: list[_Timed],
        times: list[int],
        config: VideoConfig,
        losses: Sequence[tuple[int, int]],
        *,
        is_last: bool,
    ) -> Fragment:
        end = times[-1]
        return Fragment(
            video=[
                Sample(
                    unit.data,
                    dts,
                    pts - dts,
                    until - dts,
                    unit.is_keyframe,
                    unit.identity,
                    unit.follows_loss,
                )
                for (unit, pts, dts), until in zip(timed, times[1:], strict=True)
            ],
            audio=self._take_sound(None if is_last else end * 100 // 9),
            video_config=config,
            audio_config=self._audio_config,
            start_us=timed[0].dts * 100 // 9,
            end_us=end * 100 // 9,
            continues=self._continues,
            losses=losses,
        )

    def _take_sound(self, end_us: int | None) -> list[Sample]:
        """The sound captured before `end_us`, or all of it where the connection ends.

        The last frame heard waits for the next one, which tells how long it lasts.
        """
        clock, config = self._audio_clock, self._audio_config
        if clock is None or config is None or not self._sound:
            return []
        rate = config.sample_rate_hz
        samples: list[Sample] = []
        while self._sound and (end_us is None or len(self._sound) > 1):
            begin_us = clock.capture_us(self._sound[0].rtp_time)
            if end_us is not None and begin_us >= end_us:
                break
            unit = self._sound.popleft()
            self._sound_bytes -= len(unit.data)
            dts = max(begin_us * rate // 1_000_000, self._next_sound_dts or 0)
            if self._sound:
                until = clock.capture_us(self._sound[0].rtp_time) * rate // 1_000_000
            else:
                until = dts + config.samples_per_frame
            self._next_sound_dts = max(until, dts + 1)
            samples.append(
                Sample(unit.data, dts, 0, self._next_sound_dts - dts, True, unit.identity)
            )
        if samples and self._sound:
            clock.advance(self._sound[0].rtp_time)
        return samples
