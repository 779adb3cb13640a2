"""Do files, index and hashes agree? An fsck that only reads, also while a recorder writes."""

import enum
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

from tandem.archive.index_reader import IndexReader
from tandem.archive.inspection import hash_file, inspect
from tandem.archive.layout import INDEX_FILE, lock_path
from tandem.archive.locks import is_marker
from tandem.archive.repair import OnProgress
from tandem.archive.rows import Segment, State
from tandem.archive.volume import Volume
from tandem.archive.walk import lock_markers, quarantined_files, segment_files


class Fault(enum.StrEnum):
    """What does not agree."""

    INDEX_DAMAGED = "index_damaged"
    MISSING = "missing"
    """A row has no file."""
    STRAY = "stray"
    """A file has no row."""
    SIZE = "size"
    HASH = "hash"
    TORN = "torn"
    UNREADABLE = "unreadable"
    LOCK = "lock"
    """A lock is only in the index, or only in its marker."""
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement.

    Attributes:
        fault: of which kind.
        path: inside the volume.
        sentence: what it is, and what to do.
    """

    fault: Fault
    path: PurePosixPath
    sentence: str


def check(
    volume: Volume,
    index: IndexReader,
    *,
    hashes: bool,
    on_progress: OnProgress = lambda *_: None,
) -> Iterator[Finding]:
    """Compare a volume with its index.

    Args:
        volume: open, for reading is enough.
        index: its index.
        hashes: read every byte and compare it with what was recorded, instead of the structure.
        on_progress: called before each file.

    Yields:
        What does not agree; nothing where all is well.

    Raises:
        OSError: a directory cannot be read.
        ArchiveError: the index cannot be read any further.
    """
    if problem := index.problem():
        yield Finding(
            Fault.INDEX_DAMAGED,
            PurePosixPath(INDEX_FILE),
            f"The index is damaged ({problem}). Rebuild it: it is made from the files.",
        )
        return
    markers = {name for name in lock_markers(volume) if is_marker(name)}
    for done, segment in enumerate(index.all_segments()):
        on_progress(done, segment.path)
        yield from _check_segment(volume, index, segment, hashes=hashes)
        if segment.locked != (segment.segment_id.hex in markers):
            where = "index" if segment.locked else "marker"
            yield Finding(
                Fault.LOCK,
                lock_path(segment.segment_id),
                f"The evidence lock of {segment.path} is only in its {where}. Lock it again.",
            )
    for path in segment_files(volume):
        if index.segment_at(path) is None:
            yield Finding(
                Fault.STRAY, path, "The index does not have this file. Rebuild the index."
            )
    for path in quarantined_files(volume):
        yield Finding(Fault.QUARANTINED, path, "It was not understood. Look at it, then remove it.")


def _check_segment(
    volume: Volume, index: IndexReader, segment: Segment, *, hashes: bool
) -> Iterator[Finding]:
    if segment.state is State.GARBAGE:
        return
    try:
        fd = volume.open_file(segment.path, os.O_RDONLY)
    except FileNotFoundError:
        if _still_there(index, segment.segment_id):
            yield Finding(Fault.MISSING, segment.path, "The file is gone. Was it removed by hand?")
        return
    try:
        yield from _check_file(fd, segment, hashes=hashes)
    except OSError as error:
        yield Finding(
            Fault.UNREADABLE,
            segment.path,
            f"It cannot be read ({error.strerror or error}). See `smartctl -a`.",
        )
    finally:
        volume.disk.close(fd)


def _still_there(index: IndexReader, segment_id: UUID) -> bool:
    """Whether a row still claims its file: a recorder may delete while we look."""
    now = index.segment(segment_id)
    return now is not None and now.state is not State.GARBAGE and now.durable_bytes > 0


def _check_file(fd: int, segment: Segment, *, hashes: bool) -> Iterator[Finding]:
    size_bytes = os.fstat(fd).st_size
    is_short = size_bytes < segment.durable_bytes
    if is_short or (segment.state is State.CLOSED and size_bytes != segment.durable_bytes):
        yield Finding(
            Fault.SIZE,
            segment.path,
            f"It has {size_bytes} bytes, and {segment.durable_bytes} were durable. The file system "
            f"lost data, or somebody changed the file: see `fsck`.",
        )
        return
    if hashes and segment.hash is not None:
        if hash_file(fd, size_bytes) != segment.hash:
            yield Finding(
                Fault.HASH, segment.path, "Its bytes are not those recorded. See `smartctl -a`."
            )
        return
    scanned = inspect(fd, size_bytes, verify_from=0 if hashes else None)
    if scanned.whole_bytes < segment.durable_bytes:
        yield Finding(Fault.TORN, segment.path, f"It is not whole: {scanned.problem}.")
