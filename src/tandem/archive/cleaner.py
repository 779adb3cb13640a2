"""Doing what `deletion` planned, so that a crash between any two steps loses nothing else (A6)."""

from collections.abc import Sequence

from tandem.archive import ballast
from tandem.archive.deletion import Deletion, Reason
from tandem.archive.errors import DiskFullError, disk_error
from tandem.archive.index import Index
from tandem.archive.rows import Gap, GapCause, Segment, State
from tandem.archive.volume import Volume


def delete(volume: Volume, index: Index, deletions: Sequence[Deletion]) -> list[Segment]:
    """Delete segments: mark the rows, unlink the files, sync the directories, drop the rows.

    Args:
        volume: where they are.
        index: its index.
        deletions: of this volume, as planned.

    Returns:
        What is gone now; an open or locked one never is, whatever was planned, nor is a second copy
        that this node has promised since.

    Raises:
        DiskError: the rest is done by `finish`, or at the next opening.
    """
    losses = {
        deletion.segment.segment_id: _loss(deletion.segment) if deletion.is_loss else None
        for deletion in deletions
    }
    seconds = {
        deletion.segment.segment_id
        for deletion in deletions
        if deletion.reason is Reason.SECOND_COPY
    }
    try:
        index.mark_garbage(losses, seconds)
    except DiskFullError:
        ballast.drop(volume)  # deleting is what a full disk needs most
        index.mark_garbage(losses, seconds)
    gone = finish(volume, index)
    ballast.lay(volume)
    return gone


def finish(volume: Volume, index: Index) -> list[Segment]:
    """Take what is marked garbage to its end; also what a crash left half done.

    Returns:
        What is gone now.

    Raises:
        DiskError: the garbage stays marked; call again.
    """
    garbage = index.unfinished(State.GARBAGE)
    if not garbage:
        return []
    try:
        volume.unlink(segment.path for segment in garbage)
    except OSError as error:
        raise disk_error(error, f"deleting {volume.root / garbage[0].path} and others") from error
    index.forget(segment.segment_id for segment in garbage)
    return garbage


def _loss(segment: Segment) -> Gap:
    return Gap(
        segment.camera_id,
        segment.stream,
        segment.start_us,
        segment.end_us,
        GapCause.DELETED_FOR_SPACE,
        "deleted before its time, since the disk was full",
    )
