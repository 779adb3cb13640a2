"""The recording path without sockets and disks, on recorded bytes: for before and after a change.

`python -m benchmarks.replay FILE SECONDS`, where FILE is what `benchmarks.limit` wrote of a camera
of 4 Mbit/s in so many seconds. Fifty cameras are fed with it in turn, a beat each. A beat's time is
the lower quartile of all: what other processes of the machine take is not in it. Compare two trees
by running them in alternation.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tandem.cluster.model import Role
from tandem.media.depacketise import make_depacketiser
from tandem.media.fragmenter import Fragment
from tandem.media.rtp.stream import RtpStream
from tandem.media.rtsp.interleaved import BUFFER_BYTES, InterleavedReader
from tandem.media.units import VIDEO_CLOCK_HZ, Codec
from tandem.recording.camera import StreamName, StreamOrder, TransportPreference
from tandem.recording.paced_loop import BEAT_S
from tandem.recording.stream_recording import StreamSink

CAMERAS = 50
BUFFER = bytearray(BUFFER_BYTES)
"""Shared, as the connections of a recorder do."""
BEATS = 250
APART_BEATS = 37
"""By how much the last camera is ahead of the first: two GOPs, so that all beats are alike."""

PAYLOAD_TYPE = 96
UTC_US = 1_800_000_000_000_000
ORDER = StreamOrder(
    camera_id="camera",
    camera_name="camera",
    stream=StreamName.MAIN,
    url="rtsp://camera/",
    login=None,
    transport=TransportPreference.TCP,
    audio=False,
    role=Role.PRIMARY,
)


class ReplayClock:
    """A clock that is set."""

    now_us = 0

    def boot_us(self) -> int:
        """Time since the replay began."""
        return self.now_us

    def utc_us(self) -> int:
        """The same, in this century."""
        return UTC_US + self.now_us


class Camera:
    """One connection that is replayed, again and again.

    Args:
        recorded: what came on it.
        clock: of the replay.
        keep: takes its fragments; None to go no further than access units.
    """

    def __init__(
        self, recorded: bytes, clock: ReplayClock, keep: Callable[[Fragment], None] | None
    ) -> None:
        self._recorded = recorded
        self._at = 0
        self._reader = InterleavedReader(BUFFER)
        self._depacketiser = make_depacketiser(Codec.H264, {}, VIDEO_CLOCK_HZ)
        self._reader.register_stream(0, RtpStream(self._depacketiser, PAYLOAD_TYPE))
        self._sink = None
        if keep is not None:
            self._sink = StreamSink(ORDER, clock, lambda _, one: keep(one), lambda _, __: None)
            self._sink.begin(None)

    def feed(self, size: int) -> None:
        """Let the next `size` bytes arrive."""
        while size > 0:
            room = self._reader.get_buffer()
            piece = self._recorded[self._at : self._at + min(size, len(room))]
            room[: len(piece)] = piece
            self._reader.received(len(piece))
            self._at = (self._at + len(piece)) % len(self._recorded)
            size -= len(piece)
            units = self._depacketiser.take()
            if self._sink is not None:
                self._sink.video(units)


def percent_of_a_core(
    recorded: bytes, length_s: float, keep: Callable[[Fragment], None] | None
) -> float:
    """What the cameras cost."""
    clock = ReplayClock()
    cameras = [Camera(recorded, clock, keep) for _ in range(CAMERAS)]
    beat_bytes = int(len(recorded) / length_s * BEAT_S)
    for number, camera in enumerate(cameras):
        camera.feed(20 * beat_bytes + number * APART_BEATS * beat_bytes // CAMERAS)
    beats = []
    for _ in range(BEATS):
        began_s = time.process_time()
        for camera in cameras:
            clock.now_us += int(BEAT_S * 1e6 / CAMERAS)
            camera.feed(beat_bytes)
        beats.append(time.process_time() - began_s)
    return 100 * sorted(beats)[BEATS // 4] / BEAT_S


def main() -> None:
    """Print what it costs to access units, and on to fragments."""
    recorded, length_s = Path(sys.argv[1]).read_bytes(), float(sys.argv[2])
    stages: list[tuple[str, Callable[[Fragment], None] | None]] = [
        ("to access units", None),
        ("to fragments", lambda _: None),
    ]
    for name, keep in stages:
        percent = percent_of_a_core(recorded, length_s, keep)
        print(f"{name:16} {percent:5.2f} % of a core for {CAMERAS} cameras")


if __name__ == "__main__":
    main()
