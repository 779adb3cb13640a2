"""What other nodes have, asked of them; one that is silent is asked ever less often.

However many cameras are compared with a node that does not answer, it is asked once at a time, for
whichever of them comes first. So it is with one that answers, and cannot read all of its volumes:
who has seen all else of it waits for it to say something new.
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
from tandem.node.archivist.messages import Listed

log = logging.getLogger(__name__)

AGAIN_US: Final = 2_000_000
"""Between two attempts."""

LONGEST_US: Final = 30_000_000
"""Between two attempts at what failed again and again."""

UNREADABLE_US: Final = 5_000_000
"""Between two looks whether a peer can read its volumes again."""

LIST_US: Final = 4 * 86_400_000_000
"""A list of more time might be too long for one answer."""

AHEAD_US: Final = 86_400_000_000
"""Of rows of clocks that were ahead."""


@dataclass(frozen=True, slots=True)
class _Partial:
    """What a peer could not read when it answered last, and when that is asked about again."""

    unreadable: tuple[str, ...]
    until_us: int


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
        self._partial: dict[str, _Partial] = {}

    def silent_until_us(self, peer: str, unreadable: tuple[str, ...] = ()) -> int:
        """Before when a peer is not asked, CLOCK_BOOTTIME; 0 for one that may be asked at once.

        Args:
            peer: the node.
            unreadable: why it could not tell all when it was asked about this; empty if it did, or
                was not asked yet.
        """
        if silent := self._silent.get(peer):
            return silent.until_us
        partial = self._partial.get(peer)
        return partial.until_us if partial and partial.unreadable == unreadable else 0

    def check(self, peer: str, unreadable: tuple[str, ...]) -> None:
        """See that a peer may be asked now.

        Args:
            peer: the node.
            unreadable: see `silent_until_us`.

        Raises:
            PeerUnreachableError: it was silent a moment ago, or could not tell more.
        """
        if self._clock.boot_us() < self.silent_until_us(peer, unreadable):
            silent = self._silent.get(peer)
            raise PeerUnreachableError(silent.problem if silent else lacking(peer, unreadable))

    async def listed(
        self, peer: str, camera_id: str, stream: str, since_us: int, now_us: int
    ) -> Listed:
        """What a peer has of a stream, from some time on.

        Raises:
            PeerError: there is no answer.
        """
        found = dict[UUID, Segment]()
        unreadable = dict[str, None]()
        try:
            for from_us in range(since_us, now_us + AHEAD_US, LIST_US):
                to_us = from_us + LIST_US
                part = await self._peers.segments(peer, camera_id, stream, from_us, to_us)
                found |= {row.segment_id: row for row in part.segments}
                unreadable |= dict.fromkeys(part.unreadable)
        except PeerUnreachableError as problem:
            silent = self._silent.get(peer)
            if silent is None:
                log.warning("copies cannot be compared with those of node %s: %s", peer, problem)
            times = silent.times + 1 if silent else 0
            until_us = self._clock.boot_us() + delay_us(times, self._random)
            self._silent[peer] = _Silent(times, until_us, str(problem))
            raise
        self._silent.pop(peer, None)
        self._note(peer, tuple(unreadable))
        return Listed(tuple(found.values()), tuple(unreadable))

    def _note(self, peer: str, unreadable: tuple[str, ...]) -> None:
        known = self._partial.pop(peer, None)
        if not unreadable:
            return
        if known is None or known.unreadable != unreadable:
            log.warning("%s", lacking(peer, unreadable))
        until_us = self._clock.boot_us() + int(UNREADABLE_US * self._random.uniform(0.75, 1.0))
        self._partial[peer] = _Partial(unreadable, until_us)


def lacking(peer: str, unreadable: tuple[str, ...]) -> str:
    """What it means that a peer cannot read some of its volumes, as a sentence."""
    return (
        f"Node {peer} cannot read all of its volumes, so nobody knows whether this copy lacks what"
        f" is on them: {' '.join(unreadable)}"
    )
