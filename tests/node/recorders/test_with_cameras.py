"""Recorders with real processes and cameras: killed, stopped, changed; the others undisturbed."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.lab.camera.running import CameraThread, with_defaults
from tests.node.recorders.running import CLUSTER, kill, make_volume, running, stop, stream

from tandem.node.children.health import Condition, Patience
from tandem.node.recorders.wanted import Wanted
from tandem.recording.camera import StreamName
from tandem.recording.orders import VolumeOrder

pytestmark = pytest.mark.real

QUICK = Patience(hung_us=3_000_000, lost_us=8_000_000)


@pytest.fixture
def cameras(cache: Path, tmp_path: Path) -> CameraThread:
    return CameraThread(tmp_path / "cameras", cache, with_defaults([{}, {}]))


def wanted_of(cameras: CameraThread, volume: Path) -> Wanted:
    streams = tuple(stream(f"c{number}", cameras.address(number)) for number in (1, 2))
    return Wanted(CLUSTER, (make_volume(volume),), streams)


def test_a_killed_recorder_is_replaced_and_the_other_never_notices(
    cameras: CameraThread, tmp_path: Path
) -> None:
    async def scenario() -> None:
        with cameras:
            async with running(wanted_of(cameras, tmp_path / "volume"), count=2) as bench:
                await bench.records("c1")
                await bench.records("c2")
                killed, other = bench.pid(0), bench.pid(1)
                before = [one.restarts for one in bench.recorders.report().recorders]
                kill(killed)
                await bench.until(lambda: not bench.pictures("c1"), "c1 is known to be gone")
                await bench.records("c1")
                await bench.records("c2")
                report = bench.recorders.report()
                assert bench.pid(0) != killed
                assert bench.pid(1) == other
                assert [one.restarts for one in report.recorders] == [before[0] + 1, before[1]]
                assert report.streams["c2", StreamName.MAIN]["connections"] == 1

    asyncio.run(scenario())


def test_a_stopped_recorder_is_reported_as_hung_and_then_replaced(
    cameras: CameraThread, tmp_path: Path
) -> None:
    async def scenario() -> None:
        with cameras:
            wanted = wanted_of(cameras, tmp_path / "volume")
            async with running(wanted, count=2, patience=QUICK) as bench:
                await bench.records("c1")
                await bench.records("c2")
                stopped, other = bench.pid(0), bench.pid(1)
                stop(stopped)
                await bench.until(
                    lambda: bench.recorders.report().recorders[0].condition is Condition.HUNG,
                    "the recorder hangs",
                )
                state = bench.recorders.report().streams["c1", StreamName.MAIN]
                assert (state["connected"], state["cause"]) == (False, "recorder_down")
                await bench.records("c1")
                assert bench.pid(0) != stopped
                await bench.records("c2")
                assert bench.pid(1) == other

    asyncio.run(scenario())


def test_adding_and_removing_a_camera_disturbs_no_other(
    cameras: CameraThread, tmp_path: Path
) -> None:
    async def scenario() -> None:
        with cameras:
            wanted = wanted_of(cameras, tmp_path / "volume")
            async with running(wanted, count=1) as bench:
                bench.want_streams(wanted.streams[:1])
                await bench.records("c1")
                pid = bench.pid()
                bench.want_streams(wanted.streams)
                await bench.records("c2")
                bench.want_streams(wanted.streams[:1])
                await bench.until(
                    lambda: (
                        len(status.streams) == 1
                        if (status := bench.recorders.report().recorders[0].status)
                        else False
                    ),
                    "c2 is recorded no longer",
                )
                await bench.records("c1")
                assert bench.recorders.report().streams["c1", StreamName.MAIN]["connections"] == 1
                assert bench.pid() == pid

    asyncio.run(scenario())


def test_a_volume_that_comes_and_one_that_goes_disturb_no_camera(
    cameras: CameraThread, tmp_path: Path
) -> None:
    """A disk that is mounted a few seconds late costs no picture, and no connection."""

    async def scenario() -> None:
        with cameras:
            wanted = wanted_of(cameras, tmp_path / "volume")
            late = make_volume(tmp_path / "late")
            async with running(wanted, count=2) as bench:

                def is_used_by_both() -> bool:
                    found = bench.recorders.report().volumes[str(late.volume_id)]
                    return found["recorders"] == 2 and found["free_bytes"] is not None

                await bench.records("c1")
                await bench.records("c2")
                pids = bench.pids()
                bench.want(replace(wanted, volumes=(*wanted.volumes, late)))
                await bench.until(is_used_by_both, "it is in use by both")
                await bench.records("c1")
                bench.want(replace(wanted, volumes=(late,)))
                await bench.until(lambda: bool(written(late)), "the late one is written to")
                await bench.records("c1")
                await bench.records("c2")
                report = bench.recorders.report()
                assert bench.pids() == pids
                assert list(report.volumes) == [str(late.volume_id)]
                assert [one["connections"] for one in report.streams.values()] == [1, 1]
                assert report.dropped_bytes == 0

    asyncio.run(scenario())


def written(volume: VolumeOrder) -> list[Path]:
    return list(volume.path.glob("c*/main/*/*.mp4"))
