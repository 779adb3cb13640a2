"""Why there is nothing from before a stream's first recording, nor after a camera's removal. Pure.

Nobody notes when a camera was entered, and what is deleted for its age leaves no trace. So no more
is said than what is known: no node has anything from there.
"""

from tandem.archive.rows import Gap, GapCause, Interval

FIRST = "no node has anything from before; it was not recorded yet, or was deleted in its time"
REMOVED = "no node has anything from after that; the camera has been removed"

_NEVER_US = 1 << 62


def gaps_outside(camera_id: str, stream: str, extent: Interval, *, is_removed: bool) -> list[Gap]:
    """What is said of the time in which nothing is known of a stream.

    A gap that a recorder noted begins later, or is inside the extent: it speaks instead.

    Args:
        camera_id: the camera.
        stream: which of its streams.
        extent: from when to when anything is known of it; all nodes and volumes must have told.
        is_removed: whether the cluster has the camera no more.
    """
    before = Gap(camera_id, stream, 0, extent.from_us, GapCause.BEFORE_FIRST, FIRST)
    after = Gap(camera_id, stream, extent.to_us, _NEVER_US, GapCause.REMOVED, REMOVED)
    return [before, after] if is_removed else [before]
