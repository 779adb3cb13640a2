"""What the index holds, as values: segments, their progress, copies, gaps."""

import enum
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple
from uuid import UUID

from tandem.cluster import model


class State(enum.StrEnum):
    """Where a segment is in its life."""

    OPEN = "open"
    """Being written, or left so by a crash."""
    CLOSED = "closed"
    """Complete, durable; never changes again."""
    SUSPECT = "suspect"
    """A disk failed on it: only `durable_bytes` are sure."""
    GARBAGE = "garbage"
    """Being deleted: its file may be gone already."""


Role = model.Role
"""Which of the two copies this is."""


class GapCause(enum.StrEnum):
    """Why a time is not recorded."""

    CAMERA_UNREACHABLE = "camera_unreachable"
    CAMERA_REFUSED = "camera_refused"
    CAMERA_UNAUTHORISED = "camera_unauthorised"
    CAMERA_STALLED = "camera_stalled"
    CAMERA_UNSUPPORTED = "camera_unsupported"
    CAMERA_RESTLESS = "camera_restless"
    """It changes how it encodes, or its clock, more often than files can be begun."""
    PACKETS_LOST = "packets_lost"
    """Packets of the camera's pictures did not come. The one cause of a hole inside a segment."""
    KEYFRAME_MISSING = "keyframe_missing"
    """Pictures are recorded, and what they need to be decoded is not. In no index."""
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    DISK_TOO_SLOW = "disk_too_slow"
    VOLUME_MISSING = "volume_missing"
    RECORDER_DOWN = "recorder_down"
    NODE_DOWN = "node_down"
    FILE_LOST = "file_lost"
    """The index knows a file that the volume no longer has."""
    DELETED_FOR_SPACE = "deleted_for_space"
    """Deleted before its retention ended, since the disk was full."""
    DISABLED = "disabled"
    """Recording was switched off."""
    SETTINGS_CHANGED = "settings_changed"
    """The camera was asked anew, in the way that was ordered meanwhile."""
    BEFORE_FIRST = "before_first"
    """All copies begin later. In no index: worked out when it is asked for, like the next."""
    REMOVED = "removed"
    """After the last of a camera that was removed."""
    UNKNOWN = "unknown"
    """Nothing says why."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of the index: one file of about a minute.

    Attributes:
        segment_id: unique everywhere.
        camera_id: the camera.
        stream: which of its streams.
        path: inside the volume.
        role: which copy this is.
        start_us: capture time of the first sample, UTC.
        end_us: capture time at which the last durable sample ends, UTC.
        durable_bytes: how much of the file is known to be on the disk.
        frames: samples of the picture track in it.
        keyframes: how many of these one may begin at.
        state: where it is in its life.
        hash: BLAKE3 of the whole file; None while open, and after a rebuild until checked.
        locked: held as evidence: never deleted.
        promised_us: when this node promised, as primary, to keep these frames for the retention;
            None if it did not. Who promised never deletes as a second.
        writer_id: the process that began it, see `writers`; None where nobody knows.
    """

    segment_id: UUID
    camera_id: str
    stream: str
    path: PurePosixPath
    role: Role
    start_us: int
    end_us: int
    durable_bytes: int = 0
    frames: int = 0
    keyframes: int = 0
    state: State = State.OPEN
    hash: bytes | None = None
    locked: bool = False
    promised_us: int | None = None
    writer_id: UUID | None = None


class Progress(NamedTuple):
    """What a sync has made durable in one open segment."""

    segment_id: UUID
    end_us: int
    durable_bytes: int
    frames: int
    keyframes: int


class Closing(NamedTuple):
    """The last progress of a segment, and its end: closed with a hash, suspect without one."""

    progress: Progress
    hash: bytes | None


class Copy(NamedTuple):
    """One of the recordings of a camera: each has a timeline of its own."""

    stream: str
    role: Role


class Interval(NamedTuple):
    """A stretch of time: `from_us` belongs to it, `to_us` is the first time after it."""

    from_us: int
    to_us: int


class Extent(NamedTuple):
    """A stream of which something is known, and from when to when, holes included; UTC us."""

    camera_id: str
    stream: str
    from_us: int
    to_us: int


class Gap(NamedTuple):
    """A time that is not recorded, and why. `to_us` is the first time after it."""

    camera_id: str
    stream: str
    from_us: int
    to_us: int
    cause: GapCause
    detail: str = ""
