"""A recorder on a host of its own, with cameras across a network, and what befalls its disks."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.lab.camera.running import with_defaults
from tests.recording.running import RecorderProcess, complaints

from tandem.archive.rows import GapCause
from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.counting.ledger import read_ledger
from tandem.lab.hosts import Lab, Plan, VolumeFault, camera_address
from tandem.lab.hosts.commands import wait_until

pytestmark = pytest.mark.lab("loop")

CAMERAS = 2
RECORDER = [sys.executable, "-m", "tandem.recording.process"]
HOME = "/var/lib/tandem"
UNSURE_US = 4_500_000
"""What one copy may lose to a loss of power: a fragment of 2 s, and 2 s between syncs."""

BUFFERED_US = 1_000_000
"""What a camera's kernel may have taken for a node that was dead already."""


class Site:
    """One node, two cameras."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.node = lab.host("node1")
        self.cameras = lab.host("cameras")
        described = with_defaults(
            [
                {
                    "number": n,
                    "address": str(camera_address(n)),
                    "port": 554,
                    "send_buffer_bytes": 4096,  # what is in it counts as delivered
                }
                for n in (1, 2)
            ]
        )
        config = self.cameras.outside(f"{HOME}/cameras.json")
        config.write_text(json.dumps({"version": 1, "cameras": described}))
        arguments = ["--config", f"{HOME}/cameras.json", "--cache", f"{HOME}/cache"]
        arguments += ["--ledgers", f"{HOME}/ledgers"]
        command = [sys.executable, "-m", "tandem.lab.camera", *arguments]
        self.cameras.spawn(command, "/run/cameras.log")
        wait_until(lambda: "addresses" in self._log(), "the cameras to listen", 60)

    def _log(self) -> str:
        return self.cameras.outside("/run/cameras.log").read_text()

    def record(self) -> RecorderProcess:
        """Start a recorder on the node, on all its volumes."""
        streams: list[dict[str, Any]] = [
            {"camera_id": f"c{n}", "url": f"rtsp://{camera_address(n)}:554/camera/{n}"}
            for n in (1, 2)
        ]
        places = sorted(self.node.run(["ls", "/mnt"]).split())
        volumes = {f"/mnt/{name}": self.node.outside(f"/mnt/{name}") for name in places}
        return RecorderProcess(Path("/"), streams, self.node.command(RECORDER), volumes)

    def files(self, camera: int) -> list[Path]:
        """All segment files of a camera, by their time."""
        root = self.node.outside("/mnt")
        return sorted(root.glob(f"v*/c{camera}/*/*/*.mp4"), key=lambda path: path.parts[-2:])

    def compare(self, camera: int, span: Span) -> Comparison:
        ledger = self.cameras.outside(f"{HOME}/ledgers/camera-{camera}.ledger")
        return compare(count_frames(self.files(camera)), read_ledger(ledger), span)


@contextmanager
def site(place: Path, volumes: int = 1) -> Iterator[Site]:
    plan = Plan(nodes=1, cameras=CAMERAS, volumes=volumes, volume_mib=64)
    with Lab.up(place / "lab", plan) as lab:
        yield Site(lab)


def now_us() -> int:
    return time.time_ns() // 1000


def test_power_loss_costs_one_copy_four_seconds_and_nothing_else(tmp_path: Path) -> None:
    with site(tmp_path) as one:
        with one.record() as recorder:
            for name in ("c1", "c2"):
                recorder.wait_for_pictures(name, 900)
            sure_us = min(recorder.stream(name)["durable_until_us"] for name in ("c1", "c2"))
            killed_us = now_us()
            one.lab.kill("node1")
        one.lab.start("node1")
        with one.record() as recorder:
            for name in ("c1", "c2"):
                recorder.wait_for_pictures(name, 200)
            stopped_us = now_us()
            assert recorder.stop() == 0
        assert any("left open by a crash" in line for line in recorder.log), recorder.log
        for camera in (1, 2):
            before = one.compare(camera, Span(until_us=min(killed_us - UNSURE_US, sure_us)))
            assert before.sent > 300
            assert before.lost == ()
            whole = one.compare(camera, Span(until_us=stopped_us - 500_000))
            assert (whole.doubled, whole.out_of_order, whole.unknown) == ((), (), ())
            assert all(last_us(one, camera, run) < killed_us + BUFFERED_US for run in whole.lost)
            assert {complaints(path) for path in one.files(camera)} == {""}
        assert inspect(one, recorder.volumes[0])["problems"] == []


def last_us(one: Site, camera: int, run: tuple[int, int]) -> int:
    """When the last picture of a run was taken."""
    ledger = read_ledger(one.cameras.outside(f"{HOME}/ledgers/camera-{camera}.ledger"))
    return ledger.frames[run[1]].utc_us


INSPECT = """
import json, sys
from pathlib import Path
from uuid import UUID
from tandem.archive.check import check
from tandem.archive.mount import mount
mounted = mount(Path(sys.argv[1]), UUID(sys.argv[2]), 1)
gaps = mounted.reader.gaps("c1", 0, 1 << 62)
print(json.dumps({
    "problems": [str(one) for one in check(mounted.volume, mounted.index, hashes=True)],
    "gaps": [[gap.cause, gap.to_us - gap.from_us] for gap in gaps],
}))
mounted.close()
"""


def inspect(one: Site, volume: dict[str, Any]) -> dict[str, Any]:
    """What a volume's own index says, asked on its node: does it agree with the files, the gaps."""
    command = [sys.executable, "-c", INSPECT, volume["path"], volume["volume_id"]]
    found: dict[str, Any] = json.loads(one.node.run(command, deadline_s=60))
    return found


