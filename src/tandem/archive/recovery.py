"""After a crash: every segment that was being written is cut to what is whole, and closed.

Rows stand before files (A2), so a crash leaves its traces in rows that are not closed: they are all
that has to be looked at before recording goes on. What has no row at all is `rebuild`'s business.
"""

import os

from tandem.archive import cleaner, locks, writers
from tandem.archive.errors import disk_error
from tandem.archive.index import Index
from tandem.archive.inspection import content, inspect, is_of_a_later_release
from tandem.archive.repair import OnProgress, Report, mend, quarantine
from tandem.archive.rows import Closing, Gap, GapCause, Progress, Segment, State
from tandem.archive.segment_file import Sealed
from tandem.archive.volume import Volume
from tandem.media.mp4.scan import Scan


def recover(volume: Volume, index: Index, on_progress: OnProgress = lambda *_: None) -> Report:
    """Finish what dead writers left. May be interrupted and repeated, and living ones may write.

    Args:
        volume: open for writing.
        index: its index.
        on_progress: called before each file.

    Raises:
        DiskError: the index or a directory cannot be written; a file that cannot be read is a
            problem in the report instead.
    """
    report = Report()
    cleaner.finish(volume, index)
    locks.restore(volume, index)
    # A writer claims before it begins: who wrote a row that is read now, and lives, is found after.
    found = index.unfinished(State.OPEN)
    living = writers.living(volume)
    for done, row in enumerate(found):
        if row.writer_id in living:
            continue  # invariant A10
        segment = index.segment(row.segment_id)  # its writer may have closed it before it left
        if segment is None or segment.state is not State.OPEN:
            continue
        on_progress(done, segment.path)
        try:
            _recover_row(volume, index, segment, report)
        except OSError as error:
            _give_up(volume, index, segment, error, report)
    return report


def _recover_row(volume: Volume, index: Index, segment: Segment, report: Report) -> None:
    try:
        fd = volume.open_file(segment.path, os.O_RDWR)
    except FileNotFoundError:
        _drop_missing(volume, index, segment, report)
        return
    try:
        volume.disk.fdatasync(fd)  # what a killed recorder had handed to the kernel
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # judge the disk, not the page cache
        size_bytes = os.fstat(fd).st_size
        scanned = inspect(fd, size_bytes, verify_from=segment.durable_bytes)
        if is_of_a_later_release(scanned, size_bytes):
            report.problems.append(
                f"{volume.root / segment.path} was left alone: {scanned.problem}."
            )
        elif scanned.whole_bytes < segment.durable_bytes:
            _keep_damaged(volume, index, segment, scanned, report)
        elif scanned.fragments:
            sealed = mend(volume, fd, scanned, size_bytes)
            _close_row(index, segment, scanned, sealed)
            report.closed.append(segment.path)
            report.cut_bytes += size_bytes - scanned.whole_bytes
        else:
            _drop_empty(volume, index, segment, scanned, size_bytes, report)
    finally:
        volume.disk.close(fd)


def _close_row(index: Index, segment: Segment, scanned: Scan, sealed: Sealed) -> None:
    held = content(scanned, segment.start_us)
    progress = Progress(
        segment.segment_id, held.end_us, sealed.size_bytes, held.frames, held.keyframes
    )
    index.sync_round(closings=[Closing(progress, sealed.hash)])


def _drop_missing(volume: Volume, index: Index, segment: Segment, report: Report) -> None:
    """A row without a file: it was never created, or somebody removed it."""
    if segment.durable_bytes == 0:
        index.forget([segment.segment_id])
        report.empty.append(segment.path)
        return
    index.forget([segment.segment_id], [_gap(segment, segment.start_us, GapCause.FILE_LOST)])
    report.problems.append(
        f"{volume.root / segment.path} is gone, with {segment.durable_bytes} bytes that were on "
        f"the disk: removed by hand, or by `fsck` after damage: see lost+found."
    )


def _drop_empty(
    volume: Volume,
    index: Index,
    segment: Segment,
    scanned: Scan,
    size_bytes: int,
    report: Report,
) -> None:
    """Not one whole fragment reached the disk."""
    if size_bytes == 0 or scanned.header is not None:
        volume.unlink([segment.path])
        report.empty.append(segment.path)
    else:
        target = quarantine(volume, segment.path)
        report.problems.append(
            f"{volume.root / segment.path} cannot be understood ({scanned.problem}); it was moved "
            f"to {volume.root / target} and can be removed if nobody needs it."
        )
    index.forget([segment.segment_id])


def _keep_damaged(
    volume: Volume, index: Index, segment: Segment, scanned: Scan, report: Report
) -> None:
    """The disk lost what it had confirmed: nothing is cut, and what is lost becomes a gap."""
    held = content(scanned, segment.start_us)
    step = Progress(
        segment.segment_id, held.end_us, scanned.whole_bytes, held.frames, held.keyframes
    )
    lost = [_gap(segment, held.end_us, GapCause.DISK_ERROR)] if held.end_us < segment.end_us else []
    index.sync_round(closings=[Closing(step, None)], gaps=lost)
    report.problems.append(
        f"{volume.root / segment.path} is whole only up to byte {scanned.whole_bytes} of "
        f"{segment.durable_bytes} that the disk had confirmed ({scanned.problem}). The disk loses "
        f"data: see `smartctl -a` and `dmesg`, and replace it."
    )


def _give_up(
    volume: Volume, index: Index, segment: Segment, error: OSError, report: Report
) -> None:
    """The disk cannot read or write this one file; the others are still worth it."""
    step = Progress(
        segment.segment_id,
        segment.end_us,
        segment.durable_bytes,
        segment.frames,
        segment.keyframes,
    )
    index.sync_round(closings=[Closing(step, None)])
    report.problems.append(str(disk_error(error, f"recovering {volume.root / segment.path}")))


def _gap(segment: Segment, from_us: int, cause: GapCause) -> Gap:
    return Gap(segment.camera_id, segment.stream, from_us, segment.end_us, cause)
