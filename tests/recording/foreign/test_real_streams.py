"""Streams by ffmpeg and GStreamer: every picture, byte by byte, at its time."""

import asyncio
import base64
import contextlib
import socket
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest
from tests.recording.foreign.material import (
    PASSWORD,
    KeepingSink,
    answering,
    clip,
    nal_units,
    order,
    presentation_times,
    receive,
    received,
    run_ffmpeg,
    serving,
    until,
)

from tandem.clock import SystemClock
from tandem.media.units import AudioConfig, Codec, TimelineBreak, VideoConfig
from tandem.recording.foreign.source import ForeignSource
from tandem.recording.foreign.tracks import VideoTrack
from tandem.recording.paced_loop import PacedLoop
from tandem.recording.source import Cause, SourceError

pytestmark = pytest.mark.real


def assert_is_all_of(sink: KeepingSink, source: Path) -> None:
    """The pictures are those of the file: number, bytes, order, times, keyframes, configuration."""
    assert sink.damaged == 0
    assert not any(isinstance(item, TimelineBreak) for item in sink.video_items)
    got, expected = sink.nals, nal_units(source)
    if source.suffix != ".ts":  # ffmpeg repeats in its byte stream what the container's head says
        got, expected = without_headers(got), without_headers(expected)
    assert got == expected
    assert sink.times == presentation_times(source)
    assert sink.pictures[0].is_keyframe
    configs = {id(picture.config) for picture in sink.pictures}
    assert len(configs) == 1
    config = sink.pictures[0].config
    assert isinstance(config, VideoConfig)
    assert (config.width_px, config.height_px) == (320, 240)


