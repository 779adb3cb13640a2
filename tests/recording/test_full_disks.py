"""The writer of a volume whose disk is full."""

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.recording.streams import GOP_US, PICTURES, T0_US, gop, order, volume_at
from tests.recording.writing import DEADLINE_S, Bench, FaultyDisk

from tandem.archive.deletion import Deletion, Reason
from tandem.archive.disk import Buffer
from tandem.archive.rows import State
from tandem.clock import SystemClock
from tandem.recording import patience, volume_writer
from tandem.recording.volume_jobs import (
    Delete,
    Durable,
    End,
    Full,
    Report,
    Roomy,
    Write,
)
from tandem.recording.volume_writer import VolumeWriter


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "volume")


def test_while_the_disk_is_full_pictures_wait_in_memory_and_are_written_when_it_is_not(
    bench: Bench,
) -> None:
    bench.write(0, begins=0)
    bench.wait_until_durable(T0_US + GOP_US)
    bench.disk.write_error = errno.ENOSPC
    bench.write(1, 2, 3)
    bench.wait_for(lambda report: isinstance(report, Full))
    assert bench.writer.backlog_bytes > 2 * PICTURES * 1000
    bench.disk.write_error = 0
    bench.wait_for(lambda report: isinstance(report, Roomy))
    assert bench.stop()
    assert bench.pictures() == [0, 1, 2, 3]
    assert len(bench.segments()) == 1
    assert bench.writer.backlog_bytes == 0


def test_a_disk_on_which_deleting_made_no_room_in_time_is_said_to_starve_until_it_has_some(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "STARVES_US", 500_000)
    bench.disk.write_error = errno.ENOSPC
    bench.write(0, begins=0)
    bench.wait_for(lambda report: isinstance(report, Full))
    bench.wait_for(lambda _: bench.writer.patience.starves)
    bench.disk.write_error = 0
    bench.wait_for(lambda report: isinstance(report, Roomy))
    assert not bench.writer.patience.starves
    assert bench.stop()


def test_what_waits_for_a_full_disk_can_be_taken_back_and_it_stays_full_until_it_has_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_writer, "LOOK_US", 10_000)
    bench.write(0, begins=0)
    bench.wait_until_durable(T0_US + GOP_US)
    bench.disk.write_error = bench.disk.room_error = errno.ENOSPC
    bench.write(1, 2, 3)
    bench.writer.submit(End(bench.order.key))
    bench.wait_for(lambda report: isinstance(report, Full))
    recalled: list[int] = []
    while len(recalled) < 3:  # one may be tried just now
        jobs = bench.writer.recall()
        recalled += [job.fragment.start_us for job in jobs if isinstance(job, Write)]
    assert sorted(recalled) == [T0_US + number * GOP_US for number in (1, 2, 3)]
    failures = bench.disk.failures
    bench.wait_for(lambda _: bench.disk.failures > failures + 2)
    assert bench.writer.patience.is_full
    assert bench.writer.backlog_bytes == 0
    bench.disk.room_error = 0
    bench.wait_for(lambda report: isinstance(report, Roomy))
    bench.disk.write_error = 0
    assert bench.stop()
    assert bench.pictures() == [0]
    assert [one.state for one in bench.segments()] == [State.CLOSED]


def test_a_long_backlog_is_synced_while_it_is_written(tmp_path: Path) -> None:
    now_us = 0
    synced: list[int] = []

    class HandClock(SystemClock):
        def boot_us(self) -> int:
            return now_us

    class Slow(FaultyDisk):
        def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
            nonlocal now_us
            now_us += GOP_US
            return super().writev(fd, buffers)

    def report(one: Report) -> None:
        if isinstance(one, Durable):
            synced.extend(one.until_us.values())

    writer = VolumeWriter(volume_at(tmp_path / "volume", disk=Slow()), HandClock(), report)
    for number in range(6):
        writer.submit(Write(order(), gop(number), number == 0))
    writer.start()
    assert writer.stop(DEADLINE_S)
    assert len(synced) > 2
    assert synced[-1] == T0_US + 6 * GOP_US


def test_a_disk_that_has_no_room_even_for_a_changed_time_is_not_taken_for_dead(
    bench: Bench,
) -> None:
    bench.disk.touch_error = errno.ENOSPC
    bench.wait_for(lambda _: bench.disk.failures > 0)
    bench.disk.touch_error = 0
    bench.write(0, begins=0)
    assert bench.stop()
    assert bench.pictures() == [0]


def test_deletion_is_not_held_up_by_what_waits_for_the_room_it_makes(bench: Bench) -> None:
    bench.write(0, begins=0)
    bench.writer.submit(End(bench.order.key))
    bench.wait_for(lambda _: [one.state for one in bench.segments()] == [State.CLOSED])
    bench.disk.write_error = errno.ENOSPC
    bench.write(1, begins=1)
    bench.wait_for(lambda report: isinstance(report, Full))
    (old,) = [one for one in bench.segments() if one.state is State.CLOSED]
    bench.writer.submit(Delete([Deletion(old, Reason.SPACE, is_loss=False)]))
    bench.wait_for(lambda _: not (bench.root / old.path).exists())
    bench.disk.write_error = 0
    assert bench.stop()
    assert bench.pictures() == [1]


def test_a_segment_that_could_not_begin_leaves_neither_row_nor_file(bench: Bench) -> None:
    bench.disk.write_error = errno.ENOSPC
    bench.write(0, begins=0)
    bench.wait_for(lambda report: isinstance(report, Full))
    bench.wait_for(lambda _: bench.disk.failures > 3)
    bench.disk.write_error = 0
    assert bench.stop()
    assert len(bench.segments()) == 1
    assert len(list(bench.root.glob("gate/main/*/*.mp4"))) == 1
