"""What an export needs of a place with recordings: this node's volumes, or another node."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tandem.archive.rows import Gap, Interval, Segment


class SegmentBytes(Protocol):
    """The bytes of one segment file."""

    @property
    def size_bytes(self) -> int:
        """How many there are."""

    def read(self, offset: int, length: int) -> bytes:
        """Read at a place; shorter only at the end of the file.

        Raises:
            SourceError: it cannot be read; the message says why.
            SourceLostError: nothing of the place that has it can be read any more.
        """


class SegmentSource(Protocol):
    """A place with recordings, whose times come from one clock: the volumes of one node.

    What is asked of another node over the network is best fetched ahead, since a segment is read in
    many small pieces, though nearly in the order of its bytes.
    """

    @property
    def node_id(self) -> str:
        """The node, as results name it."""

    def segments(self, camera_id: str, stream: str, from_us: int, to_us: int) -> Sequence[Segment]:
        """The rows of what it has over [from_us, to_us), garbage left out, in any order.

        Raises:
            SourceError: it does not answer.
        """

    def gaps(self, camera_id: str, stream: str, from_us: int, to_us: int) -> Sequence[Gap]:
        """Why it has nothing at some times.

        Raises:
            SourceError: it does not answer.
        """

    def open(self, segment: Segment) -> AbstractContextManager[SegmentBytes]:
        """Open a segment that `segments` returned.

        Raises:
            SourceError: it cannot be opened.
            SourceLostError: nothing of this place can be read any more.
        """


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A copy that is known, and cannot be read now: its node or its disk is down.

    Attributes:
        node_id: whose it is.
        reason: a sentence: what is down.
        spans: when it recorded, as far as is known; None where it may be any time.
    """

    node_id: str
    reason: str
    spans: Sequence[Interval] | None = None
