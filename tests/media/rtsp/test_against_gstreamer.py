"""Conformance: sessions with gst-rtsp-server, which shares nothing with our client."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tandem.media.rtsp.client import RtspClient
from tandem.media.rtsp.errors import Cause
from tandem.media.rtsp.events import (
    Ended,
    Event,
    Failed,
    InterleavedDelivery,
    Playing,
    Send,
    TracksReady,
    UdpDelivery,
)
from tandem.media.rtsp.interleaved import InterleavedReader
from tandem.media.rtsp.transport import LowerTransport
from tandem.media.rtsp.url import parse_url
from tandem.media.units import Codec

SYSTEM_PYTHON = "/usr/bin/python3"
NEEDED = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
    "assert Gst.ElementFactory.find('x264enc')"
)
DEADLINE_S = 60


def has_gstreamer() -> bool:
    if not Path(SYSTEM_PYTHON).exists():
        return False
    found = subprocess.run(
        [SYSTEM_PYTHON, "-c", NEEDED], capture_output=True, timeout=30, check=False
    )
    return found.returncode == 0


@pytest.fixture(scope="module")
def _gstreamer() -> None:
    if not has_gstreamer():
        pytest.skip(
            "needs gir1.2-gst-rtsp-server-1.0, python3-gi and x264enc of the system's Python"
        )


pytestmark = [pytest.mark.real, pytest.mark.usefixtures("_gstreamer")]


@contextmanager
def camera(authentication: str = "none") -> Iterator[str]:
    """A running camera; its host and port."""
    script = Path(__file__).with_name("gst_camera.py")
    process = subprocess.Popen(
        [SYSTEM_PYTHON, script, authentication], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port, "the camera did not start"
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate(timeout=10)


class Counter:
    """Counts the packets of one channel that are of RTP version 2 and of the payload type."""

    def __init__(self, payload_type: int) -> None:
        self.payload_type = payload_type
        self.packets = 0
        self.strangers = 0

    def receive(self, buffer: memoryview, start: int, end: int) -> None:
        right = end - start > 12 and buffer[start] >> 6 == 2
        if right and buffer[start + 1] & 0x7F == self.payload_type:
            self.packets += 1
        else:
            self.strangers += 1


class Driver:
    """A shell for the client: one blocking socket."""

    def __init__(self, client: RtspClient, host: str, port: int) -> None:
        self.client = client
        self.reader = InterleavedReader()
        self.counters: list[Counter] = []
        self.events: list[Event] = []
        self.socket = socket.create_connection((host, port), timeout=5)
        self._do(client.start(self._now_us()))

    def _now_us(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def _do(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, Send):
                self.socket.sendall(event.data)
            elif isinstance(event, TracksReady):
                for track in event.tracks:
                    counter = Counter(track.format.payload_type)
                    self.counters.append(counter)
                    if isinstance(track.delivery, InterleavedDelivery):
                        self.reader.register(track.delivery.rtp_channel, counter)

    def run_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, self.events
            n_bytes = self.socket.recv_into(self.reader.get_buffer())
            assert n_bytes, self.events
            for message in self.reader.received(n_bytes):
                self._do(self.client.receive(message, self._now_us()))

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    def keep_alive(self) -> None:
        """Let half the session's timeout pass, on paper."""
        sent = sum(isinstance(event, Send) for event in self.events)
        due_us = self.client.next_tick_us
        assert due_us is not None
        self._do(self.client.tick(due_us))
        assert sum(isinstance(event, Send) for event in self.events) == sent + 1
        # While its answer is awaited the next tick is the deadline; after it, the next keep-alive.
        awaited_us = self.client.next_tick_us
        self.run_until(lambda: self.client.next_tick_us != awaited_us or self.has(Failed))

    def close(self) -> None:
        self._do(self.client.close(self._now_us()))
        self.run_until(lambda: self.has(Ended))


