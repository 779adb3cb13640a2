"""The recorder process on a disk that dies under it, and is mounted again."""

import time
from pathlib import Path

import pytest
from tests.archive.file_systems import ext4
from tests.lab.camera.running import CameraThread, with_defaults
from tests.recording.running import RecorderProcess, complaints

from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import GapCause
from tandem.lab.counting.compare import Span, compare
from tandem.lab.counting.count import count_frames

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
