"""What a disk did not write, and where it goes."""

from dataclasses import replace

import pytest
from tests.recording.placing import GAP, GATE, Bench
from tests.recording.streams import gop

from tandem.archive.rows import Role
from tandem.recording.volume_jobs import Dead, End, Note


@pytest.fixture
def two() -> Bench:
    return Bench(2)


def test_what_a_dead_disk_did_not_write_is_written_to_the_other_one(two: Bench) -> None:
    for number in range(3):
        two.disks.keep(GATE, gop(number, continues=number > 0))
    dead = two.holder()
    other = two.other(dead)
    two.disks.reported(dead, Dead("/srv/a failed"))
    two.disks.keep(GATE, gop(3))
    assert [number for number, _ in two.writers[other].written()] == [0, 1, 2, 3]
    assert two.writers[other].written()[0][1]
    assert two.disks.dropped_bytes == 0


def test_what_waits_for_a_disk_that_hangs_goes_to_another_before_what_comes_next(
    two: Bench,
) -> None:
    for number in range(3):
        two.disks.keep(GATE, gop(number, continues=number > 0))
    hung = two.holder()
    other = two.other(hung)
    two.writers[hung].patience.hangs = True
    two.writers[hung].backlog_bytes = 1
    two.disks.keep(GATE, gop(3))
    assert two.writers[other].written() == [(0, True), (1, False), (2, False), (3, False)]
    assert two.writers[hung].jobs == [End(GATE.key)]


def test_what_waits_for_a_disk_goes_to_another_though_its_camera_sends_nothing_more(
    two: Bench,
) -> None:
    two.disks.keep(GATE, gop(0))
    two.disks.note(GAP)
    full = next(one for one in two.ids if Note(GAP) in two.writers[one].jobs)
    if full != two.holder():  # the gap went to the idle one
        two.writers[two.holder()].submit(Note(GAP))
        full = two.holder()
    other = two.other(full)
    two.writers[full].patience.starves = True
    two.writers[full].backlog_bytes = 1
    two.disks.relieve(full)
    assert two.writers[other].written() == [(0, True)]
    assert Note(GAP) in two.writers[other].jobs


def test_what_a_disk_gives_back_late_is_a_segment_of_its_own(two: Bench) -> None:
    for number in range(3):
        two.disks.keep(GATE, gop(number, continues=number > 0))
    hung = two.holder()
    other = two.other(hung)
    two.writers[hung].patience.hangs = True  # and all of it is being written, so that it stays
    for number in range(3, 6):
        two.disks.keep(GATE, gop(number))
    two.disks.reported(hung, Dead("/srv/a failed"))
    two.disks.keep(GATE, gop(6))
    assert two.writers[other].written() == [
        (3, True), (4, False), (5, False), (0, True), (1, False), (2, False), (6, True)
    ]  # fmt: skip


def test_what_was_begun_anew_when_it_was_given_to_a_disk_is_begun_anew_elsewhere(
    two: Bench,
) -> None:
    two.disks.keep(GATE, gop(0))
    dead = two.holder()
    other = two.other(dead)
    two.room(dead, 0.9)
    two.disks.end(GATE.key)
    second = replace(GATE, role=Role.SECOND)
    two.disks.keep(second, gop(1))
    two.disks.reported(dead, Dead("/srv/a failed"))
    assert two.writers[other].written() == [(0, True), (1, True)]


def test_what_is_given_back_of_a_stream_that_ended_is_a_segment_that_ends(two: Bench) -> None:
    two.disks.keep(GATE, gop(0))
    dead = two.holder()
    other = two.other(dead)
    two.disks.end(GATE.key)
    two.disks.reported(dead, Dead("/srv/a failed"))
    assert two.writers[other].written() == [(0, True)]
    assert two.writers[other].jobs[-1] == End(GATE.key)


def test_the_log_says_where_the_cameras_of_a_disk_go(
    two: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    two.disks.keep(GATE, gop(0))
    hung = two.holder()
    other = two.other(hung)
    path = two.disks.volumes[hung].path
    two.writers[hung].patience.hangs, two.writers[hung].backlog_bytes = True, 1
    two.disks.relieve(hung)
    two.disks.relieve(hung)
    two.disks.reported(hung, Dead("The disk failed."))
    two.disks.reported(other, Dead("The disk failed."))
    hangs = f"{path} has not answered for a while: see `dmesg`."
    assert caplog.messages[:3] == [
        f"{hangs} What waits for it goes to other volumes.",
        "The disk failed. Its cameras go on elsewhere, and it is tried again.",
        "The disk failed. No other volume is in service, and it is tried again.",
    ]
