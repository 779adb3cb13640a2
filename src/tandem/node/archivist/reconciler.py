"""Making this node's copies whole: comparing them with other nodes', until nothing lacks.

For each order whose token is new, each stream is compared with each peer's (`comparing`), and what
lacks is fetched; then again, until one pass found nothing. Cameras take turns, a portion each.
What was compared with one peer is not asked for again while another one is silent.
"""

import asyncio
import heapq
import logging
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final
from uuid import UUID

from tandem.archive.deletion import Retention
from tandem.archive.errors import ArchiveError
from tandem.archive.rows import Role, Segment, State
from tandem.clock import Clock
from tandem.node.archivist.client import Peers
from tandem.node.archivist.comparing import Comparison, compare, richer
from tandem.node.archivist.copies import Copy, Side, report
from tandem.node.archivist.errors import ArchivistError, PeerLiesError, PeerUnreachableError
from tandem.node.archivist.healing import MOST_FETCHES, Healer
from tandem.node.archivist.holdings import Holdings
from tandem.node.archivist.listing import AHEAD_US, LIST_US, Listing, delay_us, lacking
from tandem.node.archivist.orders import HealOrder
from tandem.node.archivist.view import View

log = logging.getLogger(__name__)

PORTION: Final = 10
"""How many segments are fetched for one camera before the next one has its turn."""

_BEFORE_US: Final = 60_000_000
"""Listed beyond what is compared: who is recording is told by rows that end there."""

_LONGEST_WINDOW_US: Final = 366 * 86_400_000_000
"""Compared where recordings are kept as long as there is room."""

_WITHOUT_SECOND_US: Final = 600_000_000
"""Compared where no second is meant to be: what a stand-in recorded meanwhile. What is older is
fetched when that one asks for a promise (D6)."""


