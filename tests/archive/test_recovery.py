"""After a crash all that was whole is there, closed in order, and nothing else is claimed."""

import errno
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.archive.material import (
    BASE_US,
    FRAGMENT_US,
    FRAMES,
    FailingDisk,
    Writing,
    create,
    gop,
    init,
    mounted_at,
    record,
    row,
    segment_uuid,
)

from tandem.archive.check import check
from tandem.archive.coverage import coverage, explain, subtract
from tandem.archive.disk import Buffer, Disk
from tandem.archive.errors import SuspectSegmentError
from tandem.archive.layout import QUARANTINE
from tandem.archive.mount import Mounted
from tandem.archive.rows import Closing, GapCause, Interval, Segment, State
from tandem.media.mp4.fragment import IDENTITIES_TYPE
from tandem.media.mp4.header import HEADER_TYPE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create(tmp_path / "disk")
    return tmp_path / "disk"


def crash(writing: Writing) -> Path:
    """The recorder is gone; the file is as the kernel has it."""
    writing.file.abandon()
    return writing.path


def only(mounted: Mounted) -> Segment:
    (segment,) = mounted.index.all_segments()
    return segment


def assert_sound(mounted: Mounted) -> None:
    assert list(check(mounted.volume, mounted.index, hashes=True)) == []