@contextmanager
def connect(place: str, login: str = "", path: str = "live", **options: Any) -> Iterator[Driver]:
    url = parse_url(f"rtsp://{login}{place}/{path}")
    client = RtspClient(url, client_nonce="0123456789abcdef", **options)
    driver = Driver(client, url.host, url.port)
    with driver.socket:
        yield driver


def ready(driver: Driver) -> TracksReady:
    [event] = [event for event in driver.events if isinstance(event, TracksReady)]
    return event


@pytest.mark.parametrize("authentication", ["none", "basic", "digest"])
def test_video_and_sound_arrive_over_tcp(authentication: str) -> None:
    login = "" if authentication == "none" else "admin:geheim@"
    with camera(authentication) as place, connect(place, login) as driver:
        driver.run_until(lambda: driver.has(Playing) or driver.has(Failed))
        assert not driver.has(Failed), driver.events
        driver.run_until(lambda: all(one.packets >= 20 for one in driver.counters))
        assert [one.format.codec for one in ready(driver).tracks] == [Codec.H264, Codec.PCMA]
        assert len(ready(driver).tracks[0].format.parameter_sets) == 2
        driver.keep_alive()
        assert not driver.has(Failed)
        driver.run_until(lambda: all(one.packets >= 30 for one in driver.counters))
        driver.close()
    assert [one.strangers for one in driver.counters] == [0, 0]
    reader = driver.reader
    assert (reader.garbage_bytes, reader.resyncs) == (0, 0)
    assert driver.client.stray_answers == 0


@pytest.mark.parametrize("authentication", ["basic", "digest"])
@pytest.mark.parametrize("login", ["", "admin:falsch@", "nobody:geheim@"])
def test_who_has_no_right_is_told_so(authentication: str, login: str) -> None:
    with camera(authentication) as place, connect(place, login) as driver:
        driver.run_until(lambda: driver.has(Failed))
    [failed] = [event for event in driver.events if isinstance(event, Failed)]
    assert failed.error.cause is Cause.UNAUTHORISED


@pytest.mark.parametrize("authentication", ["none", "digest"])
def test_a_session_is_ended_from_another_connection_and_is_gone_then(authentication: str) -> None:
    login = "" if authentication == "none" else "admin:geheim@"
    with camera(authentication) as place, connect(place, login) as holder:
        holder.run_until(lambda: holder.has(Playing))
        left = holder.client.session
        with connect(place, login, only_ends=left) as next_one:
            next_one.run_until(lambda: next_one.has(Ended))
        assert [method_of(event) for event in next_one.events] == ["TEARDOWN", None]
        holder.keep_alive()
        [failed] = [event for event in holder.events if isinstance(event, Failed)]
        assert failed.error.cause is Cause.SESSION_LOST


def method_of(event: Event) -> str | None:
    return event.data.split()[0].decode() if isinstance(event, Send) else None


def test_a_wrong_path_is_told_from_other_failures() -> None:
    with camera() as place, connect(place, path="wrong") as driver:
        driver.run_until(lambda: driver.has(Failed))
    [failed] = [event for event in driver.events if isinstance(event, Failed)]
    assert failed.error.cause is Cause.NOT_FOUND


def test_video_arrives_over_udp() -> None:
    with camera() as place, socket.socket(type=socket.SOCK_DGRAM) as rtp:
        rtp.bind(("127.0.0.1", 0))
        rtp.settimeout(DEADLINE_S)
        port = rtp.getsockname()[1]
        udp: dict[str, Any] = {"transports": [LowerTransport.UDP], "udp_ports": [(port, port + 1)]}
        with connect(place, with_audio=False, **udp) as driver:
            driver.run_until(lambda: driver.has(Playing))
            [track] = ready(driver).tracks
            assert isinstance(track.delivery, UdpDelivery)
            assert track.delivery.server_ports
            for _ in range(30):
                packet, sender = rtp.recvfrom(65_536)
                assert packet[0] >> 6 == 2
                assert sender[1] == track.delivery.server_ports[0]
                assert track.ssrc == int.from_bytes(packet[8:12])
            driver.close()
