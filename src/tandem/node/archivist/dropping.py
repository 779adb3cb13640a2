"""The second's side of the rule of deletion: asking, and dropping what is promised (D1, D5).

`cluster.second_copy` decides. A portion of segments is asked about at once. When all answers of it
are there, or will not come, the verdicts are given by how things are at that moment, and carried
out in the same breath: no answer outlives its portion, and none its own deadline.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from tandem.archive.deletion import Policy, Retention
from tandem.archive.errors import ArchiveError
from tandem.archive.rows import Segment
from tandem.clock import Clock
from tandem.cluster import second_copy
from tandem.cluster.promise import Answer
from tandem.cluster.second_copy import Copy, Drop, Own, Situation
from tandem.node.archivist.client import Peers
from tandem.node.archivist.contents import Picture
from tandem.node.archivist.errors import ArchivistError, PeerError, PeerUnreachableError
from tandem.node.archivist.holdings import Holdings
from tandem.node.archivist.messages import Inquiry
from tandem.node.archivist.view import View

log = logging.getLogger(__name__)

INTERVAL_S: Final = 30.0
PORTION: Final = 4
"""Half of what a primary works on at once, so that two seconds need not turn each other away."""

_CANDIDATES: Final = 64
"""Of each camera in one sweep: as much as half an hour records of two streams."""


class _Answered(NamedTuple):
    """A copy that was asked about, and the answer."""

    copy: Copy
    answer: Answer


class Dropper:
    """Drops this node's second copies.

    Args:
        node_id: this node.
        holdings: what it has.
        view: the cluster.
        peers: the other nodes.
        clock: for deadlines.

    Attributes:
        dropped: how many segments it has dropped, since it began.
    """

    def __init__(
        self, node_id: str, holdings: Holdings, view: View, peers: Peers, clock: Clock
    ) -> None:
        self.dropped = 0
        self._state = second_copy.Second(node_id)
        self._asked: dict[str, Segment] = {}
        self._holdings = holdings
        self._view = view
        self._peers = peers
        self._clock = clock

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except ArchiveError as problem:
                log.error("second copies are kept for now: %s", problem)
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> list[Segment]:
        """Ask about what is past its window, and drop what is promised.

        A primary that cannot be reached is asked about one portion, no more.

        Returns:
            What is gone.

        Raises:
            DiskError: an index or a file could not be changed; what is not gone is kept.
        """
        silent: set[str] = set()
        gone: list[Segment] = []
        for portion in _portions(await asyncio.to_thread(self._candidates)):
            reachable = [row for row in portion if self._primary(row) not in silent]
            confirmed, owned = self._verdicts(await self._ask_all(reachable, silent))
            utc_us = self._view.utc_us()
            if owned and utc_us is not None:
                await asyncio.to_thread(self._holdings.promise, owned, utc_us)
                log.info("%d second copies are now recordings of this node's own", len(owned))
            if confirmed and utc_us is not None:
                policy = Policy(self._view.retention())
                dropped = await asyncio.to_thread(self._holdings.drop, confirmed, utc_us, policy)
                log.info("dropped %d second copies, promised by their primary", len(dropped))
                self.dropped += len(dropped)
                gone += dropped
        return gone

    def _candidates(self) -> list[Segment]:
        """What primaries may be asked about, of each camera in turn.

        Where there is more than one sweep takes, the next one goes on from there: what is never
        promised holds up nothing.
        """
        utc_us, retention = self._view.utc_us(), self._view.retention()
        found: list[list[Segment]] = []
        for camera_id in self._view.placements():
            window_us = retention.get(camera_id, Retention()).window_us
            if utc_us is None or window_us is None:
                continue
            after, before_us = self._asked.pop(camera_id, None), utc_us - window_us
            rows = self._holdings.unpromised(camera_id, before_us, after, _CANDIDATES)
            if len(rows) == _CANDIDATES:
                self._asked[camera_id] = rows[-1]
            found.append([row for row in rows if self._may_ask(row)])
        return [row for turn in zip_longest(*found) for row in turn if row]

    def _may_ask(self, row: Segment) -> bool:
        situation = self._situation(row.camera_id)
        return second_copy.why_keep(self._state, _copy(row), situation) is None

    async def _ask_all(self, rows: Sequence[Segment], silent: set[str]) -> list[_Answered]:
        """Ask about a portion: all questions begin together, once all is read for them."""
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(self._read(row)) for row in rows]
        read = [(row, found) for row, it in zip(rows, reads, strict=True) if (found := it.result())]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(row, found, silent)) for row, found in read]
        return [answered for task in tasks if (answered := task.result())]

    async def _read(self, row: Segment) -> list[Picture] | None:
        """The pictures of one segment; None if it cannot be asked about."""
        try:
            pictures = (await asyncio.to_thread(self._holdings.read, row)).pictures
        except (ArchiveError, ArchivistError) as problem:
            log.error("a second copy is kept, since it cannot be read: %s", problem)
            return None
        if len(pictures) != row.frames:
            log.error("%s has %d pictures, not %d: kept.", row.path, len(pictures), row.frames)
            return None
        return pictures

    async def _ask(
        self, row: Segment, pictures: Sequence[Picture], silent: set[str]
    ) -> _Answered | None:
        """Ask about one segment; None if there is nothing to ask or nobody answers."""
        copy = _copy(row)
        identities = tuple(picture.identity for picture in pictures)
        situation = self._situation(row.camera_id)
        self._state, question = second_copy.ask(
            self._state, copy, identities, situation, uuid4().hex
        )
        if isinstance(question, second_copy.Keep) or situation.placement is None:
            return None
        primary = situation.placement.primary
        inquiry = Inquiry(question, tuple(picture.time_us for picture in pictures))
        try:
            answer = await self._peers.ask(primary, inquiry)
        except PeerError as problem:
            log.warning("a second copy is kept: %s", problem)
            if isinstance(problem, PeerUnreachableError):
                silent.add(primary)
            return None
        if not answer.promised:
            log.info("node %s does not promise yet: %s", primary, answer.reason)
        return _Answered(copy, answer)

    def _verdicts(self, answered: Iterable[_Answered]) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """What may go, and what is this node's own, as things are now; to be done at once (D5)."""
        confirmed: set[UUID] = set()
        owned: set[UUID] = set()
        for copy, answer in answered:
            situation = self._situation(copy.camera_id)
            self._state, verdict = second_copy.answered(self._state, copy, answer, situation)
            if isinstance(verdict, Drop):
                confirmed.add(UUID(verdict.segment_id))
            elif isinstance(verdict, Own):
                owned.add(UUID(verdict.segment_id))
        return frozenset(confirmed), frozenset(owned)

    def _primary(self, row: Segment) -> str | None:
        placement = self._view.placements().get(row.camera_id)
        return placement.primary if placement else None

    def _situation(self, camera_id: str) -> Situation:
        return Situation(
            placement=self._view.placements().get(camera_id),
            window_us=self._view.retention().get(camera_id, Retention()).window_us,
            utc_us=self._view.utc_us(),
            now_us=self._clock.boot_us(),
        )


def _copy(row: Segment) -> Copy:
    return Copy(
        segment_id=str(row.segment_id),
        camera_id=row.camera_id,
        stream=row.stream,
        from_us=row.start_us,
        to_us=row.end_us,
        has_promised=row.promised_us is not None,
    )


def _portions(rows: Iterable[Segment]) -> Iterator[list[Segment]]:
    left = iter(rows)
    while portion := list(islice(left, PORTION)):
        yield portion