class Reconciler:
    """Heals the cameras that are ordered.

    Args:
        holdings: what this node has.
        view: the cluster.
        peers: the other nodes.
        healer: fetches.
        clock: of this node.
        random: keeps nodes from asking in step.

    Attributes:
        waiting: segments that the present pass has yet to fetch.
    """

    def __init__(
        self,
        holdings: Holdings,
        view: View,
        peers: Peers,
        healer: Healer,
        clock: Clock,
        random: Random,
    ) -> None:
        self.waiting = 0
        self._holdings = holdings
        self._view = view
        self._listing = Listing(peers, clock, random)
        self._healer = healer
        self._clock = clock
        self._random = random
        self._copies: dict[str, Copy] = {}
        self._before: dict[str, dict[tuple[str, str], Side]] = {}
        self._due: list[tuple[int, str]] = []
        self._in_vain = set[UUID]()
        self._woken = asyncio.Event()

    def order(self, orders: Mapping[str, HealOrder]) -> None:
        """What is to be whole from now on; a camera whose token is known goes on as it was."""
        now_us = self._clock.boot_us()
        copies: dict[str, Copy] = {}
        for camera_id, order in orders.items():
            known = self._copies.get(camera_id)
            if known is None or known.order.token != order.token:
                if known is not None:
                    before = self._before.setdefault(camera_id, {})
                    before.update(known.sides)
                known = Copy(order, now_us, now_us)
            known.order = order
            known.conclude(self._view.placements().get(camera_id))
            copies[camera_id] = known
        self._copies = copies
        self._before = {name: it for name, it in self._before.items() if name in copies}
        self._wake()

    def begin_anew(self) -> None:
        """Compare everything again: the volumes of this node are not those that they were."""
        now_us = self._clock.boot_us()
        self._before.clear()
        self._copies = {name: Copy(it.order, now_us, now_us) for name, it in self._copies.items()}
        self._wake()

    def _wake(self) -> None:
        copies = self._copies
        self._due = [(copy.next_us, name) for name, copy in copies.items() if copy.pending()]
        heapq.heapify(self._due)
        self._woken.set()

    def status(self) -> dict[str, dict[str, Any]]:
        """How far each camera is, as JSON values."""
        return {name: copy.document() for name, copy in sorted(self._copies.items())}

    def report(self) -> dict[str, Any]:
        """How far all are, in short; see `copies.report`."""
        return report(self._copies)

    async def run(self) -> None:
        """Make copies whole until cancelled."""
        while True:
            self._woken.clear()
            wait_us = await self.turn()
            if wait_us is None or wait_us > 0:
                try:
                    async with asyncio.timeout(None if wait_us is None else wait_us / 1e6):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    async def turn(self) -> int | None:
        """Give the camera that waits longest its turn, if it is due.

        Returns:
            How long it is until the next turn, us; None if there will be none.
        """
        if not self._due:
            return None
        next_us, camera_id = self._due[0]
        wait_us = next_us - self._clock.boot_us()
        if wait_us <= 0:
            heapq.heappop(self._due)
            copy = self._copies[camera_id]
            if copy.next_us != next_us:
                return 0  # new orders came during its last turn
            await self._pass(camera_id, copy)
            if self._copies.get(camera_id) is copy and copy.pending():
                heapq.heappush(self._due, (copy.next_us, camera_id))
        return max(0, wait_us)

    async def _pass(self, camera_id: str, copy: Copy) -> None:
        """Compare once with each peer that is left, and fetch a portion of what lacks."""
        problems: list[str] = []
        silent: list[str] = []
        fetched = 0
        for stream, peer in copy.pending():
            try:
                self._listing.check(peer, copy.unreadable(stream, peer))
                side = await self._side(camera_id, copy, stream, peer)
                found, unreadable = await self._compare(camera_id, side, stream, peer)
                rows = found.lacking[: PORTION - fetched]
                came = await self._fetch(peer, side, rows, found.until_us, problems)
                fetched += came
                side.note(found, self._clock.boot_us() - copy.begun_us, unreadable)
                if unreadable:
                    silent.append(lacking(peer, unreadable))
            except PeerUnreachableError as problem:
                silent.append(str(problem))
            except (ArchiveError, ArchivistError) as problem:
                problems.append(str(problem))
        self.waiting = 0
        new = [one for one in problems if one not in (copy.problem or "")]
        for sentence in dict.fromkeys(new):
            log.warning("camera %s: this node's copy is not whole: %s", camera_id, sentence)
        copy.problem = " ".join(dict.fromkeys(problems + silent)) or None
        copy.failures = copy.failures + 1 if problems and not fetched else 0
        self._conclude(camera_id, copy, fetched)

    def _conclude(self, camera_id: str, copy: Copy, fetched: int) -> None:
        """Say how far the camera is, and when it is looked at again."""
        copy.conclude(self._view.placements().get(camera_id))
        if copy.is_whole:
            log.debug("camera %s: this node's copy is whole (%s)", camera_id, copy.order.token)
        now_us = self._clock.boot_us()
        copy.next_us = now_us
        if fetched < PORTION:
            asked_us = (
                self._listing.silent_until_us(peer, copy.unreadable(stream, peer))
                for stream, peer in copy.pending()
            )
            answer_us = min(asked_us, default=0)
            copy.next_us = max(answer_us, now_us + delay_us(copy.failures, self._random))

    async def _side(self, camera_id: str, copy: Copy, stream: str, peer: str) -> Side:
        """What is to be compared with a peer, from when on."""
        side = copy.sides.get((stream, peer))
        kept_since_us = await self._kept_since_us(camera_id, stream)
        if side is None:
            since_us = copy.order.since_us
            if since_us is None:
                since_us = max(0, self._clock.utc_us() - self._window_us(camera_id))
            begun_us = max(since_us, kept_since_us)
            side = Side(begun_us, self._known_until_us(camera_id, stream, peer, begun_us))
            copy.sides[stream, peer] = side
        side.since_us = max(side.since_us, kept_since_us)
        return side

    def _known_until_us(self, camera_id: str, stream: str, peer: str, since_us: int) -> int:
        """Up to where it was compared under the token before; `since_us` where it was not.

        What was looked at once lacks nothing later by itself, however often others come back. It
        is not relied upon where it was looked at since a later time, as where a window became
        longer, or up to a time that is yet to come, by somebody's wrong clock.
        """
        before = self._before.get(camera_id, {}).get((stream, peer))
        if before is None or before.begun_us > since_us:
            return since_us
        return before.since_us if since_us < before.since_us <= self._clock.utc_us() else since_us

    async def _compare(
        self, camera_id: str, side: Side, stream: str, peer: str
    ) -> tuple[Comparison, tuple[str, ...]]:
        """Compare with what a peer has; returns also why it cannot read some of its volumes."""
        now_us = self._clock.utc_us()
        from_us = max(0, side.since_us - _BEFORE_US)
        listed = await self._listing.listed(peer, camera_id, stream, from_us, now_us)
        theirs = listed.segments
        ours = await asyncio.to_thread(
            self._holdings.segments, camera_id, stream, from_us, now_us + AHEAD_US + LIST_US
        )
        looked = {segment_id: one.until_us for segment_id, one in side.looked.items()}
        fuller = set[UUID]()
        if self._view.retention().get(camera_id, Retention()).window_us is None:
            fuller = await asyncio.to_thread(richer, theirs, ours) - self._in_vain
        found = compare(theirs, ours, looked, side.since_us, now_us, fuller)
        if not listed.unreadable:
            side.since_us = max(side.since_us, found.whole_until_us)  # need not be listed again
        return found, listed.unreadable

    async def _fetch(
        self,
        peer: str,
        side: Side,
        rows: Sequence[Segment],
        until_us: int,
        problems: list[str],
    ) -> int:
        """Fetch what lacks; a segment that is not what it should be does not hold up the others.

        Args:
            peer: the node.
            side: its copy.
            rows: what of it.
            until_us: see `Healer.heal_part`.
            problems: what went wrong with single segments is added here.

        Returns:
            How many segments came.

        Raises:
            PeerUnreachableError: the peer does not answer any more.
            ArchiveError: nothing can be filed here.
        """
        came = 0
        for done, row in enumerate(rows):
            self.waiting = len(rows) - done
            if side.lies[row.segment_id] >= MOST_FETCHES:
                problems.append(
                    f"Segment {row.segment_id} of node {peer} came {MOST_FETCHES} times, and never "
                    f"as it was recorded. Check the disks of node {peer}."
                )
                continue
            looked = side.looked.get(row.segment_id)
            try:
                filed = await self._healer.heal_part(peer, row, until_us, looked)
            except (ArchiveError, ArchivistError) as problem:
                self._healer.note(problem)
                if isinstance(problem, PeerUnreachableError | ArchiveError):
                    raise
                side.lies[row.segment_id] += isinstance(problem, PeerLiesError)
                problems.append(str(problem))
            else:
                side.looked[row.segment_id] = filed.looked
                if not filed.segments and row.state is State.CLOSED:
                    self._in_vain.add(row.segment_id)
                came += 1
        return came

    async def _kept_since_us(self, camera_id: str, stream: str) -> int:
        """Before it nothing is fetched; what is held for another node is the last to be deleted."""
        retention, role = self._view.retention(), self._healer.role(camera_id)
        window_us = retention.get(camera_id, Retention()).window_us
        if role is Role.SECOND and window_us is not None:
            return 0
        kept_since_us = self._holdings.kept_since_us
        return await asyncio.to_thread(kept_since_us, camera_id, stream, retention) or 0

    def _window_us(self, camera_id: str) -> int:
        """How far back a copy of this node reaches."""
        kept = self._view.retention().get(camera_id, Retention())
        if kept.window_us is not None:
            return kept.window_us or _WITHOUT_SECOND_US
        return kept.max_age_us if kept.max_age_us is not None else _LONGEST_WINDOW_US
