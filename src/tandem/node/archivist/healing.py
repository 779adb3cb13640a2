"""Fetching from another node what this one lacks (D6, and the window of a new second).

Throttled; what promises wait for (D6) and what a window lacks take turns, a piece each. What was
healed lacks no more, so an interrupted healing that is begun again goes on where it was, whatever
interrupted it. Nothing is tried again by itself: the second asks again and so says again what
lacks, and `reconciler` compares again.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tandem.archive.errors import ArchiveError, DiskError, DiskFailedError, DiskFullError
from tandem.archive.mount import Mounted
from tandem.archive.rows import Role, Segment, State
from tandem.cluster.promise import Question
from tandem.node.archivist.client import Peers
from tandem.node.archivist.errors import ArchivistError, PeerRefusedError
from tandem.node.archivist.filing import Fetched, Filed, Looked, NamelessFile, file_lacking
from tandem.node.archivist.holdings import Holdings
from tandem.node.archivist.throttle import Throttle
from tandem.node.archivist.view import View

log = logging.getLogger(__name__)

PIECE_BYTES: Final = 1 << 20
"""What one request fetches: 10 ms of a link of 1 Gbit/s, and little to fetch in vain."""

MOST_WAITING: Final = 1_000
MOST_FETCHES: Final = 3
"""Of one segment for its asker. What then still is not found when it is asked for will not be found
by fetching it again, and each time costs its size."""


@dataclass(slots=True)
class Progress:
    """How far healing is.

    Attributes:
        waiting: segments that promises wait for, and that are yet to be looked at.
        fetched_bytes: what came from other nodes, since the start.
        filed: segments that were made of it.
        failed: segments of which nothing was kept.
        last_problem: why, of the last of these; "" if all went well.
    """

    waiting: int = 0
    fetched_bytes: int = 0
    filed: int = 0
    failed: int = 0
    last_problem: str = ""


class Healer:
    """Heals this node's copies.

    Args:
        node_id: this node.
        holdings: what it has.
        view: the cluster.
        peers: the other nodes.
        throttle: of what is fetched; a quarter of what disk and link can do.

    Attributes:
        progress: how far it is.
    """

    def __init__(
        self, node_id: str, holdings: Holdings, view: View, peers: Peers, throttle: Throttle
    ) -> None:
        self.progress = Progress()
        self._node_id = node_id
        self._holdings = holdings
        self._view = view
        self._peers = peers
        self._throttle = throttle
        self._wanted: dict[UUID, Question] = {}
        self._fetches: Counter[UUID] = Counter()
        self._woken = asyncio.Event()

    def want(self, question: Question) -> None:
        """Fetch what lacks of an asker's segment (D6), when its turn comes. Returns at once.

        Where too many wait already it is passed over: the asker asks again.
        """
        segment_id = UUID(question.segment_id)
        if self._fetches[segment_id] >= MOST_FETCHES:
            self.note(
                ArchivistError(
                    f"Segment {segment_id} of node {question.asker} was fetched {MOST_FETCHES} "
                    f"times, and some of its pictures are still not found here. Check this node's "
                    f"disks; the copy of node {question.asker} is kept."
                )
            )
        elif len(self._wanted) < MOST_WAITING:
            self._wanted.setdefault(segment_id, question)
            self._woken.set()

    async def run(self) -> None:
        """Heal what is wanted, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.heal_wanted()

    async def heal_wanted(self) -> None:
        """Heal all that is wanted now; a segment that fails does not hold up the others."""
        while self._wanted:
            segment_id, question = next(iter(self._wanted.items()))
            self.progress.waiting = len(self._wanted)
            try:
                await self._heal_asked(segment_id, question)
            except (ArchiveError, ArchivistError) as problem:
                self.note(problem)
            del self._wanted[segment_id]
        self.progress.waiting = 0

    async def heal_segment(self, peer: str, row: Segment) -> list[Segment]:
        """Fetch one segment of a peer, and file what this node lacks of it.

        Raises:
            PeerError: it did not come, or is not what the peer says it is; nothing is kept.
            DiskError: it cannot be filed.
        """
        return (await self.heal_part(peer, row, None, None)).segments

    async def heal_part(
        self, peer: str, row: Segment, until_us: int | None, looked: Looked | None
    ) -> Filed:
        """Fetch what a peer has written of a segment, and file what this node lacks of it.

        Args:
            peer: the node.
            row: the segment; may be open still: then what is durable of it is fetched.
            until_us: pictures that are later are not wanted; None where all are.
            looked: how far it was looked through before: only what follows is fetched.

        Raises:
            PeerError: it did not come, or is not what the peer says it is; nothing is kept.
            DiskError: it cannot be filed.
        """
        mounted = await asyncio.to_thread(self._make_room, row)
        file: NamelessFile | None = None
        try:
            file = await asyncio.to_thread(NamelessFile, mounted)
            if looked is None:
                await self._fetch(peer, row, file, 0, row.durable_bytes)
            else:
                await self._fetch(peer, row, file, 0, looked.init_bytes)
                await self._fetch(peer, row, file, looked.resume_bytes, row.durable_bytes)
            fetched = Fetched(peer, row, file, until_us, looked)
            filed = await asyncio.to_thread(
                file_lacking, fetched, self._holdings, mounted, self.role(row.camera_id)
            )
        finally:
            await asyncio.to_thread(_give_back, mounted, file)
        self.progress.filed += len(filed.segments)
        return filed

    def note(self, problem: Exception) -> None:
        """Tell that a segment could not be healed."""
        log.error("a segment could not be healed: %s", problem)
        self.progress.failed += 1
        self.progress.last_problem = str(problem)

    async def _heal_asked(self, segment_id: UUID, question: Question) -> None:
        listed = await self._peers.segments(
            question.asker, question.camera_id, question.stream, question.from_us, question.to_us
        )
        rows = listed.segments
        found = [row for row in rows if row.segment_id == segment_id and row.state is State.CLOSED]
        if not found:
            raise PeerRefusedError(
                f"Node {question.asker} asked about segment {segment_id}, and does not list it."
            )
        if await self.heal_segment(question.asker, found[0]):
            self._fetches[segment_id] += 1

    def _make_room(self, row: Segment) -> Mounted:
        """Borrow a volume with room for a segment."""
        mounted = self._holdings.borrow_roomiest()
        if mounted is None:
            raise DiskFailedError("No volume of this node is healthy: nothing can be healed.")
        try:
            room_bytes = mounted.space().room_bytes
            if room_bytes < 2 * row.durable_bytes:
                raise DiskFullError(
                    f"{mounted.volume.root} has no room to heal {row.durable_bytes} bytes: "
                    f"recording goes first. It is tried again when older recordings are deleted."
                )
        except DiskError:
            mounted.loans.give_back()
            raise
        return mounted

    async def _fetch(
        self, peer: str, row: Segment, file: NamelessFile, start: int, end: int
    ) -> None:
        for offset in range(start, end, PIECE_BYTES):
            length = min(PIECE_BYTES, end - offset)
            await self._throttle.take(length)
            data = await self._peers.read(peer, row.segment_id, offset, length)
            await asyncio.to_thread(file.write, data, offset)
            self.progress.fetched_bytes += length

    def role(self, camera_id: str) -> Role:
        """The role of what is filed here now; where nobody knows, the one that is kept longest."""
        placement = self._view.placements().get(camera_id)
        return placement.role_of(self._node_id) if placement else Role.PRIMARY


def _give_back(mounted: Mounted, file: NamelessFile | None) -> None:
    if file is not None:
        file.close()
    mounted.loans.give_back()
