"""Files that are complete or not there at all, whatever the disk or the user does."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3
from tests.archive.export.material import (
    BASE_US,
    H264,
    H265,
    MemorySource,
    film,
    packets,
    record,
    request,
)
from tests.archive.material import FailingDisk

from tandem.archive.disk import Disk
from tandem.archive.export.errors import ExportCancelledError, TargetError
from tandem.archive.export.export import Phase, Progress, export
from tandem.archive.rows import Segment

pytestmark = pytest.mark.real


@pytest.mark.parametrize("call", ["create", "writev", "fsync", "rename"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_leaves_no_file_whenever_it_fills(
    tmp_path: Path, call: str, after: int
) -> None:
    camera = film(3, H264, "64x64").then(film(3, H265))
    disk = FailingDisk()
    disk.fail(call, errno.ENOSPC, after)
    with pytest.raises(TargetError, match=r"no room for .*gate.*mp4"):
        export([record("a", camera)], request(tmp_path / "gate.mp4"), disk=disk)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("nth", [1, 2])
def test_who_stops_it_while_files_are_made_finds_none(tmp_path: Path, nth: int) -> None:
    class Stopping(Disk):
        made = 0

        def open(self, path: str, flags: int, *, dir_fd: int) -> int:
            self.made += 1
            if self.made == nth:
                raise KeyboardInterrupt
            return super().open(path, flags, dir_fd=dir_fd)

    camera = film(3, H264, "64x64").then(film(3, H265))
    with pytest.raises(KeyboardInterrupt):
        export([record("a", camera)], request(tmp_path / "gate.mp4"), disk=Stopping())
    assert list(tmp_path.iterdir()) == []


def test_the_longest_name_of_any_script_is_written_to(tmp_path: Path) -> None:
    target = tmp_path / f"{'в' * 125}.mp4"
    export([record("a", film(3))], request(target))
    assert list(tmp_path.iterdir()) == [target]


def test_a_directory_that_fails_to_sync_leaves_no_file(tmp_path: Path) -> None:
    disk = FailingDisk()
    disk.fail("fsync", errno.EIO, 1)
    with pytest.raises(TargetError, match="cannot be written"):
        export([record("a", film(3))], request(tmp_path / "gate.mp4"), disk=disk)
    assert list(tmp_path.iterdir()) == []


def test_that_there_is_no_room_is_seen_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = record("a", film(3))
    told = os.statvfs_result((4_096, 4_096, 1_000, 2, 2, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "fstatvfs", lambda _: told)
    disk = FailingDisk()
    with pytest.raises(TargetError, match=r"no room for .*gate\.mp4.* 0\.0 MB are free"):
        export([source], request(tmp_path / "gate.mp4"), disk=disk)
    assert disk.calls == []


def test_a_file_system_that_is_only_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = os.statvfs_result((4_096, 4_096, 1_000, 900, 900, 0, 0, 0, os.ST_RDONLY, 255))
    monkeypatch.setattr(os, "fstatvfs", lambda _: told)
    with pytest.raises(TargetError, match="mounted read-only"):
        export([record("a", film(3))], request(tmp_path / "gate.mp4"))


def test_short_writes_are_gone_on_with(tmp_path: Path) -> None:
    disk = FailingDisk()
    disk.longest_write = 1000
    result = export([record("a", film(3))], request(tmp_path / "gate.mp4"), disk=disk)
    assert packets(result.files[0].path) == [one.data for one in film(3).pictures]


@contextmanager
def limited(size_bytes: int) -> Iterator[None]:
    """No file may grow larger, as on FAT32."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_system_with_small_files_is_named_as_the_cause(tmp_path: Path) -> None:
    source = record("a", film(12))
    with limited(50_000), pytest.raises(TargetError, match="FAT32 ends at 4 GiB"):
        export([source], request(tmp_path / "gate.mp4"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("phase", Phase)
def test_who_cancels_finds_nothing_left_behind(tmp_path: Path, phase: Phase) -> None:
    def cancel(progress: Progress) -> None:
        if progress.phase is phase and progress.done > progress.total // 3:
            raise ExportCancelledError("Not wanted any more.")

    wanted = request(tmp_path / "gate.mp4", BASE_US, BASE_US + 12_000_000)
    with pytest.raises(ExportCancelledError):
        export([record("a", film(12))], wanted, cancel)
    assert list(tmp_path.iterdir()) == []


def test_progress_only_grows_and_ends_at_the_whole(tmp_path: Path) -> None:
    told: list[Progress] = []
    result = export([record("a", film(12))], request(tmp_path / "gate.mp4"), told.append)
    assert [one.phase for one in told] == sorted((one.phase for one in told), reverse=True)
    for phase in Phase:
        done = [one.done for one in told if one.phase is phase]
        assert done == sorted(done)
    assert told[-1].done == told[-1].total == result.files[0].size_bytes


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    camera = film(3, H264, "64x64").then(film(3, H265))
    (tmp_path / "gate-2.mp4").write_bytes(b"evidence")
    with pytest.raises(TargetError, match=r"gate-2.mp4 exists already"):
        export([record("a", camera)], request(tmp_path / "gate.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["gate-2.mp4"]
    with pytest.raises(TargetError, match=r"gate-2.mp4 exists already"):
        export([], request(tmp_path / "gate-2.mp4"))
    assert (tmp_path / "gate-2.mp4").read_bytes() == b"evidence"


def test_a_file_that_may_be_replaced_gives_way_only_to_a_whole_one(tmp_path: Path) -> None:
    target = tmp_path / "gate.mp4"
    target.write_bytes(b"earlier")
    wanted = replace(request(target), replaces=True)

    def cancel(progress: Progress) -> None:
        if progress.phase is Phase.COPYING and progress.done > progress.total // 3:
            raise ExportCancelledError("Not wanted any more.")

    with pytest.raises(ExportCancelledError):
        export([record("a", film(3))], wanted, cancel)
    assert target.read_bytes() == b"earlier"
    export([record("a", film(3))], wanted)
    assert len(packets(target)) == 75
    assert [path.name for path in tmp_path.iterdir()] == ["gate.mp4"]


def test_what_has_replaced_a_file_stays_though_the_directory_fails_to_sync(tmp_path: Path) -> None:
    target = tmp_path / "gate.mp4"
    target.write_bytes(b"earlier")
    disk = FailingDisk()
    disk.fail("fsync", errno.EIO, 1)
    with pytest.raises(TargetError, match="cannot be written"):
        export([record("a", film(3))], replace(request(target), replaces=True), disk=disk)
    assert len(packets(target)) == 75


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    asked: list[str] = []

    class Asked(MemorySource):
        def segments(self, *wanted: object) -> list[Segment]:
            asked.append(self.node_id)
            return []

    with pytest.raises(TargetError, match=r"/none does not exist"):
        export([Asked("a")], request(tmp_path / "none" / "gate.mp4"))
    assert asked == []


def test_the_result_tells_size_and_hash_of_what_is_on_the_disk(tmp_path: Path) -> None:
    result = export([record("a", film(3))], request(tmp_path / "gate.mp4"))
    (file,) = result.files
    content = file.path.read_bytes()
    assert (file.size_bytes, file.blake3) == (len(content), blake3(content).digest())
    told = result.to_json()
    assert told["version"] == 1
    assert told["from"] == "2026-11-18T11:06:40.000000Z"
    assert told["frames"] == told["files"][0]["frames"] == 75
    assert told["files"][0]["blake3"] == blake3(content).hexdigest()
    assert told["files"][0]["spans"] == [
        {
            "from": "2026-11-18T11:06:40.000000Z",
            "to": "2026-11-18T11:06:43.000000Z",
            "at_us": 0,
        }
    ]
    assert told["copies"] == [{"node_id": "a", "frames_taken": 75, "frames_held": 75}]
    assert told["missing"][0]["from"] == "2026-11-18T11:06:43.000000Z"
    assert told["missing"][0]["file"] is None
