"""What the event loop asks of a volume's writer, and what that one reports back."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.archive.deletion import Deletion
from tandem.archive.rows import Gap
from tandem.archive.space import Space
from tandem.media.fragmenter import Fragment
from tandem.recording.camera import StreamKey, StreamOrder

_JOB_BYTES = 1024
_SAMPLE_BYTES = 256
"""What waits takes memory beside its video: many small pictures are not for nothing."""


@dataclass(frozen=True, slots=True)
class Write:
    """A fragment to be written; `begins` a new segment or continues the open one."""

    order: StreamOrder
    fragment: Fragment
    begins: bool


@dataclass(frozen=True, slots=True)
class End:
    """The stream's open segment is complete, since it goes on elsewhere or not at all."""

    key: StreamKey


@dataclass(frozen=True, slots=True)
class Note:
    """A gap for the index."""

    gap: Gap


@dataclass(frozen=True, slots=True)
class Delete:
    """Segments that are to go, as planned; the latest plan counts."""

    deletions: Sequence[Deletion]


Job = Write | End | Note | Delete


@dataclass(frozen=True, slots=True)
class Durable:
    """What a round of syncs made sure of.

    Attributes:
        until_us: per stream, the capture time up to which this volume has it on disk.
        space: how full the volume is.
    """

    until_us: dict[StreamKey, int]
    space: Space


@dataclass(frozen=True, slots=True)
class Full:
    """The disk takes nothing for now, and what comes is held in memory.

    Attributes:
        message: why.
        is_full: it has no room, until older recordings are deleted; else its index is busy.
    """

    message: str
    is_full: bool = True


@dataclass(frozen=True, slots=True)
class Roomy:
    """What was held has been written: the disk has room again."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The volume takes no more. `recall` has what was not written and belongs elsewhere."""

    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The writer has let go of the volume, well or dead: it may be opened anew."""


Report = Durable | Full | Roomy | Dead | Ended


def size_bytes(job: Job) -> int:
    """How much memory a job takes while it waits."""
    if isinstance(job, Write):
        samples = len(job.fragment.video) + len(job.fragment.audio)
        return job.fragment.size_bytes + _JOB_BYTES + _SAMPLE_BYTES * samples
    return 0
