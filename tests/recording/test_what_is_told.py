"""What is wrong with a camera is in `tandem status` and in the log, by name and with its cause."""

import time
from pathlib import Path
from typing import Any

import pytest
from tests.lab.camera.running import CameraThread, RunningCameras, with_defaults
from tests.node.control.material import camera, node
from tests.recording.running import RecorderProcess

from tandem.cli.status_text import status_lines
from tandem.cluster.model import Placement, Protection
from tandem.node.control.agreed import Agreed
from tandem.node.control.merge import cluster_status

pytestmark = pytest.mark.real

GATE = {"camera_id": "gate", "camera_name": "Main gate"}
PLACED = {"gate": Placement("gate", ("node1",), 1)}


def shown(recorder: RecorderProcess) -> str:
    """What `tandem status` prints of what the recorder says."""
    now_us = time.time_ns() // 1000
    entered = camera("gate", name="Main gate", protection=Protection.COLD)
    own = node("node1", [recorder.stream("gate")], at_us=now_us)
    document = cluster_status(own, {}, Agreed([entered], PLACED), now_us)
    return " ".join(" ".join(status_lines(document)).split())


def await_told(recorder: RecorderProcess, sentence: str) -> None:
    recorder.wait_for(
        lambda: (
            f"Main gate (gate) on node1: {sentence}" in shown(recorder)
            or f"Main gate (gate): {sentence}" in shown(recorder)
        ),
        f"'{sentence}' in the status",
    )
    recorder.wait_for(
        lambda: any("Main gate" in line and sentence in line for line in recorder.log),
        f"'{sentence}' in the log",
    )


def strike(cameras: RunningCameras, fault: str, value: int | None) -> None:
    cameras.fault(fault, **({} if value is None else {"value": value}))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("wrong-password", "The camera asks for a user name and a password"),
        ("wrong-path", "The camera has no such stream"),
        ("no-video", "The camera offers no video"),
    ],
)
def test_what_a_camera_refuses_is_told(
    cache: Path, tmp_path: Path, fault: str, sentence: str
) -> None:
    with CameraThread(tmp_path / "cameras", cache, with_defaults([{}])) as cameras:
        cameras.fault(fault)
        order = GATE | {"url": cameras.address()}
        with RecorderProcess(tmp_path / "volume", [order]) as recorder:
            await_told(recorder, sentence)


@pytest.mark.parametrize(
    ("fault", "value", "sentence"),
    [
        ("stall", None, "the camera has sent no picture for"),
        ("reset", None, "the connection broke: Connection reset by peer"),
        ("loss", 5, "packets are lost on the way from the camera"),
        ("clock-1970", None, "its clock is"),
        ("clock-step", 3600, "its clock is 3,600 s ahead, and not believed"),
    ],
)
def test_what_befalls_a_camera_that_was_recorded_is_told(
    cache: Path, tmp_path: Path, fault: str, value: int | None, sentence: str
) -> None:
    fast = {"report_interval_s": 0.5}
    with CameraThread(tmp_path / "cameras", cache, with_defaults([fast])) as cameras:
        order: dict[str, Any] = GATE | {"url": cameras.address()}
        if fault == "loss":
            order["transport"] = "udp"
        with RecorderProcess(tmp_path / "volume", [order]) as recorder:
            recorder.wait_for_pictures("gate", 50)
            strike(cameras, fault, value)
            await_told(recorder, sentence)


def test_a_camera_that_serves_no_more_clients_is_told(cache: Path, tmp_path: Path) -> None:
    limited = {"session_limit": 1}
    with CameraThread(tmp_path / "cameras", cache, with_defaults([limited])) as cameras:
        first = {"camera_id": "first", "url": cameras.address()}
        with RecorderProcess(tmp_path / "volume", [first]) as recorder:
            recorder.wait_for_pictures("first", 50)
            recorder.order([first, GATE | {"url": cameras.address()}])
            await_told(recorder, "The camera has no bandwidth left for another stream")
