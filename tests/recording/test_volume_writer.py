"""The writer of one volume: order of durability, dead disks."""

import errno
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from blake3 import blake3
from tests.recording.streams import CONFIG, GOP_US, PICTURES, T0_US, gop, order
from tests.recording.writing import Bench

from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Gap, GapCause, State
from tandem.media.fragmenter import Fragment
from tandem.media.mp4.scan import scan
from tandem.recording.gap_book import MOST_OF_A_STREAM
from tandem.recording.volume_jobs import (
    Dead,
    Delete,
    End,
    Ended,
    Full,
    Note,
    Roomy,
    Write,
    size_bytes,
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "volume")


def test_what_was_written_is_closed_hashed_and_indexed(bench: Bench) -> None:
    bench.write(0, 1, 2, begins=0)
    assert bench.stop()
    (segment,) = bench.segments()
    data = (bench.root / segment.path).read_bytes()
    assert segment.state is State.CLOSED
    assert segment.hash == blake3(data).digest()
    assert (segment.durable_bytes, segment.frames, segment.keyframes) == (len(data), 75, 3)
    assert (segment.start_us, segment.end_us) == (T0_US, T0_US + 3 * GOP_US)
    assert scan(memoryview(data)).closed
    assert bench.pictures() == [0, 1, 2]


def test_what_begins_in_the_middle_of_a_gop_is_a_file_by_itself(bench: Bench) -> None:
    whole = gop(0)
    rest = replace(whole, video=whole.video[10:], start_us=T0_US + 400_000)
    bench.writer.submit(Write(bench.order, rest, True))
    bench.write(1, 2)  # which a stream whose disk failed does not call a beginning
    assert bench.stop()
    first, second = bench.segments()
    assert (first.frames, first.keyframes, second.frames, second.keyframes) == (15, 0, 50, 2)
    assert (first.start_us, first.end_us) == (rest.start_us, second.start_us)


def test_a_segment_ends_where_the_next_begins_and_nothing_is_between(bench: Bench) -> None:
    bench.write(0, 1, begins=0)
    bench.write(2, 3, begins=2)
    assert bench.stop()
    first, second = bench.segments()
    assert first.end_us == second.start_us
    assert {first.state, second.state} == {State.CLOSED}
    assert bench.pictures() == [0, 1, 2, 3]


def test_a_row_claims_only_what_was_synced_and_reports_follow_the_row(bench: Bench) -> None:
    bench.write(0, 1, begins=0)
    bench.wait_until_durable(T0_US + 2 * GOP_US)
    (segment,) = bench.segments()
    assert segment.state is State.OPEN
    assert segment.end_us == T0_US + 2 * GOP_US
    assert segment.durable_bytes == (bench.root / segment.path).stat().st_size
    bench.stop()


def test_an_ended_stream_is_closed_while_others_go_on(bench: Bench) -> None:
    bench.write(0, begins=0)
    bench.writer.submit(End(bench.order.key))
    bench.wait_for(lambda _: [one.state for one in bench.segments()] == [State.CLOSED])
    bench.stop()


def test_after_a_failed_sync_a_new_file_begins_and_the_old_one_claims_no_more_than_before(
    bench: Bench,
) -> None:
    bench.write(0, begins=0)
    bench.wait_until_durable(T0_US + GOP_US)
    bench.disk.sync_error = errno.EIO
    bench.write(1)
    bench.wait_for(lambda _: bench.disk.failures > 0)
    bench.disk.sync_error = 0
    bench.write(2)
    assert bench.stop()
    old, new = bench.segments()
    assert (old.state, old.end_us, old.hash) == (State.SUSPECT, T0_US + GOP_US, None)
    assert (new.state, new.start_us) == (State.CLOSED, T0_US + 2 * GOP_US)
    (gap,) = bench.gaps()
    assert (gap.from_us, gap.to_us) == (T0_US + GOP_US, T0_US + 2 * GOP_US)
    assert gap.cause is GapCause.DISK_ERROR
    assert "made up" in gap.detail


def test_a_dead_volume_says_so_once_and_gives_back_what_it_did_not_write(bench: Bench) -> None:
    bench.write(0, begins=0)
    bench.wait_until_durable(T0_US + GOP_US)
    bench.disk.write_error = errno.EIO
    bench.write(1, 2)
    dead = bench.wait_for(lambda report: isinstance(report, Dead))
    assert isinstance(dead, Dead)
    assert "dmesg" in dead.message
    bench.write(3)
    left = [job.fragment.start_us for job in bench.writer.recall() if isinstance(job, Write)]
    assert left == [T0_US + number * GOP_US for number in (1, 2, 3)]
    assert not bench.stop()


