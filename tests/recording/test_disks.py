"""Which disk a stream goes to, when disks die, and when none is left."""

import pytest
from tests.recording.placing import GAP, GATE, Bench
from tests.recording.streams import GOP_US, T0_US, gop, order

from tandem.archive.rows import GapCause
from tandem.archive.space import NO_CAP, Space
from tandem.recording.disks import BACKLOG_BYTES
from tandem.recording.volume_jobs import Dead, Durable, End, Full, Note, Roomy


@pytest.fixture
def two() -> Bench:
    return Bench(2)


def test_a_stream_stays_on_its_disk_until_a_segment_begins(two: Bench) -> None:
    two.disks.keep(GATE, gop(0, continues=False))
    first = two.holder()
    other = two.other(first)
    two.room(other, 0.9)
    for number in range(1, 130):
        two.disks.keep(GATE, gop(number))
    stayed = two.writers[first].written()
    moved = two.writers[other].written()
    assert stayed == [(number, number == 0) for number in range(len(stayed))]
    assert 1 < len(stayed) <= 60
    assert [number for number, _ in stayed + moved] == list(range(130))
    assert moved[0][1]
    assert isinstance(two.writers[first].jobs[-1], End)


def test_streams_go_where_the_largest_share_of_room_is(two: Bench) -> None:
    two.room(two.ids[0], 0.9)
    two.disks.keep(GATE, gop(0))
    assert two.holder() == two.ids[0]


def test_a_disk_that_does_not_keep_up_is_bypassed_in_the_middle_of_a_segment(two: Bench) -> None:
    two.disks.keep(GATE, gop(0))
    slow = two.holder()
    other = two.other(slow)
    two.writers[slow].backlog_bytes = 8 * BACKLOG_BYTES
    two.disks.keep(GATE, gop(1))
    assert two.writers[other].written() == [(1, True)]
    assert isinstance(two.writers[slow].jobs[-1], End)


def test_a_disk_that_hangs_is_left_at_once_if_there_is_another(two: Bench) -> None:
    two.disks.keep(GATE, gop(0))
    hung = two.holder()
    other = two.other(hung)
    two.room(hung, 0.9)
    two.writers[hung].patience.hangs = True
    two.disks.keep(GATE, gop(1))
    two.disks.keep(GATE, gop(2))
    assert two.writers[other].written() == [(1, True), (2, False)]
    assert two.writers[hung].jobs[-1] == End(GATE.key)


def test_a_full_disk_that_gets_no_room_is_left_amid_a_segment_for_one_that_has_less_of_it(
    two: Bench,
) -> None:
    two.disks.keep(GATE, gop(0))
    full = two.holder()
    other = two.other(full)
    two.room(full, 0.0)
    two.room(other, -0.1)
    two.writers[full].patience.starves = True
    two.disks.keep(GATE, gop(1))
    two.disks.keep(GATE, gop(2))
    assert two.writers[other].written() == [(1, True), (2, False)]
    assert two.writers[full].jobs[-1] == End(GATE.key)


def test_of_two_disks_that_are_no_better_neither_is_left_for_the_other(two: Bench) -> None:
    two.disks.keep(GATE, gop(0))
    full = two.holder()
    other = two.other(full)
    for writer in two.writers.values():
        writer.patience.starves = True
    for number in range(1, 5):
        two.room(other, 0.5 + 0.1 * (-1) ** number)
        two.disks.keep(GATE, gop(number))
    assert two.writers[full].written() == [(number, number == 0) for number in range(5)]
    assert two.writers[other].jobs == []


def test_a_gap_is_entered_where_the_disk_answers(two: Bench) -> None:
    for hung, well in (two.ids, two.ids[::-1]):
        two.writers[hung].patience.hangs = True
        two.writers[well].patience.hangs = False
        two.writers[well].backlog_bytes, two.writers[hung].backlog_bytes = 1, 0
        two.disks.note(GAP)
        assert Note(GAP) in two.writers[well].jobs


def test_for_the_only_disk_that_hangs_pictures_wait_in_memory() -> None:
    one = Bench(1)
    one.disks.keep(GATE, gop(0))
    writer = one.writers[one.ids[0]]
    writer.patience.hangs = True
    one.disks.keep(GATE, gop(1))
    assert writer.written() == [(0, True), (1, False)]


def test_memory_does_not_grow_behind_the_only_disk_and_the_gap_says_why() -> None:
    one = Bench(1)
    one.disks.keep(GATE, gop(0))
    writer = one.writers[one.ids[0]]
    writer.backlog_bytes = 8 * BACKLOG_BYTES
    one.disks.keep(GATE, gop(1))
    writer.backlog_bytes = 0
    one.disks.keep(GATE, gop(2))
    assert writer.written() == [(0, True), (2, True)]
    (note,) = [job for job in writer.jobs if isinstance(job, Note)]
    assert note.gap.cause is GapCause.DISK_TOO_SLOW
    assert (note.gap.from_us, note.gap.to_us) == (T0_US + GOP_US, T0_US + 2 * GOP_US)
    assert one.disks.dropped_bytes == gop(1).size_bytes


