"""The recorder process against cameras, on volumes that hang, are missing, and come and go."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.lab.camera.running import CameraThread, RunningCameras, with_defaults
from tests.recording.running import RecorderProcess, make_volume

from tandem.archive.layout import IDENTITY_FILE

pytestmark = pytest.mark.real


class Site:
    """One camera, and volumes."""

    def __init__(self, cameras: RunningCameras, root: Path) -> None:
        self.streams = [{"camera_id": "c1", "url": cameras.address()}]
        self.root = root

    def volume(self, name: str) -> dict[str, Any]:
        """A volume as in orders; it is made."""
        there = self.root / name
        return {"path": str(there), "volume_id": make_volume(there), "min_free_bytes": 1 << 20}

    @contextmanager
    def recorder(self, *volumes: dict[str, Any]) -> Iterator[RecorderProcess]:
        """A recorder that begins with just these volumes."""

        class Ordered(RecorderProcess):
            def order(self, streams: list[dict[str, Any]]) -> None:
                self.volumes = [*volumes] if not self.status else self.volumes
                super().order(streams)

        with Ordered(self.root / "unused", self.streams) as recorder:
            yield recorder


@pytest.fixture
def site(cache: Path, tmp_path: Path) -> Iterator[Site]:
    with CameraThread(tmp_path / "cameras", cache, with_defaults([{}])) as cameras:
        yield Site(cameras, tmp_path)


def make_hang(volume: dict[str, Any]) -> Path:
    """Let whoever opens a volume wait in the kernel; returns the pipe that holds them."""
    identity = Path(volume["path"]) / IDENTITY_FILE
    identity.rename(identity.with_suffix(".kept"))
    os.mkfifo(identity)
    return identity


def on(recorder: RecorderProcess, volume: dict[str, Any]) -> dict[str, Any]:
    """What a recorder says of a volume."""
    volumes: list[dict[str, Any]] = recorder.status.get("volumes", [])
    return next((one for one in volumes if one["path"] == volume["path"]), {})


def has_files(volume: dict[str, Any]) -> bool:
    return bool(list((Path(volume["path"]) / "c1").rglob("*.mp4")))


def test_a_disk_that_hangs_holds_up_neither_the_start_nor_the_end_of_a_recorder(site: Site) -> None:
    hung, well = site.volume("hung"), site.volume("well")
    make_hang(hung)
    with site.recorder(hung, well) as recorder:
        recorder.wait_for_pictures("c1", 50)
        assert not on(recorder, hung)["in_service"]
        assert recorder.stop() == 0
    assert has_files(well)


def test_without_any_volume_a_camera_is_not_connected_and_is_when_one_comes(site: Site) -> None:
    late = site.volume("late")
    away = Path(late["path"])
    away.rename(away.with_name("away"))
    with site.recorder(late) as recorder:
        recorder.wait_for(
            lambda: recorder.stream("c1").get("cause") == "no-volume", "a volume missed"
        )
        assert recorder.stream("c1")["connections"] == 0
        assert "mount the disk" in recorder.stream("c1")["message"]
        assert on(recorder, late)["dead"]
        away.with_name("away").rename(away)
        recorder.wait_for_pictures("c1", 50)
        assert recorder.stop() == 0
    assert has_files(late)


def test_volumes_are_exchanged_without_an_interruption_of_any_connection(site: Site) -> None:
    old, new = site.volume("old"), site.volume("new")
    with site.recorder(old) as recorder:
        recorder.wait_for_pictures("c1", 50)
        recorder.volumes = [old, new]
        recorder.order(site.streams)
        recorder.wait_for(lambda: bool(on(recorder, new).get("in_service")), "the new volume")
        recorder.volumes = [new]
        recorder.order(site.streams)
        recorder.wait_for(lambda: has_files(new), "a file on the new volume")
        recorder.wait_for(lambda: not on(recorder, old), "the end of the old volume")
        assert recorder.stream("c1")["connections"] == 1
        assert recorder.stop() == 0
