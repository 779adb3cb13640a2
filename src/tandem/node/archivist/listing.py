"""What other nodes have, asked of them; one that is silent is asked ever less often.

However many cameras are compared with a node that does not answer, it is asked once at a time, for
whichever of them comes first.
"""

import logging
from dataclasses import dataclass
from random import Random
from typing import Final
from uuid import UUID

from tandem.archive.rows import Segment
from tandem.clock import Clock
from tandem.node.archivist.client import Peers
from tandem.node.archivist.errors import PeerUnreachableError

log = logging.getLogger(__name__)

AGAIN_US: Final = 2_000_000
"""Between two attempts."""

LONGEST_US: Final = 30_000_000
"""Between two attempts at what failed again and again."""

LIST_US: Final = 4 * 86_400_000_000
"""A list of more time might be too long for one answer."""

AHEAD_US: Final = 86_400_000_000
"""Of rows of clocks that were ahead."""


@dataclass(slots=True)
class _Silent:
    """A peer that did not answer, and when it is asked again."""

    times: int
    until_us: int
    problem: str


def delay_us(failures: int, random: Random) -> int:
    """How long until the next attempt: doubled with each failure, `LONGEST_US` at most."""
    longest_us = min(LONGEST_US, AGAIN_US << min(failures, 4))
    return int(longest_us * random.uniform(0.75, 1.0))


class Listing:
    """Lists what peers have.

    Args:
        peers: the other nodes.
        clock: of this node.
        random: keeps nodes from asking in step.
    """

    def __init__(self, peers: Peers, clock: Clock, random: Random) -> None:
        self._peers = peers
        self._clock = clock
        self._random = random
        self._silent: dict[str, _Silent] = {}

    def silent_until_us(self, peer: str) -> int:
        """Before when a peer is not asked, CLOCK_BOOTTIME; 0 for one that answered last."""
        silent = self._silent.get(peer)
        return silent.until_us if silent else 0

    def check(self, peer: str) -> None:
        """See that a peer may be asked now.

        Raises:
            PeerUnreachableError: it was silent a moment ago.
        """
        silent = self._silent.get(peer)
        if silent and self._clock.boot_us() < silent.until_us:
            raise PeerUnreachableError(silent.problem)

    async def rows(
        self, peer: str, camera_id: str, stream: str, since_us: int, now_us: int
    ) -> list[Segment]:
        """The rows that a peer has of a stream, from some time on.

        Raises:
            PeerError: there is no answer.
        """
        self.check(peer)
        found = dict[UUID, Segment]()
        try:
            for from_us in range(since_us, now_us + AHEAD_US, LIST_US):
                to_us = from_us + LIST_US
                rows = await self._peers.segments(peer, camera_id, stream, from_us, to_us)
                found |= {row.segment_id: row for row in rows}
        except PeerUnreachableError as problem:
            silent = self._silent.get(peer)
            if silent is None:
                log.warning("copies cannot be compared with those of node %s: %s", peer, problem)
            times = silent.times + 1 if silent else 0
            until_us = self._clock.boot_us() + delay_us(times, self._random)
            self._silent[peer] = _Silent(times, until_us, str(problem))
            raise
        self._silent.pop(peer, None)
        return list(found.values())
