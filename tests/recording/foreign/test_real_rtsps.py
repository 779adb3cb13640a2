"""RTSP over TLS, from a camera by GStreamer."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.recording.foreign.material import (
    PASSWORD,
    PATIENCE_S,
    clip,
    nal_units,
    order,
    presentation_times,
    receive,
)

from tandem.media.units import TimelineBreak
from tandem.recording.camera import Login
from tandem.recording.source import Cause

pytestmark = pytest.mark.real

GST_CAMERA = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service("0")
auth = GstRtspServer.RTSPAuth.new()
auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(sys.argv[1]))
token = GstRtspServer.RTSPToken.new()
token.set_string("media.factory.role", "user")
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", sys.argv[2]), token)
server.set_auth(auth)
factory = GstRtspServer.RTSPMediaFactory.new()
factory.set_launch("( filesrc location=" + sys.argv[3] + " ! qtdemux ! h264parse "
                   "! rtph264pay name=pay0 config-interval=-1 )")
factory.add_role_from_structure(Gst.Structure.new_from_string(
    "user,media.factory.access=true,media.factory.construct=true"))
server.get_mount_points().add_factory("/x", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


@pytest.fixture
def rtsps_camera(tmp_path: Path) -> Iterator[int]:
    """A camera that speaks RTSP over TLS, with a certificate of its own; its port."""
    check = 'import gi; gi.require_version("GstRtspServer", "1.0")'
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", check], capture_output=True, check=False).returncode:
        pytest.skip("gst-rtsp-server for Python is not on this machine")
    pem = tmp_path / "camera.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=camera", "-keyout", str(pem), "-out", f"{pem}.crt"),
        ],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    with pem.open("ab") as combined:
        combined.write(Path(f"{pem}.crt").read_bytes())
    command = [python, "-c", GST_CAMERA, str(pem), "secret", str(clip("h264", "mp4"))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_rtsp_over_tls_arrives_whole_though_its_first_packet_has_no_time(rtsps_camera: int) -> None:
    stream = order(f"rtsps://127.0.0.1:{rtsps_camera}/x")
    stream = replace(stream, login=Login("admin", "secret"))
    sink, _ = asyncio.run(receive(stream))
    source = clip("h264", "mp4")
    slices = [nal for nal in nal_units(source) if nal[0] & 0x1F in {1, 5}]
    assert [nal for nal in sink.nals if nal[0] & 0x1F in {1, 5}] == slices
    assert sink.times == presentation_times(source)
    assert not any(isinstance(item, TimelineBreak) for item in sink.video_items)


def test_rtsp_over_tls_refuses_a_wrong_password(rtsps_camera: int) -> None:
    stream = order(f"rtsps://127.0.0.1:{rtsps_camera}/x", login=True)
    _, problem = asyncio.run(receive(stream))
    assert problem.cause is Cause.UNAUTHORISED
    assert PASSWORD not in problem.message
