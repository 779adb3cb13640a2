"""Cameras that begin with the pictures since their last keyframe, and the recorder process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from tests.lab.camera.running import CameraThread, wait_until, with_defaults
from tests.recording.running import RecorderProcess, complaints

from tandem.lab.counting.ledger import Ledger
from tandem.lab.counting.marks import find_mark

pytestmark = pytest.mark.real

FPS = 25
GOP = 4 * FPS
SETTINGS: dict[str, Any] = {
    "start": "cached-gop",
    "profile": {"fps": FPS, "gop_s": GOP / FPS, "length_s": 2 * GOP / FPS},
}
NEAR_US = 150_000
"""A beat of the recorder and a picture: how far arrival alone may be off on one machine.

Most pictures: some may be late on a machine that does much else. A clock that took the pictures of
the past for new ones is wrong for all that follow.
"""


def timed(path: Path) -> Iterator[tuple[int, int]]:
    """The number of each picture in a file, and when it was taken according to the file, UTC us."""
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                mark = find_mark(bytes(packet), "h264")
                assert mark is not None
                assert packet.pts is not None
                yield mark.number, int(packet.pts * packet.time_base * 1_000_000)


def late_us(pictures: list[tuple[int, int]], ledger: Ledger) -> list[int]:
    """By how much pictures are later in the file than they were taken."""
    return [us - ledger.frames[number].utc_us for number, us in pictures]


@pytest.mark.parametrize("reports", ["right", "reports-missing", "reports-wrong"])
def test_pictures_have_the_time_they_were_taken_at_after_a_reconnect_too(
    cache: Path, tmp_path: Path, reports: str
) -> None:
    with CameraThread(tmp_path / "cameras", cache, with_defaults([SETTINGS])) as cameras:

        def age_of_gop() -> int:
            statistics: dict[str, int] = cameras.ask("statistics", camera=1)["result"]["1"]
            return statistics["next_frame"] % GOP

        if reports != "right":
            cameras.fault(reports)
        order = {"camera_id": "c1", "url": cameras.address()}
        wait_until(lambda: age_of_gop() > GOP // 2, "a GOP is half over")
        with RecorderProcess(tmp_path / "volume", [order]) as recorder:
            recorder.wait_for_pictures("c1", GOP // 2)
            recorder.wait_for(lambda: GOP * 2 // 5 < age_of_gop() < GOP * 3 // 5, "an old GOP")
            cameras.fault("reset", duration_s=0)
            recorder.wait_for_pictures("c1", GOP * 3 // 2)
            assert recorder.stream("c1")["connections"] == 2
            assert recorder.stop() == 0, recorder.log
            files = recorder.files("c1")
    ledger = cameras.ledger()
    pictures = [picture for path in files for picture in timed(path)]
    again = next(
        at for at in range(1, len(pictures)) if pictures[at][0] <= pictures[at - 1][0]
    )  # where the second connection begins
    sent_again = pictures[again - 1][0] - pictures[again][0] + 1
    assert sent_again > GOP // 4, "the camera sent little again"
    times = [us for _, us in pictures]
    assert times == sorted(set(times))
    new = pictures[again + sent_again + -(-sent_again // 9) + 1 :]
    assert len(new) > FPS
    for part in (pictures[:again], new):
        late = late_us(part, ledger)
        near = [us for us in late if abs(us) < NEAR_US]
        assert len(near) > len(late) * 3 // 4, (min(late), max(late))
    assert {complaints(path) for path in files} == {""}
