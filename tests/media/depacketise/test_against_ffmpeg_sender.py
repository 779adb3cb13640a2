"""ffmpeg's own RTP sender, with its own packetisers and session description, over loopback."""

import re
import socket
import subprocess
from itertools import pairwise
from pathlib import Path

import av
import pytest
from tests.media.codecs.real_streams import coded_stream, ffmpeg
from tests.media.depacketise.packets import Packet, feed, nal_units

from tandem.media.depacketise import make_depacketiser
from tandem.media.units import AudioConfig, Codec, VideoConfig

pytestmark = pytest.mark.real

RTCP_TYPES = range(200, 205)


def send(source: Path, directory: Path) -> tuple[list[Packet], dict[str, str]]:
    """Let ffmpeg send a file; its packets and the format parameters it announces."""
    sdp = directory / "sdp"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
        target = f"rtp://127.0.0.1:{port}?rtcpport={port}&pkt_size=700"
        command = ["ffmpeg", "-v", "error", "-i", str(source), "-c", "copy"]
        sender = subprocess.Popen([*command, "-sdp_file", str(sdp), "-f", "rtp", target])
        datagrams = []
        receiver.settimeout(0.3)
        while True:
            try:
                datagrams.append(receiver.recv(65_536))
            except TimeoutError:
                if sender.poll() is not None:
                    break
        assert sender.returncode == 0
    packets = [
        Packet(d[12:], int.from_bytes(d[4:8], "big"), d[1] >= 128)
        for d in datagrams
        if d[1] not in RTCP_TYPES
    ]
    found = re.search(r"a=fmtp:\d+ (.*)", sdp.read_text())
    pairs = [p.partition("=") for p in found[1].strip().split(";")] if found else []
    return packets, {name.strip().lower(): value for name, _, value in pairs}


@pytest.mark.parametrize(
    "name", ["H.264 baseline", "H.264 in slices with delimiters", "H.265 in slices, 10 bits"]
)
def test_video_comes_back_as_it_was_encoded(name: str, tmp_path: Path) -> None:
    stream = coded_stream(name)
    source = tmp_path / {Codec.H264: "stream.h264", Codec.H265: "stream.hevc"}[stream.codec]
    source.write_bytes(b"".join(b"\0\0\1" + n for p in stream.pictures for n in p.nals))
    packets, fmtp = send(source, tmp_path)
    depacketiser = make_depacketiser(stream.codec, fmtp, 90_000)
    units = feed(depacketiser, packets)
    assert [nal_units(unit) for unit in units] == [p.nals for p in stream.pictures]
    assert [unit.is_keyframe for unit in units] == [p.is_keyframe for p in stream.pictures]
    assert all(isinstance(unit.config, VideoConfig) for unit in units)
    assert depacketiser.damaged_units == 0


@pytest.mark.parametrize(
    ("codec", "suffix", "rate", "channels"),
    [
        (Codec.AAC, "m4a", 48_000, 2),
        (Codec.OPUS, "ogg", 48_000, 2),
        (Codec.PCMA, "wav", 8_000, 1),
        (Codec.PCMU, "wav", 8_000, 1),
    ],
)
def test_sound_comes_back_as_it_was_encoded(
    codec: Codec, suffix: str, rate: int, channels: int, tmp_path: Path
) -> None:
    encoder = {Codec.OPUS: "libopus", Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}
    source = tmp_path / f"sound.{suffix}"
    sound = ("-f", "lavfi", "-i", f"sine=r={rate}:d=0.5", "-ac", str(channels), "-c:a")
    ffmpeg(*sound, encoder.get(codec, "aac"), str(source))
    with av.open(str(source)) as container:
        frames = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    packets, fmtp = send(source, tmp_path)
    depacketiser = make_depacketiser(codec, fmtp, rate, channels)
    units = feed(depacketiser, packets)
    if suffix == "wav":
        assert b"".join(unit.data for unit in units) == b"".join(frames)
    else:
        # ffmpeg keeps the frames of a last, unfilled AAC packet to itself.
        assert len(frames) - 4 < len(units)
        assert [unit.data for unit in units] == frames[: len(units)]
        steps = {after.rtp_time - before.rtp_time for before, after in pairwise(units)}
        assert steps <= {1024 if codec is Codec.AAC else 960}
    config = units[0].config
    assert isinstance(config, AudioConfig)
    assert (config.sample_rate_hz, config.channels) == (rate, channels)
    assert depacketiser.damaged_units == 0
