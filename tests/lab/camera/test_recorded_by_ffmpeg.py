"""ffmpeg records simulated cameras: every picture is there, once, in order, and decodes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.lab.camera.conftest import StartCameras
from tests.lab.camera.ffmpeg import complaints, probe, record
from tests.lab.camera.running import TINY, CameraProcess, RunningCameras, wait_until, with_defaults

from tandem.lab.counting.compare import Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.counting.ledger import Ledger

pytestmark = pytest.mark.real

FRAMES = 150
"""More than one loop of the material."""

PASSWORD: dict[str, Any] = {"user": "viewer", "password": "secret"}

KINDS: dict[str, dict[str, Any]] = {
    "h264": {},
    "h265": {"profile": {"codec": "h265"}},
    "sound": {"profile": {"audio": True}},
    "b-frames": {"profile": {"b_frames": 2, "gop_s": 0.12}},
    "slices": {"profile": {"slices": 3}},
    "h265 slices": {"profile": {"codec": "h265", "slices": 2}},
    "variable gop": {"profile": {"gop": "variable", "gop_s": 0.5}},
    "large": {"profile": {"width_px": 640, "height_px": 360, "bit_rate_kbps": 4000}},
    "unique": {"unique_pictures": True},
    "h265 unique": {"unique_pictures": True, "profile": {"codec": "h265"}},
    "basic": {"auth": "basic", **PASSWORD},
    "digest": {"auth": "digest", **PASSWORD},
    "cached gop": {"start": "cached-gop", "profile": {"gop_s": 1}},
}

OVER_UDP = ["h264", "h265", "sound", "slices"]


@dataclass(frozen=True)
class Recorded:
    """A recording, and what its camera knows of it."""

    path: Path
    ledger: Ledger


@pytest.fixture(scope="module")
def recorded(
    cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Recorded]]:
    """One recording of each kind, all made at once since it is mostly waiting."""
    place = tmp_path_factory.mktemp("recorded")
    cameras = with_defaults([KINDS[kind] for kind in KINDS] + [KINDS[kind] for kind in OVER_UDP])
    names = [*KINDS, *(f"{kind} over udp" for kind in OVER_UDP)]
    with CameraProcess(place, cache, cameras) as running:

        def make(number: int) -> Path:
            path = place / f"{number}.mp4"
            address = running.address(number).replace("rtsp://", "rtsp://viewer:secret@")
            transport = "udp" if number > len(KINDS) else "tcp"
            record(address, path, frames=FRAMES, transport=transport)
            return path

        with ThreadPoolExecutor(len(names)) as pool:
            paths = list(pool.map(make, range(1, len(names) + 1)))
        running.stop()
        yield {
            name: Recorded(path, running.ledger(number))
            for number, (name, path) in enumerate(zip(names, paths, strict=True), start=1)
        }


def assert_recorded_exactly(recording: Recorded) -> None:
    count = count_frames([recording.path])
    numbers = count.numbers[recording.ledger.camera]
    (session,) = recording.ledger.sessions.values()
    assert numbers[0] == session.delivered[0][0], "The first pictures are missing."
    result = compare(count, recording.ledger, Span(numbers[0], numbers[-1]))
    assert result.exact, result
    assert result.found == result.sent == FRAMES
    assert result.unmarked == 0


@pytest.mark.parametrize("kind", [*KINDS, *(f"{kind} over udp" for kind in OVER_UDP)])
def test_every_picture_is_recorded_once_in_order_and_decodes_over_the_loop_joint(
    kind: str, recorded: dict[str, Recorded]
) -> None:
    assert_recorded_exactly(recorded[kind])
    assert complaints(recorded[kind].path) == ""


@pytest.mark.parametrize("kind", ["sound", "sound over udp"])
def test_sound_is_recorded_beside_the_pictures(kind: str, recorded: dict[str, Recorded]) -> None:
    streams = probe(recorded[kind].path, "-show_streams")["streams"]
    sound = next(one for one in streams if one["codec_name"] == "aac")
    assert (sound["sample_rate"], sound["channels"]) == ("16000", 1)
    assert float(sound["duration"]) == pytest.approx(FRAMES / TINY["fps"], abs=0.3)


def figures(cameras: RunningCameras) -> dict[str, Any]:
    found: dict[str, Any] = cameras.ask("statistics", camera=1)["result"]["1"]
    return found


def test_a_change_of_resolution_is_announced_in_band_and_decodes(
    start: StartCameras, tmp_path: Path
) -> None:
    cameras = start(alternate=TINY | {"width_px": 320, "height_px": 192})
    cameras.fault("parameter-change")
    path = tmp_path / "recording.ts"
    with ThreadPoolExecutor(1) as pool:
        recording = pool.submit(record, cameras.address(), path, frames=FRAMES * 8)
        wait_until(
            lambda: any(one["playing"] for one in figures(cameras)["sessions"]), "ffmpeg plays"
        )
        first = figures(cameras)["next_frame"]
        wait_until(lambda: figures(cameras)["next_frame"] > first + FRAMES, "pictures are sent")
        cameras.clear()
        recording.result()
    frames = probe(path, "-show_entries", "frame=width", "-select_streams", "v")["frames"]
    assert [frame["width"] for frame in frames] == sorted(
        [frame["width"] for frame in frames], reverse=True
    )
    assert {frame["width"] for frame in frames} == {160, 320}
    numbers = count_frames([path]).numbers[1]
    assert list(numbers) == list(range(numbers[0], numbers[0] + FRAMES * 8))


def test_frozen_pictures_decode(start: StartCameras, tmp_path: Path) -> None:
    cameras = start()
    cameras.fault("freeze", duration_s=1)
    path = tmp_path / "recording.mp4"
    record(cameras.address(), path, frames=FRAMES)
    cameras.stop()
    assert_recorded_exactly(Recorded(path, cameras.ledger()))
    assert complaints(path) == ""
