"""A disk that is not there, or not the right one, is never written to."""

import errno
import os
from pathlib import Path, PurePosixPath
from uuid import UUID, uuid4

import pytest
from tests.archive.material import BASE_US, CLUSTER, VOLUME, FailingDisk, create, segment_uuid

from tandem.archive import identity
from tandem.archive.errors import (
    DiskFailedError,
    VolumeBusyError,
    VolumeMissingError,
    VolumeNotEmptyError,
    WrongVolumeError,
)
from tandem.archive.identity import VolumeIdentity
from tandem.archive.layout import IDENTITY_FILE, segment_path
from tandem.archive.space import Limits, Space
from tandem.archive.volume import Access, Volume


def contents(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_an_empty_mount_point_is_told_from_a_volume_and_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(VolumeMissingError, match="not mounted"):
        Volume.open(tmp_path, VOLUME, CLUSTER)
    assert contents(tmp_path) == set()


def test_a_path_that_is_no_directory_is_a_missing_volume(tmp_path: Path) -> None:
    with pytest.raises(VolumeMissingError, match="not a directory"):
        Volume.open(tmp_path / "nowhere", VOLUME, CLUSTER)


def test_two_disks_that_changed_places_are_noticed(tmp_path: Path) -> None:
    create(tmp_path)
    with pytest.raises(WrongVolumeError, match=str(VOLUME)):
        Volume.open(tmp_path, uuid4(), CLUSTER)


def test_another_clusters_disk_is_refused(tmp_path: Path) -> None:
    create(tmp_path)
    with pytest.raises(WrongVolumeError, match=f"cluster {CLUSTER}"):
        Volume.open(tmp_path, VOLUME, CLUSTER + 1)


def test_creating_refuses_a_directory_with_somebodys_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(VolumeNotEmptyError, match="thesis"):
        create(tmp_path)
    assert contents(tmp_path) == {"thesis.odt"}


def test_creating_takes_a_fresh_ext4_with_its_lost_and_found(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    create(tmp_path)
    Volume.open(tmp_path, VOLUME, CLUSTER).close()


def test_creating_again_keeps_the_volume_that_is_there(tmp_path: Path) -> None:
    create(tmp_path)
    found = Volume.create(tmp_path, VolumeIdentity(uuid4(), CLUSTER, "n2", 0))
    assert found == VolumeIdentity(VOLUME, CLUSTER, "n1", BASE_US)


def test_creating_refuses_another_clusters_volume(tmp_path: Path) -> None:
    create(tmp_path)
    with pytest.raises(WrongVolumeError):
        Volume.create(tmp_path, VolumeIdentity(uuid4(), CLUSTER + 1, "n1", 0))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": "?"}', "\0" * 100])
def test_a_damaged_identity_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / IDENTITY_FILE).write_text(text)
    with pytest.raises(WrongVolumeError, match="damaged"):
        Volume.open(tmp_path, VOLUME, CLUSTER)


def test_a_volume_of_a_later_version_is_refused(tmp_path: Path) -> None:
    data = identity.encode(VolumeIdentity(VOLUME, CLUSTER, "n1", 0))
    (tmp_path / IDENTITY_FILE).write_bytes(data.replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(WrongVolumeError, match="Update"):
        Volume.open(tmp_path, VOLUME, CLUSTER)


def test_an_identity_comes_back_to_the_microsecond(tmp_path: Path) -> None:
    one = VolumeIdentity(VOLUME, CLUSTER, "n1", BASE_US + 1)
    assert identity.decode(identity.encode(one), tmp_path) == one


def test_who_wants_a_volume_alone_waits_for_nobody_and_lets_nobody_in(tmp_path: Path) -> None:
    create(tmp_path)
    first = Volume.open(tmp_path, VOLUME, CLUSTER)
    Volume.open(tmp_path, VOLUME, CLUSTER).close()
    with pytest.raises(VolumeBusyError):
        Volume.open(tmp_path, VOLUME, CLUSTER, access=Access.EXCLUSIVE)
    Volume.open(tmp_path, VOLUME, CLUSTER, access=Access.READ_ONLY).close()
    first.close()
    first.close()
    alone = Volume.open(tmp_path, VOLUME, CLUSTER, access=Access.EXCLUSIVE)
    with pytest.raises(VolumeBusyError):
        Volume.open(tmp_path, VOLUME, CLUSTER)
    alone.close()


def test_a_disk_that_goes_away_underneath_is_noticed_and_the_mount_point_stays_bare(
    tmp_path: Path,
) -> None:
    root = tmp_path / "disk"
    create(root)
    volume = Volume.open(root, VOLUME, CLUSTER)
    volume.check_present()
    root.rename(tmp_path / "away")
    with pytest.raises(VolumeMissingError, match="no longer"):
        volume.check_present()
    root.mkdir()  # the bare mount point
    with pytest.raises(VolumeMissingError, match="no longer"):
        volume.check_present()
    os.close(volume.create_file(PurePosixPath("gate/main/x.mp4")))
    assert contents(root) == set()
    assert (tmp_path / "away/gate/main/x.mp4").exists()
    volume.close()


def test_a_name_is_durable_up_to_the_root(tmp_path: Path) -> None:
    create(tmp_path)
    disk = FailingDisk()
    volume = Volume.open(tmp_path, VOLUME, CLUSTER, disk=disk)
    disk.calls.clear()
    os.close(volume.create_file(PurePosixPath("gate/main/2026-01-01/a.mp4")))
    steps = [call for call in disk.calls if call in {"mkdir", "fsync", "create"}]
    assert steps == ["mkdir", "fsync"] * 3 + ["create", "fsync"]
    disk.calls.clear()
    os.close(volume.create_file(PurePosixPath("gate/main/2026-01-01/b.mp4")))
    assert [call for call in disk.calls if call != "open"] == ["create", "fsync"]
    volume.close()


def test_a_directory_left_by_a_crash_is_synced_once_more(tmp_path: Path) -> None:
    create(tmp_path)
    (tmp_path / "gate/main").mkdir(parents=True)
    disk = FailingDisk()
    volume = Volume.open(tmp_path, VOLUME, CLUSTER, disk=disk)
    volume.make_directories(PurePosixPath("gate/main"))
    assert disk.calls.count("fsync") == 2
    volume.close()


def test_a_failed_sync_of_a_directory_is_not_taken_for_done(tmp_path: Path) -> None:
    create(tmp_path)
    disk = FailingDisk()
    volume = Volume.open(tmp_path, VOLUME, CLUSTER, disk=disk)
    disk.fail("fsync", errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        volume.make_directories(PurePosixPath("gate"))
    disk.heal()
    disk.calls.clear()
    volume.make_directories(PurePosixPath("gate"))
    assert "fsync" in disk.calls
    volume.close()


def test_an_identity_is_durable_before_its_name_and_its_name_before_anything_else(
    tmp_path: Path,
) -> None:
    disk = FailingDisk()
    Volume.create(tmp_path, VolumeIdentity(VOLUME, CLUSTER, "n1", 0), disk)
    assert disk.calls == ["create", "writev", "fsync", "rename", "fsync"]


def test_a_failing_disk_is_told_when_it_is_made_a_volume(tmp_path: Path) -> None:
    disk = FailingDisk()
    disk.fail("fsync", errno.EIO)
    with pytest.raises(DiskFailedError, match="smartctl"):
        Volume.create(tmp_path, VolumeIdentity(VOLUME, CLUSTER, "n1", 0), disk)
    assert not (tmp_path / IDENTITY_FILE).exists()


def test_the_directory_of_a_day_goes_with_its_last_file(tmp_path: Path) -> None:
    create(tmp_path)
    volume = Volume.open(tmp_path, VOLUME, CLUSTER)
    paths = [
        PurePosixPath("gate/main/2026-01-01/a.mp4"),
        PurePosixPath("gate/main/2026-01-01/b.mp4"),
    ]
    for path in paths:
        os.close(volume.create_file(path))
    volume.unlink(paths[:1])
    assert (tmp_path / paths[1]).exists()
    volume.unlink(paths)
    assert not (tmp_path / "gate/main/2026-01-01").exists()
    assert (tmp_path / "gate/main").exists()
    os.close(volume.create_file(paths[0]))
    volume.close()


def test_a_segments_path_is_in_utc_and_sorts_by_time() -> None:
    path = segment_path("gate", "main", 1_795_000_000_000_001, segment_uuid(255))
    assert str(path) == "gate/main/2026-11-18/11-06-40.000001Z_000000ff.mp4"


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "a/b", "a\0", "locks", "quarantine", "x" * 200]
)
def test_a_camera_cannot_be_named_out_of_its_place(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        segment_path(name, "main", 0, UUID(int=0))


def test_room_is_bounded_by_the_cap_and_by_the_floor() -> None:
    limits = Limits(max_bytes=100, min_free_bytes=10)
    assert Space(1000, 500, 30, limits).room_bytes == 70
    assert Space(1000, 15, 30, limits).room_bytes == 5
    assert Space(1000, 5, 30, limits).room_bytes == -5
    assert Space(1000, 500, 120, limits).room_bytes == -20
    assert Space(1000, 500, 30, Limits(None, 10)).room_bytes == 490


def test_the_free_share_of_an_empty_and_of_a_full_volume() -> None:
    assert Space(1000, 1000, 0, Limits(100, 10)).share_free == 1
    assert Space(1000, 1000, 50, Limits(100, 10)).share_free == 0.5
    assert Space(1000, 5, 0, Limits(None, 10)).share_free < 0
