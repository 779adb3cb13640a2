"""Sources that were not written here: GStreamer's RTSP server, and VLC as one.

They put no numbers into their pictures, but they make 25 a second. So the pictures of a recording
without loss are 40 ms apart, each from the next, over all its files.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import av
import pytest
from tests.recording.running import RecorderProcess, complaints

GST_PYTHON = "/usr/bin/python3"
FRAME_US = 40_000
SOAK_S = 1800
GROWTH_BYTES = 8 << 20
POLL_S = 0.1
STARTS_S = 60.0


@contextmanager
def gst() -> Iterator[dict[str, str]]:
    """GStreamer's server; URLs by camera."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if subprocess.run([GST_PYTHON, "-c", probe], capture_output=True, check=False).returncode:
        pytest.skip("GStreamer's RTSP server is not installed")
    server = Path(__file__).parent / "gst_sources.py"
    with subprocess.Popen([GST_PYTHON, server], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        paths = ("h264-aac", "h264-pcma", "h265-opus")
        try:
            yield {path: f"rtsp://127.0.0.1:{port}/{path}" for path in paths}
        finally:
            process.kill()


@contextmanager
def vlc(length_s: int) -> Iterator[dict[str, str]]:
    """VLC playing a file through its RTSP server, which knows UDP alone.

    As nobody, since it refuses to run as root.
    """
    if shutil.which("cvlc") is None:
        pytest.skip("VLC is not installed")
    port = 20_000 + os.getpid() % 10_000
    url = f"rtsp://127.0.0.1:{port}/film"
    as_nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    environment = os.environ | {"HOME": "/nonexistent"}
    with tempfile.TemporaryDirectory() as place:
        film = Path(place) / "film.mp4"
        encode(film, length_s + 60)
        Path(place).chmod(0o755)
        command = [*as_nobody, "cvlc", "-q", str(film), "--sout", f"#rtp{{sdp={url}}}"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as process:
            try:
                wait_until_it_listens(port)
                yield {"vlc": url}
            finally:
                process.kill()


def wait_until_it_listens(port: int) -> None:
    """A busy machine may need seconds to start VLC; a camera that is not there yet has failed."""
    until_s = time.monotonic() + STARTS_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(POLL_S)
        else:
            return


def encode(film: Path, length_s: int) -> None:
    pictures = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25", "-t", str(length_s)]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50"]
    make = ["ffmpeg", "-v", "error", *pictures, *encoder, str(film)]
    subprocess.run(make, check=True, timeout=300)


def times_us(files: list[Path]) -> list[int]:
    """When the pictures of a recording are shown, in order."""
    shown = []
    for path in files:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            base = stream.time_base
            assert base is not None
            shown += [
                int(packet.pts * base * 1_000_000)
                for packet in container.demux(stream)
                if packet.pts is not None
            ]
    return sorted(shown)


def begins_with_keyframe(file: Path) -> bool:
    with av.open(str(file)) as container:
        return next(container.demux(container.streams.video[0])).is_keyframe


def resident_bytes(recorder: RecorderProcess) -> int:
    pages = Path(f"/proc/{recorder.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def record(urls: dict[str, str], root: Path, length_s: float) -> RecorderProcess:
    """Record for so long, and see that memory does not grow after the first fifth."""
    orders = [
        {"camera_id": name, "url": url}
        | ({"transport": "udp"} if name == "vlc" else {"audio": True})
        for name, url in urls.items()
    ]
    with RecorderProcess(root, orders) as recorder:
        for name in urls:
            recorder.wait_for_pictures(name, 25)
        settled_bytes = None
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < length_s:
            time.sleep(POLL_S)
            if settled_bytes is None and passed_s > length_s / 5:
                settled_bytes = resident_bytes(recorder)
        assert settled_bytes is not None
        assert resident_bytes(recorder) - settled_bytes < GROWTH_BYTES
        for name in urls:
            assert recorder.stream(name)["failures"] == 0, recorder.stream(name)
        assert recorder.stop() == 0
    return recorder


def check(recorder: RecorderProcess, names: list[str]) -> None:
    for name in names:
        shown = times_us(recorder.files(name))
        assert len(shown) > 25
        odd = [b - a for a, b in pairwise(shown) if abs(b - a - FRAME_US) > FRAME_US // 2]
        assert odd == [], f"{name}: {len(odd)} holes among {len(shown)} pictures"
        files = recorder.files(name)
        # A source that is in the middle of a GOP: its rest is a file that nothing can decode.
        for path in files if begins_with_keyframe(files[0]) else files[1:]:
            assert complaints(path) == "", path


@pytest.mark.real
def test_what_gstreamer_serves_is_recorded_without_a_hole(tmp_path: Path) -> None:
    with gst() as urls:
        recorder = record(urls, tmp_path / "volume", 10)
    check(recorder, list(urls))


@pytest.mark.real
def test_what_vlc_serves_is_recorded_without_a_hole(tmp_path: Path) -> None:
    with vlc(10) as urls:
        recorder = record(urls, tmp_path / "volume", 10)
    check(recorder, list(urls))


@pytest.mark.prove
@pytest.mark.timeout(SOAK_S + 600)
def test_for_half_an_hour_nothing_is_lost_and_memory_does_not_grow(tmp_path: Path) -> None:
    with gst() as gst_urls, vlc(SOAK_S) as vlc_urls:
        urls = gst_urls | vlc_urls
        recorder = record(urls, tmp_path / "volume", SOAK_S)
    check(recorder, list(urls))
