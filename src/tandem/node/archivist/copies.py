"""How far this node's copies are: each of its streams, compared with each other node's. Pure.

What was compared with one node stays so under its token, whatever becomes of another node.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from tandem.cluster.model import Placement
from tandem.node.archivist.comparing import Comparison
from tandem.node.archivist.filing import Looked
from tandem.node.archivist.orders import HealOrder

BEGINNING_US: Final = 30_000_000
"""For how long it is waited for a recorder of this node to begin, before a copy counts as whole
that lacks nothing yet: what comes in between would lack."""

SETTLING_US: Final = 10_000_000
"""For how long a token is looked at while others record: a segment of this node that ended just now
is still called open, and the next one is not yet in the index."""

COMMITTED: Final = 2
"""So many nodes of a placement hold its copies; who follows may have some of it by chance."""

MOST_PROBLEMS: Final = 1_000
LONGEST_PROBLEM: Final = 300
"""What keeps cameras from being whole is told of so many, at such length: one that is full or off
keeps all of them from it."""


@dataclass(slots=True)
class Side:
    """One peer's copy of one stream.

    Attributes:
        begun_us: from when on it is compared, UTC.
        since_us: before it nothing lacks of what is later than that.
        is_whole: whether nothing lacks here of what that peer had, nor will.
        whole_until_us: before it nothing lacks, as of the last pass; None before the first, and
            where that peer could not read all that it has.
        unreadable: why it could not, as of the last pass; empty where it could.
        looked: how far its segments were looked through.
        lies: how often a segment came otherwise than it was recorded.
    """

    begun_us: int
    since_us: int
    is_whole: bool = False
    whole_until_us: int | None = None
    unreadable: tuple[str, ...] = ()
    looked: dict[UUID, Looked] = field(default_factory=dict)
    lies: Counter[UUID] = field(default_factory=Counter)

    def note(self, found: Comparison, age_us: int, unreadable: tuple[str, ...]) -> None:
        """Take note of a comparison, and of a pass that fetched what lacks.

        Args:
            found: what the comparison said.
            age_us: of the token.
            unreadable: why that peer cannot read some of its volumes.
        """
        # While anything is to be fetched the peer is asked again, whatever it cannot read.
        self.unreadable = () if found.lacking else unreadable
        self.whole_until_us = None if unreadable else found.whole_until_us
        self.is_whole = not (found.lacking or unreadable) and (
            age_us >= BEGINNING_US
            if found.waits_for_us
            else found.is_final and (age_us >= SETTLING_US or not found.is_live)
        )


@dataclass(slots=True)
class Copy:
    """This node's copy of a camera, under one token.

    Attributes:
        order: what is to be whole.
        begun_us: when the token came, CLOCK_BOOTTIME.
        next_us: when it is looked at again.
        is_whole: whether it lacks nothing of what the nodes of the committed copies have.
        problem: what went wrong with it in the last pass; None if nothing did.
        failures: passes in a row in which something did and nothing came.
        sides: by stream and peer.
    """

    order: HealOrder
    begun_us: int
    next_us: int
    is_whole: bool = False
    problem: str | None = None
    failures: int = 0
    sides: dict[tuple[str, str], Side] = field(default_factory=dict)

    def pending(self) -> list[tuple[str, str]]:
        """The streams and peers that are yet to be compared."""
        return [
            (stream, peer)
            for stream in self.order.streams
            for peer in self.order.peers
            if (side := self.sides.get((stream, peer))) is None or not side.is_whole
        ]

    def unreadable(self, stream: str, peer: str) -> tuple[str, ...]:
        """Why a peer could not tell all of a stream at the last comparison; empty if it could."""
        side = self.sides.get((stream, peer))
        return side.unreadable if side else ()

    def conclude(self, placement: Placement | None) -> None:
        """See whether it is whole by now; that a mere follower is down does not keep it from it."""
        holders = placement.nodes[:COMMITTED] if placement else ()
        needed = [it for it in self.pending() if it[1] in holders or not holders]
        self.is_whole = not needed

    @property
    def healed_until_us(self) -> int | None:
        """Before it nothing lacks, of what any peer that was compared had."""
        known = (side.whole_until_us for side in self.sides.values())
        return min((one for one in known if one is not None), default=None)

    def document(self) -> dict[str, Any]:
        """How far it is, as JSON values."""
        return {
            "token": self.order.token,
            "whole": self.is_whole,
            "healed_until_us": self.healed_until_us,
            "problem": self.problem,
        }


def report(copies: Mapping[str, Copy]) -> dict[str, Any]:
    """How far all copies are, as JSON values: counts, and those that are not whole.

    A line of it stays below 3 MiB with 10,000 cameras, whatever keeps them from being whole.
    """
    lacking = {name: copy for name, copy in sorted(copies.items()) if not copy.is_whole}
    cameras: dict[str, dict[str, Any]] = {}
    for number, (camera_id, copy) in enumerate(lacking.items()):
        problem = (copy.problem or "")[:LONGEST_PROBLEM] or None
        cameras[camera_id] = {
            "healed_until_us": copy.healed_until_us,
            "problem": problem if number < MOST_PROBLEMS else None,
        }
    counts = {"ordered": len(copies), "whole": len(copies) - len(lacking)}
    return {"copies": counts, "cameras": cameras}
