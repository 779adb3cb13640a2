"""Files without a row get one again: after the index was lost, from what the files say themselves.

What only the index knew is gone, so the guess is always the one that keeps: an adopted segment is a
primary's, and evidence where its marker is (A7). Gaps are taken over from the old index as far as
it can be read. Recording does not wait for any of it: a new index begins empty, and fills.
"""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from uuid import UUID

from tandem.archive.errors import disk_error
from tandem.archive.index import Index
from tandem.archive.inspection import content, inspect, is_of_a_later_release
from tandem.archive.layout import INDEX_FILE, QUARANTINE
from tandem.archive.repair import OnProgress, Report, mend, quarantine
from tandem.archive.rows import Gap, GapCause, Role, Segment, State
from tandem.archive.volume import Volume
from tandem.archive.walk import lock_markers, segment_files
from tandem.media.mp4.scan import Scan


def set_aside(volume: Volume) -> Path | None:
    """Move the index out of the way, log and all; nothing of it is deleted.

    Returns:
        Where it is now; None if there was none.

    Raises:
        DiskError: it cannot be moved.
    """
    number = 1
    while volume.size_bytes(QUARANTINE / f"{number}-{INDEX_FILE}") is not None:
        number += 1
    moved = None
    try:
        for suffix in ("-shm", "-wal", ""):  # the database last: while it is there, it is damaged
            name = PurePosixPath(f"{INDEX_FILE}{suffix}")
            if volume.size_bytes(name) is not None:
                moved = QUARANTINE / f"{number}-{name}"
                volume.rename(name, moved)
    except OSError as error:
        raise disk_error(error, f"moving {volume.root / INDEX_FILE} aside") from error
    return volume.root / moved if moved else None


def salvage_gaps(old: Path, index: Index) -> int:
    """Take over the gaps of an old index, as far as it can be read.

    Returns:
        How many.

    Raises:
        DiskError: the new index cannot be written.
    """
    gaps: list[Gap] = []
    with (
        suppress(sqlite3.Error, ValueError),
        closing(sqlite3.connect(f"{old.absolute().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        gaps.extend(map(_gap, connection.execute("SELECT * FROM gap")))
    index.sync_round(gaps=gaps)
    return len(gaps)


def adopt(volume: Volume, index: Index, on_progress: OnProgress = lambda *_: None) -> Report:
    """Give every segment file without a row its row. May be interrupted and repeated.

    Args:
        volume: open for writing; by the thread that writes to it, or before that begins.
        index: its index.
        on_progress: called before each file of the volume.

    Raises:
        DiskError: a directory cannot be read, or the index cannot be written.
    """
    report = Report()
    try:
        locked = set(lock_markers(volume))
        for done, path in enumerate(segment_files(volume)):
            on_progress(done, path)
            if index.segment_at(path) is None:
                _adopt_file(volume, index, path, locked, report)
    except OSError as error:
        raise disk_error(error, f"reading {volume.root}") from error
    if not report.left_alone:
        index.set_complete()
    return report


def _gap(row: tuple[str, str, int, int, str, str]) -> Gap:
    camera_id, stream, from_us, to_us, cause, detail = row
    return Gap(camera_id, stream, from_us, to_us, GapCause(cause), detail)


def _adopt_file(
    volume: Volume, index: Index, path: PurePosixPath, locked: set[str], report: Report
) -> None:
    fd = -1
    try:
        fd = volume.open_file(path, os.O_RDWR)
        size_bytes = os.fstat(fd).st_size
        if size_bytes == 0:
            volume.unlink([path])
            report.empty.append(path)
            return
        scanned = inspect(fd, size_bytes)
        if is_of_a_later_release(scanned, size_bytes):
            report.problems.append(f"{volume.root / path} was left alone: {scanned.problem}.")
            report.left_alone += 1
            return
        segment = _row(volume, index, path, scanned)
        if isinstance(segment, str):
            target = volume.root / quarantine(volume, path)
            report.problems.append(f"{volume.root / path} {segment}; it was moved to {target}.")
            return
        segment = _finish(volume, fd, segment, scanned, size_bytes, report)
        index.begin(replace(segment, locked=segment.segment_id.hex in locked))
    except OSError as error:
        report.problems.append(str(disk_error(error, f"reading {volume.root / path}")))
        report.left_alone += 1
    finally:
        if fd >= 0:
            volume.disk.close(fd)


def _row(volume: Volume, index: Index, path: PurePosixPath, scanned: Scan) -> Segment | str:
    """The row that a file says it should have, or why it cannot have one."""
    header = scanned.header
    if header is None or not scanned.fragments:
        return f"cannot be understood ({scanned.problem or 'it has no fragment'})"
    if header.cluster_number != volume.identity.cluster_number:
        return f"was recorded by cluster {header.cluster_number}"
    try:
        segment_id = UUID(header.segment_id)
    except ValueError:
        return f"has a segment id that is none ({header.segment_id!r})"
    known = index.segment(segment_id)
    if known is not None:
        return f"is a copy of segment {segment_id}, which is at {known.path}"
    return Segment(
        segment_id=segment_id,
        camera_id=header.camera_id,
        stream=header.stream,
        path=path,
        role=Role.PRIMARY,
        start_us=header.start_us,
        end_us=header.start_us,
    )


def _finish(
    volume: Volume, fd: int, row: Segment, scanned: Scan, size_bytes: int, report: Report
) -> Segment:
    """Fill in a row from its file; close the file in order if that was not done.

    How much of it was durable is not known here, so a cut must not take what may be whole: where
    more fragments follow a damaged one, the file stays as it is, and is suspect.
    """
    state, hash_, end = State.CLOSED, None, size_bytes
    if not scanned.closed or scanned.problem:
        scanned = inspect(fd, size_bytes, verify_from=0)
        if _has_more(fd, scanned.whole_bytes, size_bytes):
            state, end = State.SUSPECT, scanned.whole_bytes
            report.problems.append(
                f"{volume.root / row.path} is damaged in the middle ({scanned.problem}). What is "
                f"before that is shown; nothing was cut. The disk may fail: see `smartctl -a`."
            )
        else:
            sealed = mend(volume, fd, scanned, size_bytes)
            hash_, end = sealed.hash, sealed.size_bytes
            report.cut_bytes += size_bytes - scanned.whole_bytes
    report.closed.append(row.path)
    held = content(scanned, row.start_us)
    return replace(
        row,
        end_us=held.end_us,
        frames=held.frames,
        keyframes=held.keyframes,
        durable_bytes=end,
        state=state,
        hash=hash_,
    )


def _has_more(fd: int, whole_bytes: int, size_bytes: int) -> bool:
    """Whether another fragment may begin behind the torn one."""
    behind = whole_bytes + 8
    return b"moof" in os.pread(fd, size_bytes - behind, behind) if behind < size_bytes else False
