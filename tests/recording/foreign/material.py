"""Cameras for foreign sources: real encoders' clips, servers that misbehave, a sink that keeps."""

import asyncio
import contextlib
import functools
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tandem.clock import SystemClock
from tandem.media.units import AccessUnit, TimelineBreak
from tandem.recording.camera import StreamOrder, parse_stream_order
from tandem.recording.foreign.source import ForeignSource
from tandem.recording.source import SourceError

PASSWORD = "p@ss:w/rd?%41 &é"
PATIENCE_S = 60
POLL_S = 0.01

X264 = ("-c:v", "libx264", "-threads", "1", "-preset", "ultrafast", "-g", "10")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params")
RECIPES: dict[str, tuple[str, ...]] = {
    "h264": (*X264, "-bf", "0"),
    "h264-b": ("-c:v", "libx264", "-threads", "1", "-g", "12", "-bf", "3"),
    "h264-slices": (*X264, "-bf", "0", "-x264-params", "slices=4:aud=1"),
    "h264-large": (*X264, "-bf", "0", "-s", "640x480"),
    "h264-aac": (*X264, "-bf", "0", "-c:a", "aac"),
    "h265": (*X265, "keyint=10:bframes=2:log-level=none:pools=1"),
    "mjpeg": ("-c:v", "mjpeg"),
}

T = TypeVar("T")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@functools.cache
def clip(recipe: str, container: str, seconds: float = 1) -> Path:
    """A recording of a test picture; made once."""
    folder = Path(tempfile.mkdtemp(prefix="foreign-"))
    path = folder / f"clip.{container}"
    source = ["-f", "lavfi", "-i", f"testsrc2=size=320x240:rate=25:duration={seconds}"]
    if "aac" in recipe:
        source += ["-f", "lavfi", "-i", f"sine=duration={seconds}"]
    run_ffmpeg(*source, *RECIPES[recipe], str(path))
    return path


@functools.cache
def nal_units(path: Path) -> list[bytes]:
    """All NAL units of a clip's video, as ffmpeg writes them into a bare byte stream."""
    codec = "hevc" if "265" in recipe_codec(path) else "h264"
    bare = path.with_suffix(".bare")
    run_ffmpeg("-i", str(path), "-map", "0:v", "-c", "copy", "-f", codec, str(bare))
    pieces = bare.read_bytes().split(b"\x00\x00\x01")
    return [piece.rstrip(b"\x00") for piece in pieces if piece.rstrip(b"\x00")]


def recipe_codec(path: Path) -> str:
    return probe(path, "-show_entries", "stream=codec_name").replace("hevc", "h265")


@functools.cache
def presentation_times(path: Path) -> list[int]:
    """When ffprobe says that each picture is shown, in decode order, in ticks from the first."""
    lines = probe(path, "-show_entries", "packet=pts_time").split()
    times = [round(float(line.strip(",")) * 90_000) for line in lines if line.strip(",")]
    return [time - times[0] for time in times]


def probe(path: Path, *what: str) -> str:
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", *what, "-of", "csv=p=0"]
    return subprocess.run(
        [*command, str(path)], check=True, capture_output=True, text=True, timeout=PATIENCE_S
    ).stdout


def run_ffmpeg(*arguments: str) -> None:
    command = ["ffmpeg", "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True, timeout=2 * PATIENCE_S)


def split_sample(data: bytes | bytearray) -> list[bytes]:
    """The NAL units of a sample, whose lengths must lead exactly to its end."""
    nals, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        nals.append(bytes(data[at + 4 : end]))
        at = end
    assert at == len(data)
    return nals


@dataclass
class KeepingSink:
    """Keeps all that a source pushes."""

    begun: list[int | None] = field(default_factory=list)
    video_items: list[AccessUnit | TimelineBreak] = field(default_factory=list)
    audio_items: list[AccessUnit | TimelineBreak] = field(default_factory=list)
    damaged: int = 0

    def begin(self, audio_clock_hz: int | None) -> None:
        self.begun.append(audio_clock_hz)

    def video(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        assert self.begun
        assert items
        self.video_items += items

    def audio(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        assert self.begun
        self.audio_items += items

    def sender_report(self, rtp_time: int, ntp_utc_us: int, *, is_video: bool) -> None:
        raise AssertionError("libav tells of none")

    def lost(self, packets: int, damaged_units: int) -> None:
        self.damaged = damaged_units

    @property
    def pictures(self) -> list[AccessUnit]:
        return [item for item in self.video_items if isinstance(item, AccessUnit)]

    @property
    def sounds(self) -> list[AccessUnit]:
        return [item for item in self.audio_items if isinstance(item, AccessUnit)]

    @property
    def nals(self) -> list[bytes]:
        return [nal for picture in self.pictures for nal in split_sample(picture.data)]

    @property
    def times(self) -> list[int]:
        """Presentation times, from the first."""
        return [picture.rtp_time - self.pictures[0].rtp_time for picture in self.pictures]


def order(url: str, *, login: bool = False, audio: bool = False) -> StreamOrder:
    text: dict[str, Any] = {"camera_id": "gate", "camera_name": "Gate", "url": url, "audio": audio}
    if login:
        text |= {"username": "admin", "password": PASSWORD}
    return parse_stream_order(text)


async def receive(stream: StreamOrder) -> tuple[KeepingSink, SourceError]:
    """Run a source to its end."""
    sink = KeepingSink()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await ForeignSource(stream, SystemClock()).run(sink)
    except SourceError as end:
        return sink, end
    raise AssertionError("a source never ends well")


def received(
    url: str, *, login: bool = False, audio: bool = False
) -> tuple[KeepingSink, SourceError]:
    return asyncio.run(receive(order(url, login=login, audio=audio)))


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A server on loopback; its port."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await handler(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


def answering(status: str, body: bytes = b"", headers: str = "") -> Handler:
    """Answers one HTTP request, and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.0 {status}\r\n{headers}\r\n".encode() + body)
        await writer.drain()
        writer.close()

    return handle


async def saying_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, reads, and never answers."""
    while await reader.read(65536):
        pass
    writer.close()


def children() -> list[int]:
    """Process ids of this process's children that are workers."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            with contextlib.suppress(OSError):
                if b"foreign.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], T]) -> T:
    """Wait for a condition; returns what it found."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := condition()):  # noqa: ASYNC110 (another process changes it)
            await asyncio.sleep(POLL_S)
        return found
