"""What an archivist knows of its cluster, and asks anew each time: it may change at any moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tandem.archive.deletion import Retention
from tandem.cluster.model import Placement

ARCHIVIST_PORT: Final = 2376
"""Where archivists listen, on every link."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the archivist of a node listens on one link.

    Attributes:
        host: IP address or host name of the node on that link.
        port: TCP.
    """

    host: str
    port: int


class View(Protocol):
    """The cluster as this node sees it now. Answers at once, from memory."""

    def placements(self) -> Mapping[str, Placement]:
        """As committed, as far as this node knows, by camera; never changed by suspicion."""
        ...

    def retention(self) -> Mapping[str, Retention]:
        """How long cameras' recordings are kept here, and the window of second copies (D7)."""
        ...

    def utc_us(self) -> int | None:
        """The time; None while this node does not trust its clock: nothing is old then."""
        ...

    def addresses(self, node_id: str) -> Sequence[Address]:
        """Where a node's archivist listens, one address a link; none for a node nobody knows."""
        ...
