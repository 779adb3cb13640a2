"""Hours of a camera, on the volumes of two nodes that took it over from each other by turns."""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import av
from blake3 import blake3
from tests.archive.export.material import BASE_US, FRAME_TICKS, FRAME_US, MemorySource
from tests.node.retrieval.cluster import keep

from tandem.archive.mount import Mounted
from tandem.media.codecs.video import video_config
from tandem.media.fragmenter import Fragment, Fragmenter
from tandem.media.rtp.clock import CaptureClock
from tandem.media.units import AccessUnit, Codec, VideoConfig

GOP = 50
SIDE = 64
PER_MINUTE = 1_500
OVERLAP = 300
"""How many frames both have where the one takes over: twelve seconds."""

_BLACK, _WHITE = bytes([16]) * 8, bytes([235]) * 8
_STRIPS = [
    b"".join(_WHITE if byte >> (7 - bit) & 1 else _BLACK for bit in range(8)) * 8
    for byte in range(256)
]
_GREY = bytes([128]) * (SIDE * SIDE // 2)
_FILLER = 12


@dataclass(frozen=True)
class Film:
    """Pictures that show their numbers, and noise, so that no two have the same bytes.

    Attributes:
        pictures: as an encoder sent them, small.
        config: how they are decoded.
        frame_bytes: how large each is sent: filler data (ITU-T H.264 section 7.3.2.7) follows it.
    """

    pictures: Sequence[bytes]
    config: VideoConfig
    frame_bytes: int

    def unit(self, number: int) -> AccessUnit:
        """A picture as it comes from the network."""
        picture = self.pictures[number]
        is_key = number % GOP == 0
        sets = b"".join(map(_sized, self.config.parameter_sets)) if is_key else b""
        size = max(2, self.frame_bytes - len(picture) - len(sets) - 4)
        filler = bytes([_FILLER]).ljust(size - 1, b"\xff") + b"\x80"
        data = sets + picture + _sized(filler)
        identity = blake3(picture).digest(length=16)
        return AccessUnit(data, number * FRAME_TICKS, is_key, self.config, identity)


def film(frames: int, frame_bytes: int, folder: Path) -> Film:
    """Film some frames, at 25 a second."""
    target = folder / "film.mp4"
    options = ["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "64x64"]
    options += ["-r", "25", "-i", "-", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"]
    options += ["-g", str(GOP), "-keyint_min", str(GOP), "-sc_threshold", "0", "-threads", "1"]
    with subprocess.Popen(["ffmpeg", *options, str(target)], stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        random = Random(1)
        for number in range(frames):
            shown = number.to_bytes(3, "big") + random.randbytes(5)
            encoder.stdin.write(b"".join([_STRIPS[byte] for byte in shown]) + _GREY)
        encoder.stdin.close()
        assert encoder.wait() == 0
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        config = video_config(Codec.H264, _sets(bytes(stream.codec_context.extradata or b"")))
        slices = [_slices(bytes(packet)) for packet in container.demux(stream) if packet.size]
    assert len(slices) == frames == len(set(slices))
    return Film(slices, config, frame_bytes)


def take_turns(film: Film, minutes: int, mounts: Sequence[Mounted], late_us: Sequence[int]) -> int:
    """Have nodes record a film by turns of some minutes, each on a clock of its own.

    Returns:
        How many bytes they have.
    """
    turn = minutes * PER_MINUTE
    written = 0
    for place, first in enumerate(range(0, len(film.pictures), turn)):
        node = place % len(mounts)
        numbers = range(max(0, first - OVERLAP), min(first + turn, len(film.pictures)))
        for minute in _minutes(_fragments(film, numbers, late_us[node])):
            source = MemorySource(f"n{node}")
            written += source.write(minute).durable_bytes
            keep(mounts[node], source)
    return written


def number_shown(path: Path, at_s: float) -> int:
    """The number in the picture that ffmpeg shows of a file first, from some place on."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-ss", f"{at_s:.3f}", "-i", str(path)]
    command += ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    shown = subprocess.run(command, check=True, capture_output=True, timeout=100).stdout
    lines = [shown[line * SIDE : line * SIDE + SIDE] for line in (4, 12, 20)]
    bits = [line[place] > 128 for line in lines for place in range(4, SIDE, 8)]
    return sum(bit << (23 - at) for at, bit in enumerate(bits))


def _fragments(film: Film, numbers: Iterable[int], late_us: int) -> Iterator[Fragment]:
    """One connection."""
    clock = CaptureClock(90_000)
    fragmenter = Fragmenter(clock, None)
    for number in numbers:
        unit = film.unit(number)
        now_us = number * FRAME_US + late_us
        clock.observe(unit.rtp_time, now_us, BASE_US + now_us)
        closed = fragmenter.video(unit, now_us)
        if closed is not None:
            yield closed
    closed = fragmenter.finish()
    if closed is not None:
        yield closed


def _minutes(fragments: Iterable[Fragment]) -> Iterator[list[Fragment]]:
    begun: list[Fragment] = []
    for one in fragments:
        if begun and one.start_us - begun[0].start_us >= 60_000_000:
            yield begun
            begun = []
        begun.append(one)
    yield begun


def _sized(nal: bytes) -> bytes:
    return len(nal).to_bytes(4, "big") + nal


def _slices(data: bytes) -> bytes:
    """The slices of a picture, without what the encoder says about itself."""
    found = b""
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        if data[4] & 31 in {1, 5}:
            found += data[:end]
        data = data[end:]
    return found


def _sets(avcc: bytes) -> list[bytes]:
    """The parameter sets of an `avcC` box (ISO/IEC 14496-15 section 5.3.3.1)."""
    found: list[bytes] = []
    at = 5
    for mask in (31, 255):
        count, at = avcc[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(avcc[at : at + 2], "big")
            found.append(avcc[at + 2 : at + 2 + size])
            at += 2 + size
    return found
