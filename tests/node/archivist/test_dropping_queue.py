"""Whatever is never promised, nothing waits behind it for ever."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.archive.material import BASE_US
from tests.conformance.store.subjects import in_a_loop
from tests.node.archivist.material import CAMERA, SECOND_US, SetView, Site, sites

from tandem.archive.deletion import Retention
from tandem.archive.layout import segment_path
from tandem.archive.rows import Closing, Progress, Role, Segment
from tandem.cluster.model import Placement
from tandem.node.archivist import dropping

MINUTE_US = 60 * SECOND_US


class ViewOfMany(SetView):
    """A cluster of some cameras of one placement, the mirrored ones without a window."""

    cameras: tuple[str, ...] = (CAMERA, "yard", "mirrored")

    def placements(self) -> dict[str, Placement]:
        return {
            camera_id: Placement(camera_id, self.placement.nodes, 1) for camera_id in self.cameras
        }

    def retention(self) -> dict[str, Retention]:
        windows = {"mirrored": None}
        return {
            camera_id: Retention(window_us=windows.get(camera_id, self.window_us))
            for camera_id in self.cameras
        }


def enter(site: Site, minute: int, camera_id: str = CAMERA) -> UUID:
    """A row of a minute that this node holds as a second."""
    segment_id, start_us = uuid4(), BASE_US + (minute - 1000) * MINUTE_US
    path = segment_path(camera_id, "main", start_us, segment_id)
    writer_id = site.mounted.writer.writer_id
    row = Segment(
        segment_id, camera_id, "main", path, Role.SECOND, start_us, start_us, writer_id=writer_id
    )
    step = Progress(segment_id, start_us + MINUTE_US, 1000, 10, 1)
    site.mounted.index.begin(row)
    site.mounted.index.sync_round(closings=[Closing(step, bytes(32))])
    return segment_id


def candidates(site: Site) -> list[UUID]:
    return [row.segment_id for row in site.dropper._candidates()]


def see_many(site: Site) -> None:
    view = ViewOfMany(site.view.known)
    site.view = site.dropper._view = view


@in_a_loop
async def test_what_was_promised_or_has_no_window_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "_CANDIDATES", 4)
    async with sites(tmp_path, "n2") as (second,):
        see_many(second)
        earlier = {enter(second, minute) for minute in range(4)}
        second.mounted.index.promise(earlier, 1)  # while this node was the primary
        for minute in range(4):
            enter(second, minute, "mirrored")
        wanted = [enter(second, minute) for minute in range(10, 13)]
        assert candidates(second) == wanted


@in_a_loop
async def test_what_is_never_promised_hides_nothing_that_is_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "_CANDIDATES", 4)
    async with sites(tmp_path, "n2") as (second,):
        rows = [enter(second, minute) for minute in range(6)]
        assert candidates(second) == rows[:4]
        assert candidates(second) == rows[4:]
        assert candidates(second) == rows[:4]  # and is asked about again


@in_a_loop
async def test_cameras_take_turns(tmp_path: Path) -> None:
    async with sites(tmp_path, "n2") as (second,):
        see_many(second)
        gate = [enter(second, minute) for minute in range(3)]
        yard = [enter(second, minute, "yard") for minute in range(100, 102)]
        assert candidates(second) == [gate[0], yard[0], gate[1], yard[1], gate[2]]


@in_a_loop
async def test_what_is_within_its_window_waits(tmp_path: Path) -> None:
    async with sites(tmp_path, "n2") as (second,):
        old = enter(second, 0)
        enter(second, 1060)  # an hour after the base is now
        assert candidates(second) == [old]
