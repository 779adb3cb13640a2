"""Two nodes record one camera; one of them misses some of it, and has it soon after."""

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.archive.material import CLUSTER
from tests.conformance.store.subjects import in_a_loop
from tests.lab.camera.running import CameraThread, with_defaults
from tests.node.archivist.material import CAMERA, SECOND_US
from tests.node.archivist.running import mounted_of, orders_of, running, volume_of
from tests.node.recorders.running import running as recording
from tests.node.recorders.running import stream
from tests.node.test_tls import Files

from tandem.archive.mount import Mounted
from tandem.archive.rows import State
from tandem.node.archivist.contents import read_contents
from tandem.node.recorders.wanted import Wanted

pytestmark = pytest.mark.real

PROFILE = {"fps": 25, "gop_s": 1.0, "length_s": 4.0}


@in_a_loop
async def test_what_a_node_missed_is_healed_while_both_go_on_recording(
    tmp_path: Path, cache: Path
) -> None:
    files = Files(tmp_path, "ours")
    volumes = {name: volume_of(tmp_path, name) for name in ("n1", "n3")}
    with CameraThread(tmp_path / "camera", cache, with_defaults([{"profile": PROFILE}])) as cameras:
        streams = (stream(CAMERA, cameras.address()),)
        first, third = (Wanted(CLUSTER, (volumes[name],), streams) for name in ("n1", "n3"))
        async with (
            recording(first) as one_records,
            running(orders_of(tmp_path, files, "n1")) as one,
            running(orders_of(tmp_path, files, "n3")) as three,
        ):
            await one.listens()
            async with recording(third) as three_records:
                await one_records.records(CAMERA)
                await three_records.records(CAMERA, 100)
                three_records.want(replace(third, streams=()))
                await one_records.records(CAMERA, 150)
                three_records.want(third)
                three.heal({"n1": one})
                await three.is_whole()
                await three_records.records(CAMERA, 25)
        with (
            closing(mounted_of(tmp_path, "n1")) as at_first,
            closing(mounted_of(tmp_path, "n3")) as at_third,
        ):
            assert {row.state for row in at_third.reader.all_segments()} == {State.CLOSED}
            theirs = await asyncio.to_thread(times_of, at_first)
            ours = await asyncio.to_thread(times_of, at_third)
            until_us = max(ours.values()) - SECOND_US
            lacking = [at for picture, at in theirs.items() if picture not in ours]
            assert [at - until_us for at in sorted(lacking) if at < until_us] == []


def times_of(mounted: Mounted) -> dict[bytes, int]:
    """The pictures of a volume, and when each was taken."""
    return {
        one.identity: one.time_us
        for row in mounted.reader.all_segments()
        for one in read_contents(mounted.volume, row).pictures
    }
