"""The recorder process on a disk that dies under it, and is mounted again."""

import subprocess
import time
from pathlib import Path

import pytest
from tests.archive.file_systems import Ext4, ext4
from tests.lab.camera.running import CameraThread, with_defaults
from tests.recording.running import RecorderProcess, complaints

from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import GapCause
from tandem.lab.counting.compare import Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.hosts.disks import OpenDisk

pytestmark = [pytest.mark.real, pytest.mark.lab("loop")]

EDGE_US = 500_000
"""Between a camera's clock and the capture time of its pictures, and the last ones of all."""


def test_a_disk_that_died_can_be_unmounted_and_is_recorded_to_again_once_it_is_mounted(
    cache: Path, tmp_path: Path
) -> None:
    with (
        CameraThread(tmp_path / "cameras", cache, with_defaults([{}])) as cameras,
        ext4(tmp_path, 64) as disk,
        RecorderProcess(disk.root, [{"camera_id": "c1", "url": cameras.address()}]) as recorder,
    ):
        recorder.wait_for_pictures("c1", 300)
        disk.cut_power()
        recorder.wait_for(lambda: recorder.status["volumes"][0]["dead"], "a dead volume")
        assert "dmesg" in recorder.status["volumes"][0]["problem"]
        disk.come_up()
        recorder.wait_for(lambda: recorder.status["volumes"][0]["in_service"], "its return")
        recorder.wait_for_pictures("c1", 300)
        until_us = time.time_ns() // 1000
        assert recorder.stop() == 0, recorder.log
        cameras.stop()
        files, ledger = recorder.files("c1"), cameras.ledger(1)
        result = compare(count_frames(files), ledger, Span(until_us=until_us - EDGE_US))
        index = IndexReader.open_for_reading(disk.root / INDEX_FILE)
        gaps = index.gaps("c1", 0, 1 << 62)
        index.close()
        assert {complaints(path) for path in files} == {""}
    assert (result.doubled, result.out_of_order) == ((), ())
    assert result.lost
    assert {gap.cause for gap in gaps} == {GapCause.DISK_ERROR}
    for run in result.lost:
        for number in range(run[0], run[1] + 1):
            at_us = ledger.frames[number].utc_us
            assert any(gap.from_us - EDGE_US < at_us < gap.to_us + EDGE_US for gap in gaps)


def turn_read_only(disk: Ext4) -> None:
    """As after an error; from Linux 6.12 on, ext4 does not say so of itself."""
    disk.remount("errors=remount-ro")
    with OpenDisk(disk.root) as opened:
        opened.fail_writing()


def wait_until_unmounted(recorder: RecorderProcess, disk: Ext4) -> None:
    """As an administrator who tries again as long as somebody keeps it busy."""
    command = ["umount", str(disk.root)]
    recorder.wait_for(
        lambda: not subprocess.run(command, capture_output=True, check=False).returncode,
        "that it lets go of its disk",
    )


def test_a_disk_that_turns_read_only_is_let_go_of_though_nothing_is_to_be_written_to_it(
    tmp_path: Path,
) -> None:
    with ext4(tmp_path, 64) as disk, RecorderProcess(disk.root, []) as recorder:
        recorder.wait_for(lambda: bool(in_service(recorder)), "its service")
        turn_read_only(disk)
        wait_until_unmounted(recorder, disk)
        recorder.wait_for(lambda: recorder.status["volumes"][0]["dead"], "a dead volume")
        disk.mount()
        recorder.wait_for(lambda: bool(in_service(recorder)), "its return")
        assert recorder.stop() == 0, recorder.log


def test_a_disk_that_turns_read_only_is_let_go_of_though_a_camera_is_recorded_to_it(
    cache: Path, tmp_path: Path
) -> None:
    with (
        CameraThread(tmp_path / "cameras", cache, with_defaults([{}])) as cameras,
        ext4(tmp_path, 64) as disk,
        RecorderProcess(disk.root, [{"camera_id": "c1", "url": cameras.address()}]) as recorder,
    ):
        recorder.wait_for_pictures("c1", 50)
        turn_read_only(disk)
        wait_until_unmounted(recorder, disk)
        assert recorder.stop() == 0, recorder.log


def in_service(recorder: RecorderProcess) -> list[str]:
    """The volumes that it has in service."""
    return [it["path"] for it in recorder.status.get("volumes", []) if it["in_service"]]
