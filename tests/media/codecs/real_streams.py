"""Elementary streams made by ffmpeg's encoders and taken apart by libav."""

import functools
import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

from tandem.media.units import Codec

_SMALL = "testsrc2=size=322x182:rate=25:duration=1.2"
_HD = "testsrc2=size=1920x1080:rate=25:duration=0.2"

_X264 = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-threads", "1")
_X265 = ("-c:v", "libx265", "-x265-params")

RECIPES: dict[str, tuple[Codec, str, tuple[str, ...]]] = {
    "H.264 baseline": (Codec.H264, _SMALL, (*_X264, "-profile:v", "baseline", "-g", "10")),
    "H.264 with B-frames": (
        *(Codec.H264, _SMALL),
        (*_X264, "-profile:v", "main", "-bf", "3", "-g", "12"),
    ),
    "H.264 in slices with delimiters": (
        *(Codec.H264, _SMALL),
        (*_X264, "-x264-params", "slices=4:aud=1:keyint=10:bframes=0"),
    ),
    "H.264 interlaced": (
        *(Codec.H264, _HD),
        (*_X264, "-preset", "ultrafast", "-flags", "+ildct+ilme", "-x264-params", "tff=1"),
    ),
    "H.264 with open GOPs": (
        *(Codec.H264, _SMALL),
        (*_X264, "-x264-params", "open-gop=1:keyint=8:bframes=2:scenecut=0"),
    ),
    "H.264 4:4:4": (
        *(Codec.H264, _SMALL),
        (*_X264, "-pix_fmt", "yuv444p", "-profile:v", "high444", "-g", "10"),
    ),
    "H.265 with B-frames": (
        *(Codec.H265, _SMALL),
        (*_X265, "log-level=error:keyint=10:bframes=3"),
    ),
    "H.265 in slices, 10 bits": (
        *(Codec.H265, _SMALL),
        ("-pix_fmt", "yuv420p10le", *_X265, "log-level=error:keyint=10:slices=2:bframes=0:aud=1"),
    ),
    "H.265 1080": (
        *(Codec.H265, _HD),
        ("-preset", "ultrafast", *_X265, "log-level=error:keyint=3:bframes=0"),
    ),
}


@dataclass(frozen=True)
class Picture:
    """An access unit as libav's parser cuts it out of the byte stream."""

    nals: tuple[bytes, ...]
    is_keyframe: bool


@dataclass(frozen=True)
class Stream:
    """A coded stream, and what ffprobe says about it."""

    codec: Codec
    pictures: tuple[Picture, ...] = field(repr=False)
    probed: dict[str, Any] = field(repr=False)


@functools.cache
def coded_stream(name: str) -> Stream:
    codec, source, encoder = RECIPES[name]
    with tempfile.TemporaryDirectory() as directory:
        suffix = {Codec.H264: "h264", Codec.H265: "hevc"}[codec]
        path = Path(directory) / f"stream.{suffix}"
        ffmpeg("-f", "lavfi", "-i", source, *encoder, "-f", suffix, str(path))
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(video=0) if p.size]
            pictures = tuple(Picture(split(bytes(p)), p.is_keyframe) for p in packets)
        return Stream(codec, pictures, _probe(path))


def split(data: bytes) -> tuple[bytes, ...]:
    return tuple(nal.rstrip(b"\0") for nal in data.split(b"\0\0\1")[1:])


def ffmpeg(*arguments: str) -> bytes:
    command = ["ffmpeg", "-v", "error", "-y", *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def _probe(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    run = subprocess.run(command, capture_output=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(run.stdout)["streams"][0]
    return found