@pytest.mark.parametrize(
    ("memory_bytes", "most_bytes"),
    [
        (8 * BACKLOG_BYTES, 2 * BACKLOG_BYTES),
        (3 * BACKLOG_BYTES, BACKLOG_BYTES),
        (BACKLOG_BYTES, BACKLOG_BYTES // 2),
    ],
)
def test_each_disk_has_an_equal_part_of_the_memory_and_more_of_it_only_where_there_is_much(
    memory_bytes: int, most_bytes: int
) -> None:
    two = Bench(2, memory_bytes)
    two.disks.keep(GATE, gop(0))
    writer = two.writers[two.holder()]
    writer.backlog_bytes = most_bytes - 1
    two.disks.keep(GATE, gop(1))
    writer.backlog_bytes += 1
    two.disks.keep(GATE, gop(2))
    assert writer.written() == [(0, True), (1, False)]


def test_a_disk_that_is_not_in_service_has_no_part_of_the_memory() -> None:
    two = Bench(2, BACKLOG_BYTES)
    dead, well = two.ids
    two.disks.reported(dead, Dead("/srv/0 failed"))
    two.writers[well].backlog_bytes = BACKLOG_BYTES - 1
    two.disks.keep(GATE, gop(0))
    assert two.writers[well].written() == [(0, True)]


def test_behind_a_disk_that_is_too_slow_pictures_are_taken_again_when_half_is_written() -> None:
    one = Bench(1, BACKLOG_BYTES)
    one.disks.keep(GATE, gop(0))
    writer = one.writers[one.ids[0]]
    for number, backlog_bytes in enumerate((1.0, 0.9, 0.5, 0.49, 0.9, 1.0), start=1):
        writer.backlog_bytes = int(backlog_bytes * BACKLOG_BYTES)
        one.disks.keep(GATE, gop(number))
    assert writer.written() == [(0, True), (4, True), (5, False)]


def test_a_gap_behind_a_full_disk_is_put_down_to_it() -> None:
    one = Bench(1)
    one.disks.reported(one.ids[0], Full("no space left"))
    writer = one.writers[one.ids[0]]
    writer.backlog_bytes = 8 * BACKLOG_BYTES
    one.disks.keep(GATE, gop(0))
    (note,) = [job for job in writer.jobs if isinstance(job, Note)]
    assert (note.gap.cause, note.gap.detail) == (GapCause.DISK_FULL, "no space left")


def test_a_gap_behind_a_slow_disk_is_not_put_down_to_another_one_that_died(two: Bench) -> None:
    dead, slow = two.ids
    two.disks.reported(dead, Dead("/srv/0 failed"))
    two.writers[slow].backlog_bytes = 8 * BACKLOG_BYTES
    two.disks.keep(GATE, gop(0))
    (note,) = [job for job in two.writers[slow].jobs if isinstance(job, Note)]
    assert (note.gap.cause, note.gap.detail) == (
        GapCause.DISK_TOO_SLOW,
        "the disks did not keep up",
    )


def test_of_an_index_that_is_busy_nobody_says_that_it_waits_for_a_deletion(
    two: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    two.disks.reported(two.ids[0], Full("The index is busy.", is_full=False))
    assert caplog.messages == ["The index is busy. Pictures wait in memory."]
    for writer in two.writers.values():
        writer.backlog_bytes = 8 * BACKLOG_BYTES
    two.disks.keep(GATE, gop(0))
    notes = [job for one in two.ids for job in two.writers[one].jobs if isinstance(job, Note)]
    assert [note.gap.cause for note in notes] == [GapCause.DISK_TOO_SLOW]


def test_a_full_disk_that_has_room_again_has_no_problem(two: Bench) -> None:
    two.disks.reported(two.ids[0], Full("no space left"))
    assert two.disks.volumes[two.ids[0]].problem == "no space left"
    two.disks.reported(two.ids[0], Roomy())
    assert two.disks.volumes[two.ids[0]].problem is None


def test_what_a_disk_said_stays_a_sentence_in_the_log(
    two: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    two.disks.reported(two.ids[0], Full("No space left; see `df -h`."))
    two.disks.reported(two.ids[1], Dead("The disk failed; see `dmesg`."))
    assert caplog.messages == [
        "No space left; see `df -h`. Pictures wait in memory until older ones are deleted.",
        "The disk failed; see `dmesg`. Its cameras go on elsewhere, and it is tried again.",
    ]


def test_a_gap_behind_disks_that_hang_says_that_they_do() -> None:
    one = Bench(1)
    writer = one.writers[one.ids[0]]
    writer.patience.hangs, writer.backlog_bytes = True, 8 * BACKLOG_BYTES
    one.disks.keep(GATE, gop(0))
    (note,) = [job for job in writer.jobs if isinstance(job, Note)]
    assert note.gap.detail == "no disk answers: see `dmesg`"


def test_with_every_disk_dead_pictures_are_counted_as_dropped_and_nothing_breaks() -> None:
    one = Bench(1)
    one.disks.reported(one.ids[0], Dead("failed"))
    one.disks.keep(GATE, gop(0))
    assert one.disks.dropped_bytes == gop(0).size_bytes


def test_a_stream_that_ends_is_ended_on_its_disk_and_begins_anew_later(two: Bench) -> None:
    two.disks.keep(GATE, gop(0))
    holder = two.holder()
    two.disks.end(GATE.key)
    assert two.writers[holder].jobs[-1] == End(GATE.key)
    two.disks.keep(GATE, gop(1))
    begun = [begins for one in two.ids for _, begins in two.writers[one].written()]
    assert begun == [True, True]


def test_durable_times_of_all_disks_come_together(two: Bench) -> None:
    space = Space(1, 1, 0, NO_CAP)
    two.disks.reported(two.ids[0], Durable({GATE.key: 5}, space))
    two.disks.reported(two.ids[1], Durable({order("door").key: 7}, space))
    assert two.disks.durable_until_us == {GATE.key: 5, order("door").key: 7}
    two.disks.reported(two.ids[1], Durable({GATE.key: 4}, space))
    assert two.disks.durable_until_us[GATE.key] == 5, "a disk that hung tells late"
