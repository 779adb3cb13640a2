"""A real ext4 that loses all that was not synced: no row claims a byte that is not there."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3
from tests.archive.file_systems import Ext4, ext4
from tests.archive.killed_recorder import SEGMENT_US
from tests.archive.material import (
    BASE_US,
    CLUSTER,
    NO_FLOOR,
    VOLUME,
    Writing,
    create,
    mounted_at,
    record,
    row,
    segment_uuid,
)
from tests.archive.test_kill import expected

from tandem.archive.archive import Archive
from tandem.archive.check import check
from tandem.archive.cleaner import delete
from tandem.archive.deletion import Deletion, Reason
from tandem.archive.disk import Disk
from tandem.archive.errors import (
    DiskError,
    DiskReadOnlyError,
    SuspectSegmentError,
    VolumeMissingError,
    VolumeReadOnlyError,
)
from tandem.archive.index import Index
from tandem.archive.layout import INDEX_FILE
from tandem.archive.mount import Mounted, mount
from tandem.archive.rows import Segment, State
from tandem.archive.segment_file import SegmentFile

pytestmark = pytest.mark.lab("loop")


class Ledger:
    """What a recorder was told to be durable, kept where the power stays on."""

    def __init__(self) -> None:
        self.fragments: dict[int, int] = {}
        self.deleting: set[int] = set()


def record_for_a_while(disk: Ext4, first: int, random: Random, ledger: Ledger) -> None:
    """Several cameras at once, synced in rounds and deleted from, until the power goes."""
    opened = mount(disk.root, VOLUME, CLUSTER, NO_FLOOR)
    numbers = iter(range(first, first + 1000))
    writings = {n: begin(opened, n) for n in (next(numbers) for _ in range(3))}
    closed: list[Segment] = []
    for _ in range(random.randint(3, 14)):
        for writing in writings.values():
            if random.random() < 0.7:
                writing.append(random.randint(1, 2))
        if random.random() < 0.6:
            round_of(opened.index, writings, ledger)
        if random.random() < 0.4:
            number = random.choice(list(writings))
            writings[number].append()
            closed.append(writings[number].close())
            ledger.fragments[number] = len(writings.pop(number).points)
            fresh = next(numbers)
            writings[fresh] = begin(opened, fresh)
        if closed and random.random() < 0.3:
            victim = closed.pop()
            ledger.deleting.add(victim.segment_id.int & 0xFFFFFFFF)
            delete(opened.volume, opened.index, [Deletion(victim, Reason.SPACE, is_loss=False)])
    disk.cut_power()
    for writing in writings.values():
        writing.file.abandon()
    opened.close()


def begin(opened: Mounted, number: int) -> Writing:
    return Writing(opened, number, BASE_US + number * SEGMENT_US)


def round_of(index: Index, writings: dict[int, Writing], ledger: Ledger) -> None:
    started = {number: writing for number, writing in writings.items() if writing.points}
    steps = [writing.progress(writing.file.sync()) for writing in started.values()]
    index.sync_round(steps)
    for number, writing in started.items():
        ledger.fragments[number] = len(writing.points)


def assert_rows_claim_only_what_is_there(root: Path) -> None:
    """Read with nothing of the archive's code, before it could mend anything."""
    with closing(sqlite3.connect(root / INDEX_FILE)) as index:
        assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = index.execute("SELECT path, state, durable_bytes, hash, keyframes FROM segment")
        for path, state, durable_bytes, hash_, keyframes in rows.fetchall():
            if state == "garbage" or (state == "open" and durable_bytes == 0):
                continue
            content = (root / path).read_bytes()
            assert len(content) >= durable_bytes, path
            number = int(Path(path).stem[-8:], 16)
            whole = expected(number, keyframes)
            assert content[: min(durable_bytes, len(whole))] == whole[:durable_bytes], path
            if state == "closed":
                assert blake3(content).digest() == hash_, path


@pytest.mark.parametrize("attempt", range(6))
def test_what_a_row_claims_is_there_after_a_power_cut(tmp_path: Path, attempt: int) -> None:
    seed = time.time_ns()
    random = Random(seed)
    ledger = Ledger()
    with ext4(tmp_path) as disk:
        create(disk.root)
        for cut in (1, 2):
            record_for_a_while(disk, cut * 1000, random, ledger)
            disk.come_up()
            assert_rows_claim_only_what_is_there(disk.root)
            with mounted_at(disk.root) as mounted:
                context = f"seed {seed}, cut {cut}: {mounted.report}"
                assert mounted.report.problems == [], context
                for number, fragments in ledger.fragments.items():
                    segment = mounted.index.segment(segment_uuid(number))
                    if segment is None:
                        assert number in ledger.deleting, context
                    else:
                        assert segment.keyframes >= fragments, context
                assert list(check(mounted.volume, mounted.index, hashes=True)) == [], context


class Forgetful(Disk):
    """A disk that says it has synced and has not."""

    def fdatasync(self, fd: int) -> None:
        pass


def test_the_power_cut_is_real_a_sync_that_was_left_out_loses_data(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        create(disk.root)
        opened = mount(disk.root, VOLUME, CLUSTER, NO_FLOOR, Forgetful())
        writing = Writing(opened, 1)
        writing.append(3)
        writing.sync()
        disk.cut_power()
        writing.file.abandon()
        opened.close()
        disk.come_up()
        with mounted_at(disk.root) as mounted:
            assert mounted.report.problems != []


def test_a_file_system_that_turns_read_only_is_told_from_a_failing_disk(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        create(disk.root)
        disk.unmount()
        disk.mount("errors=remount-ro")
        with mounted_at(disk.root) as mounted:
            writing = Writing(mounted, 1)
            writing.append(1)
            writing.sync()
            disk.remount("abort")
            with pytest.raises(SuspectSegmentError, match="became read-only"):
                writing.append(2)
            with pytest.raises(DiskReadOnlyError):
                SegmentFile.create(mounted.volume, row(2).path)
            with pytest.raises(DiskError, match="dmesg"):
                mounted.index.begin(row(2))
            writing.file.abandon()


def test_a_volume_mounted_read_only_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        create(disk.root)
        disk.unmount()
        disk.mount("ro")
        with pytest.raises(VolumeReadOnlyError, match="remount,rw"):
            mount(disk.root, VOLUME, CLUSTER)


def test_a_disk_that_was_not_mounted_is_never_written_to(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        create(disk.root)
        disk.unmount()
        with pytest.raises(VolumeMissingError, match="not mounted"):
            mount(disk.root, VOLUME, CLUSTER)
        assert list(disk.root.iterdir()) == []


def test_a_disk_that_dies_while_recording_is_bypassed(tmp_path: Path) -> None:
    other = segment_uuid(2)
    create(tmp_path / "well", other)
    with ext4(tmp_path) as disk:
        create(disk.root)
        with (
            mounted_at(disk.root) as dying,
            mounted_at(tmp_path / "well", volume_id=other) as well,
        ):
            archive = Archive([dying, well])
            record(dying, 1)
            disk.cut_power()
            with pytest.raises(DiskError) as failure:
                Writing(dying, 2)
            archive.bypass(dying.volume_id, str(failure.value))
            assert record(well, 3).state is State.CLOSED
            with archive.in_use() as volumes:
                assert volumes == [well]
                assert len(archive.segments(volumes, "gate", 0, 1 << 60)) == 1
