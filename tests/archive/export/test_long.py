"""Three hours of two copies: one file, in bounded memory, that opens and seeks at once."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

MINUTES = 180
PER_MINUTE = 1_500
BOTH_MISS = range(400, 450)


@pytest.mark.real
def test_three_hours_are_exported_in_bounded_memory_and_seek_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.archive.export.long_recording"]
    done = subprocess.run(
        [*command, str(tmp_path), str(MINUTES), "40"], check=True, capture_output=True, timeout=280
    )
    told = json.loads(done.stdout)
    expected = [
        minute * PER_MINUTE + number
        for minute in range(MINUTES)
        for number in range(PER_MINUTE)
        if minute % 2 == 0 or number not in BOTH_MISS
    ]
    # 270,000 pictures and 500,000 frames of sound: the tables of the result, and one window.
    assert told["peak_kb"] - told["before_kb"] < 160_000
    assert told["frames"] == len(expected)
    with av.open(str(tmp_path / "export.mp4")) as container:
        found = [bytes(packet)[5:9] for packet in container.demux(video=0) if packet.size]
        assert [int.from_bytes(number, "big") for number in found] == expected
    with av.open(str(tmp_path / "export.mp4")) as container:
        stream = container.streams.video[0]
        for second in (3_600, 10_799, 2, 7_777):
            container.seek(second * 90_000, stream=stream)
            packet = next(container.demux(stream))
            # The keyframe of that GOP of two seconds.
            assert int.from_bytes(bytes(packet)[5:9], "big") == second // 2 * 50
