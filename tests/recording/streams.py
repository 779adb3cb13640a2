"""Fragments of a made-up camera, for tests of what is behind the network."""

from pathlib import Path
from uuid import uuid4

from tandem.archive.disk import SYSTEM_DISK, Disk
from tandem.archive.identity import VolumeIdentity
from tandem.archive.mount import Mounted, mount
from tandem.archive.space import NO_CAP, Limits
from tandem.archive.volume import Volume
from tandem.media.fragmenter import Fragment
from tandem.media.mp4.fragment import Sample
from tandem.media.units import Codec, VideoConfig
from tandem.recording.camera import StreamOrder, parse_stream_order

GOP_US = 1_000_000
FRAME_TICKS = 3600
PICTURES = 25
T0_US = 1_800_000_000_000_000

# SPS and PPS of a 640x360 baseline stream made by x264.
CONFIG = VideoConfig(
    Codec.H264,
    (
        bytes.fromhex("6742c01ed900a02ff9610000030001000003003201e2c5a4"[:48]),
        bytes.fromhex("68cb83cb20"),
    ),
    640,
    360,
    0,
)


def order(camera: str = "gate", **settings: object) -> StreamOrder:
    """An order for a camera that nobody connects to."""
    described = {"camera_id": camera, "camera_name": camera.title(), "url": "rtsp://192.0.2.1/s"}
    return parse_stream_order(described | settings)


def gop(number: int, *, continues: bool = True, size: int = 1000) -> Fragment:
    """The GOP `number` of a camera of 25 pictures a second."""
    start_us = T0_US + number * GOP_US
    first = start_us * 9 // 100
    samples = [
        Sample(
            data=(size - 4).to_bytes(4, "big") + bytes([0x65 if at == 0 else 0x41]) * (size - 4),
            dts=first + at * FRAME_TICKS,
            composition_offset=0,
            duration=FRAME_TICKS,
            is_keyframe=at == 0,
            identity=(number * PICTURES + at).to_bytes(16, "big"),
        )
        for at in range(PICTURES)
    ]
    return Fragment(samples, [], CONFIG, None, start_us, start_us + GOP_US, continues)


def volume_at(root: Path, limits: Limits = NO_CAP, disk: Disk = SYSTEM_DISK) -> Mounted:
    """A fresh volume."""
    root.mkdir(parents=True, exist_ok=True)
    identity = VolumeIdentity(uuid4(), 1, "node-1", T0_US)
    Volume.create(root, identity)
    return mount(root, identity.volume_id, 1, limits, disk)
