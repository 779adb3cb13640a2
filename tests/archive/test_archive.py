"""Several volumes as one: the roomiest takes the next segment, a dead one is bypassed."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.archive.material import BASE_US, CLUSTER, create, record

from tandem.archive.archive import Archive
from tandem.archive.deletion import Policy, Reason, Retention
from tandem.archive.errors import VolumeError
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


def test_the_volume_with_the_largest_share_free_takes_the_next_segment(
    mounted: list[Mounted],
) -> None:
    archive = Archive(mounted)
    assert archive.choose().volume_id == IDS[0]
    record(mounted[0], 1)
    assert archive.choose().volume_id == IDS[1]
    record(mounted[1], 2)
    assert archive.choose().volume_id == IDS[2]
    record(mounted[2], 3, fragments=8)
    assert archive.choose().volume_id == IDS[1]


def test_the_choice_does_not_depend_on_the_order_of_the_configuration(
    mounted: list[Mounted],
) -> None:
    assert Archive(reversed(mounted)).choose().volume_id == IDS[0]


def test_a_volume_that_goes_away_is_bypassed_and_the_reason_kept(mounted: list[Mounted]) -> None:
    archive = Archive(mounted)
    root = mounted[0].volume.root
    root.rename(root.with_name("away"))
    assert archive.choose().volume_id == IDS[1]
    assert "no longer" in archive.bypassed[IDS[0]]
    archive.bypass(IDS[0], "later")
    assert "no longer" in archive.bypassed[IDS[0]]


def test_without_any_volume_the_message_says_why_of_each(mounted: list[Mounted]) -> None:
    archive = Archive(mounted)
    for volume_id in IDS:
        archive.bypass(volume_id, f"Disk {volume_id.hex[7]} burnt.")
    with pytest.raises(VolumeError, match=r"Disk 1 burnt. Disk 2 burnt. Disk 3 burnt."):
        archive.choose()
    with pytest.raises(VolumeError, match="has none"):
        Archive([]).choose()


def test_a_camera_is_found_over_all_volumes_by_time(mounted: list[Mounted]) -> None:
    for number, place in ((3, 0), (1, 1), (2, 2), (4, 0)):
        record(mounted[place], number)
    record(mounted[1], 5, camera_id="yard")
    found = Archive(mounted).segments("gate", 0, BASE_US + 4 * 60_000_000)
    assert [one.volume_id for one in found] == [IDS[1], IDS[2], IDS[0]]


def test_a_volume_whose_index_breaks_does_not_hide_the_others(mounted: list[Mounted]) -> None:
    for place in range(3):
        record(mounted[place], place)
    mounted[1].index._connection.execute("DROP TABLE segment")
    archive = Archive(mounted)
    assert [one.volume_id for one in archive.segments("gate", 0, 1 << 60)] == [IDS[0], IDS[2]]
    assert list(archive.bypassed) == [IDS[1]]


def test_a_cameras_share_is_counted_over_the_node_and_freed_once(mounted: list[Mounted]) -> None:
    sizes = [record(mounted[place], place).durable_bytes for place in range(3)]
    policy = Policy({"gate": Retention(max_bytes=sum(sizes) - 1)})
    plans = Archive(mounted).plan_deletion(None, policy)
    assert [[one.reason for one in plans[volume_id]] for volume_id in IDS] == [
        [Reason.SIZE],
        [],
        [],
    ]


def test_a_full_volume_makes_room_for_itself_alone(mounted: list[Mounted]) -> None:
    for number in range(3):
        record(mounted[0], number, fragments=8, frame_bytes=2000)
    for number in (10, 11):
        record(mounted[1], number, fragments=8, frame_bytes=2000)
    plans = Archive(mounted).plan_deletion(None, Policy({}))
    assert [one.reason for one in plans[IDS[0]]] == [Reason.SPACE]
    assert plans[IDS[1]] == []
