"""What is appended is there whole or not at all; what failed to sync is never believed again."""

import errno
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from blake3 import blake3
from tests.archive.material import CLUSTER, VOLUME, FailingDisk, create

from tandem.archive.errors import (
    DiskFailedError,
    DiskFullError,
    DiskReadOnlyError,
    SuspectSegmentError,
)
from tandem.archive.segment_file import HASHED_BYTES, SegmentFile
from tandem.archive.volume import Volume

PATH = PurePosixPath("gate/main/2026-01-01/a.mp4")


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def volume(tmp_path: Path, disk: FailingDisk) -> Iterator[Volume]:
    create(tmp_path)
    opened = Volume.open(tmp_path, VOLUME, CLUSTER, disk=disk)
    yield opened
    opened.close()


def test_buffers_arrive_in_order_and_are_hashed_as_one(volume: Volume) -> None:
    file = SegmentFile.create(volume, PATH)
    file.append([b"ab", bytearray(b"cd"), memoryview(b"xefx")[1:3]])
    assert file.append([b"", b"g"]) == 7
    sealed = file.close([b"h", b"i"])
    content = (volume.root / PATH).read_bytes()
    assert content == b"abcdefghi"
    assert sealed.size_bytes == 9
    assert sealed.hash == blake3(content).digest()


@pytest.mark.parametrize(
    "sizes",
    [
        [HASHED_BYTES - 1, 1, 5],
        [HASHED_BYTES],
        [3, HASHED_BYTES, 0, HASHED_BYTES + 1],
        [HASHED_BYTES // 2 + 1] * 5,
    ],
)
def test_the_hash_is_that_of_the_file_however_it_was_appended(
    volume: Volume, sizes: list[int]
) -> None:
    file = SegmentFile.create(volume, PATH)
    file.append([bytes([number + 1]) * size for number, size in enumerate(sizes)])
    file.append([b"end"])
    assert file.close().hash == blake3((volume.root / PATH).read_bytes()).digest()


def test_more_buffers_than_one_writev_takes(volume: Volume) -> None:
    pieces = [bytes([number % 251]) * (number % 5) for number in range(5000)]
    file = SegmentFile.create(volume, PATH)
    file.append(pieces)
    file.close()
    assert (volume.root / PATH).read_bytes() == b"".join(pieces)


@pytest.mark.parametrize("longest", [1, 2, 7, 1000])
def test_short_writes_are_gone_on_with(volume: Volume, disk: FailingDisk, longest: int) -> None:
    disk.longest_write = longest
    pieces = [b"abc", b"", b"defgh", b"", b"i" * 40]
    file = SegmentFile.create(volume, PATH)
    file.append(pieces)
    sealed = file.close()
    assert (volume.root / PATH).read_bytes() == b"".join(pieces)
    assert sealed.hash == blake3(b"".join(pieces)).digest()


def test_an_append_on_a_full_disk_leaves_no_half_and_the_segment_goes_on(
    volume: Volume, disk: FailingDisk
) -> None:
    file = SegmentFile.create(volume, PATH)
    file.append([b"whole"])
    disk.longest_write = 2
    disk.fail("writev", errno.ENOSPC, after=1)
    with pytest.raises(DiskFullError, match="No space"):
        file.append([b"torn"])
    assert (volume.root / PATH).read_bytes() == b"whole"
    disk.heal()
    file.append([b"more"])
    sealed = file.close()
    assert (volume.root / PATH).read_bytes() == b"wholemore"
    assert sealed.hash == blake3(b"wholemore").digest()


def test_a_full_disk_that_cannot_cut_back_makes_the_segment_suspect(
    volume: Volume, disk: FailingDisk
) -> None:
    file = SegmentFile.create(volume, PATH)
    disk.fail("writev", errno.ENOSPC)
    disk.fail("truncate", errno.EIO)
    with pytest.raises(SuspectSegmentError):
        file.append([b"torn"])
    assert file.is_suspect


def test_a_failed_sync_is_never_retried_into_success(volume: Volume, disk: FailingDisk) -> None:
    file = SegmentFile.create(volume, PATH)
    file.append([b"sure"])
    assert file.sync() == 4
    file.append([b"lost"])
    disk.fail("fdatasync", errno.EIO)
    with pytest.raises(SuspectSegmentError, match="first 4 bytes"):
        file.sync()
    disk.heal()  # the kernel has forgotten the error, and the pages
    syncs = disk.calls.count("fdatasync")
    for attempt in (file.sync, file.close, lambda: file.append([b"x"])):
        with pytest.raises(SuspectSegmentError):
            attempt()
    assert disk.calls.count("fdatasync") == syncs
    assert file.durable_bytes == 4
    file.abandon()


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.ENXIO])
def test_a_write_that_fails_otherwise_makes_the_segment_suspect(
    volume: Volume, disk: FailingDisk, code: int
) -> None:
    file = SegmentFile.create(volume, PATH)
    file.append([b"a"])
    disk.fail("writev", code)
    with pytest.raises(SuspectSegmentError) as failure:
        file.append([b"b"])
    assert failure.value.code == code
    disk.heal()
    with pytest.raises(SuspectSegmentError):
        file.append([b"c"])
    assert file.size_bytes == 1
    file.abandon()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EROFS, DiskReadOnlyError),
        (errno.EIO, DiskFailedError),
    ],
)
def test_a_file_that_cannot_be_created_says_why(
    volume: Volume, disk: FailingDisk, code: int, kind: type[Exception]
) -> None:
    disk.fail("create", code)
    with pytest.raises(kind, match="creating"):
        SegmentFile.create(volume, PATH)


def test_a_segment_never_overwrites_another(volume: Volume) -> None:
    SegmentFile.create(volume, PATH).close()
    with pytest.raises(DiskFailedError, match="exists"):
        SegmentFile.create(volume, PATH)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left_behind(volume: Volume, disk: FailingDisk) -> None:
    before = descriptors()
    for number in range(3):
        file = SegmentFile.create(volume, PATH.with_name(f"{number}.mp4"))
        file.append([b"a"])
        if number == 1:
            file.close()
        file.abandon()
        file.abandon()
    disk.fail("fsync", errno.EIO)
    with pytest.raises(DiskFailedError):
        SegmentFile.create(volume, PATH.with_name("x.mp4"))
    assert descriptors() == before


def test_a_closed_segment_takes_no_more(volume: Volume) -> None:
    file = SegmentFile.create(volume, PATH)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.append([b"a"])
