"""The check finds what does not agree, says nothing where all is well, and changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.archive.material import CLUSTER, VOLUME, Writing, create, mounted_at, record

from tandem.archive import locks
from tandem.archive.check import Fault, check
from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE, lock_path
from tandem.archive.mount import Mounted
from tandem.archive.rows import Segment
from tandem.archive.volume import Access, Volume


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create(tmp_path / "disk")
    return tmp_path / "disk"


def faults(root: Path, *, hashes: bool = True) -> list[Fault]:
    """As an administrator runs it, beside a recorder."""
    volume = Volume.open(root, VOLUME, CLUSTER, access=Access.READ_ONLY)
    reader = IndexReader.open_for_reading(root / INDEX_FILE)
    try:
        return [finding.fault for finding in check(volume, reader, hashes=hashes)]
    finally:
        reader.close()
        volume.close()


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def remove(mounted: Mounted, segment: Segment) -> None:
    (mounted.volume.root / segment.path).unlink()


def lengthen(mounted: Mounted, segment: Segment) -> None:
    with (mounted.volume.root / segment.path).open("ab") as file:
        file.write(b"x")


def shorten(mounted: Mounted, segment: Segment) -> None:
    path = mounted.volume.root / segment.path
    path.write_bytes(path.read_bytes()[:-1])


def rot(mounted: Mounted, segment: Segment) -> None:
    flip(mounted.volume.root / segment.path, -200)


def forget_row(mounted: Mounted, segment: Segment) -> None:
    mounted.index.forget([segment.segment_id])


def forget_marker(mounted: Mounted, segment: Segment) -> None:
    locks.lock(mounted.volume, mounted.index, [segment.segment_id])
    (mounted.volume.root / lock_path(segment.segment_id)).unlink()


def forget_flag(mounted: Mounted, segment: Segment) -> None:
    locks.lock(mounted.volume, mounted.index, [segment.segment_id])
    mounted.index.set_locked([segment.segment_id], locked=False)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (remove, Fault.MISSING),
        (lengthen, Fault.SIZE),
        (shorten, Fault.SIZE),
        (rot, Fault.HASH),
        (forget_row, Fault.STRAY),
        (forget_marker, Fault.LOCK),
        (forget_flag, Fault.LOCK),
    ],
)
def test_each_kind_of_harm_is_found_and_nothing_else(
    root: Path, harm: Callable[[Mounted, Segment], None], fault: Fault
) -> None:
    with mounted_at(root) as mounted:
        record(mounted, 1)
        harm(mounted, record(mounted, 2))
        record(mounted, 3)
        assert faults(root) == [fault]


def test_a_rotten_bit_in_a_rebuilt_segment_is_found_by_the_pictures_identities(root: Path) -> None:
    with mounted_at(root) as mounted:
        rot(mounted, record(mounted, 1))
        mounted.index._connection.execute("UPDATE segment SET hash = NULL")
        assert faults(root, hashes=False) == []
        assert faults(root) == [Fault.TORN]


def test_recording_while_it_is_checked_is_no_fault(root: Path) -> None:
    with mounted_at(root) as mounted:
        record(mounted, 1)
        writing = Writing(mounted, 2)
        assert faults(root) == []
        writing.append(2)
        assert faults(root) == []
        writing.sync()
        writing.append(1)
        writing.file.append([b"half"])
        assert faults(root) == []


def test_a_file_that_is_being_deleted_is_no_fault(root: Path) -> None:
    with mounted_at(root) as mounted:
        segment = record(mounted, 1)
        mounted.index.mark_garbage({segment.segment_id: None})
        remove(mounted, segment)
        assert faults(root) == []


def test_the_check_changes_nothing(root: Path) -> None:
    with mounted_at(root) as mounted:
        rot(mounted, record(mounted, 1))
        forget_row(mounted, record(mounted, 2))
        before = {path: path.read_bytes() for path in root.rglob("*.mp4")}
        rows = list(mounted.index.all_segments())
        faults(root)
        assert {path: path.read_bytes() for path in root.rglob("*.mp4")} == before
        assert list(mounted.index.all_segments()) == rows
