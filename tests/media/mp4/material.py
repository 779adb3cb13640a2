"""Streams made by ffmpeg's encoders and taken apart by libav, without any of Tandem's parsers."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
from blake3 import blake3

from tandem.media.mp4.decode_times import DecodeTimes
from tandem.media.mp4.fragment import Sample, fragment
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra
from tandem.media.units import AudioConfig, Codec, VideoConfig

BASE_US = 1_795_000_000_040_000
"""Capture time of the first picture: late in 2026, and on no whole second."""

BASE = BASE_US * 9 // 100
FRAME_TICKS = 3_600

HEADER = SegmentHeader(
    cluster_number=7,
    node_id="node-a",
    camera_id="gate",
    stream="main",
    segment_id="5f1c",
    start_us=BASE_US,
)


@dataclass(frozen=True)
class Coded:
    """An access unit as the camera would send it; times in ticks since the start of the clip."""

    pts: int
    data: bytes
    is_keyframe: bool
    identity: bytes


@dataclass(frozen=True)
class Clip:
    """A source file and what libav found in it."""

    source: Path
    video: VideoConfig
    pictures: list[Coded]
    audio: AudioConfig | None
    sounds: list[Coded]

    def video_samples(self) -> list[Sample]:
        shown = [picture.pts + BASE for picture in self.pictures]
        times = DecodeTimes(self.video.reorder_depth)
        times.foresee(shown[:10])
        return chained(self.pictures, [times.push(pts) for pts in shown], BASE)

    def audio_samples(self) -> list[Sample]:
        if self.audio is None:
            return []
        base = _audio_base(self.audio)
        return chained(self.sounds, [s.pts + base for s in self.sounds], base)


def _audio_base(config: AudioConfig) -> int:
    return BASE_US * config.sample_rate_hz // 1_000_000


@dataclass(frozen=True)
class Written:
    """A segment file by Tandem's code, and where its parts end."""

    content: bytes
    ends: list[int]
    """Ends of the init segment and of each fragment; the index of keyframes comes last."""


def chained(units: Sequence[Coded], dts: list[int], base: int) -> list[Sample]:
    steps = [after - before for before, after in pairwise(dts)]
    steps.append(steps[-1] if steps else FRAME_TICKS)
    return [
        Sample(u.data, t, u.pts + base - t, step, u.is_keyframe, u.identity)
        for u, t, step in zip(units, dts, steps, strict=True)
    ]


def write(clip: Clip) -> Written:
    """Lay the clip down as a recorder does: a fragment for every GOP, sound beside its pictures."""
    content = init_segment(clip.video, clip.audio, HEADER)
    ends = [len(content)]
    video, audio = clip.video_samples(), clip.audio_samples()
    starts = [i for i, sample in enumerate(video) if sample.is_keyframe]
    points = []
    for number, (start, end) in enumerate(pairwise([*starts, len(video)]), 1):
        run = video[start:end]
        sound = audio[len(audio) * start // len(video) : len(audio) * end // len(video)]
        points.append(SyncPoint(run[0].dts + run[0].composition_offset, len(content)))
        content += b"".join(fragment(number, run, sound))
        ends.append(len(content))
    return Written(content + mfra(points), ends)


class Recipe(NamedTuple):
    """How a clip is to be encoded, and by how many pictures its output lags behind decoding."""

    codec: Codec
    reorder_depth: int
    audio: Codec | None
    encoder: tuple[str, ...]


def make_clip(directory: Path, recipe: Recipe) -> Clip:
    """Encode two seconds; the keyframes get their parameter sets in band, as cameras send them."""
    codec, audio = recipe.codec, recipe.audio
    source = directory / "source.mp4"
    _ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=2"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2"),
        *("-map", "0:v", "-c:v", *recipe.encoder, "-video_track_timescale", "90000"),
        *(_AUDIO_ENCODERS.get(audio, ()) if audio else ()),
        source,
    )
    sets = _parameter_sets(source, codec)
    in_band = b"".join(len(nal).to_bytes(4, "big") + nal for nal in sets)
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        pictures = [
            Coded(
                p.pts,
                in_band * p.is_keyframe + bytes(p),
                p.is_keyframe,
                _identity(codec, bytes(p)),
            )
            for p in container.demux(stream)
            if p.pts is not None
        ]
        width, height = stream.width, stream.height
    return Clip(
        source=source,
        video=VideoConfig(codec, sets, width, height, recipe.reorder_depth),
        pictures=pictures,
        audio=_audio_config(source, audio),
        sounds=_sounds(source, audio),
    )


_AUDIO_ENCODERS = {
    Codec.AAC: ("-map", "1:a", "-c:a", "aac", "-b:a", "32k"),
    Codec.OPUS: ("-map", "1:a", "-c:a", "libopus", "-b:a", "32k"),
}


def _audio_config(source: Path, codec: Codec | None) -> AudioConfig | None:
    if codec is None:
        return None
    if codec in {Codec.PCMU, Codec.PCMA}:
        return AudioConfig(codec, 8_000, 1)
    with av.open(str(source)) as container:
        context = container.streams.audio[0].codec_context
        specific = bytes(context.extradata or b"") if codec is Codec.AAC else b""
        frame = {Codec.AAC: 1024, Codec.OPUS: 960}[codec]
        return AudioConfig(codec, context.sample_rate, context.channels, specific, frame)


def _sounds(source: Path, codec: Codec | None) -> list[Coded]:
    if codec is None:
        return []
    if codec in {Codec.PCMU, Codec.PCMA}:
        law = {Codec.PCMU: "mulaw", Codec.PCMA: "alaw"}[codec]
        raw = _ffmpeg(
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000:duration=2"),
            *("-f", law, "-"),
        )
        chunks = [(i, raw[i : i + 160]) for i in range(0, len(raw), 160)]
    else:
        with av.open(str(source)) as container:
            packets = [p for p in container.demux(audio=0) if p.pts is not None]
            chunks = [(p.pts or 0, bytes(p)) for p in packets]
    return [Coded(pts, data, True, blake3(data).digest(length=16)) for pts, data in chunks]


def _parameter_sets(source: Path, codec: Codec) -> tuple[bytes, ...]:
    name, filtered = (
        ("h264", "h264_mp4toannexb") if codec is Codec.H264 else ("hevc", "hevc_mp4toannexb")
    )
    stream = _ffmpeg("-i", source, "-map", "0:v", "-c", "copy", "-bsf:v", filtered, "-f", name, "-")
    wanted = (7, 8) if codec is Codec.H264 else (32, 33, 34)
    nals = [nal.rstrip(b"\0") for nal in stream.split(b"\0\0\1")[1:]]
    unique = dict.fromkeys(nal for nal in nals if nal_type(codec, nal[0]) in wanted)
    return tuple(sorted(unique, key=lambda nal: nal_type(codec, nal[0])))


def nal_type(codec: Codec, first_byte: int) -> int:
    return first_byte & 31 if codec is Codec.H264 else first_byte >> 1 & 63


def _identity(codec: Codec, data: bytes) -> bytes:
    vcl = b""
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        kind = nal_type(codec, data[4])
        if kind in range(1, 6) if codec is Codec.H264 else kind < 32:
            vcl += data[:end]
        data = data[end:]
    return blake3(vcl).digest(length=16)


def _ffmpeg(*arguments: str | Path) -> bytes:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
