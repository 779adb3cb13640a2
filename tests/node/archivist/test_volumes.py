"""Volumes come and go; the archivist has those that are there."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.archive.material import CLUSTER, NO_FLOOR, VOLUME, create
from tests.conformance.store.subjects import eventually, in_a_loop

from tandem.node.archivist import volumes as module
from tandem.node.archivist.volumes import Volumes
from tandem.recording.orders import VolumeOrder


def _saying(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return condition()

    return said


@in_a_loop
async def test_a_volume_that_was_unmounted_is_let_go_of_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "_LEAVING_S", 0.01)
    root, away = tmp_path / "a", tmp_path / "away"
    create(root)
    volumes = Volumes([VolumeOrder(root, VOLUME, NO_FLOOR)], CLUSTER)

    def problem() -> str:
        return volumes.status()[0]["problem"] or ""

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(volumes.run())
        await volumes.opened()
        assert problem() == ""
        (first,) = volumes.archive.healthy()
        root.rename(away)
        await eventually(_saying(lambda: "is not a directory" in problem()))
        assert volumes.archive.healthy() == []
        assert volumes.archive.bypassed.keys() == {VOLUME}
        await eventually(_saying(lambda: first.volume._root_fd == -1))
        away.rename(root)
        await eventually(_saying(lambda: problem() == ""))
        (second,) = volumes.archive.healthy()
        assert second is not first
        running.cancel()
    volumes.close()