def test_a_segment_left_open_is_closed_in_order(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(3)
        writing.sync()
        writing.append(2)
        path = crash(writing)
    with mounted_at(root) as mounted:
        segment = only(mounted)
        assert segment.state is State.CLOSED
        assert segment.end_us == BASE_US + 5 * FRAGMENT_US
        assert (segment.frames, segment.keyframes) == (5 * FRAMES, 5)
        assert segment.durable_bytes == path.stat().st_size
        assert_sound(mounted)
    written = path.read_bytes()
    with mounted_at(root) as mounted:
        assert mounted.report.closed == []
    assert path.read_bytes() == written


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(share=st.floats(0, 1), zeros=st.integers(0, 3000))
def test_a_torn_tail_is_cut_back_to_the_last_whole_fragment(
    tmp_path_factory: pytest.TempPathFactory, share: float, zeros: int
) -> None:
    """Cut anywhere, and with blocks that were allocated but never written behind the cut."""
    root = tmp_path_factory.mktemp("torn")
    create(root)
    parts = [init(1) + b"".join(gop(1, 0)), *(b"".join(gop(1, at)) for at in range(1, 4))]
    whole = b"".join(parts)
    cut = round(share * len(whole))
    with mounted_at(root) as mounted:
        segment = row(1)
        mounted.index.begin(segment)
        os.close(mounted.volume.create_file(segment.path))
        (root / segment.path).write_bytes(whole[:cut] + bytes(zeros))
    kept = [sum(map(len, parts[: n + 1])) for n in range(4) if sum(map(len, parts[: n + 1])) <= cut]
    with mounted_at(root) as mounted:
        found = mounted.index.segment(segment.segment_id)
        if kept:
            assert found is not None
            assert found.end_us == BASE_US + len(kept) * FRAGMENT_US
            assert (root / segment.path).read_bytes()[: kept[-1]] == whole[: kept[-1]]
            assert mounted.report.cut_bytes == cut + zeros - kept[-1]
            assert_sound(mounted)
        else:
            assert found is None
            assert not (root / segment.path).exists()


def test_data_behind_the_durable_mark_that_is_not_what_the_camera_sent_is_torn(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(2)
        writing.sync()
        durable = writing.file.durable_bytes
        writing.append(2)
        path = crash(writing)
    with path.open("r+b") as file:  # a block that never reached the disk reads as zeros
        file.seek(durable + 5_000)
        file.write(bytes(512))
    with mounted_at(root) as mounted:
        assert only(mounted).end_us == BASE_US + 2 * FRAGMENT_US
        assert_sound(mounted)


def test_what_the_disk_confirmed_and_lost_is_told_and_nothing_is_cut(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(4)
        writing.sync()
        path = crash(writing)
    damaged = bytearray(path.read_bytes())
    at = writing.points[2].moof_offset
    damaged[at : at + 64] = bytes(64)
    path.write_bytes(damaged)
    with mounted_at(root) as mounted:
        segment = only(mounted)
        assert segment.state is State.SUSPECT
        assert segment.end_us == BASE_US + 2 * FRAGMENT_US
        assert path.read_bytes() == damaged
        assert "smartctl" in mounted.report.problems[0]
        window = Interval(BASE_US, BASE_US + 4 * FRAGMENT_US)
        spans = [(one.start_us, one.end_us) for one in mounted.index.segments("gate", *window)]
        missing = subtract([window], coverage(spans))
        gaps = mounted.index.gaps("gate", *window)
        assert [part.cause for part in explain(missing, gaps)] == [GapCause.DISK_ERROR]


def test_a_row_whose_file_was_never_created_is_dropped_silently(root: Path) -> None:
    with mounted_at(root) as mounted:
        mounted.index.begin(row(1))
    with mounted_at(root) as mounted:
        assert list(mounted.index.all_segments()) == []
        assert mounted.report.problems == []


def test_a_row_whose_file_somebody_removed_becomes_a_gap(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(2)
        writing.sync()
        crash(writing).unlink()
    with mounted_at(root) as mounted:
        assert list(mounted.index.all_segments()) == []
        assert mounted.index.gaps("gate", 0, 1 << 60)[0].cause is GapCause.FILE_LOST
        assert "removed by hand" in mounted.report.problems[0]


@pytest.mark.parametrize("content", [b"", init(1)])
def test_a_segment_without_a_single_picture_is_dropped(root: Path, content: bytes) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.file.append([content])
        path = crash(writing)
    with mounted_at(root) as mounted:
        assert list(mounted.index.all_segments()) == []
        assert not path.exists()


def test_what_cannot_be_understood_is_moved_aside_and_never_deleted(root: Path) -> None:
    for attempt in (1, 2):
        with mounted_at(root) as mounted:
            writing = Writing(mounted, 1)
            writing.file.append([b"somebody's letters %d" % attempt])
            path = crash(writing)
        with mounted_at(root) as mounted:
            assert "cannot be understood" in mounted.report.problems[0]
            assert list(mounted.index.all_segments()) == []
        assert not path.exists()
    kept = {file.read_bytes() for file in (root / QUARANTINE).rglob("*.mp4")}
    assert kept == {b"somebody's letters 1", b"somebody's letters 2"}


def test_a_crash_between_closing_the_file_and_its_row(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(2)
        sealed = writing.close()
        mounted.index._connection.execute(
            "UPDATE segment SET state = 'open', hash = NULL, durable_bytes = 0"
        )
    with mounted_at(root) as mounted:
        segment = only(mounted)
        assert (segment.state, segment.hash) == (State.CLOSED, sealed.hash)


@pytest.mark.parametrize("call", ["truncate", "writev", "fdatasync"])
@pytest.mark.parametrize("after", [0, 1])
def test_recovery_that_fails_midway_claims_nothing_more_than_before(
    root: Path, call: str, after: int
) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(2)
        writing.sync()
        durable = writing.file.durable_bytes
        writing.append(1)
        writing.file.append([b"torn"])
        crash(writing)
    disk = FailingDisk()
    disk.fail(call, errno.EIO, after)
    with mounted_at(root, disk) as mounted:
        segment = only(mounted)
        if mounted.report.problems:
            assert segment.state is State.SUSPECT
            assert segment.durable_bytes == durable
            assert segment.hash is None
        else:
            assert segment.state is State.CLOSED
        assert_sound(mounted)


def test_a_file_that_shrinks_while_it_is_recovered_is_told_and_the_next_one_is_recovered(
    root: Path,
) -> None:
    with mounted_at(root) as mounted:
        first, second = Writing(mounted, 1), Writing(mounted, 2, BASE_US + 60_000_000)
        for writing in (first, second):
            writing.append(2)
            crash(writing)

    class Shrinking(Disk):
        shrunk = False

        def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
            written = super().writev(fd, buffers)
            if not self.shrunk:
                os.ftruncate(fd, 1_000)
                self.shrunk = True
            return written

    with mounted_at(root, Shrinking()) as mounted:
        states = [segment.state for segment in mounted.index.all_segments()]
        assert states == [State.SUSPECT, State.CLOSED]
        assert [str(first.path) in problem for problem in mounted.report.problems] == [True]


def test_recovery_on_a_full_disk_closes_without_the_index_of_keyframes(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(2)
        size = writing.file.size_bytes
        crash(writing)
    disk = FailingDisk()
    disk.fail("writev", errno.ENOSPC)
    with mounted_at(root, disk) as mounted:
        segment = only(mounted)
        assert (segment.state, segment.durable_bytes) == (State.CLOSED, size)
        assert_sound(mounted)


def test_a_suspect_segment_is_not_believed_after_a_restart_either(root: Path) -> None:
    disk = FailingDisk()
    with mounted_at(root, disk) as mounted:
        writing = Writing(mounted, 1)
        writing.append(2)
        writing.sync()
        step = writing.progress(writing.file.durable_bytes)
        writing.append(2)
        disk.fail("fdatasync", errno.EIO)
        with pytest.raises(SuspectSegmentError):
            writing.file.sync()
        mounted.index.sync_round(closings=[Closing(step, None)])
        crash(writing)
    with mounted_at(root) as mounted:
        segment = only(mounted)
        assert (segment.state, segment.end_us) == (State.SUSPECT, BASE_US + 2 * FRAGMENT_US)


@pytest.mark.parametrize("own_box", [HEADER_TYPE, IDENTITIES_TYPE])
def test_what_a_later_release_left_open_waits_for_it_untouched(root: Path, own_box: bytes) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(2)
        writing.file.append([b"torn"])
        path = crash(writing)
    now = path.read_bytes()
    later = now.replace(own_box + b"\1", own_box + b"\2")
    path.write_bytes(later)
    with mounted_at(root) as mounted:
        assert only(mounted).state is State.OPEN
        assert "left alone" in mounted.report.problems[0]
        assert path.read_bytes() == later
    path.write_bytes(now)  # the node is up to date again
    with mounted_at(root) as mounted:
        assert only(mounted).state is State.CLOSED


def test_closed_segments_are_not_read_again(root: Path) -> None:
    with mounted_at(root) as mounted:
        for number in range(3):
            record(mounted, number)
    seen: list[int] = []
    disk = FailingDisk()
    with mounted_at(root, disk) as mounted:
        seen.extend(done for done in range(len(mounted.report.closed)))
        opened = disk.calls.count("open")
    assert seen == []
    assert opened < 20


@pytest.mark.real
def test_any_player_reads_what_a_crash_left(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 1)
        writing.append(3)
        writing.file.append([b"\0\0\1\0moof"])
        path = crash(writing)
    with mounted_at(root):
        pass
    command = ["ffprobe", "-v", "error", "-count_packets", "-show_entries"]
    command += ["stream=nb_read_packets", "-of", "csv=p=0", str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert answer.stdout.strip() == str(3 * FRAMES)


def test_a_segment_keeps_its_id_through_recovery(root: Path) -> None:
    with mounted_at(root) as mounted:
        writing = Writing(mounted, 9)
        writing.append(1)
        crash(writing)
    with mounted_at(root) as mounted:
        assert only(mounted).segment_id == segment_uuid(9)