def test_a_disk_that_turns_read_only_moves_its_cameras_to_the_other_one(tmp_path: Path) -> None:
    with site(tmp_path, volumes=2) as one, one.record() as recorder:
        for name in ("c1", "c2"):
            recorder.wait_for_pictures(name, 300)
        hit_us = now_us()
        busy = next(iter(one.files(1))).relative_to(one.node.outside("/mnt")).parts[0]
        one.lab.break_volume("node1", busy, VolumeFault.READ_ONLY)
        recorder.wait_for(
            lambda: any(volume["dead"] for volume in recorder.status["volumes"]), "a dead volume"
        )
        for name in ("c1", "c2"):
            recorder.wait_for_pictures(name, 500)
        stopped_us = now_us()
        recorder.stop()
        dead = [volume for volume in recorder.status["volumes"] if volume["dead"]]
        assert [volume["path"] for volume in dead] == [f"/mnt/{busy}"]
        assert "read-only" in dead[0]["problem"] or "dmesg" in dead[0]["problem"]
        for camera in (1, 2):
            result = one.compare(camera, Span(until_us=stopped_us - 500_000))
            assert (result.doubled, result.out_of_order) == ((), ())
            for run in result.lost:
                assert abs(last_us(one, camera, run) - hit_us) < UNSURE_US


def test_cut_cables_are_gaps_with_their_cause_and_the_rest_is_whole(tmp_path: Path) -> None:
    with site(tmp_path) as one, one.record() as recorder:
        recorder.wait_for_pictures("c1", 200)
        one.lab.cut("node1", "cameras")
        recorder.wait_for(
            lambda: recorder.stream("c1").get("connected") is False, "the cut in the status"
        )
        one.lab.heal()
        for name in ("c1", "c2"):
            recorder.wait_for_pictures(name, 300)
        assert recorder.stop() == 0
        gaps = inspect(one, recorder.volumes[0])["gaps"]
        causes = {cause for cause, _ in gaps}
        assert causes <= {GapCause.CAMERA_STALLED, GapCause.CAMERA_UNREACHABLE}
        assert sum(length_us for _, length_us in gaps) > 3_000_000
