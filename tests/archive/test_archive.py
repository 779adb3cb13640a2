"""Several volumes as one: what there is, and a dead one bypassed."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.archive.material import BASE_US, CLUSTER, create, record

from tandem.archive.archive import Archive
from tandem.archive.mount import Mounted, mount
from tandem.archive.space import Limits

IDS = [UUID(int=number << 96) for number in (1, 2, 3)]
MIB = 1 << 20


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[list[Mounted]]:
    opened = []
    for volume_id, cap in zip(IDS, (MIB, 2 * MIB, 2 * MIB), strict=True):
        root = tmp_path / volume_id.hex
        create(root, volume_id)
        opened.append(mount(root, volume_id, CLUSTER, Limits(cap, 0)))
    yield opened
    for one in opened:
        one.close()


def test_a_volume_that_goes_away_is_bypassed_and_the_reason_kept(mounted: list[Mounted]) -> None:
    archive = Archive(mounted)
    root = mounted[0].volume.root
    root.rename(root.with_name("away"))
    with archive.in_use() as volumes:
        assert [one.volume_id for one in volumes] == IDS[1:]
    assert "no longer" in archive.bypassed[IDS[0]]
    archive.bypass(IDS[0], "later")
    assert "no longer" in archive.bypassed[IDS[0]]


def test_a_camera_is_found_over_all_volumes_by_time(mounted: list[Mounted]) -> None:
    for number, place in ((3, 0), (1, 1), (2, 2), (4, 0)):
        record(mounted[place], number)
    record(mounted[1], 5, camera_id="yard")
    archive = Archive(mounted)
    with archive.in_use() as volumes:
        found = archive.segments(volumes, "gate", 0, BASE_US + 4 * 60_000_000)
    assert [one.volume.volume_id for one in found] == [IDS[1], IDS[2], IDS[0]]


def test_a_volume_whose_index_breaks_does_not_hide_the_others(mounted: list[Mounted]) -> None:
    for place in range(3):
        record(mounted[place], place)
    mounted[1].index._connection.execute("DROP TABLE segment")
    archive = Archive(mounted)
    with archive.in_use() as volumes:
        found = archive.segments(volumes, "gate", 0, 1 << 60)
    assert [one.volume.volume_id for one in found] == [IDS[0], IDS[2]]
    assert list(archive.bypassed) == [IDS[1]]


def test_what_a_broken_index_cannot_tell_is_told_by_the_others(mounted: list[Mounted]) -> None:
    for place in range(3):
        record(mounted[place], place)
    mounted[1].index._connection.execute("DROP TABLE segment")
    archive = Archive(mounted)
    with archive.in_use() as volumes:
        found = archive.answers(volumes, lambda it: [one.camera_id for one in it.extents()])
    assert [(one.volume_id, cameras) for one, cameras in found] == [
        (IDS[0], ["gate"]),
        (IDS[2], ["gate"]),
    ]
    assert list(archive.bypassed) == [IDS[1]]
