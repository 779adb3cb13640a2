"""Deletion that is interrupted anywhere ends as if it had not been, and takes nothing else."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.archive.file_systems import ext4, fill, tmpfs
from tests.archive.material import (
    BASE_US,
    FailingDisk,
    Writing,
    create,
    mounted_at,
    record,
    segment_uuid,
)

from tandem.archive.check import check
from tandem.archive.cleaner import delete, finish
from tandem.archive.deletion import Deletion, Reason
from tandem.archive.errors import DiskFailedError
from tandem.archive.layout import BALLAST_FILE
from tandem.archive.rows import GapCause, Segment, State


class PowerGone(BaseException):
    """Nothing of this process runs any more."""


class LastCall(FailingDisk):
    """A disk that is cut off at its nth call."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1

    def _note(self, call: str) -> None:
        if self.left == 0:
            raise PowerGone
        self.left -= 1
        super()._note(call)


def forever(segment: Segment) -> Deletion:
    return Deletion(segment, Reason.SPACE, is_loss=True)


@pytest.fixture(params=["tmpfs", "ext4"])
def small(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A volume on a small disk of its own."""
    place = tmp_path / "disk"
    with tmpfs(place, 16) if request.param == "tmpfs" else ext4(tmp_path, 32):
        create(place)
        yield place


def test_a_promise_that_came_after_the_plan_keeps_a_second_copy(root: Path) -> None:
    with mounted_at(root) as mounted:
        planned = record(mounted, 1)
        mounted.index.promise([planned.segment_id], 100)
        second = Deletion(planned, Reason.SECOND_COPY, is_loss=False)
        assert delete(mounted.volume, mounted.index, [second]) == []
        aged = Deletion(planned, Reason.AGE, is_loss=False)
        assert len(delete(mounted.volume, mounted.index, [aged])) == 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create(tmp_path / "disk")
    return tmp_path / "disk"


def test_deletion_interrupted_between_any_two_steps_is_finished_at_the_next_opening(
    tmp_path: Path,
) -> None:
    for steps in range(100):
        root = tmp_path / str(steps)
        create(root)
        disk = LastCall()
        was_cut = False
        with mounted_at(root, disk) as mounted:
            a, b, kept = (record(mounted, number) for number in (1, 2, 3))
            disk.left = steps
            try:
                delete(mounted.volume, mounted.index, [forever(a), forever(b)])
            except PowerGone:
                was_cut = True
            disk.left = -1
            shown = {segment.segment_id for segment in mounted.index.segments("gate", 0, 1 << 60)}
            assert shown == {kept.segment_id}
        with mounted_at(root) as mounted:
            assert list(mounted.index.all_segments()) == [kept]
            assert list(check(mounted.volume, mounted.index, hashes=True)) == []
            assert [gap.cause for gap in mounted.index.gaps("gate", 0, 1 << 60)] == [
                GapCause.DELETED_FOR_SPACE,
                GapCause.DELETED_FOR_SPACE,
            ]
        assert {path.name for path in root.rglob("*.mp4")} == {kept.path.name}
        if not was_cut:
            assert steps > 4
            return
    pytest.fail("the deletion never came to its end")


def test_the_name_is_durably_gone_before_the_row_is(root: Path) -> None:
    disk = FailingDisk()
    with mounted_at(root, disk) as mounted:
        segment = record(mounted, 1)
        record(mounted, 2)
        disk.fail("fsync", errno.EIO)
        with pytest.raises(DiskFailedError):
            delete(mounted.volume, mounted.index, [forever(segment)])
        found = mounted.index.segment(segment.segment_id)
        assert found is not None
        assert found.state is State.GARBAGE
        disk.heal()
        assert [gone.segment_id for gone in finish(mounted.volume, mounted.index)] == [
            segment.segment_id
        ]
        assert mounted.index.segment(segment.segment_id) is None


def test_a_lock_that_came_after_the_plan_holds(root: Path) -> None:
    with mounted_at(root) as mounted:
        segment = record(mounted, 1)
        plan = [forever(segment)]
        mounted.index.set_locked([segment.segment_id], locked=True)
        assert delete(mounted.volume, mounted.index, plan) == []
        assert (root / segment.path).exists()
        assert mounted.index.gaps("gate", 0, 1 << 60) == []


def test_an_open_segment_is_not_deleted_whatever_is_asked(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(1)
        assert delete(mounted.volume, mounted.index, [forever(writing.row)]) == []
        assert writing.close().state is State.CLOSED


@pytest.mark.lab("loop")
def test_a_disk_that_others_filled_to_the_last_byte_can_be_deleted_from(small: Path) -> None:
    with mounted_at(small) as mounted:
        segments = [record(mounted, number, 8, frame_bytes=4000) for number in range(4)]
        # the log is at its smallest, as after a restart
        mounted.index._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        fill(small)
        assert mounted.space().free_bytes == 0
        gone = delete(mounted.volume, mounted.index, [forever(one) for one in segments[:2]])
        assert len(gone) == 2
        record(mounted, 9, start_us=BASE_US)
        assert (small / BALLAST_FILE).exists()
        assert mounted.index.segment(segment_uuid(9)) is not None


@pytest.mark.lab("loop")
def test_a_disk_that_others_filled_while_nobody_recorded_is_opened_and_can_be_deleted_from(
    small: Path,
) -> None:
    with mounted_at(small) as mounted:
        segments = [record(mounted, number, 8, frame_bytes=4000) for number in range(4)]
        left_open = Writing(mounted, 9)
        left_open.append(1)
    fill(small)
    with mounted_at(small) as mounted:
        assert [one.state for one in mounted.index.segments("gate", 0, 1 << 60)] == [
            State.CLOSED
        ] * 5
        gone = delete(mounted.volume, mounted.index, [forever(one) for one in segments[:2]])
        assert len(gone) == 2
        assert (small / BALLAST_FILE).exists()


def test_deleting_what_is_gone_already_is_no_failure(root: Path) -> None:
    with mounted_at(root) as mounted:
        segment = record(mounted, 1)
        (root / segment.path).unlink()
        assert len(delete(mounted.volume, mounted.index, [forever(segment)])) == 1