def test_a_disk_that_fails_in_an_unusual_place_is_not_called_a_defect_of_the_writer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> int:
        raise OSError(errno.EIO, "made up")

    monkeypatch.setattr(bench.writer.volume, "size_bytes", fail)  # of what is kept in hand
    bench.writer.submit(Delete([]))
    dead = bench.wait_for(lambda report: isinstance(report, Dead))
    assert isinstance(dead, Dead)
    assert "The disk failed" in dead.message
    assert not bench.stop()


def test_a_disk_that_takes_no_changes_is_let_go_of_though_nothing_is_to_be_written(
    bench: Bench,
) -> None:
    bench.disk.touch_error = errno.EROFS
    dead = bench.wait_for(lambda report: isinstance(report, Dead))
    assert isinstance(dead, Dead)
    assert "read-only" in dead.message
    bench.wait_for(lambda report: isinstance(report, Ended))
    assert bench.writer.volume._root_fd < 0
    assert not bench.stop()


def test_small_pictures_that_wait_count_with_the_memory_they_take() -> None:
    small = Write(order(), gop(0, size=5), begins=True)
    assert size_bytes(small) > PICTURES * sys.getsizeof(small.fragment.video[0])


def test_however_often_a_stream_fails_behind_a_disk_that_hangs_little_waits(bench: Bench) -> None:
    assert bench.stop()  # as if it hung: nothing is taken any more
    for number in range(100_000):
        gap = Gap("gate", "main", number * 10**6, number * 10**6 + 1, GapCause.CAMERA_REFUSED)
        bench.writer.submit(Note(gap))
    assert len(bench.writer.recall()) <= MOST_OF_A_STREAM


def test_gaps_are_entered_with_the_next_sync(bench: Bench) -> None:
    gap = Gap("gate", "main", 1, 2, GapCause.CAMERA_UNREACHABLE, "no answer")
    bench.writer.submit(Note(gap))
    assert bench.stop()
    assert bench.gaps() == [gap]


STRANGE = [replace(gop(0).video[0], data=cast(bytes, ["no", "bytes"]))]
LONG = [replace(gop(0).video[0], composition_offset=1 << 40)]


@pytest.mark.parametrize(
    "bad",
    [
        replace(gop(0), video=LONG),
        replace(gop(0), video_config=replace(CONFIG, parameter_sets=())),
        replace(gop(0), video=STRANGE),
    ],
    ids=["a time that no box holds", "no parameter sets", "what nobody foresaw"],
)
def test_a_fragment_that_fits_no_file_costs_its_camera_that_fragment_and_others_nothing(
    bench: Bench, bad: Fragment
) -> None:
    bench.writer.submit(Write(order("yard"), bad, begins=True))
    bench.write(0, 1, begins=0)
    assert bench.stop()
    assert bench.pictures() == [0, 1]
    index = IndexReader.open_for_reading(bench.root / INDEX_FILE)
    assert [gap.cause for gap in index.gaps("yard", 0, T0_US * 2)] == [GapCause.CAMERA_UNSUPPORTED]
    assert index.segments("yard", 0, T0_US * 2) == []
    index.close()


def test_a_segment_that_ended_badly_does_not_take_the_next_one_with_it(bench: Bench) -> None:
    bench.write(0, begins=0)
    bench.wait_until_durable(T0_US + GOP_US)
    bench.disk.sync_error = errno.EIO
    bench.write(1, begins=1)
    bench.wait_for(lambda _: bench.disk.failures > 1)
    bench.disk.sync_error = 0
    bench.write(2, begins=2)
    assert bench.stop()
    assert {one.state for one in bench.segments()} <= {State.CLOSED, State.SUSPECT}


def test_what_was_synced_while_the_index_was_busy_is_entered_though_nothing_follows(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.write(0, begins=0)
    bench.wait_until_durable(T0_US + GOP_US)
    bench.writer._index._connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(bench.root / INDEX_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    bench.write(1)
    bench.wait_until(lambda: "busy for too long" in caplog.text)
    other.execute("COMMIT")
    other.close()
    bench.wait_until_durable(T0_US + 2 * GOP_US)
    (segment,) = bench.segments()
    assert (segment.state, segment.end_us) == (State.OPEN, T0_US + 2 * GOP_US)
    assert bench.stop()


def test_an_index_that_another_process_holds_is_waited_for(bench: Bench) -> None:
    bench.write(0, begins=0)
    bench.wait_until_durable(T0_US + GOP_US)
    other = sqlite3.connect(bench.root / INDEX_FILE, isolation_level=None)
    bench.writer._index._connection.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    bench.write(1, begins=1)
    bench.wait_for(lambda report: isinstance(report, Full))
    other.execute("COMMIT")
    other.close()
    bench.wait_for(lambda report: isinstance(report, Roomy))
    assert bench.stop()
    assert bench.pictures() == [0, 1]
