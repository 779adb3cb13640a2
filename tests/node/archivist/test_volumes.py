"""Volumes come and go; the archivist has those that are there, and holds on to no other."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from tests.archive.file_systems import Ext4, ext4
from tests.archive.material import BASE_US, CLUSTER, NO_FLOOR, VOLUME, create, mounted_at, record
from tests.conformance.store.subjects import eventually, in_a_loop

from tandem.archive.errors import DiskReadOnlyError
from tandem.archive.mount import Mounted
from tandem.archive.writers import Writer
from tandem.node.archivist import volumes as module
from tandem.node.archivist.errors import GivenUpError
from tandem.node.archivist.holdings import Holdings, Wanted
from tandem.node.archivist.promises import Dated
from tandem.node.archivist.volumes import Volumes
from tandem.recording.orders import VolumeOrder

OTHER = UUID(int=9)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "RETRY_S", 0.01)


def order(root: Path, volume_id: UUID = VOLUME) -> VolumeOrder:
    return VolumeOrder(root, volume_id, NO_FLOOR)


@asynccontextmanager
async def served(*orders: VolumeOrder) -> AsyncGenerator[Volumes, None]:
    volumes = Volumes(orders, CLUSTER)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(volumes.run())
        await volumes.opened()
        try:
            yield volumes
        finally:
            running.cancel()
    volumes.close()


def said(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return condition()

    return said


def problem(volumes: Volumes) -> str:
    return volumes.status()[0]["problem"] or ""


def mounted_by(volumes: Volumes) -> list[Mounted]:
    with volumes.archive.in_use() as found:
        return found


def is_closed(mounted: Mounted) -> bool:
    return mounted.volume._root_fd == -1


@in_a_loop
async def test_a_volume_that_was_unmounted_is_let_go_of_and_taken_back(tmp_path: Path) -> None:
    root, away = tmp_path / "a", tmp_path / "away"
    create(root)
    async with served(order(root)) as volumes:
        assert problem(volumes) == ""
        (first,) = mounted_by(volumes)
        root.rename(away)
        await eventually(said(lambda: "is not a directory" in problem(volumes)))
        assert mounted_by(volumes) == []
        assert volumes.archive.bypassed.keys() == {VOLUME}
        await eventually(said(lambda: is_closed(first)))
        away.rename(root)
        await eventually(said(lambda: problem(volumes) == ""))
        (second,) = mounted_by(volumes)
        assert second is not first


@in_a_loop
async def test_a_lost_volume_is_not_closed_under_whoever_reads_from_it(tmp_path: Path) -> None:
    root = tmp_path / "a"
    create(root)
    async with served(order(root)) as volumes:
        with volumes.archive.in_use() as found:
            (mounted,) = found
            root.rename(tmp_path / "away")
            await eventually(said(lambda: mounted.loans.is_over))
            assert not is_closed(mounted)
        assert is_closed(mounted)


@in_a_loop
async def test_who_reads_long_from_a_lost_volume_gives_up_and_so_lets_go(tmp_path: Path) -> None:
    root = tmp_path / "a"
    create(root)
    with mounted_at(root) as mounted:
        record(mounted, 1, start_us=BASE_US, fragments=3)
    async with served(order(root)) as volumes:
        holdings = Holdings(volumes.archive)
        (row,) = holdings.segments("gate", "main", 0, 1 << 60)
        wanted = Wanted(
            "gate", "main", [Dated(it.identity, it.time_us) for it in holdings.read(row).pictures]
        )
        (mounted,) = mounted_by(volumes)
        with pytest.raises(GivenUpError, match="is being let go of"):
            holdings.find(wanted, mounted.loans.end)
        assert is_closed(mounted)


@in_a_loop
async def test_volumes_come_and_go_as_ordered_while_others_serve(tmp_path: Path) -> None:
    one, other = order(tmp_path / "a"), order(tmp_path / "b", OTHER)
    create(one.path)
    create(other.path, OTHER)
    async with served(one) as volumes:
        (first,) = mounted_by(volumes)
        volumes.apply([one, other])
        await eventually(said(lambda: len(mounted_by(volumes)) == 2))
        assert first in mounted_by(volumes)
        volumes.apply([other])
        await eventually(said(lambda: is_closed(first)))
        assert [it.volume_id for it in mounted_by(volumes)] == [OTHER]
        assert volumes.status() == [
            {"volume_id": str(OTHER), "path": str(other.path), "problem": None}
        ]
        assert volumes.archive.bypassed == {}


@in_a_loop
async def test_a_new_disk_in_the_place_of_another_is_used_and_the_old_one_forgotten(
    tmp_path: Path,
) -> None:
    root = tmp_path / "a"
    create(root)
    async with served(order(root)) as volumes:
        root.rename(tmp_path / "away")
        create(root, OTHER)
        await eventually(said(lambda: "is expected there" in problem(volumes)))
        volumes.apply([order(root, OTHER)])
        await eventually(said(lambda: problem(volumes) == ""))
        assert [it.volume_id for it in mounted_by(volumes)] == [OTHER]
        assert volumes.archive.volumes.keys() == {OTHER}


@in_a_loop
async def test_a_volume_at_another_path_is_opened_there(tmp_path: Path) -> None:
    root, moved = tmp_path / "a", tmp_path / "b"
    create(root)
    async with served(order(root)) as volumes:
        root.rename(moved)
        volumes.apply([order(moved)])
        await eventually(said(lambda: [it.volume.root for it in mounted_by(volumes)] == [moved]))


@in_a_loop
async def test_a_volume_that_takes_no_changes_is_left_though_it_says_that_it_is_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ext4 does not call itself read-only after an error, from Linux 6.12 on."""
    root = tmp_path / "a"
    create(root)
    async with served(order(root)) as volumes:
        (mounted,) = mounted_by(volumes)

        def refuse(_: Writer) -> None:
            raise DiskReadOnlyError("The file system became read-only.")

        monkeypatch.setattr(Writer, "check_writable", refuse)
        await eventually(said(lambda: is_closed(mounted)))


@pytest.mark.lab("loop")
@in_a_loop
async def test_a_read_only_disk_is_read_can_be_unmounted_and_takes_part_again(
    tmp_path: Path,
) -> None:
    with ext4(tmp_path) as disk:
        disk.unmount()
        disk.mount("errors=remount-ro")
        create(disk.root)
        with mounted_at(disk.root) as mounted:
            record(mounted, 1)
        async with served(order(disk.root)) as volumes:
            holdings = Holdings(volumes.archive)
            (row,) = holdings.listed("gate", "main", 0, 1 << 60).segments
            fail_writing(disk)
            await eventually(said(lambda: VOLUME in volumes.archive.read_only))
            assert "read-only" in problem(volumes)
            listed = holdings.listed("gate", "main", 0, 1 << 60)
            assert [it.segment_id for it in listed.segments] == [row.segment_id]
            assert listed.unreadable == ()
            assert holdings.piece(row.segment_id, 4, 4) == b"ftyp"
            assert holdings.borrow_roomiest() is None, "nothing is fetched to it"
            disk.unmount()
            await eventually(said(lambda: VOLUME not in volumes.archive.read_only))
            assert holdings.inventory().unreadable == (problem(volumes),)
            disk.mount()
            await eventually(said(lambda: problem(volumes) == ""))


def fail_writing(disk: Ext4) -> None:
    """What ext4 does when it finds an error."""
    device = disk.root.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("by a test", encoding="ascii")