def without_headers(nals: list[bytes]) -> list[bytes]:
    """Without parameter sets and x265's SEI, which stands in `hvcC` too, of either codec."""
    return [nal for nal in nals if nal[0] not in {0x67, 0x68, 0x40, 0x42, 0x44, 0x4E}]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def ffmpeg(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg in the background."""
    process = subprocess.Popen(
        ["ffmpeg", "-v", "error", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def received_when_up(url: str) -> tuple[KeepingSink, SourceError]:
    """Try until the server listens."""
    for _ in range(100):
        sink, end = received(url)
        if end.cause is not Cause.REFUSED:
            return sink, end
    raise AssertionError("the server never came up")


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv", "flv"])
@pytest.mark.parametrize("recipe", ["h264", "h264-b", "h264-slices"])
def test_every_picture_of_h264_arrives_whatever_it_is_packed_in(
    recipe: str, container: str
) -> None:
    source = clip(recipe, container)
    sink, end = received(f"file://{source}")
    assert end.cause is Cause.CLOSED
    assert len(sink.pictures) == 25
    assert sink.begun == [None]
    assert_is_all_of(sink, source)


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
def test_every_picture_of_h265_arrives(container: str) -> None:
    source = clip("h265", container)
    sink, _ = received(f"file://{source}")
    assert_is_all_of(sink, source)
    config = sink.pictures[0].config
    assert config is not None
    assert config.codec is Codec.H265


def test_one_camera_gives_the_same_identities_by_any_way() -> None:
    identities = []
    for container in ("ts", "mp4"):
        remuxed = clip("h264-b", "mkv").with_suffix(f".same.{container}")
        run_ffmpeg("-i", str(clip("h264-b", "mkv")), "-c", "copy", str(remuxed))
        sink, _ = received(f"file://{remuxed}")
        identities.append([picture.identity for picture in sink.pictures])
    assert identities[0] == identities[1]
    assert len(set(identities[0])) == 25


def test_mpeg_ts_over_http_arrives_whole() -> None:
    source, port = clip("h264-b", "ts"), free_port()
    url = f"http://127.0.0.1:{port}/live"
    with ffmpeg("-i", str(source), "-c", "copy", "-f", "mpegts", "-listen", "1", url):
        sink, end = received_when_up(url)
    assert end.cause is Cause.CLOSED
    assert_is_all_of(sink, source)


def test_mpeg_ts_over_tcp_arrives_whole() -> None:
    source, port = clip("h265", "ts"), free_port()
    url = f"tcp://127.0.0.1:{port}"
    with ffmpeg("-i", str(source), "-c", "copy", "-f", "mpegts", f"{url}?listen=1"):
        sink, end = received_when_up(url)
    assert end.cause is Cause.CLOSED
    assert_is_all_of(sink, source)


SENT_BY_UDP = 5
"""So often in a row the same 50 pictures: of what goes on, libav holds no end back."""


def test_mpeg_ts_over_udp_arrives_whole_from_its_first_keyframe_on() -> None:
    source, port = clip("h264", "ts", 2), free_port()

    def is_bound() -> bool:
        return f":{port:04X} " in Path("/proc/net/udp").read_text()

    async def run() -> KeepingSink:
        sink = KeepingSink()
        stream = order(f"udp://127.0.0.1:{port}")
        task = asyncio.create_task(ForeignSource(stream, SystemClock()).run(sink))
        await until(is_bound)
        target = f"udp://127.0.0.1:{port}?pkt_size=1316"
        loop = "-stream_loop", str(SENT_BY_UDP - 1)
        with ffmpeg("-re", *loop, "-i", str(source), "-c", "copy", "-f", "mpegts", target):
            await until(lambda: len(sink.pictures) >= 50)
        task.cancel()
        await asyncio.wait([task])
        return sink

    with asyncio.Runner(loop_factory=PacedLoop) as runner:
        sink = runner.run(run())
    nals = nal_units(source) * SENT_BY_UDP
    assert sink.nals == nals[: len(sink.nals)]


def test_flv_over_rtmp_arrives_whole() -> None:
    source, port = clip("h264-b", "flv"), free_port()
    url = f"rtmp://127.0.0.1:{port}/live/gate"
    with ffmpeg("-i", str(source), "-c", "copy", "-f", "flv", "-listen", "1", url):
        sink, end = received_when_up(url)
    assert end.cause is Cause.CLOSED
    assert_is_all_of(sink, source)


def served(body: bytes) -> KeepingSink:
    """What is received of a body over HTTP."""

    async def run() -> KeepingSink:
        async with serving(answering("200 OK", body)) as port:
            return (await receive(order(f"http://127.0.0.1:{port}/x")))[0]

    return asyncio.run(run())


def test_a_sequence_header_in_the_middle_of_flv_changes_the_configuration() -> None:
    flv_header_bytes = 13
    small, large = clip("h264", "flv"), clip("h264-large", "flv")
    sink = served(small.read_bytes() + large.read_bytes()[flv_header_bytes:])
    widths = [
        picture.config.width_px
        for picture in sink.pictures
        if isinstance(picture.config, VideoConfig)
    ]
    assert widths == [320] * 25 + [640] * 25


def test_a_camera_that_restarts_its_clock_in_mpeg_ts_loses_no_picture() -> None:
    source = clip("h264-b", "ts", 3)
    sink = served(source.read_bytes() * 2)
    assert sink.nals == nal_units(source) * 2
    assert len(sink.pictures) == 150
    (at,) = [at for at, item in enumerate(sink.video_items) if isinstance(item, TimelineBreak)]
    assert at == 75


def test_mpeg_ts_whose_counter_wraps_has_one_timeline() -> None:
    source = clip("h264-b", "mp4").with_suffix(".wrapping.ts")
    wrap_s = f"{(1 << 33) / 90_000 - 0.5:.3f}"
    run_ffmpeg(
        "-i", str(clip("h264-b", "mp4")), "-c", "copy", "-output_ts_offset", wrap_s, str(source)
    )
    sink = served(source.read_bytes())
    assert not any(isinstance(item, TimelineBreak) for item in sink.video_items)
    assert sink.times == presentation_times(clip("h264-b", "mp4"))


@pytest.mark.parametrize(
    ("container", "wrap_ticks"), [("ts", 1 << 33), ("flv", (1 << 32) * 90), ("mp4", 0)]
)
def test_a_container_tells_when_its_counter_begins_anew(container: str, wrap_ticks: int) -> None:
    with av.open(str(clip("h264", container))) as opened:
        assert VideoTrack(opened).describe(None).wrap_ticks == wrap_ticks


def test_a_login_with_odd_characters_opens_the_door() -> None:
    source = clip("h264", "ts")
    expected = b"Basic " + base64.b64encode(f"admin:{PASSWORD}".encode())
    tries: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        tries.append(request)
        if expected in request:
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + source.read_bytes())
        else:
            header = 'WWW-Authenticate: Basic realm="camera"'
            writer.write(f"HTTP/1.0 401 Unauthorized\r\n{header}\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def run() -> KeepingSink:
        async with serving(handle) as port:
            return (await receive(order(f"http://127.0.0.1:{port}/x", login=True)))[0]

    assert_is_all_of(asyncio.run(run()), source)
    assert tries


@pytest.mark.parametrize("container", ["mp4", "ts", "flv"])
def test_sound_arrives_beside_the_pictures(container: str) -> None:
    source = clip("h264-aac", container)
    sink, _ = received(f"file://{source}", audio=True)
    assert sink.begun == [44_100]
    assert_is_all_of(sink, source)
    configs = {sound.config for sound in sink.sounds}
    (config,) = configs
    assert isinstance(config, AudioConfig)
    assert (config.codec, config.channels, config.samples_per_frame) == (Codec.AAC, 1, 1024)
    assert len(sink.sounds) == pytest.approx(44_100 / 1024, abs=2)
    steps = {later.rtp_time - earlier.rtp_time for earlier, later in pairwise(sink.sounds)}
    assert all(abs(step - 1024) <= 45 for step in steps)  # FLV counts milliseconds
    assert all(sound.data[:2] != b"\xff\xf1" for sound in sink.sounds)


def test_sound_that_nobody_asked_for_stays_away() -> None:
    sink, _ = received(f"file://{clip('h264-aac', 'ts')}")
    assert sink.begun == [None]
    assert sink.sounds == []
    assert len(sink.pictures) == 25


def test_a_file_plays_at_its_own_pace() -> None:
    clock = SystemClock()
    begun_us = clock.boot_us()
    received(f"file://{clip('h264', 'mp4')}")
    assert clock.boot_us() - begun_us >= 900_000


def test_a_codec_that_is_not_recorded_is_named() -> None:
    _, problem = received(f"file://{clip('mjpeg', 'mkv')}")
    assert problem.cause is Cause.UNSUPPORTED
    assert "mjpeg" in problem.message
    assert "H.264" in problem.message


def test_sound_alone_is_no_video() -> None:
    source = clip("h264-aac", "mp4").with_suffix(".m4a")
    run_ffmpeg("-i", str(clip("h264-aac", "mp4")), "-vn", "-c", "copy", str(source))
    _, problem = received(f"file://{source}", audio=True)
    assert problem.cause is Cause.NO_VIDEO


def test_a_stream_that_stops_in_the_middle_ends_by_the_deadline_and_keeps_what_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tandem.recording.foreign.source.SILENCE_S", 5)
    source = clip("h264", "ts")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + source.read_bytes())
        await writer.drain()
        await reader.read()

    async def run() -> tuple[KeepingSink, SourceError]:
        async with serving(handle) as port:
            return await receive(order(f"http://127.0.0.1:{port}/x"))

    sink, problem = asyncio.run(run())
    assert problem.cause is Cause.STALLED
    assert "no picture came for 5 s" in problem.message
    # libav's parser and its read buffer keep the last ones until more comes.
    assert len(sink.pictures) >= 20


def test_a_file_cut_off_anywhere_is_survived() -> None:
    whole = clip("h264-b", "ts").read_bytes()
    for cut in (len(whole) // 2, len(whole) - 100):

        async def run(body: bytes = whole[:cut]) -> tuple[KeepingSink, SourceError]:
            async with serving(answering("200 OK", body)) as port:
                return await receive(order(f"http://127.0.0.1:{port}/x"))

        sink, problem = asyncio.run(run())
        assert problem.cause is Cause.CLOSED
        assert sink.pictures
