"""Cameras filmed by ffmpeg's encoders, and recorders that keep some of it, all in memory.

The recorders use the product's fragmenter and writer with a scripted clock, as a node does; what is
expected of an export is known from the camera alone.
"""

import functools
import json
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import accumulate, pairwise, repeat
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID, uuid4

import av
from blake3 import blake3
from tests.media.mp4.material import nal_type

from tandem.archive.export.errors import SourceError
from tandem.archive.export.planning import Request
from tandem.archive.export.source import SegmentBytes
from tandem.archive.rows import Gap, GapCause, Interval, Role, Segment, State
from tandem.media.codecs.video import video_config
from tandem.media.fragmenter import Fragment, Fragmenter
from tandem.media.mp4.fragment import fragment
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra
from tandem.media.rtp.clock import CaptureClock
from tandem.media.units import AccessUnit, AudioConfig, Codec, VideoConfig

BASE_US = 1_795_000_000_000_000
FPS = 25
FRAME_US = 40_000
FRAME_TICKS = 3_600
ANCHOR_US = 1_700
"""By how much each further connection of a node anchors its clock later than the one before."""


@dataclass(frozen=True)
class Coded:
    """A picture or a frame of sound as the camera sends it; times since it began to film."""

    pts: int
    data: bytes
    is_keyframe: bool
    identity: bytes
    config: VideoConfig | AudioConfig


@dataclass(frozen=True)
class Film:
    """What a camera sent."""

    pictures: list[Coded]
    sounds: list[Coded]

    def then(self, other: "Film") -> "Film":
        """This film, and another right behind it."""
        ticks = len(self.pictures) * FRAME_TICKS
        pictures = [replace(one, pts=one.pts + ticks) for one in other.pictures]
        sounds = [
            replace(one, pts=one.pts + ticks * _rate(one.config) // 90_000) for one in other.sounds
        ]
        return Film(self.pictures + pictures, self.sounds + sounds)

    def shown_us(self, number: int) -> int:
        """Capture time of the nth picture in the order of sending, by a right clock."""
        return BASE_US + self.pictures[number].pts * 100 // 9


def _rate(config: VideoConfig | AudioConfig) -> int:
    return config.sample_rate_hz if isinstance(config, AudioConfig) else 90_000


H264 = ("libx264", "-bf", "0", "-g", "25", "-sc_threshold", "0", "-threads", "1")
H264_B = ("libx264", "-bf", "3", "-g", "24", "-sc_threshold", "0", "-threads", "1")
H265 = ("libx265", "-x265-params", "keyint=25:min-keyint=25:bframes=3:log-level=error:pools=1")
AAC = ("-c:a", "aac", "-b:a", "32k")


@functools.cache
def film(
    seconds: int, encoder: tuple[str, ...] = H264, size: str = "64x64", sound: bool = False
) -> Film:
    """Film a moving test picture; no two pictures are the same."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "film.mp4"
        _ffmpeg(
            *("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={FPS}:duration={seconds}"),
            *("-f", "lavfi", "-i", f"anoisesrc=sample_rate=16000:duration={seconds}"),
            *("-map", "0:v", "-vf", "noise=alls=20:allf=t", "-c:v", *encoder),
            *("-video_track_timescale", "90000"),
            *(("-map", "1:a", *AAC) if sound else ()),
            source,
        )
        codec = Codec.H265 if encoder[0] == "libx265" else Codec.H264
        return Film(_pictures(source, codec), _sounds(source) if sound else [])


def still(gops: int, encoder: tuple[str, ...] = H264) -> Film:
    """A scene so still that every GOP is the same bit by bit."""
    one = film(1, encoder)
    assert len(one.pictures) == FPS
    whole = one
    for _ in range(gops - 1):
        whole = whole.then(one)
    return whole


def _pictures(source: Path, codec: Codec) -> list[Coded]:
    name, bare = (
        ("h264", "h264_mp4toannexb") if codec is Codec.H264 else ("hevc", "hevc_mp4toannexb")
    )
    stream = _ffmpeg("-i", source, "-map", "0:v", "-c", "copy", "-bsf:v", bare, "-f", name, "-")
    wanted = (7, 8) if codec is Codec.H264 else (32, 33, 34)
    nals = [nal.rstrip(b"\0") for nal in stream.split(b"\0\0\1")[1:]]
    sets = list(dict.fromkeys(nal for nal in nals if nal_type(codec, nal[0]) in wanted))
    config = video_config(codec, sets)
    in_band = b"".join(len(nal).to_bytes(4, "big") + nal for nal in config.parameter_sets)
    with av.open(str(source), options={"ignore_editlist": "1"}) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    first = min(packet.pts or 0 for packet in packets)
    return [
        Coded(
            (packet.pts or 0) - first,
            in_band * packet.is_keyframe + bytes(packet),
            packet.is_keyframe,
            _identity(codec, bytes(packet)),
            config,
        )
        for packet in packets
    ]


def _sounds(source: Path) -> list[Coded]:
    with av.open(str(source), options={"ignore_editlist": "1"}) as container:
        stream = container.streams.audio[0]
        context = stream.codec_context
        config = AudioConfig(
            Codec.AAC, context.sample_rate, context.channels, bytes(context.extradata or b""), 1024
        )
        datas = [bytes(packet) for packet in container.demux(stream) if packet.size]
    return [
        Coded(number * 1024, data, True, blake3(data).digest(length=16), config)
        for number, data in enumerate(datas)
    ]


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


@dataclass
class MemoryBytes:
    """A segment's bytes, some of them on bad sectors."""

    content: bytes
    bad: range
    reading: Callable[[int], None]

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        self.reading(length)
        if offset < self.bad.stop and offset + length > self.bad.start:
            raise SourceError("The disk failed.")
        return self.content[offset : offset + length]


@dataclass
class MemorySource:
    """A node whose segments are in memory."""

    node_id: str
    rows: list[Segment] = field(default_factory=list)
    contents: dict[UUID, bytes] = field(default_factory=dict)
    noted: list[Gap] = field(default_factory=list)
    bad: dict[UUID, range] = field(default_factory=dict)
    down: str = ""

    def segments(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Segment]:
        if self.down:
            raise SourceError(self.down)
        return [row for row in self.rows if row.start_us < to_us and row.end_us > from_us]

    def gaps(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Gap]:
        if self.down:
            raise SourceError(self.down)
        return [gap for gap in self.noted if gap.from_us < to_us and gap.to_us > from_us]

    @contextmanager
    def open(self, segment: Segment) -> Iterator[SegmentBytes]:
        bad = self.bad.get(segment.segment_id, range(0))
        yield MemoryBytes(self.contents[segment.segment_id], bad, self.reading)

    def reading(self, length: int) -> None:
        """Somebody wants so many bytes; raises what the node would."""

    def write(self, fragments: Sequence[Fragment], role: Role = Role.PRIMARY) -> Segment:
        """Lay fragments down as one segment, as a recorder does."""
        first, last = fragments[0], fragments[-1]
        segment_id = uuid4()
        header = SegmentHeader(7, self.node_id, "gate", "main", str(segment_id), first.start_us)
        audio = next((one.audio_config for one in fragments if one.audio_config), None)
        pieces = [init_segment(first.video_config, audio, header)]
        size = len(pieces[0])
        points = []
        for number, one in enumerate(fragments, 1):
            if one.begins_with_keyframe:
                picture = one.video[0]
                points.append(SyncPoint(picture.dts + picture.composition_offset, size))
            pieces.append(b"".join(fragment(number, one.video, one.audio)))
            size += len(pieces[-1])
        content = b"".join([*pieces, mfra(points)])
        row = Segment(
            segment_id=segment_id,
            camera_id="gate",
            stream="main",
            path=PurePosixPath(f"gate/main/{segment_id}.mp4"),
            role=role,
            start_us=first.start_us,
            end_us=last.end_us,
            durable_bytes=len(content),
            frames=sum(len(one.video) for one in fragments),
            keyframes=len(points),
            state=State.CLOSED,
            hash=blake3(content).digest(),
        )
        self.rows.append(row)
        self.contents[segment_id] = content
        return row

    def replace_row(self, row: Segment) -> None:
        """Change what the index says of a segment."""
        self.rows = [row if one.segment_id == row.segment_id else one for one in self.rows]


def record(
    node_id: str, camera: Film, kept: Collection[int] | None = None, **how: Any
) -> MemorySource:
    """What a node keeps of a film; see `add`."""
    source = MemorySource(node_id)
    add(source, camera, kept, **how)
    return source


def add(
    source: MemorySource,
    camera: Film,
    kept: Collection[int] | None = None,
    *,
    late_us: int = 0,
    breaks: Collection[int] = (),
    segment_us: int = 5_000_000,
    most_fragments: int = 1_000,
    by_loss: bool = False,
) -> None:
    """Record a film on a node that may have other recordings.

    Args:
        source: the node.
        camera: what was sent.
        kept: numbers of the pictures that reached it; all, unless given.
        late_us: by how much its clock is ahead.
        breaks: numbers of pictures before which the connection broke.
        segment_us: how long its segments are; they end with a GOP.
        most_fragments: after so many they end even without one.
        by_loss: what did not reach it was lost on the way, and it knows.
    """
    chosen = sorted(range(len(camera.pictures)) if kept is None else kept)
    for place, numbers in enumerate(connections_of(chosen, breaks)):
        fragments = list(
            fragments_of(camera, numbers, late_us + place * ANCHOR_US, by_loss=by_loss)
        )
        source.noted += [
            Gap("gate", "main", *loss, GapCause.PACKETS_LOST)
            for one in fragments
            for loss in one.losses
        ]
        begun: list[Fragment] = []
        for one in fragments:
            is_cut = one.begins_with_keyframe and begun and _is_full(begun, one, segment_us)
            if is_cut or len(begun) == most_fragments:
                source.write(begun)
                begun = []
            begun.append(one)
        source.write(begun)


def connections_of(chosen: Sequence[int], breaks: Collection[int]) -> list[list[int]]:
    """What of a film came by which connection: one ends where much is lost."""
    connections: list[list[int]] = []
    for place, number in enumerate(chosen):
        lost_long = place and number - chosen[place - 1] > FPS
        if place == 0 or number in breaks or lost_long:
            connections.append([])
        connections[-1].append(number)
    return connections


def _is_full(begun: list[Fragment], coming: Fragment, segment_us: int) -> bool:
    return (
        coming.start_us - begun[0].start_us >= segment_us
        or coming.video_config != begun[0].video_config
        or coming.audio_config != begun[0].audio_config
        or not begun[0].begins_with_keyframe
    )


def fragments_of(
    camera: Film, numbers: list[int], late_us: int, *, by_loss: bool = False
) -> Iterator[Fragment]:
    """One connection: pictures and sound arrive in the order of their times."""
    rate = _rate(camera.sounds[0].config) if camera.sounds else 1
    video_clock, audio_clock = CaptureClock(90_000), CaptureClock(rate)
    fragmenter = Fragmenter(video_clock, audio_clock if camera.sounds else None)
    shown = [camera.pictures[at].pts for at in numbers]
    connected = range(min(shown), max(shown) + FPS * FRAME_TICKS)
    heard = [one for one in camera.sounds if one.pts * 90_000 // rate in connected]
    # A picture arrives when the latest one that was sent before it is shown: no clock goes back.
    sent = zip(accumulate(shown, max), repeat(False), [camera.pictures[at] for at in numbers])
    follow_loss = {
        camera.pictures[after].pts
        for before, after in pairwise(numbers)
        if by_loss and after - before > 1
    }
    said = [(one.pts * 90_000 // rate, True, one) for one in heard]
    arrivals = merge(sent, said, key=lambda arrival: arrival[0])
    for at_ticks, is_sound, coded in arrivals:
        unit = AccessUnit(coded.data, coded.pts, coded.is_keyframe, coded.config, coded.identity)
        unit.follows_loss = not is_sound and coded.pts in follow_loss
        now_us = at_ticks * 100 // 9 + late_us
        if is_sound:
            audio_clock.observe(unit.rtp_time, now_us, BASE_US + now_us)
            fragmenter.audio(unit)
        else:
            video_clock.observe(unit.rtp_time, now_us, BASE_US + now_us)
            closed = fragmenter.video(unit, now_us)
            if closed is not None:
                yield closed
    closed = fragmenter.finish()
    if closed is not None:
        yield closed


def request(target: Path, from_us: int = BASE_US, to_us: int = BASE_US + 3_600_000_000) -> Request:
    """An export of the camera's film, all of it unless bounded."""
    return Request("gate", "main", Interval(from_us, to_us), target)


def packets(path: Path, kind: str = "video") -> list[bytes]:
    """Every frame that a file stores, by libav and nothing of ours; what is not shown too."""
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        stream = container.streams.video[0] if kind == "video" else container.streams.audio[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def complaints(path: Path) -> str:
    """What ffmpeg says about a file when it decodes all of it."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_000, check=False)
    return done.stderr if done.returncode == 0 else f"failed: {done.stderr}"


def pictures_shown(path: Path, *before: str) -> list[str]:
    """A hash of every picture that ffmpeg shows of a file; options stand before the input."""
    out = _ffmpeg(
        *before, "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"
    )
    lines = out.decode().splitlines()
    return [line.rpartition(",")[2].strip() for line in lines if not line.startswith("#")]


def probe(path: Path) -> dict[str, Any]:
    """What ffprobe tells of a file."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams"]
    told = subprocess.run([*command, str(path)], check=True, capture_output=True, timeout=60)
    return dict(json.loads(told.stdout))
